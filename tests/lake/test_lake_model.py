"""Random puts, branches, merges and drops, against plain dictionaries."""

import tempfile
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wherry.errors import Conflict, LakeError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

View = dict[str, str]
NAMES = st.sampled_from(["s.a", "s.b", "S.C"])
BRANCHES = st.sampled_from(["main", "b1", "b2", "b3"])


class Branch:
    """A branch as a dictionary: what it sees, and what its own changes start from."""

    def __init__(self, parent: str | None, view: View) -> None:
        self.parent = parent
        self.view = dict(view)
        #: Own changes: what the parent had when the change was based on it, by key.
        self.own: dict[str, str | None] = {}
        #: Kept after a partial merge: what was published.
        self.basis: dict[str, str | None] = {}
        self.ground = dict(view)

    def put(self, key: str, value: str | None) -> None:
        self.own[key] = self.basis.get(key, self.ground.get(key))
        if value is None:
            self.view.pop(key, None)
        else:
            self.view[key] = value


class LakeMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.lake = Lake.open(str(folder / "w.db"), folder / "lake")
        self.model = {"main": Branch(None, {})}
        self.past: dict[int, tuple[str, View]] = {}
        self.count = 0

    def teardown(self) -> None:
        self.lake.close()
        self.folder.cleanup()

    @rule(branch=BRANCHES, name=NAMES, gone=st.booleans())
    def put(self, branch: str, name: str, gone: bool) -> None:
        if branch not in self.model:
            return
        self.count += 1
        value = None if gone else str(self.count)
        put = Put(name=name, kind="dropped") if gone else Put(name=name, kind="view", sql=value, state={})
        seq = self.lake.put(branch, [put], author="", message="").seq
        self.model[branch].put(name.lower(), value)
        self.past[seq] = (branch, dict(self.model[branch].view))

    @rule(name=BRANCHES, parent=BRANCHES)
    def branch(self, name: str, parent: str) -> None:
        if name in self.model or parent not in self.model:
            with pytest.raises(LakeError):
                self.lake.create_branch(name, parent=parent)
            return
        self.lake.create_branch(name, parent=parent)
        self.model[name] = Branch(parent, self.model[parent].view)

    @rule(name=BRANCHES)
    def drop(self, name: str) -> None:
        if name == "main" or name not in self.model or any(b.parent == name for b in self.model.values()):
            with pytest.raises(LakeError):
                self.lake.drop_branch(name)
            return
        self.lake.drop_branch(name)
        del self.model[name]
        self.past = {s: p for s, p in self.past.items() if p[0] != name}

    @precondition(lambda self: len(self.model) > 1)
    @rule(name=BRANCHES, only=st.none() | st.sets(NAMES))
    def merge(self, name: str, only: set[str] | None) -> None:
        if name == "main" or name not in self.model:
            return
        source = self.model[name]
        target = self.model[source.parent or ""]
        before = deepcopy(target.view)
        keys = [k for k in source.own if only is None or k in {n.lower() for n in only}]
        # To drop what was not there changes nothing, whatever the parent has by now.
        changed = [k for k in keys if source.view.get(k) != source.own[k]]
        moving = [k for k in changed if source.view.get(k) != target.view.get(k)]
        if any(source.own[k] != target.view.get(k) for k in moving):
            with pytest.raises(Conflict):
                self.lake.merge(name, only=only, author="", message="")
            assert target.view == before
            return
        done = self.lake.merge(name, only=only, author="", message="")
        if not moving:
            assert done is None
            return
        assert done is not None and {c.full_name.lower() for c in done.changes} == set(moving)
        for key in moving:
            target.put(key, source.view.get(key))
        if only is None:
            self.model[name] = Branch(source.parent, target.view)
        else:
            for key in keys:
                del source.own[key]
                source.basis[key] = source.view.get(key)
        self.past[done.seq] = (source.parent or "", dict(target.view))

    @invariant()
    def agrees(self) -> None:
        for name, branch in self.model.items():
            assert {k: p.sql for k, p in self.lake.pointers(name).items()} == branch.view
            if name != "main":
                assert set(self.lake.own_pointers(name)) == set(branch.own)
        for seq, (name, view) in list(self.past.items())[-6:]:
            assert {k: p.sql for k, p in self.lake.pointers(name, seq).items()} == view
            for key in ("s.a", "s.b"):
                found = self.lake.pointer(name, key, seq)
                assert (found and found.sql) == view.get(key)


TestLakeMachine = LakeMachine.TestCase
TestLakeMachine.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
