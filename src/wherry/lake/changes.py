"""Which rows a table gained and lost between two of its snapshots, told by its files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wherry.lake import iceberg
from wherry.lake.statistics import File, differing
from wherry.lake.upkeep.unmoved import rows_of
from wherry.model.dataclass import dataclass
from wherry.quoting import text

if TYPE_CHECKING:
    from wherry.lake.storage import Storage

#: A table, the snapshot of its rows, and the number of its schema.
Identity = tuple[str, str, str]

_DATA, _POSITIONS = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to a table's files since a snapshot."""

    before: int
    #: Data files that came, and that went.
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: Data files of which rows were deleted, and the files that say which.
    touched: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    #: Rows in ``added``, and rows that were taken away.
    rows_added: int = 0
    rows_removed: int = 0
    #: Whether the files in ``added`` hold rows just as the table has them.
    plain: bool = False

    @property
    def nothing(self) -> bool:
        return not (self.added or self.removed or self.deletes)

    @property
    def grows(self) -> bool:
        """Whether rows only came."""
        return not (self.removed or self.deletes)

    def rows_that_came(self, table: str) -> str:
        """A relation with the rows that ``table`` (an attached Iceberg table) gained."""
        if self.plain:
            # Going through the table would list all of its files for each statement.
            return f"(FROM read_parquet([{', '.join(map(text, self.added))}], hive_partitioning = false))"
        return f"(SELECT * FROM {table} WHERE {_among(self.added)})" if self.added else f"(FROM {table} WHERE false)"

    def rows_that_stayed(self, table: str) -> str:
        """A relation with the rows that were there before and still are."""
        return f"(SELECT * FROM {table} WHERE NOT ({_among(self.added)}))" if self.added else table

    def rows_that_went(self, table: str) -> str:
        """A relation with the rows that ``table`` lost."""
        old = f"{table} AT (VERSION => {self.before})"
        parts = []
        if self.removed:
            parts.append(f"SELECT * FROM {old} WHERE {_among(self.removed)}")
        if self.deletes:
            paths = ", ".join(map(text, self.deletes))
            positions = f"(SELECT DISTINCT file_path, pos FROM read_parquet([{paths}]))"
            placed = f"(SELECT *, filename AS __file, file_row_number AS __row FROM {old} WHERE {_among(self.touched)})"
            parts.append(
                f"SELECT * EXCLUDE (__file, __row) FROM {placed} AS __old SEMI JOIN {positions} AS __gone "
                "ON __old.__file = __gone.file_path AND __old.__row = __gone.pos"
            )
        return f"({' UNION ALL '.join(parts)})" if parts else f"(FROM {table} WHERE false)"


def _among(paths: Collection[str]) -> str:
    return f"filename IN ({', '.join(map(text, paths))})" if paths else "false"


def identity(metadata: Mapping[str, Any]) -> Identity:
    """What says which rows a table holds: the table, the snapshot that wrote them (upkeep writes none), and the columns
    that it shows of them."""
    snapshot = iceberg.current_snapshot(dict(metadata))
    rows = rows_of(snapshot) if snapshot is not None else ""
    return str(metadata["table-uuid"]), rows, str(metadata["current-schema-id"])


def change_since(
    storage: Storage, metadata: Mapping[str, Any], before: Identity, listed: Sequence[File] | None = None
) -> Change | None:
    """What happened since a table had the identity ``before``; None where that cannot be told from its files.

    ``listed``: all of its files, where they are known.
    """
    now = identity(metadata)
    if now[0] != before[0] or not before[1] or not now[1] or not _keeps_columns(metadata, before[2]):
        return None
    number = int(before[1])
    if now[1] == before[1]:
        return Change(before=number)
    then = next((s for s in metadata["snapshots"] if s["snapshot-id"] == number), None)
    current = iceberg.current_snapshot(dict(metadata))
    if then is None or current is None or not _descends(metadata, current, number):
        return None
    old, new = ({each.path: each for each in some} for some in differing(storage, then, current, listed))
    came = [each for path, each in new.items() if path not in old]
    went = [each for path, each in old.items() if path not in new]
    if any(each.content not in (_DATA, _POSITIONS) for each in (*old.values(), *new.values())):
        return None
    gone = {each.path for each in went if each.content == _DATA}
    if any(each.content == _POSITIONS and each.about not in gone for each in went):
        return None  # rows that were deleted are back
    fresh = {each.path for each in came if each.content == _DATA}
    deletes = [each for each in came if each.content == _POSITIONS and each.about not in fresh]
    if any(not each.about or not each.path.endswith(".parquet") for each in deletes):
        return None
    deleted = any(each.content == _POSITIONS and each.about in fresh for each in came)
    change = Change(
        before=number,
        plain=bool(fresh) and not deleted and _same_columns(metadata) and all(map(_readable, fresh)),
        added=tuple(sorted(fresh)),
        removed=tuple(sorted(gone)),
        touched=tuple(sorted({each.about for each in deletes})),
        deletes=tuple(sorted(each.path for each in deletes)),
        rows_added=_rows(each for each in came if each.content == _DATA or each.about in fresh),
        rows_removed=_rows(each for each in old.values() if each.path in gone or each.about in gone)
        + sum(each.rows for each in deletes),
    )
    # Columns that came since are not in the rows that went.
    other_columns = then.get("schema-id") != current.get("schema-id")
    return None if other_columns and not change.grows else change


def _keeps_columns(metadata: Mapping[str, Any], schema: str) -> bool:
    """Whether the columns of an earlier schema are still there, by the same names and of the same types."""
    before = next((each for each in metadata["schemas"] if str(each["schema-id"]) == schema), None)
    now = _columns(iceberg.current_schema(dict(metadata)))
    return before is not None and all(each in now for each in _columns(before))


def _columns(schema: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(each["name"], each["id"], each["type"]) for each in schema["fields"]]


def _same_columns(metadata: Mapping[str, Any]) -> bool:
    """Whether every file of a table has the columns that the table has, by the same names."""
    parted = any(spec["fields"] for spec in metadata.get("partition-specs", ()))
    return (
        len(metadata["schemas"]) == 1
        and not parted
        and "schema.name-mapping.default" not in (metadata.get("properties") or {})
    )


def _readable(path: str) -> bool:
    """Whether DuckDB reads a file by its path alone."""
    return path.startswith("/") and path.endswith(".parquet") and not any(each in path for each in "*?[]{}")


def _rows(listed: Iterable[File]) -> int:
    """Rows of data files, less those that their delete files take away."""
    return sum(each.rows if each.content == _DATA else -each.rows for each in listed)


def _descends(metadata: Mapping[str, Any], snapshot: Mapping[str, Any], ancestor: int) -> bool:
    parents = {s["snapshot-id"]: s.get("parent-snapshot-id") for s in metadata["snapshots"]}
    at: Any = snapshot["snapshot-id"]
    while at is not None and at != ancestor:
        at = parents.get(at)
    return bool(at == ancestor)
