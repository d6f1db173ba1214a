"""Publishing and updating: everything that moves from one branch to another appears there at once, or nothing does."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from wherry.errors import Conflict, LakeError, UsageError
from wherry.lake import database as db
from wherry.lake import read
from wherry.lake.branch import copy_namespaces, move_base, survived
from wherry.lake.commit import Commit, draft, record, resolved
from wherry.lake.connecting import Connection, Database
from wherry.lake.names import is_work, key
from wherry.lake.pointer import Kind, Pointer, Put, same
from wherry.lake.storage import Storage
from wherry.lake.threeway import Outcome, Take, by_key, common_base, three_way
from wherry.lake.upkeep.unmoved import unmoved
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What made a table what it is on one side."""

    commit: str
    branch: str
    #: ISO 8601, UTC.
    at: str
    author: str
    message: str
    #: ``dropped`` when it is gone there.
    kind: Kind
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConflict:
    """A table that both sides changed, each in its own way."""

    name: str
    source: Hand
    target: Hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A table that the target takes from the source."""

    name: str
    change: Literal["added", "changed", "dropped"]
    kind: Kind
    #: Rows on the target before; None for a view, or when there was nothing.
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a merge would do."""

    source: str
    onto: str
    #: Whether the target changed nothing since the two parted.
    fast_forward: bool
    moves: tuple[Moved, ...]
    #: Names of tables that both changed, where the target's is kept as asked.
    kept: tuple[str, ...]
    conflicts: tuple[TableConflict, ...]


@dataclass(frozen=True, slots=True)
class _Work:
    onto: str
    #: ``up``: onto the branch it came from; ``down``: onto one that came from it; ``across``: any other.
    way: Literal["up", "down", "across"]
    base: Mapping[str, Pointer]
    source: Mapping[str, Pointer]
    target: Mapping[str, Pointer]
    keys: Collection[str]
    outcome: Outcome
    #: Pointers that the target gets: what moves, and the extra puts.
    after: Sequence[Pointer]

    @property
    def settled(self) -> list[str]:
        """Tables that are the same on both sides, or will be."""
        alike = (k for k in self.keys if same(self.source.get(k), self.target.get(k)))
        return [*self.outcome.moves, *alike]


def merge(
    database: Database,
    storage: Storage,
    source: str,
    *,
    onto: str | None,
    only: Collection[str] | None,
    take: Take = None,
    puts: Sequence[Put],
    author: str,
    message: str,
    run: str | None,
    dry_run: bool,
) -> Commit | None:
    """Move what ``source`` changed onto ``onto`` (None: its parent) in one commit.

    ``only`` names the tables to move (None: all; a branch merged onto its parent then starts anew from the result).
    ``take`` decides for tables that both changed; without it they raise ``Conflict``, which names every one. Returns
    None when there is nothing to move.
    """
    with db.reading(database) as connection:
        work = _prepare(connection, storage, source, onto, only, take, puts)
        _expect_no_conflict(connection, source, work)
    if dry_run:
        if not work.after:
            return None
        return draft(work.onto, work.after, work.target, author=author, message=message, run=run)
    if not work.after and not _resolves(work):
        return None
    durable = not is_work(work.onto)
    synced: set[str | None] = set()
    if durable:
        # Before the transaction: others must not wait for the disk.
        storage.publish_all([(p, work.target.get(p.key)) for p in work.after])
        synced = {p.location for p in work.after}
    with db.writing(database, durable=durable) as connection:
        work = _prepare(connection, storage, source, onto, only, take, puts)
        _expect_no_conflict(connection, source, work)
        if not work.after and not _resolves(work):
            return None
        if durable:
            late = [(p, work.target.get(p.key)) for p in work.after if p.location not in synced]
            storage.publish_all(late)
        made = record(connection, work.onto, work.after, work.target, author=author, message=message, run=run)
        _remember(connection, source, work, made, whole=only is None)
        return made


def preview(
    database: Database, storage: Storage, source: str, *, onto: str | None, only: Collection[str] | None, take: Take
) -> Preview:
    """What ``merge`` would do now; conflicts are told, not raised."""
    with db.reading(database) as connection:
        work = _prepare(connection, storage, source, onto, only, take, (), report=True)
        moves = [_moved(p, work.target.get(p.key)) for p in work.after]
        names = {**work.source, **work.target}
        keys = work.base.keys() | work.target.keys()
        return Preview(
            source=source,
            onto=work.onto,
            fast_forward=all(unmoved(work.base.get(k), work.target.get(k), storage) for k in keys),
            moves=tuple(sorted(moves, key=lambda moved: moved.name.lower())),
            kept=tuple(names[k].full_name for k in work.outcome.kept),
            conflicts=tuple(_conflict(connection, source, work.onto, k) for k in work.outcome.conflicts),
        )


def _moved(new: Pointer, old: Pointer | None) -> Moved:
    change: Literal["added", "changed", "dropped"] = "changed" if old else "added"
    if new.kind == "dropped":
        change = "dropped"
    before = old.rows if old else None
    return Moved(name=new.full_name, change=change, kind=new.kind, before=before, after=new.rows)


def _prepare(
    connection: Connection,
    storage: Storage,
    source: str,
    onto: str | None,
    only: Collection[str] | None,
    take: Take,
    puts: Sequence[Put],
    *,
    report: bool = False,
) -> _Work:
    parent = read.fork_of(connection, source).parent
    onto = onto or parent
    if onto is None or onto == source:
        raise LakeError(f"`{source}` has no branch to be merged onto", hint="say which branch to merge, and onto which")
    if not survived(connection, source):
        raise LakeError(
            f"the machine was started again since `{source}` was made: files may be missing",
            hint="run again: it starts from a new branch",
        )
    way: Literal["up", "down", "across"] = "across"
    # Onto its parent a branch moves what it changed: no other table is looked at, unless it may be named.
    within = source if onto == parent and not report and not isinstance(take, Mapping) else None
    if onto == parent:
        way, base, seen = "up", read.base(connection, source, within=within), read.own(connection, source)
    elif read.fork_of(connection, onto).parent == source:
        way, base, seen = "down", read.base(connection, onto), read.see(connection, source)
    else:
        base, seen = common_base(connection, source, onto), read.see(connection, source)
    target = read.see(connection, onto, within=within)
    for put in puts if within else ():
        if (there := read.find(connection, onto, put.name)) is not None and there.kind != "dropped":
            target[there.key] = there
    keys = set(seen) if way == "up" else seen.keys() | base.keys()
    if only is not None:
        keys &= {key(name) for name in only}
    take = by_key(take)
    if isinstance(take, Mapping) and (unknown := take.keys() - seen.keys() - target.keys() - base.keys()):
        names = ", ".join(f"`{name}`" for name in sorted(unknown))
        raise UsageError(f"neither `{source}` nor `{onto}` has a table {names} to take")
    outcome = three_way(keys, base, seen, target, take, lambda one, other: unmoved(one, other, storage))
    after = {k: p or _gone(target[k]) for k, p in outcome.moves.items() if p or k in target}
    for put in puts:
        pointer = resolved(put, after.get(key(put.name)) or target.get(key(put.name)), storage)
        if not same(pointer, target.get(pointer.key)):
            after[pointer.key] = pointer
    return _Work(onto, way, base, seen, target, keys, outcome, list(after.values()))


def _gone(old: Pointer) -> Pointer:
    return replace(old, kind="dropped", location=None, sql=None, state={}, rows=None)


def _resolves(work: _Work) -> bool:
    """Whether the merge, though it moves nothing, settles a conflict for the merges to come."""
    return work.way == "down" and bool(work.outcome.kept)


def _remember(connection: Connection, source: str, work: _Work, made: Commit, *, whole: bool) -> None:
    """What the next merge of these two branches starts from."""
    if work.way == "down":
        own, kept = read.own(connection, work.onto), work.outcome.kept
        settled = [k for k in (*work.settled, *kept) if k in own]
        _set_basis(connection, work.onto, [(k, _seq(connection, source, k), k in kept) for k in settled])
        return
    copy_namespaces(connection, source, work.onto)
    if work.way == "up" and whole:
        move_base(connection, source, work.onto, made.seq)
    elif work.way == "up":
        # The branch goes on seeing what it published, and its next change of it derives from that.
        moved = {p.key for p in work.after}
        seen = {k: p.seq for k, p in work.target.items()}
        _set_basis(connection, source, [(k, made.seq if k in moved else seen.get(k), False) for k in work.settled])


def _set_basis(connection: Connection, branch: str, rows: Iterable[tuple[str, int | None, bool]]) -> None:
    """The branch's pointers of these keys derive from those commits of its parent; False: none of it is unpublished."""
    values = [{"branch": branch, "key": k, "basis": seq, "own": own} for k, seq, own in rows]
    connection.change_all("UPDATE pointer SET own = :own, basis = :basis WHERE branch = :branch AND key = :key", values)


def _seq(connection: Connection, branch: str, name: str) -> int | None:
    found = read.find(connection, branch, name)
    return found.seq if found is not None else None


# Conflicts


def _expect_no_conflict(connection: Connection, source: str, work: _Work) -> None:
    if not work.outcome.conflicts:
        return
    conflicts = [_conflict(connection, source, work.onto, k) for k in work.outcome.conflicts]
    raise Conflict(findings=conflict_findings(source, work.onto, conflicts))


def conflict_findings(source: str, onto: str, conflicts: Sequence[TableConflict]) -> list[Finding]:
    """One finding that names all tables and says what to do, and one per table that says who did what."""
    names = ", ".join(f"`{each.name}`" for each in conflicts)
    if is_work(source):
        hint = f"run again: it builds them on what `{onto}` has now"
    else:
        hint = (
            f"take one side: --take {conflicts[0].name}=source (that of `{source}`) or =target (that of `{onto}`), or"
            f" --take source for all; or build them again on a new branch of `{onto}`"
        )
    findings = [Finding(code="conflict", message=f"changed on `{source}` and on `{onto}`: {names}", hint=hint)]
    for each in conflicts:
        sides = "; ".join(_told(hand) for hand in (each.source, each.target))
        findings.append(Finding(code="conflict", message=f"`{each.name}`: {sides}"))
    return findings


def _told(hand: Hand) -> str:
    what = "dropped" if hand.kind == "dropped" else f"{hand.rows:,} rows" if hand.rows is not None else hand.kind
    when = hand.at[:19].replace("T", " ")
    return f"on `{hand.branch}` {what} by {hand.author or 'nobody'}, {when}, commit {hand.commit} ({hand.message})"


def _conflict(connection: Connection, source: str, onto: str, name: str) -> TableConflict:
    one, other = read.find(connection, source, name), read.find(connection, onto, name)
    known = one or other
    assert known is not None
    return TableConflict(
        name=known.full_name, source=_hand(connection, source, one), target=_hand(connection, onto, other)
    )


def _hand(connection: Connection, branch: str, pointer: Pointer | None) -> Hand:
    query = 'SELECT id, at, author, message FROM "commit" WHERE seq = :seq'
    made = connection.row(query, {"seq": pointer.seq if pointer else 0}) or ("", "", "", "")
    commit, at, author, message = made
    return Hand(
        commit=commit,
        branch=branch,
        at=at,
        author=author,
        message=message,
        kind=pointer.kind if pointer else "dropped",
        rows=pointer.rows if pointer else None,
    )
