"""``columns_compare``: two columns stand in a relation in every row, ``a > b``.

``nulls`` says what a null does: ``pass`` (the default) when either is null, ``both`` only when both are null,
``fail`` never.
"""

from wherry.model.asset import Check
from wherry.quoting import name


def bad_row(check: Check) -> str:
    left, right = map(name, check.columns)
    operator, nulls = check.arguments["operator"], check.arguments.get("nulls", "pass")
    bad = f"NOT ({left} {operator} {right})"
    if nulls == "pass":
        return bad
    alone = f"({left} IS NULL) != ({right} IS NULL)" if nulls == "both" else f"{left} IS NULL OR {right} IS NULL"
    return f"coalesce({bad}, false) OR {alone}"
