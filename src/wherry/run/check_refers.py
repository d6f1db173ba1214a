"""References that hold because the other table has every number of a range: no row of the table itself is read."""

from __future__ import annotations

from collections.abc import Mapping

from wherry.lake.statistics import Facts
from wherry.quoting import full_name, name
from wherry.run.check_keys import WHOLE
from wherry.run.check_plan import Item, tolerant
from wherry.run.check_subject import Asking


def all_there(asking: Asking, item: Item, facts: Facts, types: Mapping[str, str], most: int) -> bool:
    """Whether each whole number from the smallest to the largest value of a column is in the column it refers to.

    Then the reference holds, whichever of them the column has. False where that is not so, where one of the columns is
    not of whole numbers, and where there are more than ``most`` numbers between those two.
    """
    check = item.check
    columns = check.columns or (check.column,)
    there = check.arguments.get("columns") or [check.arguments.get("column")]
    narrowed = check.arguments.get("there") or check.sample or tolerant(check)
    if check.kind != "refers" or len(columns) != 1 or len(there) != 1 or narrowed:
        return False
    key = columns[0].lower()
    known = facts.columns.get(key)
    if known is None or not known.bounded or types.get(key) not in WHOLE:
        return False
    low, high = known.low, known.high
    if high - low >= most:
        return False
    table, column = full_name(check.arguments["table"]), name(there[0])
    bits = f"bit_count(bitstring_agg({column}, {low}, {high})), any_value(typeof({column}))"
    found = asking.row_if(f"SELECT {bits} FROM {table} WHERE {column} BETWEEN {low} AND {high}")
    return found is not None and found[0] == high - low + 1 and found[1] in WHOLE
