"""``format "%Y-%m-%d"``: every text can be read as a moment in that format (that of C's strptime); null passes."""

from wherry.model.asset import Check
from wherry.quoting import name, text


def bad_row(check: Check) -> str:
    value = f"CAST({name(check.column)} AS VARCHAR)"
    # DuckDB's strptime skips white space, which no format asks for.
    formats = check.arguments.get("formats") or [check.arguments["format"]]
    read = " AND ".join(f"try_strptime({value}, {text(str(each))}) IS NULL" for each in formats)
    return f"{value} IS NOT NULL AND (({read}) OR {value} != trim({value}))"
