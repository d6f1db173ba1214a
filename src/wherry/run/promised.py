"""What is wrong with the promises about a project's tables (checks and unit tests), found without any rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from wherry import quoting
from wherry.errors import ProjectError
from wherry.model.asset import Asset, Check
from wherry.model.column_pattern import is_open
from wherry.model.finding import Finding
from wherry.model.graph import Graph, SqlCheck, UnitTest
from wherry.plan.recipe import digest
from wherry.plugins import find_check
from wherry.project.cache import Cache
from wherry.project.nearest import did_you_mean
from wherry.project.short_form import of_column
from wherry.run.check_plan import at
from wherry.run.checking import bad_rows_sql
from wherry.run.paired import pair_findings
from wherry.run.quarantine import trial
from wherry.run.trial import tried
from wherry.run.wide_tables import holds_of_few, of_a_null_row
from wherry.sql.binder import Binder, BindError


def promise_findings(graph: Graph, folder: Path, cache: Cache) -> list[Finding]:
    """A finding for every check that cannot run and every column of a unit test that is not there."""
    work = _Checks(graph, folder, cache)
    try:
        findings = [finding for asset in graph.assets.values() for finding in work.of(asset)]
        findings += [finding for check in graph.checks for finding in work.of_file(check)]
    finally:
        work.close()
    return findings + [finding for test in graph.tests for finding in _test_findings(graph, test)]


#: A condition that reads something may take any time, and is only bound.
_READS = re.compile(r"\b(select|from|table)\b", re.IGNORECASE)


class _Checks:
    """Binds each check to empty tables, those seen before from the cache."""

    def __init__(self, graph: Graph, folder: Path, cache: Cache) -> None:
        self.graph, self.folder, self.cache = graph, folder, cache
        self._binder: Binder | None = None

    def close(self) -> None:
        if self._binder is not None:
            self._binder.close()

    def _ready(self) -> Binder:
        self._binder = self._binder or Binder(self.folder)
        return self._binder

    def of(self, asset: Asset) -> Iterator[Finding]:
        columns = {column.name.lower() for column in asset.columns}
        for check in asset.checks:
            if problems := _needs_findings(self.graph, asset, check):
                yield from problems
                continue
            if is_open(check):
                continue
            pairs = [each for name in check.needs for each in pair_findings(check, asset, self.graph[name])]
            yield from pairs
            if any(each.severity == "error" for each in pairs):
                continue
            if asset.bound and (not check.column or check.column.lower() in columns):
                # One of a column that is not there is told where the column is declared.
                yield from self._bound(asset, check)

    def of_file(self, check: SqlCheck) -> Iterator[Finding]:
        """A file of SQL that returns bad rows."""
        if not check.meaning:
            return  # what is wrong with it is told already
        problem = self._problem(check.text, check.inputs, check.functions)
        if problem:
            place = {"line": problem["line"], "column": problem["column"]}
            yield Finding(
                file=check.file, code=problem["code"], message=problem["message"], hint=problem["hint"], **place
            )

    def _bound(self, asset: Asset, check: Check) -> Iterator[Finding]:
        functions = self.graph.functions_in(f"{check.arguments} {check.where}")
        read = [asset.name, *(name for function in functions for name in self.graph.functions[function].tables)]
        read += check.needs
        try:
            if not functions and holds_of_few(
                asset, check, find_check(check.kind, self.folder), self.cache, self._ready
            ):
                return
            sql = bad_rows_sql(check, asset.name, partial(find_check, folder=self.folder))
        except ProjectError as error:
            yield from (
                replace(each, code="bad-check", file=check.file, line=check.line, column=1) for each in error.findings
            )
            return
        except Exception as error:  # an argument that the kind does not understand, or a kind of the project's own
            why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            yield _finding("bad-check", check.file, check.line, f"The check `{check.text}` cannot run: {why}", "")
            return
        moment = datetime(2000, 1, 1)
        problem = self._problem(at(sql, moment), read, functions)
        kind = find_check(check.kind, self.folder)
        condition = kind.bad_row(check) if hasattr(kind, "bad_row") else ""
        if condition and not problem and asset.bound and not functions and not _READS.search(condition + check.where):
            row = of_a_null_row(check, condition, asset.columns)
            problem = self._problem(at(row, moment), read, functions, run=True)
        if not problem and not functions:
            problem = self._tried(asset, check, kind)
        if problem and check.kind == "condition" and not check.column and of_column(check.arguments["sql"]):
            message, hint = f"`{check.text}` is a check of a column.", "Put it beside its column, under `columns:`."
            yield _finding("bad-check", check.file, check.line, message, hint)
        elif problem:
            message = f"The check `{check.text}` cannot run: {problem['message']}"
            yield _finding("bad-check", check.file, check.line, message, problem["hint"])
        elif check.quarantine:
            split = trial(check, kind, quoting.full_name(asset.name), [column.name for column in asset.columns])
            if self._problem(at(split, moment), read, functions):
                message = f"`{check.kind}` does not tell bad rows from good ones: it takes no `quarantine`."
                yield _finding("bad-check", check.file, check.line, message, "")

    def _problem(
        self, sql: str, read: Sequence[str], functions: Sequence[str], *, run: bool = False
    ) -> Mapping[str, Any]:
        """Why ``sql`` does not bind, or (``run``) run; empty when it does, or when what it reads is not known."""
        if not all(name in self.graph and self.graph[name].bound for name in read):
            return {}
        tables = [self.graph[name] for name in read]
        columns = json.dumps([[table.name.lower(), [(c.name, c.type) for c in table.columns]] for table in tables])
        key = "check:" + digest(sql, columns, *(self.graph.functions[function].meaning for function in functions))
        stored: Mapping[str, Any] | None = self.cache.get(key)
        if stored is None:
            stored = self._bind(sql, tables, functions, run=run)
            self.cache.put(key, stored)
        return stored

    def _tried(self, asset: Asset, check: Check, kind: ModuleType) -> Mapping[str, Any]:
        columns = [(column.name, column.type) for column in asset.columns]
        said = repr((check.kind, check.column, check.columns, sorted(check.arguments.items()), check.where))
        key = "trial:" + digest(said, json.dumps(columns))
        stored: Mapping[str, Any] | None = self.cache.get(key)
        if stored is None:
            message = tried(check, kind, asset.columns, self._ready().row)
            stored = {"message": message, "hint": ""} if message else {}
            self.cache.put(key, stored)
        return stored

    def _bind(self, sql: str, tables: Sequence[Asset], functions: Sequence[str], *, run: bool) -> Mapping[str, Any]:
        binder = self._ready()
        try:
            for table in tables:
                binder.table(table)
            for function in functions:
                binder.function(function, self.graph.functions[function].text)
            binder.columns(sql, describe=not run)
        except BindError as error:
            there = ", ".join(dict.fromkeys(column.name for table in tables for column in table.columns))
            hint = error.hint or (f"There are: {there}." if error.name else "")
            place = {"line": error.line, "column": error.column}
            return {"code": error.code, "message": error.message, "hint": hint, **place}
        return {}


def _needs_findings(graph: Graph, asset: Asset, check: Check) -> list[Finding]:
    """What is wrong with the other tables that a check reads."""
    found = (_need_finding(graph, asset, check, table) for table in check.needs)
    return [finding for finding in found if finding is not None]


def _need_finding(graph: Graph, asset: Asset, check: Check, table: str) -> Finding | None:
    message = hint = ""
    if table not in graph:
        message = f"There is no table `{table}` to refer to."
        hint = did_you_mean(table, [each.name for each in graph.assets.values()], "See `wherry show`.")
        return _finding("bad-check", check.file, check.line, message, hint)
    other = graph[table]
    columns = [each.name for each in other.columns]
    of_other = check.arguments.get("columns", ()) if check.kind == "refers" else ()
    for column in filter(None, (check.arguments.get("column"), *of_other)):
        if not other.bound or column.lower() in map(str.lower, columns):
            continue
        message = f"`{other.name}` has no column `{column}` to refer to."
        hint = did_you_mean(column, columns, f"Its columns are: {', '.join(columns)}.")
        return _finding("bad-check", check.file, check.line, message, hint)
    if path := _waiting(graph, other.name.lower(), asset.name.lower()):
        shown = " → ".join(graph.assets[key].name for key in (asset.name.lower(), *path))
        message = f"The check `{check.text}` would have the tables wait for one another: {shown}."
        hint = f"`{other.name}` cannot be ready before `{asset.name}` is checked: check it on `{other.name}` instead."
        return _finding("cycle", check.file, check.line, message, hint)
    return None


def _waiting(graph: Graph, start: str, goal: str) -> tuple[str, ...]:
    """How ``start`` waits for ``goal``, through inputs and what checks refer to; empty when it does not."""
    if start == goal:
        return ()
    came: dict[str, str] = {start: ""}
    todo = [start]
    for key in todo:
        asset = graph.assets[key]
        referred = [name for check in asset.checks for name in check.needs]
        for name in (each.lower() for each in (*asset.inputs, *referred)):
            if name in graph.assets and name not in came:
                came[name] = key
                todo.append(name)
    path = [goal] if goal in came else []
    while path and path[-1] != start:
        path.append(came[path[-1]])
    return tuple(reversed(path))


def _test_findings(graph: Graph, test: UnitTest) -> Iterator[Finding]:
    given = [(table, row, "gives") for table, rows in test.given.items() for row in rows]
    spoken = {
        (table, str(column), verb): None
        for table, row, verb in (*given, *((test.table, row, "expects") for row in test.expect))
        for column in row
    }
    for table, column, verb in spoken:
        if table not in graph or not graph[table].bound:
            continue
        columns = [each.name for each in graph[table].columns]
        if column.lower() not in map(str.lower, columns):
            message = f"The test `{test.name}` {verb} a column `{column}` that `{table}` does not have."
            hint = did_you_mean(column, columns, f"Its columns are: {', '.join(columns)}.")
            yield _finding("unknown-column", test.file, test.line, message, hint)


def _finding(code: str, file: str, line: int, message: str, hint: str) -> Finding:
    return Finding(code=code, message=message, hint=hint, file=file, line=line, column=1)
