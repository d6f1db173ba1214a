"""A source's columns change under way: make room for what is new, or say what does not fit."""

import re
from collections.abc import Mapping, Sequence

from wherry.engines.duckdb import DuckDB
from wherry.errors import DataError
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.run import Drift
from wherry.quoting import name

#: Types whose every value another type holds exactly, so that rows of the first may be put into a column of the second.
_HOLDS = {
    "INTEGER": {"BIGINT", "DOUBLE", "VARCHAR"},
    "BIGINT": {"VARCHAR"},
    "FLOAT": {"DOUBLE", "VARCHAR"},
    "DATE": {"TIMESTAMP", "VARCHAR"},
}
#: Types that Iceberg can turn a column into without writing its rows again.
_WIDENS = {("INTEGER", "BIGINT"), ("FLOAT", "DOUBLE")}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)\Z")
_DIGITS = {"INTEGER": 10, "BIGINT": 19}

Columns = Sequence[tuple[str, str]]


def drifts(there: Columns, unlike: Mapping[str, str], columns: Columns) -> tuple[Drift, ...]:
    """How a source's ``columns`` differ from what it gave last: the table's, but for those it was ``unlike`` in."""
    before = {column.lower(): (column, unlike.get(column.lower(), kind)) for column, kind in there}
    now = {column.lower(): (column, kind) for column, kind in columns}
    found = []
    for key, (column, kind) in now.items():
        old = before.get(key, ("", ""))[1]
        if not old:
            found.append(Drift(kind="added", column=column, after=kind))
        elif old != kind:
            turn = "widened" if _widens(old, kind) or _holds(old, kind) else "narrowed" if _holds(kind, old) else ""
            found.append(Drift(kind=turn or "changed", column=column, before=old, after=kind))  # type: ignore[arg-type]
    gone = [(column, kind) for key, (column, kind) in before.items() if kind and key not in now]
    for column, kind in gone:
        same = [drift for drift in found if drift.kind == "added" and drift.after == kind]
        if len(same) == 1 and [kind for _, kind in gone].count(kind) == 1:
            found.append(Drift(kind="renamed", column=column, before=column, after=same[0].column))
        else:
            found.append(Drift(kind="dropped", column=column, before=kind))
    return tuple(found)


def unlike(there: Columns, columns: Columns) -> dict[str, str]:
    """Where a source's columns are not the table's, by lower-case name: its type, empty for what it does not have."""
    now = {column.lower(): kind for column, kind in columns}
    return {key: now.get(key, "") for key, kind in _lower(there).items() if now.get(key, "") != kind}


def evolve(cursor: DuckDB, asset: Asset, target: str, there: Columns, columns: Columns) -> None:
    """Fit the table ``target`` to new rows of these columns: columns are added, types widened where nothing is lost.

    A column that the new rows lack becomes null in them. Raises ``DataError`` for a type that cannot be had without
    writing the table again.
    """
    known = {column.lower(): (column, kind) for column, kind in there}
    for column, kind in columns:
        own, old = known.get(column.lower(), (column, ""))
        if not old:
            cursor.execute(f"ALTER TABLE {target} ADD COLUMN {name(column)} {kind}")
        elif old == kind:
            continue
        elif _widens(old, kind):
            cursor.execute(f"ALTER TABLE {target} ALTER COLUMN {name(own)} TYPE {kind}")
        elif not _holds(kind, old):
            message = f"The column `{own}` of `{asset.name}` is {old}, and the new rows have {kind}"
            hint = (
                f"Give its type (`types: {{{own}: {kind.lower()}}}`, where the source takes it), then "
                f"`wherry run {asset.name} --full`; or set `on_schema_change: quarantine`."
            )
            raise _changed(asset, message, hint)


def expect_frozen(asset: Asset, there: Columns, columns: Columns) -> None:
    """Raises ``DataError`` when rows of these columns would change a table of ``on_schema_change: freeze``."""
    known = {column.lower(): (column, kind) for column, kind in there}
    for column, kind in columns:
        own, old = known.pop(column.lower(), (column, ""))
        if old != kind and not (old and _holds(kind, old) and not _widens(old, kind)):
            raise _changed(asset, f"`{asset.name}` is frozen, and its column `{own}` would become {kind}", _FROZEN)


def misfits(there: Columns, columns: Columns) -> list[tuple[str, str]]:
    """For ``on_schema_change: quarantine``: a SQL condition and a reason for each way a row may not fit the table."""
    known = _lower(there)
    found = []
    for column, kind in columns:
        old, value = known.get(column.lower(), ""), name(column)
        if not old:
            found.append((f"{value} IS NOT NULL", f"column `{column}` ({kind}) is new"))
        elif old != kind and not _holds(kind, old):
            lost = f"TRY_CAST(TRY_CAST({value} AS {old}) AS {kind}) IS DISTINCT FROM {value}"
            found.append((lost, f"column `{column}`: not exactly {old}"))
    return found


_FROZEN = "Set `on_schema_change: evolve` to let it, or have the source's columns as they were."


def _lower(columns: Columns) -> dict[str, str]:
    return {column.lower(): kind for column, kind in columns}


def _changed(asset: Asset, message: str, hint: str) -> DataError:
    kept = "Nothing of this batch was loaded; what was loaded before stays."
    finding = Finding(
        code="schema-changed", message=f"{message}. {kept}", hint=hint, file=asset.file, line=asset.line, column=1
    )
    return DataError(findings=[finding])


def _widens(old: str, new: str) -> bool:
    before, after = _DECIMAL.match(old), _DECIMAL.match(new)
    if before and after:
        return before[2] == after[2] and int(after[1]) > int(before[1])
    return (old, new) in _WIDENS


def _holds(kind: str, column: str) -> bool:
    """Whether a column of type ``column`` keeps every value of type ``kind``."""
    if column in _HOLDS.get(kind, ()) or (column == "VARCHAR" and "[" not in kind and "(" not in kind):
        return True
    small, large = _DECIMAL.match(kind), _DECIMAL.match(column)
    if large is None:
        return False
    whole = int(large[1]) - int(large[2])
    if small is not None:
        return int(small[2]) <= int(large[2]) and int(small[1]) - int(small[2]) <= whole
    return _DIGITS.get(kind, 99) <= whole
