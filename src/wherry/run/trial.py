"""Try a check on one row made up, so that a bound or a value of the wrong type is told before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from wherry.model.asset import Check, Column
from wherry.quoting import name
from wherry.run.check_plan import Item, at, has_before, judge, plan_checks
from wherry.sql.binder import BindError

#: A statement gives its one row.
Run = Callable[[str], Sequence[Any]]

_MOMENT = datetime(2000, 1, 1)
#: SQL that reads something may take any time.
_READS = re.compile(r"\b(select|from)\b", re.IGNORECASE)
#: The beginning of a type's name -> values of it. Text may hold anything: a check must fail on each of these.
_SAMPLES = (
    (("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL"), ("1",)),
    (("VARCHAR",), ("'1'", "'2000-01-01'", "'a'")),
    (("BOOLEAN",), ("true",)),
    (("DATE", "TIMESTAMP"), ("'2000-01-01'",)),
)


def tried(check: Check, kind: ModuleType, columns: Sequence[Column], run: Run) -> str:
    """Why a check of another face than ``row`` cannot run, found on a row of values of its columns' types; empty when
    it can, or when that would read something else."""
    item = Item(index=0, check=check, kind=kind)
    if item.face in ("row", "schema") or has_before(kind) or check.needs:
        return ""
    if _READS.search(f"{check.arguments} {check.where}"):
        return ""
    said, problem = f"{check.column} {check.columns} {check.arguments} {check.where}".lower(), ""
    # Of a wide table only what is read: each value costs.
    read = [column for column in columns if column.name.lower() in said] or columns
    for row in _rows(read):
        try:
            (job,) = plan_checks([item], f"(SELECT {row})")
            values = run(at(job.sql, _MOMENT))
            positions = job.members[0]
            judge(item, [values[position] for position in positions] if positions else values)
        except BindError as error:
            problem = problem or error.message
        except Exception as error:  # a bound that cannot be compared with what is measured
            problem = problem or str(error)
        else:
            return ""
    return problem


def _rows(columns: Sequence[Column]) -> Iterator[str]:
    """Values for all columns; several where a column may hold what another one may not."""
    samples = [_samples(column.type) for column in columns]
    for number in range(max(map(len, samples), default=0)):
        yield ", ".join(
            f"CAST({values[min(number, len(values) - 1)]} AS {column.type}) AS {name(column.name)}"
            for column, values in zip(columns, samples, strict=True)
        )


def _samples(kind: str) -> tuple[str, ...]:
    if kind.endswith("]") or kind.startswith(("UUID", "UNION")):
        return ("NULL",)
    return next((values for starts, values in _SAMPLES if kind.startswith(starts)), ("NULL",))
