"""``columns_sum``: the columns of every row add up to ``total`` (a number or another column); any null passes.

``nulls: zero`` counts a null as 0; then only rows of nothing but nulls pass. With ``nulls: fail`` any null fails.
"""

from wherry.model.asset import Check
from wherry.quoting import literal, name


def bad_row(check: Check) -> str:
    columns, total = [name(column) for column in check.columns], check.arguments["total"]
    goal = name(total) if isinstance(total, str) else literal(total)
    bad, nulls = f"NOT ({' + '.join(columns)} = {goal})", check.arguments.get("nulls")
    if nulls != "zero":
        return f"coalesce({bad}, true)" if nulls == "fail" else bad
    summed = " + ".join(f"coalesce({column}, 0)" for column in columns)
    return f"NOT ({summed} = {goal}) AND coalesce({', '.join(columns)}) IS NOT NULL"
