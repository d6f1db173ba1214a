"""``equals schema.table``: both hold the same rows, as often; two nulls are the same, the order does not matter.

``columns`` compares only those, ``ignore`` all but those. Columns are matched by name.
"""

from wherry.model.asset import Check
from wherry.quoting import full_name, names


def bad_rows(check: Check, table: str) -> str:
    given = check.arguments
    shown = names(check.columns) if check.columns else "*"
    if given.get("ignore"):
        shown = f"* EXCLUDE ({names(given['ignore'])})"
    here, there = f"SELECT {shown} FROM {table}", f"SELECT {shown} FROM {full_name(given['table'])}"
    if given.get("there"):
        there += f" WHERE {given['there']}"
    # Both sides by name, so that a column of one alone is a difference.
    return (
        f"WITH here AS ({here}), there AS ({there}), "
        "left_alone AS (FROM (FROM here UNION ALL BY NAME FROM there LIMIT 0) UNION ALL BY NAME FROM here), "
        "right_alone AS (FROM (FROM here UNION ALL BY NAME FROM there LIMIT 0) UNION ALL BY NAME FROM there) "
        "SELECT 'only here' AS found, * FROM (FROM left_alone EXCEPT ALL FROM right_alone) "
        "UNION ALL SELECT 'only there', * FROM (FROM right_alone EXCEPT ALL FROM left_alone)"
    )
