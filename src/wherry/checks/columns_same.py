"""``same columns as schema.table``: both have the same columns, with the same types; upper and lower case are the same.

``how: contains`` allows columns beside those of the other table, ``ordered`` asks for the same order too, ``count`` for
as many; with ``types: false`` only names count.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.run import Outcome
from wherry.quoting import full_name


def query(check: Check, table: str) -> str:
    described = "(SELECT list([column_name, column_type]) FROM (DESCRIBE FROM {}))"
    return f"SELECT {described.format(table)}, {described.format(full_name(check.arguments['table']))}"


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    here, there = ({name.lower(): kind for name, kind in columns} for columns in values)
    how, typed = check.arguments.get("how", "exact"), check.arguments.get("types", True)
    if how == "count":
        why = f"{len(here)} columns, and {len(there)} there"
        return Outcome(passed=len(here) == len(there), observed=list(here), why=why)
    problems = [f"`{name}` is not here" for name in there if name not in here]
    if how != "contains":
        problems += [f"`{name}` is not there" for name in here if name not in there]
    both = [name for name in here if name in there]
    problems += [
        f"`{name}` is {here[name]}, and {there[name]} there" for name in both if typed and here[name] != there[name]
    ]
    if how == "ordered" and not problems and list(here) != list(there):
        problems.append(f"the order is {', '.join(here)}, and {', '.join(there)} there")
    return Outcome(passed=not problems, observed=list(here), why="; ".join(problems))
