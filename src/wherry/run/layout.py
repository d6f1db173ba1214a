"""The layout of tables: what is wrong with it, and how it is said to DuckDB and to the lake."""

from __future__ import annotations

from collections.abc import Iterator

from wherry.lake import iceberg
from wherry.lake.pointer import Put
from wherry.lake.upkeep.layout import Layout, updates
from wherry.model.asset import Asset, Partition, Sort
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.nearest import did_you_mean
from wherry.quoting import name
from wherry.run.session import Session

_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
#: Types of columns that a transform takes, as DuckDB names them.
_TAKES = {
    **dict.fromkeys(("year", "month", "day"), _MOMENTS),
    "hour": _MOMENTS[1:],
    "bucket": (*_WHOLE, *_MOMENTS, "TIME", "VARCHAR", "UUID", "BLOB"),
    "truncate": (*_WHOLE, "VARCHAR", "BLOB"),
}


def layout_findings(graph: Graph) -> Iterator[tuple[str, Finding]]:
    """A finding for every column of a layout that is not there or does not fit, with the table's lower-case name."""
    for key, asset in graph.assets.items():
        for finding in _of_table(asset) if asset.partition or asset.sort else ():
            yield key, finding


def _of_table(asset: Asset) -> Iterator[Finding]:
    if asset.build.word == "view":
        key = "partition" if asset.partition else "sort"
        hint = "Take it away, or say `build: replace`."
        yield _finding(asset, key, "bad-layout", f"`{key}` is for tables, and a view stores no rows.", hint)
    elif asset.bound:
        yield from _of_columns(asset)


def _of_columns(asset: Asset) -> Iterator[Finding]:
    types = {column.name.lower(): column.type for column in asset.columns}
    shown = [column.name for column in asset.columns]
    parts: list[Partition | Sort] = [*asset.partition, *asset.sort]
    for part in parts:
        key = "partition" if isinstance(part, Partition) else "sort"
        kind = types.get(part.column.lower())
        if kind is None:
            hint = did_you_mean(part.column, shown, f"Its columns are: {', '.join(shown)}.")
            yield _finding(asset, key, "unknown-column", f"`{key}: {part}` names a column that is not there.", hint)
        elif isinstance(part, Partition) and kind and not _takes(part, kind):
            message = f"`partition: {part}` does not go with a column of type {kind}."
            yield _finding(asset, key, "bad-layout", message, _hint(part))


def _takes(part: Partition, kind: str) -> bool:
    if part.transform == "identity":
        return not kind.endswith("]") and not kind.startswith(("STRUCT", "MAP", "FLOAT", "DOUBLE"))
    return kind in _TAKES[part.transform]


def _hint(part: Partition) -> str:
    if part.transform == "identity":
        return "Rows of equal value lie together: take a column of whole numbers, text or dates."
    return f"`{part.transform}` takes {', '.join(_TAKES[part.transform])}."


def _finding(asset: Asset, key: str, code: str, message: str, hint: str) -> Finding:
    line, column = asset.layout_places.get(key, (asset.line, 1))
    return Finding(code=code, message=message, hint=hint, file=asset.file, line=line, column=column)


def layout_of(asset: Asset) -> Layout:
    return Layout(partition=asset.partition, sort=asset.sort)


def partitioned_by(asset: Asset) -> str:
    """The clause of CREATE TABLE, or nothing."""
    parts = []
    for part in asset.partition:
        column = name(part.column)
        width = f"{part.width}, " if part.width else ""
        parts.append(column if part.transform == "identity" else f"{part.transform}({width}{column})")
    return f" PARTITIONED BY ({', '.join(parts)})" if parts else ""


def ordered(asset: Asset, select: str) -> str:
    """The query with its rows in the table's order."""
    if not asset.sort:
        return select
    order = ", ".join(f"{name(s.column)} {'DESC' if s.descending else 'ASC'} NULLS LAST" for s in asset.sort)
    # On a line of its own the bracket survives a comment at the query's end.
    return f"FROM (\n{select.rstrip().rstrip(';')}\n) ORDER BY {order}"


def declare_order(session: Session, table: str, asset: Asset) -> None:
    """Write the order of a table that was just made into its metadata: DuckDB's CREATE TABLE cannot say it."""
    if not asset.sort:
        return
    lake = session.lake
    pointer = lake.pointer(session.branch, table)
    if pointer is None or pointer.location is None:
        return
    metadata = lake.storage.read(pointer.location)
    wanted = updates(metadata, layout_of(asset))
    if wanted:
        location = lake.storage.write(
            iceberg.apply(metadata, wanted, pointer.location), pointer.location, durable=False
        )
        put = Put(name=pointer.full_name, kind="table", location=location)
        lake.put(session.branch, [put], author="", message=f"lay out {asset.name}")
