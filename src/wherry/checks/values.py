"""``values in|cover|equal [a, b]``: the set of different values is within, contains, or is the given one.

Nulls do not count. Of no values the set is empty: within any, covering and equal to the empty one only.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import plain
from wherry.model.run import Outcome
from wherry.quoting import literals, name

#: As many values are shown.
SHOWN = 100


def group_by(check: Check) -> tuple[str, ...]:
    return (name(check.column),)


def judge_groups(check: Check) -> tuple[str, ...]:
    values = literals(check.arguments["values"])
    strange = f"k1 IS NOT NULL AND k1 NOT IN ({values})" if values else "k1 IS NOT NULL"
    known = f"k1 IN ({values})" if values else "false"
    return (
        f"min(k1, {SHOWN})",
        f"count(*) FILTER (WHERE {strange})",
        f"coalesce(sum(copies) FILTER (WHERE {strange}), 0)::BIGINT",
        f"count(*) FILTER (WHERE {known})",
        f"min(k1, 5) FILTER (WHERE {strange})",
        # Counted here, where 1 and 1.0 are the same for the type of the column.
        f"len(list_distinct([{values}]))" if values else "0",
    )


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    shown, strange, rows, known, examples, wanted = values
    problems = []
    if check.kind != "values_cover" and strange:
        problems.append(f"{strange} other values, such as {', '.join(map(str, plain(examples)))}")
    if check.kind != "values_in" and known < wanted:
        problems.append(f"{wanted - known} of the values are not there")
    # Bad rows can be told only where a value too many is what is wrong.
    failing = int(rows) if check.kind == "values_in" else 0
    return Outcome(passed=not problems, observed=plain(shown or []), failing=failing, why="; ".join(problems))


def bad_rows(check: Check, table: str) -> str:
    column, values = name(check.column), literals(check.arguments["values"])
    if check.kind == "values_cover":
        if not values:
            return f"SELECT * FROM {table} WHERE false"
        # Each compared by itself: a text in a list is no longer a date where the column has dates.
        each = (literals([value]) for value in check.arguments["values"])
        found = (f"{{'missing': {v}, 'there': coalesce(bool_or({column} = {v}), false)}}" for v in each)
        told = f"SELECT unnest([{', '.join(found)}]) AS v FROM {table}"
        return f"SELECT v.missing AS missing FROM ({told}) WHERE NOT v.there"
    return f"SELECT * FROM {table} WHERE {column} IS NOT NULL" + (f" AND {column} NOT IN ({values})" if values else "")
