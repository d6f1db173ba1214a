"""A source's columns change under way: make room for what is new, or say what does not fit."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from wherry.errors import DataError
from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
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
            found.append(Drift(kind=_turn(old, kind), column=column, before=old, after=kind))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What has to become of a table's columns so that new rows find room; names and DuckDB types."""

    #: Columns that it has not.
    added: Columns = ()
    #: Columns whose type the lake can change where they are.
    widened: Columns = ()
    #: Columns whose type only writing the table again can change.
    again: Columns = ()


def room_for(asset: Asset, there: Columns, columns: Columns) -> Room:
    """What fits a table to new rows of these columns: columns are added, types widened where nothing is lost.

    A column that the new rows lack becomes null in them. Raises ``DataError`` for a type that the column cannot have.
    """
    known = {column.lower(): (column, kind) for column, kind in there}
    added, widened, again = [], [], []
    for column, kind in columns:
        own, old = known.get(column.lower(), (column, ""))
        if not old:
            added.append((column, kind))
        elif old == kind or _holds(kind, old):
            continue
        elif _widens(old, wider := kind if _widens(old, kind) else _wider(old, kind)):
            widened.append((own, wider))
        elif wider:
            again.append((own, wider))
        else:
            raise unfit(asset, own, old, kind)
    return Room(added=added, widened=widened, again=again)


def unfit(asset: Asset, column: str, old: str, kind: str, example: str = "") -> DataError:
    """New rows have a type that a column cannot become; ``example``: a value of the column that it would change."""
    message = f"The column `{column}` of `{asset.name}` is {old}, and the new rows have {kind}"
    message += f", which {example} is not exactly" if example else ""
    hint = (
        f"Give its type (`types: {{{column}: {kind.lower()}}}`, where the source takes it), then "
        f"`wherry run {asset.name} --full`; or set `on_schema_change: quarantine`."
    )
    return _changed(asset, message, hint)


def expect_frozen(asset: Asset, there: Columns, columns: Columns) -> None:
    """Raises ``DataError`` when rows of these columns would change a table of ``on_schema_change: freeze``."""
    known = {column.lower(): (column, kind) for column, kind in there}
    for column, kind in columns:
        own, old = known.pop(column.lower(), (column, ""))
        if not old:
            raise _changed(
                asset, f"`{asset.name}` is frozen, and has no column `{own}` ({kind}), which is new", _FROZEN
            )
        if old != kind and not (_holds(kind, old) and not _widens(old, kind)):
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


def _turn(old: str, kind: str) -> Literal["widened", "narrowed", "changed"]:
    if _widens(old, kind) or _holds(old, kind):
        return "widened"
    if _holds(kind, old):
        return "narrowed"
    return "widened" if _wider(old, kind) else "changed"


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


def _wider(old: str, new: str) -> str:
    """The type of numbers or moments that a column of ``old`` may become for values of ``new``; empty for none.

    It keeps every value of both, but where it is a float, or both together have more than 38 digits.
    """
    if (old, new) == ("DATE", "TIMESTAMP") or (old in _DIGITS and new in ("FLOAT", "DOUBLE")):
        return new
    one, other = _places(old), _places(new)
    if one is None or other is None:
        return ""
    whole, scale = max(one[0], other[0]), max(one[1], other[1])
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= 38 else new if _DECIMAL.match(new) else ""


def _places(kind: str) -> tuple[int, int] | None:
    """Digits before and after the point of an exact number."""
    if match := _DECIMAL.match(kind):
        return int(match[1]) - int(match[2]), int(match[2])
    return (_DIGITS[kind], 0) if kind in _DIGITS else None


def keeps_all(kind: str, column: str) -> bool:
    """Whether a column of type ``column`` keeps every value of type ``kind``, whatever they are."""
    return _holds(kind, column)


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
