"""Random puts, branches, three-way merges in every direction, restores, renames and drops, against plain dictionaries.

``WHERRY_DEEP=1`` runs many more and longer ones.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wherry.errors import Conflict, LakeError
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put

View = dict[str, str]
KEYS = ("s.a", "s.b", "s.c")
NAMES = st.sampled_from(["s.a", "S.B", "s.c"])
BRANCHES = st.sampled_from(["main", "b1", "b2", "b3"])
VALUES = st.sampled_from([None, "1", "2", "3"])
TAKE = st.sampled_from([None, None, "source", "target"])


class Branch:
    def __init__(self, parent: str | None, view: View) -> None:
        self.parent = parent
        self.view = dict(view)
        #: What the branch and its parent both had when they last agreed, by key.
        self.ground = dict(view)


class HistoryMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.lake = Lake.open(str(folder / "w.db"), folder / "lake")
        self.model = {"main": Branch(None, {})}
        #: Commit -> its id, its branch, and what that saw.
        self.past: dict[int, tuple[str, str, View]] = {}

    def teardown(self) -> None:
        self.lake.close()
        self.folder.cleanup()

    def note(self, branch: str) -> None:
        made = self.lake.log(None, limit=1)[0]
        self.past[made.seq] = (made.id, branch, dict(self.model[branch].view))

    @rule(branch=BRANCHES, name=NAMES, value=VALUES)
    def put(self, branch: str, name: str, value: str | None) -> None:
        if branch not in self.model:
            return
        put = Put(name=name, kind="dropped") if value is None else Put(name=name, kind="view", sql=value, state={})
        self.lake.put(branch, [put], author="", message="")
        view = self.model[branch].view
        if value is None:
            view.pop(name.lower(), None)
        else:
            view[name.lower()] = value
        self.note(branch)

    @rule(name=BRANCHES, parent=BRANCHES)
    def branch(self, name: str, parent: str) -> None:
        if name in self.model or parent not in self.model:
            with pytest.raises(LakeError):
                self.lake.create_branch(name, parent=parent)
            return
        self.lake.create_branch(name, parent=parent)
        self.model[name] = Branch(parent, self.model[parent].view)

    @rule(name=BRANCHES, force=st.booleans())
    def drop(self, name: str, force: bool) -> None:
        branch = self.model.get(name)
        if branch is None or branch.parent is None or any(b.parent == name for b in self.model.values()):
            with pytest.raises(LakeError):
                self.lake.drop_branch(name, force=force)
            return
        view, ground, there = branch.view, branch.ground, self.model[branch.parent].view
        lost = [k for k in KEYS if view.get(k) != ground.get(k) and view.get(k) != there.get(k)]
        if lost and not force:
            with pytest.raises(LakeError, match="not published"):
                self.lake.drop_branch(name, force=False)
            return
        assert [each.lower() for each in self.lake.drop_branch(name, force=force)] == lost
        del self.model[name]
        self.past = {s: p for s, p in self.past.items() if p[1] != name}

    @rule(old=BRANCHES, new=BRANCHES)
    def rename(self, old: str, new: str) -> None:
        try:
            self.lake.rename_branch(old, new)
        except LakeError:
            return
        assert old != "main" and new not in self.model
        self.model[new] = self.model.pop(old)
        for branch in self.model.values():
            branch.parent = new if branch.parent == old else branch.parent
        self.past = {s: (i, new if b == old else b, v) for s, (i, b, v) in self.past.items()}

    @rule(name=BRANCHES, onto=BRANCHES, only=st.none() | st.sets(NAMES, min_size=1), take=TAKE)
    def merge(self, name: str, onto: str, only: set[str] | None, take: str | None) -> None:
        if name not in self.model or onto not in self.model or name == onto:
            return
        source, target = self.model[name], self.model[onto]
        up, down = source.parent == onto, target.parent == name
        if not up and not down:
            self.merge_across(name, onto, only, take)
            return
        ground = source.ground if up else target.ground
        keys = [k for k in KEYS if only is None or k in {n.lower() for n in only}]
        moves, kept, torn = [], [], []
        for k in keys:
            theirs, ours, before = source.view.get(k), target.view.get(k), ground.get(k)
            if theirs in (ours, before):
                continue
            if ours == before or take == "source":
                moves.append(k)
            elif take == "target":
                kept.append(k)
            else:
                torn.append(k)
        before = self.lake.pointers(name), self.lake.pointers(onto)
        if torn:
            with pytest.raises(Conflict) as told:
                self.lake.merge(name, onto=onto, only=only, author="", message="")
            assert [k for k in KEYS if f"`{k}`" in str(told.value).lower()] == torn
            assert before == (self.lake.pointers(name), self.lake.pointers(onto))
            return
        preview = self.lake.preview_merge(name, onto=onto, only=only, take=take)  # type: ignore[arg-type]
        assert [m.name.lower() for m in preview.moves] == moves
        done = self.lake.merge(name, onto=onto, only=only, take=take, author="", message="")  # type: ignore[arg-type]
        if not moves and not (down and kept):
            assert done is None
            return
        assert done is not None and [c.full_name.lower() for c in done.changes] == moves
        for k in moves:
            self.copy(source.view, target.view, k)
        if up and only is None:
            source.view, source.ground = dict(target.view), dict(target.view)
        else:
            alike = [k for k in keys if source.view.get(k) == target.view.get(k)]
            for k in [*alike, *(kept if down else ())]:
                self.copy(source.view, ground, k)
        self.note(onto)

    def merge_across(self, name: str, onto: str, only: set[str] | None, take: str | None) -> None:
        """Neither comes from the other: only what cannot depend on the way they parted is told."""
        source, target = self.model[name].view, self.model[onto].view
        keys = [k for k in KEYS if only is None or k in {n.lower() for n in only}]
        before = dict(target)
        try:
            done = self.lake.merge(name, onto=onto, only=only, take=take, author="", message="")  # type: ignore[arg-type]
        except Conflict:
            assert take is None
            assert {k: p.sql for k, p in self.lake.pointers(onto).items()} == target
            return
        after = {k: p.sql or "" for k, p in self.lake.pointers(onto).items()}
        assert all(after.get(k) in (source.get(k), before.get(k)) for k in KEYS)
        assert all(after.get(k) == before.get(k) for k in KEYS if k not in keys)
        self.model[onto].view = after
        if done is not None:
            assert {c.full_name.lower() for c in done.changes} == {k for k in KEYS if after.get(k) != before.get(k)}
            self.note(onto)
        again = self.lake.merge(name, onto=onto, only=only, take="target", author="", message="")
        assert again is None

    @staticmethod
    def copy(source: View, target: View, key: str) -> None:
        if key in source:
            target[key] = source[key]
        else:
            target.pop(key, None)

    @rule(number=st.integers(0, 5), only=st.none() | NAMES)
    def restore(self, number: int, only: str | None) -> None:
        if not self.past:
            return
        known = sorted(self.past, reverse=True)
        commit, name, view = self.past[known[number % len(known)]]
        here = self.model[name]
        if only is not None and only.lower() not in {*view, *here.view}:
            with pytest.raises(LakeError, match="is there a table"):
                self.lake.restore(commit, branch=name, only=[only], author="")
            return
        wanted = None if only is None else [only]
        tried = self.lake.restore(commit, branch=name, only=wanted, author="", dry_run=True)
        assert {k: p.sql for k, p in self.lake.pointers(name).items()} == here.view
        done = self.lake.restore(commit, branch=name, only=wanted, author="")
        assert [c.full_name for c in tried.changes] == [c.full_name for c in done.changes]
        for k in KEYS if only is None else (only.lower(),):
            self.copy(view, here.view, k)
        self.note(name)

    @invariant()
    def agrees(self) -> None:
        for name, branch in self.model.items():
            assert {k: p.sql for k, p in self.lake.pointers(name).items()} == branch.view
            standing = self.lake.standing(name)
            if branch.parent is not None:
                view, ground, there = branch.view, branch.ground, self.model[branch.parent].view
                differs = [k for k in KEYS if view.get(k) != there.get(k)]
                assert [n.lower() for n in standing.ahead] == [k for k in differs if view.get(k) != ground.get(k)]
                assert [n.lower() for n in standing.behind] == [k for k in differs if there.get(k) != ground.get(k)]
        for seq, (_, name, view) in list(self.past.items())[-6:]:
            assert {k: p.sql for k, p in self.lake.pointers(name, seq).items()} == view
            for key in KEYS:
                found = self.lake.pointer(name, key, seq)
                assert (found and found.sql) == view.get(key)


DEEP = bool(os.environ.get("WHERRY_DEEP"))
TestHistoryMachine = HistoryMachine.TestCase
TestHistoryMachine.settings = settings(
    max_examples=1000 if DEEP else 30,
    stateful_step_count=50 if DEEP else 15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
