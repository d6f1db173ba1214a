"""A scratch DuckDB that binds statements to empty tables, and its refusals in our words."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.quoting import full_name, name, text
from wherry.sql.place import place, place_of_character
from wherry.sql.statement import lead

#: DuckDB's sentences about a column that is not there, where it gives no kind of error.
_NO_COLUMN = re.compile(
    r'does not have a column named "([^"]+)"'
    r'|[Cc]olumn "([^"]+)" (?:in (?:EXCLUDE|REPLACE) list not found|does not exist)'
)
_NO_TABLE = re.compile(r'Referenced table "([^"]+)" not found')


@dataclass(frozen=True, slots=True)
class BindError(Exception):
    """DuckDB refuses a statement."""

    code: str
    message: str
    hint: str
    line: int
    column: int
    #: The name that is not there; empty when that is not the problem.
    name: str = ""


class Binder:
    """A scratch database with an empty table for every table whose columns are known."""

    def __init__(self, folder: Path) -> None:
        from wherry import duckdb

        # No name may be taken for one of this program's own variables.
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        }
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET errors_as_json = true")
        self._connection.execute(f"SET file_search_path = {text(str(folder))}")
        self._made: set[str] = set()

    def close(self) -> None:
        self._connection.close()

    def table(self, asset: Asset) -> None:
        """Make the empty table of a bound asset, once."""
        key = asset.name.lower()
        if key in self._made:
            return
        self._made.add(key)
        schema = name(asset.name.partition(".")[0])
        columns = ", ".join(f"{name(column.name)} {column.type}" for column in asset.columns)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self._connection.execute(f"CREATE TABLE {full_name(asset.name)} ({columns})")

    def function(self, key: str, create: str) -> None:
        """Make a SQL macro, once. Raises ``BindError``."""
        if f"function {key}" not in self._made:
            self.columns(create, describe=False)
            self._made.add(f"function {key}")

    def columns(self, sql: str, *, describe: bool = True) -> list[tuple[str, str]]:
        """Names and types of what ``sql`` returns; its parameters are moments. Raises ``BindError`` with the place."""
        from wherry import duckdb

        if describe and "$" not in sql:
            with suppress(duckdb.Error):  # DESCRIBE tells where the error is
                relation = self._connection.sql(sql)  # bound, not run: a third of what DESCRIBE costs
                return list(zip(relation.columns, map(str, relation.types), strict=True))
        before = "DESCRIBE\n" if describe else ""
        try:
            (statement,) = self._connection.extract_statements(before + sql)
            values = {parameter: datetime(2000, 1, 1) for parameter in statement.named_parameters}
            rows = self._connection.execute(statement, values or None).fetchall()
        except duckdb.Error as error:
            raise _bind_error(str(error), sql, len(before)) from None
        return [(str(row[0]), str(row[1])) for row in rows] if describe else []

    def row(self, sql: str) -> tuple[Any, ...]:
        """The first row of a query without parameters. Raises ``BindError``."""
        from wherry import duckdb

        try:
            return self._connection.execute(sql).fetchone() or ()
        except duckdb.Error as error:
            raise _bind_error(str(error), sql, 0) from None


def _bind_error(raised: str, sql: str, before: int) -> BindError:
    """DuckDB's error (as JSON) about ``sql``, which stood ``before`` characters into what it was given."""
    try:
        details = json.loads(raised[raised.index("{") :])
    except ValueError:
        details = {"exception_message": raised}
    message, _, rest = str(details.get("exception_message") or raised).partition("\n")
    offset = int(details["position"]) - before if "position" in details else None
    said = _NO_COLUMN.search(message)
    absent = said[1] or said[2] if said else ""
    if details.get("error_subtype") == "COLUMN_NOT_FOUND":
        absent = str(details.get("name") or "")
        message = f"There is no column `{absent}` in what it reads."
    candidates = [c.strip().strip('"') for c in str(details.get("candidates") or "").split(",") if c.strip()]
    code = "unknown-column" if absent else _missing_kind(details)
    hint = did_you_mean(absent or str(details.get("name") or ""), candidates)
    if table := _NO_TABLE.search(message):
        code, message = "unknown-table", f"There is no table or alias `{table[1]}` in its FROM."
        candidates = re.findall(r'"([^"]+)"', rest)
        hint = did_you_mean(table[1], candidates, f"There is {', '.join(candidates)}." if candidates else "")
    elif details.get("error_subtype") == "NO_MATCHING_FUNCTION":
        hint = f"It is: {'; '.join(line.strip() for line in rest.splitlines()[1:] if line.strip())}."
    elif code == "unknown-type":
        hint = hint or "Give a type of DuckDB, such as INTEGER, VARCHAR or DECIMAL(12,2)."
    if offset is None:
        found = re.search(rf"\b{re.escape(absent)}\b", sql[lead(sql) :]) if absent else None
        line, column = place_of_character(sql, lead(sql) + (found.start() if found else 0))
    else:
        line, column = place(sql, offset)
    return BindError(code, message.strip(), hint, line, column, absent)


def _missing_kind(details: Mapping[str, Any]) -> str:
    kind = str(details.get("type") or "") if details.get("error_subtype") == "MISSING_ENTRY" else ""
    named = {"Type": "unknown-type", "Table": "unknown-table", "Schema": "unknown-table"}
    return "unknown-function" if kind.endswith("Function") else named.get(kind, "does-not-bind")


def did_you_mean(word: str, choices: Sequence[str], otherwise: str = "") -> str:
    """A hint that names the nearest choice; else ``otherwise``."""
    from difflib import get_close_matches

    by_lower = {choice.lower(): choice for choice in choices}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return f"Did you mean `{by_lower[close[0]]}`?" if close else otherwise
