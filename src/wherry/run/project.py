"""A project made ready: its graph with types, its sources with their options, everything wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.errors import ProjectError, WherryError
from wherry.model.asset import OF_PROMISES, Asset, SourceTable
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import FUNCTIONS, Graph, Unread
from wherry.plugins import OptionProblem, find_source, make_options, of_plugin
from wherry.ports import Source, TableRequest
from wherry.project.cache import Cache, digest
from wherry.project.config import Config, expand, find_folder, read_config, unset, variables_in
from wherry.project.reader import read_project
from wherry.project.source_files import SOURCE_KEYS, TABLE_KEYS
from wherry.run.agreed import translated, with_agreements
from wherry.run.held import held_back, made_here, of_cycles, with_lines, with_those_behind
from wherry.run.layout import layout_findings
from wherry.run.redact import redacted
from wherry.run.refusals import FOLDERS, with_refusals, with_spread_checks, without_lost_columns
from wherry.run.written_out import configured, line_of, passwords, written_out
from wherry.sql.bind import bind

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.pointer import Pointer

#: What is wrong here concerns no table, or those that speak of it: they are held back, or a check of them fails.
BESIDE = (*FOLDERS, FUNCTIONS, "tests/")


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

    @property
    def fault(self) -> int:
        """The exit code of its errors: 2, or 1 where nothing is wrong but sources that do not answer; 0 for none."""
        silent = {each.finding for each in self.graph.unread if each.fault == 1}
        return max((1 if each in silent else 2 for each in self.errors), default=0)

    def expect_buildable(self) -> None:
        """Raises ``ProjectError`` with every finding when one is an error that nothing stands for: no check that fails,
        no table that is held back, no file that may make any."""
        held = {each.finding for each in self.graph.unread}
        held.update(each for asset in self.graph.assets.values() for each in asset.held)
        others = (each for each in self.errors if each.code not in OF_PROMISES and each not in held)
        if any(not each.file.startswith(BESIDE) for each in others):
            raise ProjectError(findings=self.graph.findings)


def open_config(folder: Path | None, env: str) -> Config:
    """The configuration of the project at ``folder``, or at or above the current one."""
    return read_config(find_folder((folder or Path.cwd()).resolve()), env)


def open_lake(config: Config) -> Lake:
    """The project's lake; made when it is not there."""
    from wherry.lake.lake import Lake

    lake = Lake.open(config.database_address, config.lake_root, config.variables, project=config.name)
    lake.storage.lends = config.lend_credentials
    return lake


def open_project(config: Config, lake: Lake | None, branch: str = "main", *, online: bool = False) -> Project:
    """Read, resolve and type everything; a lake, when there is one, tells the columns of what was loaded before.

    ``online`` asks the project's secret stores for what the environment lacks; without it those stay as written.
    """
    cache = Cache(config.scratch / "cache" / "project.json")
    unlisted: dict[str, Unread] = {}
    if online:
        from wherry.run.listing import list_tables

        unlisted = list_tables(config)
    graph = read_project(
        config, cache, translated, unlisted=unlisted, published=lambda: _published(lake, branch) if lake else ()
    )
    lacking: dict[str, Finding] = {}
    if online and config.secrets:
        from wherry.run.secrets import with_secrets

        config, lacking = with_secrets(config, variables_in([_written(asset) for asset in graph.assets.values()]))
    sources, wrong = _sources(graph, config, lacking)
    graph = _with_said_elsewhere(graph, sources, wrong)
    pointers = lake.pointers(branch) if lake is not None and _needs_lake(graph) else {}
    known = dict(_known_columns(graph, sources, lake, pointers, cache, wrong))
    shown = {finding: redacted(finding, _variables_of(graph, finding.file), config) for _, finding in wrong}
    findings = list(shown.values())
    if wrong:
        graph = held_back(graph, ((key, shown[finding]) for key, finding in wrong))
    from wherry.lake.types import storable

    bound = bind(graph, folder=config.folder, known=known, storable=storable, memory=cache)
    graph = with_spread_checks(with_agreements(without_lost_columns(graph, bound), config.folder, cache))
    graph = _with_read_tables(graph, cache)
    promised, layouts = _promised(graph, config.folder, cache), list(layout_findings(graph))
    cache.save()
    graph = held_back(graph, [*layouts, *of_cycles(graph, promised)])
    findings = [*graph.findings, *findings, *promised, *(finding for _, finding in layouts)]
    texts = _texts(config.folder, findings)
    graph = with_lines(replace(graph, findings=tuple(dict.fromkeys(findings))), texts)
    graph = with_refusals(graph, texts)
    return Project(config=config, graph=graph, sources=sources)


def _published(lake: Lake, branch: str) -> list[str]:
    """Names of the tables that runs made, and that are there."""
    return [pointer.full_name for pointer in lake.pointers(branch).values() if made_here(pointer)]


def _with_said_elsewhere(graph: Graph, sources: Mapping[str, ReadySource], wrong: list[tuple[str, Finding]]) -> Graph:
    """What files beside those of sources say of tables is part of these tables' meaning."""
    assets = dict(graph.assets)
    for key, ready in sources.items():
        tell = getattr(ready.source, "said_elsewhere", None)
        if tell is None:
            continue
        asset = assets[key]
        try:
            with _of_its_plugin(asset):
                said = tell(ready.options, ready.request)
        except WherryError as error:
            wrong.extend((key, finding) for finding in error.at(asset.file, asset.line, 1).findings)
            continue
        if said:
            assets[key] = replace(asset, meaning=digest(asset.meaning, said))
    return replace(graph, assets=assets)


def _of_its_plugin(asset: Asset) -> AbstractContextManager[None]:
    """For what is asked of a table's connector."""
    assert asset.source is not None
    return of_plugin(asset.source.connector, f"told of `{asset.source.table}`")


def _with_read_tables(graph: Graph, cache: Cache) -> Graph:
    """What reads the SQL of checks is loaded where one has a SELECT in it."""
    said = (f"{c.arguments} {c.where}".lower() for asset in graph.assets.values() for c in asset.checks)
    through = any(function.tables for function in graph.functions.values())
    if not through and not any(word in each for each in said for word in ("select", "from", "table ")):
        return graph
    from wherry.run.read_tables import with_read_tables

    return with_read_tables(graph, cache)


def _promised(graph: Graph, folder: Path, cache: Cache) -> list[Finding]:
    """What is wrong with checks and tests; nothing of theirs is loaded where there are none."""
    if not (graph.checks or graph.tests or any(asset.checks for asset in graph.assets.values())):
        return []
    from wherry.run.promised import promise_findings

    return promise_findings(graph, folder, cache)


def _texts(folder: Path, findings: Sequence[Finding]) -> dict[str, str]:
    """The text of each file that something is wrong with."""
    texts = {}
    for file in {finding.file for finding in findings if finding.file}:
        with suppress(OSError):
            texts[file] = (folder / file).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return texts


def _written(asset: Asset) -> list[Mapping[str, Any]]:
    """What the source file says of an asset, ``${VARIABLES}`` as written."""
    return [asset.source.options, asset.source.table_options] if asset.source is not None else []


def _needs_lake(graph: Graph) -> bool:
    return any(asset.kind != "sql" for asset in graph.assets.values())


def _sources(
    graph: Graph, config: Config, lacking: Mapping[str, Finding]
) -> tuple[dict[str, ReadySource], list[tuple[str, Finding]]]:
    """The tables of sources that can be read, and what is wrong with others; ``lacking`` are secrets that no store
    gives."""
    ready: dict[str, ReadySource] = {}
    wrong: list[tuple[str, Finding]] = []
    for key, asset in graph.assets.items():
        table = asset.source
        if table is None or not table.connector:
            continue
        findings: list[Finding] = []
        names = unset(variables_in(_written(asset)), config)
        findings += [lacking[name] for name in sorted(names) if name in lacking]
        try:
            with _of_its_plugin(asset):
                source = find_source(table.connector, config.folder)
                options, problems = make_options(
                    source.Options, _expanded(table.options, config), filled_in(config), SOURCE_KEYS
                )
                incomplete = bool(names) and (not config.secrets or bool(findings))
                if incomplete:
                    # Told already, with its line; what is wrong beside it is told too.
                    problems = [each for each in problems if not variables_in(table.options.get(each.option))]
                for problem in _elsewhere(problems, source.TableOptions, "of a table, under `tables:`"):
                    findings.append(_bad_option(problem, asset.file, line_of(table.option_lines, problem.option, 1)))
                findings += written_out(source, table, asset.file)
                findings += passwords(table, asset.file)
                findings += _unused(source, table, asset)
                findings += configured(table, asset.file)
                table_options, others = make_options(
                    source.TableOptions, _expanded(table.table_options, config), beside=TABLE_KEYS
                )
                for problem in _elsewhere(others, source.Options, "of the whole file, beside `connector:`"):
                    line = line_of(table.option_lines, f"table.{problem.option}", asset.line)
                    findings.append(_bad_option(problem, asset.file, line))
                if not problems and not others and not incomplete:
                    request = TableRequest(
                        name=table.table,
                        mode=table.mode,
                        cursor_column=table.cursor,
                        key=table.key,
                        columns=table.only,
                        types={column.name: column.type for column in asset.columns if column.type},
                        options=table_options,
                    )
                    ready[key] = ReadySource(source=source, options=options, request=request)
        except WherryError as error:
            findings.extend(error.at(asset.file, table.option_lines.get("connector", asset.line), 1).findings)
        wrong += [(key, finding) for finding in findings]
    wrong += with_those_behind(graph, wrong)
    return {key: _among(key, ready, graph) for key in ready}, wrong


def _unused(source: Source, table: SourceTable, asset: Asset) -> Iterator[Finding]:
    """A warning for what is said of a table that its connector makes nothing of."""
    for option, why in getattr(source, "unused", {}).items():
        if getattr(table, option):
            yield Finding(
                code="unused-option",
                message=f"`{option}:` changes nothing for `{asset.name}`: {why}.",
                hint=f"Leave `{option}:` out.",
                file=asset.file,
                line=asset.line,
                column=1,
                severity="warning",
            )


def _elsewhere(problems: Sequence[OptionProblem], kind: type, where: str) -> Iterator[OptionProblem]:
    """The problems, with a hint for an option that ``kind`` has: it is said ``where``."""
    there = getattr(kind, "__dataclass_fields__", {})
    for each in problems:
        if each.unknown and each.option in there and each.option not in _FILLED_IN:
            yield OptionProblem(each.option, str(each), f"`{each.option}` is said {where}.")
        else:
            yield each


def _bad_option(problem: OptionProblem, file: str, line: int) -> Finding:
    return Finding(code="bad-option", message=str(problem), hint=problem.hint, file=file, line=line, column=1)


def _among(key: str, ready: Mapping[str, ReadySource], graph: Graph) -> ReadySource:
    """A source's table that knows the other tables of its file, where its connector asks for them (``siblings``)."""
    one = ready[key]
    if "siblings" not in getattr(type(one.options), "__dataclass_fields__", {}):
        return one
    file = graph.assets[key].file
    requests = [each.request for other, each in ready.items() if graph.assets[other].file == file]
    return replace(one, options=replace(one.options, siblings={each.name: each for each in requests}))


def variables_of(asset: Asset) -> set[str]:
    """Names of the variables that the source file of an asset uses."""
    return variables_in(_written(asset))


def _variables_of(graph: Graph, file: str) -> set[str]:
    return set().union(*(variables_of(asset) for asset in graph.assets.values() if asset.file == file))


def _expanded(given: Mapping[str, Any], config: Config) -> dict[str, Any]:
    lacking = {name: f"${{{name}}}" for name in unset(variables_in(given), config)}
    return dict(expand(given, config.variables.with_more(lacking) if lacking else config.variables))


#: The names of these fields.
_FILLED_IN = ("project", "project_variables", "siblings")


def filled_in(config: Config) -> dict[str, Any]:
    """What a source is told of the project where its options have fields of these names."""
    return dict(zip(_FILLED_IN, (str(config.folder), config.variables, {}), strict=True))


def _known_columns(
    graph: Graph,
    sources: Mapping[str, ReadySource],
    lake: Lake | None,
    pointers: Mapping[str, Pointer],
    cache: Cache,
    wrong: list[tuple[str, Finding]],
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
        elif key in sources and (told := _told(sources[key], key, asset, wrong)) is not None:
            yield key, told


def _told(ready: ReadySource, key: str, asset: Asset, wrong: list[tuple[str, Finding]]) -> list[tuple[str, str]] | None:
    try:
        with _of_its_plugin(asset):
            columns = ready.source.columns(ready.options, ready.request)
    except ProjectError as error:
        wrong.extend((key, finding) for finding in error.at(asset.file, asset.line, 1).findings)
        return None
    except WherryError:
        return None  # a file that is not there now is the run's to tell
    return None if columns is None else list(columns.items())
