"""Look at a source: what is there, whether it answers, its first rows. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from wherry.engines.duckdb import read_query
from wherry.errors import ProjectError, SourceError, UsageError, WherryError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.plugins import find_source, make_options, of_plugin
from wherry.ports import Found, Names, Query, Reached, Source, TableRequest
from wherry.project.nearest import did_you_mean
from wherry.run.project import Project, ReadySource, filled_in, variables_of
from wherry.run.redact import redacted

if TYPE_CHECKING:
    import pyarrow as pa

    from wherry.project.config import Config


#: Tables up to this many bytes are begun to read for their columns where the system does not tell them, and of all
#: together so many.
READ_FOR_COLUMNS, READ_IN_ALL = 16 << 20, 64 << 20


def tables_of(connector: str, options: Mapping[str, Any], config: Config, table: str = "") -> list[Found]:
    """All tables that a system has, or the one that is called ``table``.

    Raises ``ProjectError`` for wrong options, ``SourceError`` when it does not answer.
    """
    source, made = _made(connector, options, config)
    if table:
        return [cast(Names, source).named(made, table)]
    listing = getattr(source, "tables", None)
    if listing is None:
        raise SourceError(f"The connector `{connector}` cannot list its tables.", hint="Write the source file by hand.")
    with of_plugin(connector, "asked for its tables"):
        return list(listing(made))


def with_columns(connector: str, options: Mapping[str, Any], found: Iterable[Found], config: Config) -> Iterator[Found]:
    """The tables, with the columns of small ones whose system does not tell them."""
    source, made = _made(connector, options, config)
    left = READ_IN_ALL
    for each in found:
        if each.columns or each.size is None or each.size > min(left, READ_FOR_COLUMNS):
            yield each
            continue
        left -= each.size
        said, _ = make_options(source.TableOptions, dict(each.options))
        request = TableRequest(name=each.name, mode="full", options=said)
        batches = iter(source.read(made, request, None))
        try:
            rows = next(batches).rows
            if not isinstance(rows, Query):
                each = replace(each, columns=tuple((one.name, str(one.type)) for one in rows.schema))
            yield each
        except (WherryError, StopIteration):
            yield each  # what is wrong with it, a load will tell
        finally:
            if close := getattr(batches, "close", None):
                close()


def _made(connector: str, options: Mapping[str, Any], config: Config) -> tuple[Source, Any]:
    """The connector, and its options. Raises ``ProjectError`` for wrong ones."""
    source = find_source(connector, config.folder)
    made, problems = make_options(source.Options, dict(options), filled_in(config))
    if problems:
        raise ProjectError(
            findings=[Finding(code="bad-option", message=str(each), hint=each.hint) for each in problems]
        )
    return source, made


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether one table of a source can be read."""

    #: The source file, and the name of the table of the lake.
    source: str
    name: str
    #: What is wrong; empty when it can be read.
    findings: tuple[Finding, ...] = ()
    #: What is there, where its source tells.
    reached: Reached | None = None


def connect(project: Project) -> Iterator[Answer]:
    """For every table of every source: whether the system answers, and gives it to us, and what is there."""
    listed: dict[str, list[str] | WherryError | None] = {}
    for key, ready in project.sources.items():
        asset = project.graph.assets[key]
        table = asset.source
        assert table is not None
        first, reach = getattr(ready.source, "first", None), getattr(ready.source, "reach", None)
        if table.source not in listed:
            # What a web API says of itself is not all that it has: it is asked for a row of each table instead.
            listed[table.source] = _listed(ready, table.connector) if first is None and reach is None else None
        found = listed[table.source]
        findings: Sequence[Finding] = ()
        reached: Reached | None = None
        if isinstance(found, WherryError):
            findings = found.findings
        else:
            expect = getattr(ready.source, "expect", None)
            try:
                with of_plugin(table.connector, f"asked for `{table.table}`"):
                    if reach is not None:
                        reached = reach(ready.options, ready.request)
                    elif expect is not None:
                        expect(ready.options, ready.request)
                    elif first is None:
                        ready.source.changed(ready.options, ready.request, None)
                    else:
                        first(ready.options, ready.request, 1)
            except WherryError as error:
                findings = error.findings
            if not findings and expect is None and found is not None and _absent(ready, found):
                message = f"`{table.source}` has no table `{table.table}`, or does not let us read it."
                hint = did_you_mean(table.table, found, f"It has: {', '.join(found[:10]) or 'none'}.")
                findings = [Finding(code="no-table", message=message, hint=hint)]
        variables = variables_of(asset)
        placed = tuple(
            redacted(replace(each, file=asset.file, line=asset.line, column=1), variables, project.config)
            for each in findings
        )
        yield Answer(source=table.source, name=asset.name, findings=placed, reached=reached)


def _listed(ready: ReadySource, connector: str) -> list[str] | WherryError | None:
    listing = getattr(ready.source, "tables", None)
    if listing is None:
        return None
    try:
        with of_plugin(connector, "asked for its tables"):
            return [found.name for found in listing(ready.options)]
    except WherryError as error:
        # A place that cannot say what it has (a web server) may have every table all the same: each is asked for.
        return None if any(finding.code == "no-listing" for finding in error.findings) else error


def _absent(ready: ReadySource, found: Sequence[str]) -> bool:
    """Whether a table is not among those that were found. One that is a query or a pattern says so itself."""
    name = ready.request.name
    if getattr(ready.request.options, "query", "") or any(sign in name for sign in "*?[") or "/" in name:
        return False
    known = {each.lower() for each in found}
    return bool(known) and name.lower() not in known and not any(each.endswith("." + name.lower()) for each in known)


def preview(project: Project, source: str, table: str, limit: int) -> pa.Table:
    """The first rows that a load of a source's table would bring.

    Raises ``UsageError`` for a source that is not there.
    """
    import pyarrow as pa

    ready = _ready(project, source, table)
    if first := getattr(ready.source, "first", None):
        return first(ready.options, ready.request, limit)
    batches = iter(ready.source.read(ready.options, ready.request, None))
    try:
        for batch in batches:
            if isinstance(batch.rows, Query):
                return read_query(batch.rows, limit)
            if isinstance(batch.rows, pa.Table):
                return batch.rows.slice(0, limit)
            pieces, count = [], 0
            for piece in batch.rows:
                pieces.append(piece.slice(0, limit - count))
                count += pieces[-1].num_rows
                if count >= limit:
                    break
            return pa.Table.from_batches(pieces, schema=batch.rows.schema)
    finally:
        if close := getattr(batches, "close", None):
            close()
    return pa.table({})


def lake_types(rows: pa.Table) -> dict[str, str]:
    """The types that the lake's columns for these rows have, by column."""
    from wherry import duckdb
    from wherry.lake.types import storable

    with duckdb.connect() as connection:
        found = connection.from_arrow(rows)
        return {column: storable(str(kind)) for column, kind in zip(found.columns, found.types, strict=True)}


def _ready(project: Project, source: str, table: str) -> ReadySource:
    """The source with a request for the table, named in its file or not."""
    same = None
    for key, ready in project.sources.items():
        asset = project.graph.assets[key]
        assert asset.source is not None
        if asset.source.source == source or asset.name.lower() == source.lower():
            same = ready
            if asset.source.table == table or asset.name.lower() in (table.lower(), source.lower()):
                return ready
    if same is None:
        names = sorted({asset.source.source for asset in project.graph.assets.values() if asset.source is not None})
        raise UsageError(
            f"There is no source `{source}`.", hint=did_you_mean(source, names, f"Known: {', '.join(names)}.")
        )
    options, _ = make_options(same.source.TableOptions, {})
    return replace(same, request=TableRequest(name=table, mode="full", options=options))
