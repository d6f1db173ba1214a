"""Given rows, expected rows: a table's statement run on rows that a test gives, away from the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import ProjectError, WherryError
from wherry.model.asset import Asset
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import UnitTest
from wherry.quoting import full_name, name
from wherry.run.build import within
from wherry.run.failure import explain
from wherry.run.project import Project
from wherry.run.session import Session
from wherry.sql.statement import body


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTestResult:
    """The verdict of one case."""

    test: UnitTest
    passed: bool
    #: Rows that were expected and did not come, as text by column.
    missing: tuple[Mapping[str, Any], ...] = ()
    #: Rows that came and were not expected.
    unexpected: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()


def run_unit_test(project: Project, test: UnitTest) -> UnitTestResult:
    """Run one case in a database of its own. Only the columns that are expected are compared; order does not count."""
    engine = DuckDB(folder=project.config.folder, scratch=project.config.scratch)
    try:
        return _Case(project, test, engine).result()
    except Exception as error:
        findings, _ = explain(error, project.graph[test.table])
        return UnitTestResult(test=test, passed=False, findings=findings)
    finally:
        engine.close()


class _Case:
    def __init__(self, project: Project, test: UnitTest, engine: DuckDB) -> None:
        self.project, self.test, self.engine, self.graph = project, test, engine, project.graph
        self.given = {table.lower(): rows for table, rows in test.given.items()}
        self.made: set[str] = set()

    def result(self) -> UnitTestResult:
        asset = self.graph[self.test.table]
        self.make(asset, tested=True)
        expected_columns = list(dict.fromkeys(column for row in self.test.expect for column in row))
        actual = {c.lower(): (c, kind) for c, kind in self.engine.schema(f"FROM {full_name(asset.name)}")}
        unknown = [column for column in expected_columns if column.lower() not in actual]
        if unknown:
            columns = ", ".join(column for column, _ in actual.values())
            message = f"The test `{self.test.name}` expects a column `{unknown[0]}`, and `{asset.name}` has: {columns}."
            finding = Finding(
                code="unknown-column", message=message, file=self.test.file, line=self.test.line, column=1
            )
            return UnitTestResult(test=self.test, passed=False, findings=(finding,))
        compared = [actual[column.lower()] for column in expected_columns] or list(actual.values())
        self.fill("main.expected", compared, self.test.expect)
        chosen = ", ".join(name(column) for column, _ in compared)
        ours, theirs = f"SELECT {chosen} FROM {full_name(asset.name)}", "SELECT * FROM main.expected"
        missing, unexpected = self.difference(theirs, ours), self.difference(ours, theirs)
        return UnitTestResult(
            test=self.test, passed=not missing and not unexpected, missing=missing, unexpected=unexpected
        )

    def difference(self, one: str, other: str) -> tuple[dict[str, Any], ...]:
        columns, rows = self.engine.rows(f"({one}) EXCEPT ALL ({other}) ORDER BY ALL LIMIT 20")
        return tuple(dict(zip(columns, map(_shown, row), strict=True)) for row in rows)

    def make(self, asset: Asset, *, tested: bool = False) -> None:
        """The table as the test has it: given, or made from what is given, or empty."""
        key = asset.name.lower()
        if key in self.made:
            return
        self.made.add(key)
        self.engine.execute(f"CREATE SCHEMA IF NOT EXISTS {name(asset.name.partition('.')[0])}")
        if key in self.given and not tested:
            columns = [(column.name, column.type) for column in asset.columns if column.type]
            rows = self.given[key]
            known = {column.lower() for column, _ in columns}
            columns += [
                (c, "VARCHAR")
                for c in dict.fromkeys(c for row in rows for c in row)
                if c.lower() not in known and not asset.bound
            ]
            self.fill(asset.name, columns, rows)
        elif asset.kind != "source" and (tested or self.graph.upstream([key]) & set(self.given)):
            for each in asset.inputs:
                self.make(self.graph[each])
            self.make_from_inputs(asset)
        else:
            self.fill(asset.name, [(column.name, column.type or "VARCHAR") for column in asset.columns], ())

    def make_from_inputs(self, asset: Asset) -> None:
        target = full_name(asset.name)
        if asset.kind == "python":
            self.make_python(asset)
            return
        for each in asset.functions:
            self.engine.execute(self.graph.functions[each].text)
        select, values = body(asset.text), {}
        if asset.build.word == "incremental":
            bounds = {"start": self.test.start or "0001-01-01", "end": self.test.end or "9999-12-31"}
            values = {k: datetime.fromisoformat(v) for k, v in bounds.items()}
            select = within(select, name(asset.build.columns[0]))
        self.engine.execute(f"CREATE TABLE {target} AS\n{select}", values)

    def make_python(self, asset: Asset) -> None:
        from wherry.run.python_table import python_rows

        session = Session.of_tables(self.engine, asset.inputs)
        with python_rows(session, self.engine, asset, self.project.config.folder) as select:
            self.engine.execute(f"CREATE TABLE {full_name(asset.name)} AS {select}")

    def fill(self, table: str, columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> None:
        """A table of these columns with these rows; values are cast from their text."""
        if not columns:
            raise WherryError(
                findings=[
                    Finding(
                        code="unknown-columns",
                        message=f"The columns of `{table}` are not known yet.",
                        hint=f"Give it rows in the test `{self.test.name}`, or run it once.",
                        file=self.test.file,
                        line=self.test.line,
                    )
                ]
            )
        from wherry import duckdb

        by_lower = {column.lower(): index for index, (column, _) in enumerate(columns)}
        definition = ", ".join(f"{name(column)} {kind}" for column, kind in columns)
        self.engine.execute(f"CREATE TABLE {full_name(table)} ({definition})")
        for row in rows:
            values: list[Any] = [None] * len(columns)
            for column, value in row.items():
                if column.lower() not in by_lower:
                    message = f"The test `{self.test.name}` gives `{table}` a column `{column}` that it does not have."
                    finding = Finding(code="unknown-column", message=message, file=self.test.file, line=self.test.line)
                    raise WherryError(findings=[finding])
                values[by_lower[column.lower()]] = value
            casts = ", ".join(f"CAST(? AS {kind})" for _, kind in columns)
            try:
                self.engine.connection.execute(f"INSERT INTO {full_name(table)} VALUES ({casts})", values)
            except duckdb.Error as error:
                message = f"A row of the test `{self.test.name}` does not fit: {str(error).splitlines()[0]}"
                finding = Finding(code="bad-value", message=message, file=self.test.file, line=self.test.line)
                raise ProjectError(findings=[finding]) from error


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
