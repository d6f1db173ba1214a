"""``same values as schema.table.column``: the sets of different values are equal, within (``how: in``) or cover
(``how: cover``) one another; nulls do not count."""

from typing import Any

from wherry.model.asset import Check
from wherry.model.run import Outcome
from wherry.quoting import full_name, name


def query(check: Check, table: str) -> str:
    here, there = name(check.column), name(check.arguments["column"])
    mine = f"SELECT DISTINCT {here} AS v FROM {table} WHERE {here} IS NOT NULL"
    other = f"SELECT DISTINCT {there} AS v FROM {full_name(check.arguments['table'])} WHERE {there} IS NOT NULL"
    return (
        f"WITH here AS ({mine}), there AS ({other}) SELECT "
        "(SELECT count(*) FROM here ANTI JOIN there USING (v)), (SELECT count(*) FROM there ANTI JOIN here USING (v))"
    )


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    strange, missing = values
    how, problems = check.arguments.get("how", "equal"), []
    if how != "cover" and strange:
        problems.append(f"{strange} values are not there")
    if how != "in" and missing:
        problems.append(f"{missing} values of the other are missing here")
    return Outcome(passed=not problems, observed=[strange, missing], why="; ".join(problems))
