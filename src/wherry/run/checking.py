"""Run the checks of a table on the branch where it was built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from types import ModuleType
from typing import Any

from wherry import checks as built_in
from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.graph import SqlCheck
from wherry.model.run import CheckResult, Outcome
from wherry.quoting import NOW, full_name
from wherry.sql.statement import body

Find = Callable[[str], ModuleType]


def run_checks(
    cursor: DuckDB,
    table: str,
    checks: Sequence[Check],
    *,
    find: Find = built_in.find,
    now: datetime | None = None,
    before: str | None = None,
) -> tuple[CheckResult, ...]:
    """The verdict of each check. Those that judge row by row share one pass; an error fails its own check alone.

    ``now`` is the moment of the run, in UTC; ``before`` a relation of the version published before, if there is one.
    """
    run = _Checking(cursor, table, find, now or datetime.now(UTC).replace(tzinfo=None), before)
    return tuple(run.verdicts(checks))


class _Checking:
    def __init__(self, cursor: DuckDB, table: str, find: Find, now: datetime, before: str | None) -> None:
        self.cursor, self.table, self.find, self.now, self.before = cursor, table, find, now, before

    def verdicts(self, checks: Sequence[Check]) -> Iterable[CheckResult]:
        shared = self._shared([check for check in checks if self._is_row(check)])
        for check in checks:
            try:
                counted = shared.get(id(check))
                outcome, looked = counted or self._alone(check)
                yield self._result(check, outcome, looked)
            except Exception as error:
                yield CheckResult(
                    check=check.text, column=check.column, state="failed", failing=0, error=_first_line(error)
                )

    def _is_row(self, check: Check) -> bool:
        return not check.sample and check.kind in built_in.KINDS and hasattr(self.find(check.kind), "bad_row")

    def _shared(self, checks: Sequence[Check]) -> dict[int, tuple[Outcome, int]]:
        """What one pass over the table counts; empty when it cannot be done, and each is asked alone."""
        if len(checks) < 2:
            return {}
        try:
            (row,) = self._ask(single_pass_sql(self.table, checks, self.find))
        except Exception:
            return {}  # one condition that DuckDB refuses must not take the others with it
        return {
            id(check): (_counted(int(row[2 * index])), int(row[2 * index + 1])) for index, check in enumerate(checks)
        }

    def _alone(self, check: Check) -> tuple[Outcome, int | None]:
        module, relation = self.find(check.kind), relation_sql(check, self.table)
        if hasattr(module, "judge_schema"):
            return module.judge_schema(check, self.cursor.schema(f"SELECT * FROM {full_name(self.table)}")), None
        if hasattr(module, "bad_row"):
            counts = f"count(*) FILTER (WHERE {module.bad_row(check)}), count(*)"
            ((bad, looked),) = self._ask(f"SELECT {counts} FROM {relation}")
            return _counted(bad), looked
        if hasattr(module, "judge"):
            (values,) = self._ask(values_sql(module, check, relation, self.before))
            outcome: Outcome = module.judge(check, values)
        else:
            ((bad,),) = self._ask(count_sql(module, check, relation))
            outcome = _counted(bad)
        looked = None
        if outcome.failing and check.mostly < 1:
            ((looked,),) = self._ask(f"SELECT count(*) FROM {relation}")
        return outcome, looked

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.cursor.execute(at(sql, self.now))

    def _result(self, check: Check, outcome: Outcome, looked: int | None) -> CheckResult:
        passed = outcome.passed or (outcome.failing > 0 and _tolerated(check, outcome.failing, looked or 0))
        return CheckResult(
            check=check.text,
            column=check.column,
            state="passed" if passed else "warned" if check.severity == "warn" else "failed",
            # What counts no rows is one promise broken.
            failing=outcome.failing or int(not passed),
            observed=outcome.observed,
            looked=looked,
            why="" if passed else outcome.why,
        )


def _counted(bad: Any) -> Outcome:
    failing = int(bad)
    return Outcome(passed=not failing, failing=failing)


def _tolerated(check: Check, failing: int, looked: int) -> bool:
    if check.most is not None:
        return failing <= check.most
    # A fraction, since in floating point 1 of 10 rows is more than what 0.9 leaves.
    return failing <= (1 - Fraction(str(check.mostly))) * looked


def run_sql_check(cursor: DuckDB, check: SqlCheck) -> CheckResult:
    """The verdict of a file of SQL that returns bad rows."""
    failing, error = 0, ""
    try:
        failing = int(cursor.execute(f"SELECT count(*) FROM (\n{body(check.text)}\n)")[0][0])
    except Exception as problem:
        error = _first_line(problem)
    state = "passed" if not failing and not error else "warned" if check.severity == "warn" and not error else "failed"
    return CheckResult(check=check.name, column="", state=state, failing=failing, error=error)  # type: ignore[arg-type]


def bad_rows_sql(check: Check, table: str, find: Find = built_in.find) -> str:
    """A SELECT of the rows that break a check; of one that has no rows to show, of what it measures."""
    module, relation = find(check.kind), relation_sql(check, table)
    if hasattr(module, "bad_row"):
        return f"SELECT * FROM {relation} WHERE {module.bad_row(check)}"
    if hasattr(module, "bad_rows"):
        return str(module.bad_rows(check, relation))
    if hasattr(module, "judge_schema"):
        return f"SELECT * FROM {relation} LIMIT 0"
    return values_sql(module, check, relation, full_name(table))


def count_sql(module: ModuleType, check: Check, relation: str) -> str:
    """A SELECT of one number: how many rows break a check that selects them."""
    if hasattr(module, "count"):
        return str(module.count(check, relation))
    return f"SELECT count(*) FROM ({module.bad_rows(check, relation)})"


def values_sql(module: ModuleType, check: Check, relation: str, before: str | None) -> str:
    """A SELECT of the values that a check judges."""
    if hasattr(module, "aggregates"):
        return f"SELECT {', '.join(module.aggregates(check))} FROM {relation}"
    if hasattr(module, "group_by"):
        keys = ", ".join(f"{key} AS k{number}" for number, key in enumerate(module.group_by(check), 1))
        groups = f"SELECT {keys}, count(*) AS copies FROM {relation} GROUP BY ALL"
        return f"SELECT {', '.join(module.judge_groups(check))} FROM ({groups})"
    return str(module.query(check, relation, before) if hasattr(module, "before") else module.query(check, relation))


def single_pass_sql(table: str, checks: Iterable[Check], find: Find = built_in.find) -> str:
    """One aggregate over the table: for each check the number of bad rows and of rows looked at."""
    counts = []
    for check in checks:
        bad, where = find(check.kind).bad_row(check), f"({check.where})" if check.where else "true"
        counts.append(f"count(*) FILTER (WHERE {where} AND ({bad})), count(*) FILTER (WHERE {where})")
    return f"SELECT {', '.join(counts)} FROM {full_name(table)}"


def relation_sql(check: Check, table: str) -> str:
    """The rows that a check looks at, as something that can stand after FROM."""
    if not check.where and not check.sample:
        return full_name(table)
    where = f" WHERE {check.where}" if check.where else ""
    sample = ""
    if check.sample:
        size = f"reservoir({int(check.sample)} ROWS)" if check.sample >= 1 else f"bernoulli({check.sample * 100}%)"
        sample = f" USING SAMPLE {size} REPEATABLE (1)"
    return f"(SELECT * FROM (SELECT * FROM {full_name(table)}{where}){sample})"


def at(sql: str, now: datetime) -> str:
    """The SQL of a kind of check with the moment of the run in it."""
    return sql.replace(NOW, f"TIMESTAMP '{now}'")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
