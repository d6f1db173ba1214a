"""What differs between two states of the lake, told from pointers and metadata: no data file is opened."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from wherry.errors import NoSuchCommit
from wherry.lake import database as db
from wherry.lake import iceberg, log, read
from wherry.lake.connecting import Database
from wherry.lake.names import key
from wherry.lake.pointer import Kind, Pointer
from wherry.lake.storage import Storage
from wherry.lake.types import from_iceberg
from wherry.lake.upkeep.unmoved import same_rows as hold_same_rows
from wherry.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A branch as of a commit."""

    branch: str
    #: Number of the commit.
    at: int
    #: What a person called it.
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDiff:
    """A column that came, went, or is another."""

    name: str
    change: Literal["added", "dropped", "type", "renamed"]
    #: Its type, or for ``renamed`` its name.
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDiff:
    """A table or view that differs."""

    name: str
    change: Literal["added", "dropped", "changed"]
    kind: Kind
    #: What it was, for a table that became a view or the reverse.
    was: Kind
    #: Rows; None for a view, and where there is no table.
    before: int | None
    after: int | None
    columns: tuple[ColumnDiff, ...] = ()
    #: Whether the rows are certainly the same: only the schema differs.
    same_rows: bool = False
    old: Pointer | None = None
    new: Pointer | None = None


def find_moment(database: Database, text: str, branch: str) -> Moment:
    """The state that ``BRANCH``, ``BRANCH@COMMIT or TIME``, a commit or a time means; a time is one of ``branch``.

    A branch means its newest state. A commit means what its branch was right after it.
    """
    name, sign, when = text.strip().partition("@")
    with db.reading(database) as connection:
        known = connection.row("SELECT name FROM branch WHERE name = :name", {"name": name})
        newest = read.newest(connection)
    if known and not sign:
        return Moment(branch=name, at=newest, name=name)
    if sign:
        return Moment(branch=name, at=log.moment(database, name, when), name=text.strip())
    if log.is_time(name):
        return Moment(branch=branch, at=log.moment(database, branch, name), name=name)
    try:
        made = log.by_id(database, name)
    except NoSuchCommit:
        raise NoSuchCommit(
            f"`{text}` is no branch, no commit and no time",
            hint="`wherry branch` lists the branches, `wherry log` the commits; BRANCH@TIME is a branch as it was",
        ) from None
    return Moment(branch=made.branch, at=made.seq, name=made.id)


def compare(
    database: Database, storage: Storage, one: Moment, other: Moment, only: Collection[str] | None = None
) -> list[TableDiff]:
    """Tables and views that differ from ``one`` to ``other``, by name; another state alone is no difference."""
    with db.reading(database) as connection:
        before = read.see(connection, one.branch, one.at)
        after = read.see(connection, other.branch, other.at)
    keys = before.keys() | after.keys()
    if only is not None:
        keys &= {key(name) for name in only}
    found = (_table(storage, before.get(k), after.get(k)) for k in sorted(keys))
    return [diff for diff in found if diff is not None]


def _table(storage: Storage, old: Pointer | None, new: Pointer | None) -> TableDiff | None:
    known = new or old
    assert known is not None
    change: Literal["added", "dropped", "changed"] = "added" if old is None else "dropped" if new is None else "changed"
    columns: tuple[ColumnDiff, ...] = ()
    same_rows = False
    if old is not None and new is not None:
        if (old.kind, old.location, old.sql) == (new.kind, new.location, new.sql):
            return None
        if old.location and new.location:
            one, other = storage.read(old.location), storage.read(new.location)
            columns = tuple(column_diffs(one, other))
            same_rows = hold_same_rows(one, other)
            if same_rows and not columns:
                return None
    return TableDiff(
        name=known.full_name,
        change=change,
        kind=known.kind,
        was=(old or known).kind,
        before=old.rows if old else None,
        after=new.rows if new else None,
        columns=columns,
        same_rows=same_rows,
        old=old,
        new=new,
    )


def column_diffs(one: dict[str, Any], other: dict[str, Any]) -> list[ColumnDiff]:
    """Columns that differ between two metadata of tables: by Iceberg's ids for versions of one table, else by name."""
    by_id = one["table-uuid"] == other["table-uuid"]
    old, new = ({f["id"] if by_id else f["name"].lower(): f for f in _fields(m)} for m in (one, other))
    diffs = []
    for k in [*new, *(k for k in old if k not in new)]:
        if k not in old:
            diffs.append(ColumnDiff(name=new[k]["name"], change="added", after=from_iceberg(new[k]["type"])))
            continue
        was = from_iceberg(old[k]["type"])
        if k not in new:
            diffs.append(ColumnDiff(name=old[k]["name"], change="dropped", before=was))
            continue
        is_now = from_iceberg(new[k]["type"])
        if by_id and old[k]["name"] != new[k]["name"]:
            diffs.append(ColumnDiff(name=new[k]["name"], change="renamed", before=old[k]["name"], after=new[k]["name"]))
        if was != is_now:
            diffs.append(ColumnDiff(name=new[k]["name"], change="type", before=was, after=is_now))
    return diffs


def _fields(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    return list(iceberg.current_schema(metadata)["fields"])
