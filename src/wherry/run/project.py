"""A project made ready: its graph with types, its sources with their options, everything wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import ProjectError, WherryError
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.plan.recipe import checks_hash, digest
from wherry.plugins import find_source, make_options
from wherry.ports import Source, TableRequest
from wherry.project.cache import Cache
from wherry.project.config import Config, expand, find_folder, read_config, variables_in
from wherry.project.reader import read_project, with_source_lines
from wherry.sql.bind import Binder, BindError, bind

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.pointer import Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadySource:
    """A source's table with its plugin and typed options."""

    source: Source
    options: Any
    request: TableRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder, understood."""

    config: Config
    graph: Graph
    #: By lower-case asset name.
    sources: Mapping[str, ReadySource]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.graph.findings if finding.severity == "error")

    def expect_sound(self) -> None:
        """Raises ``ProjectError`` with every finding when one is an error."""
        if self.errors:
            raise ProjectError(findings=self.graph.findings)


def open_config(folder: Path | None, env: str) -> Config:
    """The configuration of the project at ``folder``, or at or above the current one."""
    return read_config(find_folder((folder or Path.cwd()).resolve()), env)


def open_lake(config: Config) -> Lake:
    """The project's lake; made when it is not there."""
    from wherry.lake.lake import Lake

    return Lake.open(str(config.database_path), config.lake_path)


def open_project(config: Config, lake: Lake | None, branch: str = "main") -> Project:
    """Read, resolve and type everything; a lake, when there is one, tells the columns of what was loaded before."""
    cache = Cache(config.scratch / "cache" / "project.json")
    graph = read_project(config, cache)
    sources, findings = _sources(graph, config)
    pointers = lake.pointers(branch) if lake is not None and _needs_lake(graph) else {}
    known = dict(_known_columns(graph, sources, lake, pointers, cache))
    from wherry.lake.types import storable

    graph = bind(graph, folder=config.folder, known=known, storable=storable, memory=cache)
    findings += _check_findings(graph, config.folder, cache)
    cache.save()
    texts = {asset.file: asset.text for asset in graph.assets.values() if asset.text}
    graph = replace(graph, findings=with_source_lines((*graph.findings, *findings), texts))
    return Project(config=config, graph=graph, sources=sources)


def _needs_lake(graph: Graph) -> bool:
    return any(asset.kind != "sql" for asset in graph.assets.values())


def _sources(graph: Graph, config: Config) -> tuple[dict[str, ReadySource], list[Finding]]:
    ready: dict[str, ReadySource] = {}
    findings: list[Finding] = []
    for key, asset in graph.assets.items():
        table = asset.source
        if table is None or not table.connector:
            continue
        try:
            source = find_source(table.connector, config.folder)
            if variables_in([table.options, table.table_options]) - set(config.variables):
                continue  # told already, with its line
            options, problems = make_options(source.Options, _given(source, table.options, config))
            for problem in problems:
                line = table.option_lines.get(problem.option, 1)
                findings.append(
                    Finding(
                        code="bad-option", message=str(problem), hint=problem.hint, file=asset.file, line=line, column=1
                    )
                )
            table_options, wrong = make_options(source.TableOptions, _expanded(table.table_options, config))
            for problem in wrong:
                line = table.option_lines.get(f"table.{problem.option}", asset.line)
                findings.append(
                    Finding(
                        code="bad-option", message=str(problem), hint=problem.hint, file=asset.file, line=line, column=1
                    )
                )
            if not problems and not wrong:
                request = TableRequest(
                    name=table.table, mode=table.mode, cursor_column=table.cursor, key=table.key, options=table_options
                )
                ready[key] = ReadySource(source=source, options=options, request=request)
        except WherryError as error:
            findings.extend(error.at(asset.file, asset.line, 1).findings)
    return ready, list(dict.fromkeys(findings))


def _expanded(given: Mapping[str, Any], config: Config) -> dict[str, Any]:
    return dict(expand(given, config.variables))


def _given(source: Source, written: Mapping[str, Any], config: Config) -> dict[str, Any]:
    given = _expanded(written, config)
    if "project" in getattr(source.Options, "__dataclass_fields__", {}):
        given["project"] = str(config.folder)
    return given


def _known_columns(
    graph: Graph,
    sources: Mapping[str, ReadySource],
    lake: Lake | None,
    pointers: Mapping[str, Pointer],
    cache: Cache,
) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """Columns of sources and Python tables: what the lake has, if it was made from what the file says now; else what
    the source can tell without reading, or what is declared in full."""
    for key, asset in graph.assets.items():
        if asset.kind == "sql":
            continue
        pointer = pointers.get(key)
        if (
            pointer is not None
            and lake is not None
            and pointer.kind == "table"
            and pointer.state.get("meaning") == asset.meaning
        ):
            stored = cache.get(f"lake:{pointer.location}")
            if stored is None:
                stored = [list(column) for column in lake.columns(pointer)]
                cache.put(f"lake:{pointer.location}", stored)
            yield key, [(str(column), str(kind)) for column, kind in stored]
        elif asset.columns and all(column.type for column in asset.columns) and asset.kind == "python":
            yield key, [(column.name, column.type) for column in asset.columns]
        elif key in sources and (told := _told(sources[key])) is not None:
            yield key, told


def _told(ready: ReadySource) -> list[tuple[str, str]] | None:
    try:
        columns = ready.source.columns(ready.options, ready.request)
    except WherryError:
        return None  # a file that is not there now is the run's to tell
    return None if columns is None else list(columns.items())


def _check_findings(graph: Graph, folder: Path, cache: Cache) -> list[Finding]:
    """What is wrong with checks, found by binding each to empty tables."""
    findings: list[Finding] = []
    binder: Binder | None = None
    for asset in graph.assets.values():
        for check in asset.checks:
            if check.kind == "refers" and (problem := _refers_finding(graph, asset, check)):
                findings.append(problem)
        checks = [c for c in asset.checks if c.kind != "refers" or _bound(graph, c.arguments["table"])]
        if not checks or not asset.bound:
            continue
        key = "checks:" + digest(checks_hash(checks), json.dumps([(c.name, c.type) for c in asset.columns]))
        stored = cache.get(key)
        if stored is None:
            binder = binder or Binder(folder)
            stored = _bind_checks(binder, graph, asset, checks)
            cache.put(key, stored)
        for index, message, hint in stored:
            check = checks[index]
            findings.append(
                Finding(code="bad-check", message=message, hint=hint, file=check.file, line=check.line, column=1)
            )
    if binder is not None:
        binder.close()
    return findings


def _bound(graph: Graph, table: str) -> bool:
    return table in graph and graph[table].bound


def _refers_finding(graph: Graph, asset: Asset, check: Any) -> Finding | None:
    table, column = check.arguments["table"], check.arguments["column"]
    message = ""
    if table not in graph:
        message = f"There is no table `{table}` to refer to."
    elif graph[table].bound and column.lower() not in {c.name.lower() for c in graph[table].columns}:
        message = f"`{table}` has no column `{column}` to refer to."
    elif graph[table].name.lower() in graph.downstream([asset.name.lower()]) and graph[table].name != asset.name:
        message = f"`{table}` is made from `{asset.name}`, which cannot wait for it: check it on `{table}` instead."
    if not message:
        return None
    return Finding(code="bad-check", message=message, file=check.file, line=check.line, column=1)


def _bind_checks(binder: Binder, graph: Graph, asset: Asset, checks: Sequence[Any]) -> list[tuple[int, str, str]]:
    from wherry.run.checking import bad_rows_sql

    binder.table(asset)
    wrong = []
    for index, check in enumerate(checks):
        if check.kind == "refers":
            binder.table(graph[check.arguments["table"]])
        try:
            for function in graph.functions_in(f"{check.arguments} {check.where}"):
                for table in graph.functions[function].tables:
                    binder.table(graph[table])
                binder.function(function, graph.functions[function].text)
            binder.columns(bad_rows_sql(check, asset.name))
        except BindError as error:
            wrong.append((index, f"The check `{check.text}` cannot run: {error.message}", error.hint))
    return wrong
