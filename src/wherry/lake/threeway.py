"""Three-way merge of tables: what each side made of the state that both come from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Literal

from wherry.lake import read
from wherry.lake.connecting import Connection
from wherry.lake.horizon import horizon
from wherry.lake.names import key
from wherry.lake.pointer import Pointer, same
from wherry.model.dataclass import dataclass

#: Which side's table to take where both changed it.
Side = Literal["source", "target"]
#: The same for every table, or by table name.
Take = Side | Mapping[str, Side] | None

View = Mapping[str, Pointer]
_TOUCHED = "SELECT key, seq FROM change WHERE branch IN (:source, :target) AND seq > :low"
_FORKED = "SELECT seq FROM fork WHERE branch IN (:source, :target) AND seq > :low"

#: Whether two pointers mean the same rows and state.
Alike = Callable[[Pointer | None, Pointer | None], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the tables that differ, by key; None is a table that is gone."""

    #: The target takes the source's.
    moves: Mapping[str, Pointer | None]
    #: Changed on both sides, and nobody said which to take.
    conflicts: tuple[str, ...]
    #: Changed on both sides; the target's was asked for.
    kept: tuple[str, ...]


def three_way(keys: Iterable[str], base: View, source: View, target: View, take: Take, alike: Alike = same) -> Outcome:
    """Per table: one that a side left alone is the other side's; one that both changed alike stays.

    ``alike`` says what is no change: upkeep, which writes the same rows to other files, is none.
    """
    moves: dict[str, Pointer | None] = {}
    conflicts: list[str] = []
    kept: list[str] = []
    for k in sorted(keys):
        ours, theirs, before = target.get(k), source.get(k), base.get(k)
        if alike(theirs, ours) or alike(theirs, before):
            continue
        side = take if isinstance(take, str) else (take or {}).get(k)
        untouched = alike(ours, before)
        if untouched or side == "source":
            moved = _beside_upkeep(theirs, before, ours) if untouched else theirs
            moves[k] = moved if moved is not None and moved.kind != "dropped" else None
        elif side == "target":
            kept.append(k)
        else:
            conflicts.append(k)
    return Outcome(moves, tuple(conflicts), tuple(kept))


def _beside_upkeep(theirs: Pointer | None, before: Pointer | None, ours: Pointer | None) -> Pointer | None:
    """Where only the state was changed, the files that upkeep wrote on the target meanwhile stay."""
    if theirs is None or before is None or ours is None or {theirs.kind, before.kind, ours.kind} != {"table"}:
        return theirs
    return replace(theirs, location=ours.location, rows=ours.rows) if theirs.location == before.location else theirs


def by_key(take: Take) -> Take:
    """The same choice with every table named as pointers are matched."""
    return {key(name): side for name, side in take.items()} if isinstance(take, Mapping) else take


def common_base(connection: Connection, source: str, target: str) -> dict[str, Pointer]:
    """What two branches that do not come straight from one another both come from, by key.

    For each table that is what both saw at the last moment when both saw the same: where they forked, or a merge since
    that the log still knows.
    """
    here, there = _line(connection, source), _line(connection, target)
    ancestor = next(name for name in here if name in there)
    moment = min((at for at in (here[ancestor], there[ancestor]) if at is not None), default=None)
    found = read.see(connection, ancestor, moment)
    ours, theirs = read.see(connection, target), read.see(connection, source)
    both = {"source": source, "target": target, "low": moment or 0}
    moments: dict[str, set[int]] = {}
    for k, seq in connection.rows(_TOUCHED, both):
        if not same(ours.get(k), theirs.get(k)):
            moments.setdefault(k, set()).add(seq)
    forks = set(connection.column(_FORKED, both))
    # Before that upkeep has forgotten what branches saw, but where they forked.
    oldest = horizon(connection)
    for k, seqs in moments.items():
        for seq in sorted((seq for seq in seqs | forks if seq >= oldest), reverse=True):
            one, other = read.find(connection, source, k, seq), read.find(connection, target, k, seq)
            if same(one, other):
                found.pop(k, None)
                if one is not None and one.kind != "dropped":
                    found[k] = one
                break
    return found


def _line(connection: Connection, branch: str) -> dict[str, int | None]:
    """The branch and those it comes from, with the commit's number up to which each is seen."""
    line: dict[str, int | None] = {}
    here: str | None = branch
    at: int | None = None
    while here is not None:
        line[here] = at
        fork = read.fork_of(connection, here, at)
        here, at = fork.parent, fork.base
    return line
