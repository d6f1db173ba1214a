"""``aggregate_equals``: a SQL aggregate is the same here as over another table, or over groups of both.

``sql`` is the aggregate, ``other`` that of the other table when it differs; ``per`` compares each of its groups, and a
group that one side lacks is a difference. ``within`` allows that absolute difference.
"""

from wherry.model.asset import Check
from wherry.quoting import full_name, names


def bad_rows(check: Check, table: str) -> str:
    given = check.arguments
    other = full_name(given["table"]) + (f" WHERE {given['there']}" if given.get("there") else "")
    per = names(given.get("per", ()))
    keys, group = (f"{per}, ", f" GROUP BY {per}") if per else ("", "")
    join = f"FULL JOIN there USING ({per})" if per else "CROSS JOIN there"
    within = float(given.get("within", 0))
    same = f"abs(here.value - there.value) <= {within}" if within else "here.value IS NOT DISTINCT FROM there.value"
    return (
        f"WITH here AS (SELECT {keys}{given['sql']} AS value, true AS is_there FROM {table}{group}), "
        f"there AS (SELECT {keys}{given.get('other') or given['sql']} AS value, true AS is_there FROM {other}{group}) "
        f"SELECT {keys}here.value AS here, there.value AS there FROM here {join} "
        f"WHERE here.is_there IS NULL OR there.is_there IS NULL OR NOT coalesce({same}, false)"
    )
