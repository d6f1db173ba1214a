"""References that hold because the other table has every number of a range: no row of the table itself is read."""

from __future__ import annotations

from collections.abc import Mapping

from wherry.lake.statistics import Facts
from wherry.quoting import full_name, name
from wherry.run.check_keys import WHOLE
from wherry.run.check_plan import Item, tolerant
from wherry.run.check_subject import Asking

#: From which to which whole number all are there.
Span = tuple[int, int]


def all_there(
    asking: Asking, item: Item, facts: Facts, types: Mapping[str, str], most: int, known: Span | None
) -> Span | None:
    """The span of numbers that are all in the column that a check refers to, if all of its own column are among them.

    Then the reference holds, whichever of them the column has. None where that is not so, where one of the columns is
    not of whole numbers, and where there are more than ``most`` numbers from its smallest to its largest. ``known`` is
    the span that was found before.
    """
    check = item.check
    columns = check.columns or (check.column,)
    there = check.arguments.get("columns") or [check.arguments.get("column")]
    narrowed = check.arguments.get("there") or check.sample or tolerant(check)
    if check.kind != "refers" or len(columns) != 1 or len(there) != 1 or narrowed:
        return None
    key = columns[0].lower()
    column = facts.columns.get(key)
    if column is None or not column.bounded or types.get(key) not in WHOLE:
        return None
    low, high = column.low, column.high
    if known is not None and known[0] <= low and high <= known[1]:
        return known
    if high - low >= most:
        return None
    table, number = full_name(check.arguments["table"]), name(there[0])
    bits = f"bit_count(bitstring_agg({number}, {low}, {high})), any_value(typeof({number}))"
    found = asking.row_if(f"SELECT {bits} FROM {table} WHERE {number} BETWEEN {low} AND {high}")
    return (low, high) if found is not None and found[0] == high - low + 1 and found[1] in WHOLE else None
