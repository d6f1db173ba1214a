"""Try a check on one row made up, so that a bound or a value of the wrong type is told before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from wherry.checks import KINDS
from wherry.model.asset import Check, Column
from wherry.quoting import name
from wherry.run.check_plan import Item, at, has_before, judge, plan_checks
from wherry.sql.binder import BindError

#: A statement gives its one row.
Run = Callable[[str], Sequence[Any]]

_MOMENT = datetime(2000, 1, 1)
#: SQL that reads something may take any time.
_READS = re.compile(r"\b(select|from|table)\b", re.IGNORECASE)
#: The beginning of a type's name -> a value of it. Of text there is none: it may hold a number, a day, anything.
_SAMPLES = (
    (("UUID",), "'00000000-0000-4000-8000-000000000000'"),
    (("UNION",), "NULL"),
    (("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL"), "1"),
    (("BOOLEAN",), "true"),
    (("DATE", "TIMESTAMP"), "'2000-01-01'"),
    (("TIME",), "'10:00:00'"),
    (("INTERVAL",), "'1 day'"),
    (("STRUCT", "MAP"), "'{}'"),
    (("BLOB",), "'x'"),
)


def tried(check: Check, kind: ModuleType, columns: Sequence[Column], run: Run) -> str:
    """Why a check of another face than ``row`` cannot run, found on a row of values of its columns' types; empty when
    it can, or when one row does not tell: of SQL of its author's own, and of kinds of the project's own."""
    item = Item(index=0, check=check, kind=kind)
    if item.face in ("row", "schema") or has_before(kind) or check.needs or check.kind not in KINDS:
        return ""
    said = f"{check.column} {check.columns} {check.arguments} {check.where}".lower()
    if _READS.search(said):
        return ""
    # Of a wide table only what is read: each value costs.
    read = [column for column in columns if column.name.lower() in said] or columns
    try:
        (job,) = plan_checks([item], f"(SELECT {', '.join(map(_value, read))})")
        values = run(at(job.sql, _MOMENT))
    except BindError as error:
        # What a person's own SQL refuses of this row (a logarithm of 0) it may take of others.
        return "" if check.where or "sql" in check.arguments else error.message
    positions = job.members[0]
    try:
        judge(item, [values[position] for position in positions] if positions else values)
    except ValueError as error:  # a bound that cannot be compared with what is measured
        return str(error)
    return ""


def _value(column: Column) -> str:
    held = "'[]'" if column.type.endswith("[]") else "NULL"
    if not column.type.endswith("]"):
        held = next((value for starts, value in _SAMPLES if column.type.startswith(starts)), held)
    return f"CAST({held} AS {column.type}) AS {name(column.name)}"
