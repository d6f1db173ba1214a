"""``refers to schema.table.column``: every value is found there; a null in any of the columns passes."""

from wherry.model.asset import Check
from wherry.quoting import full_name, name

#: Bad rows of slices add up.
decomposes = True


def bad_rows(check: Check, table: str) -> str:
    here = check.columns or (check.column,)
    there = check.arguments.get("columns") or [check.arguments["column"]]
    filled = " AND ".join(f"here.{name(column)} IS NOT NULL" for column in here)
    same = " AND ".join(f"there.{name(b)} = here.{name(a)}" for a, b in zip(here, there, strict=True))
    other = full_name(check.arguments["table"])
    if check.arguments.get("there"):  # only these rows of the other table count
        other = f"(SELECT * FROM {other} WHERE {check.arguments['there']})"
    # Of NOT EXISTS DuckDB makes two joins and a grouping more.
    return f"SELECT here.* FROM {table} AS here ANTI JOIN {other} AS there ON {same} WHERE {filled}"
