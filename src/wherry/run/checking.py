"""Run the checks of a table on the branch where it was built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from types import ModuleType

from wherry.checks import find
from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.graph import SqlCheck
from wherry.model.run import CheckResult
from wherry.quoting import full_name
from wherry.sql.statement import body


def run_checks(cursor: DuckDB, table: str, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
    """The verdict of each check. Those that judge row by row share one pass; an error fails its own check alone."""
    modules = [find(check.kind) for check in checks]
    single = [index for index, module in enumerate(modules) if hasattr(module, "bad_row")]
    failing: dict[int, int] = {}
    looked: dict[int, int] = {}
    errors: dict[int, str] = {}
    try:
        counts = _single_pass(cursor, table, [checks[index] for index in single])
        for index, (bad, rows) in zip(single, counts, strict=True):
            failing[index], looked[index] = bad, rows
    except Exception:
        # One condition that DuckDB refuses must not take the others with it.
        for index in single:
            try:
                ((failing[index], looked[index]),) = _single_pass(cursor, table, [checks[index]])
            except Exception as error:
                errors[index] = _first_line(error)
    for index, (check, module) in enumerate(zip(checks, modules, strict=True)):
        if index in single:
            continue
        try:
            failing[index] = int(cursor.execute(count_sql(module, check, table))[0][0])
            looked[index] = (
                int(cursor.execute(f"SELECT count(*) FROM {_relation(check, table)}")[0][0]) if check.mostly < 1 else 0
            )
        except Exception as error:
            errors[index] = _first_line(error)
    return tuple(
        _result(check, failing.get(index, 0), looked.get(index, 0), errors.get(index, ""))
        for index, check in enumerate(checks)
    )


def run_sql_check(cursor: DuckDB, check: SqlCheck) -> CheckResult:
    """The verdict of a file of SQL that returns bad rows."""
    failing, error = 0, ""
    try:
        failing = int(cursor.execute(f"SELECT count(*) FROM (\n{body(check.text)}\n)")[0][0])
    except Exception as problem:
        error = _first_line(problem)
    state = "passed" if not failing and not error else "warned" if check.severity == "warn" and not error else "failed"
    return CheckResult(check=check.name, column="", state=state, failing=failing, error=error)  # type: ignore[arg-type]


def bad_rows_sql(check: Check, table: str) -> str:
    """A SELECT of the rows that break a check."""
    module = find(check.kind)
    if hasattr(module, "bad_row"):
        return f"SELECT * FROM {_relation(check, table)} WHERE {module.bad_row(check)}"
    return str(module.bad_rows(check, _relation(check, table)))


def count_sql(module: ModuleType, check: Check, table: str) -> str:
    """A SELECT of one number: how many rows break a check that does not judge row by row."""
    relation = _relation(check, table)
    if hasattr(module, "count"):
        return str(module.count(check, relation))
    return f"SELECT count(*) FROM ({module.bad_rows(check, relation)})"


def single_pass_sql(table: str, checks: Iterable[Check]) -> str:
    """One aggregate over the table: for each check the number of bad rows and of rows looked at."""
    counts = []
    for check in checks:
        bad, where = find(check.kind).bad_row(check), f"({check.where})" if check.where else "true"
        counts.append(f"count(*) FILTER (WHERE {where} AND ({bad})), count(*) FILTER (WHERE {where})")
    return f"SELECT {', '.join(counts)} FROM {full_name(table)}"


def _single_pass(cursor: DuckDB, table: str, checks: Sequence[Check]) -> list[tuple[int, int]]:
    if not checks:
        return []
    row = cursor.execute(single_pass_sql(table, checks))[0]
    return [(int(row[2 * index]), int(row[2 * index + 1])) for index in range(len(checks))]


def _relation(check: Check, table: str) -> str:
    return f"(SELECT * FROM {full_name(table)} WHERE {check.where})" if check.where else full_name(table)


def _result(check: Check, failing: int, looked: int, error: str) -> CheckResult:
    # A fraction, since in floating point 1 of 10 rows is more than what 0.9 leaves.
    allowed = (1 - Fraction(str(check.mostly))) * looked
    bad = bool(error) or failing > allowed
    state = "passed" if not bad else "warned" if check.severity == "warn" and not error else "failed"
    return CheckResult(check=check.text, column=check.column, state=state, failing=failing, error=error)  # type: ignore[arg-type]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
