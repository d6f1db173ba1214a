"""The checks of one table of a run: what is known beforehand, the verdicts, the rows that broke them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.lake import types
from wherry.lake.changes import Identity, change_since, identity
from wherry.lake.iceberg import current_schema
from wherry.lake.ranges import Ranges
from wherry.lake.statistics import File, facts, files
from wherry.model.asset import Asset, Check
from wherry.model.column_pattern import is_open, spread
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import Function, Graph
from wherry.model.plan import Built
from wherry.model.run import CheckResult
from wherry.plan.recipe import digest
from wherry.plugins import find_check
from wherry.quoting import full_name
from wherry.run import check_state
from wherry.run.again import Again
from wherry.run.bad_rows import bad_rows
from wherry.run.check_kept import Kept
from wherry.run.check_plan import Item, at, bad_rows_sql, has_before
from wherry.run.check_subject import Find, Subject
from wherry.run.checking import check_table
from wherry.run.key_hashes import KeyHashes
from wherry.run.quarantine import expect_tables, in_turn, split
from wherry.run.refusals import without_columns
from wherry.run.session import Session

#: From so many rows on the lake's metadata is asked first, and what the checks found is kept for the next time.
WORTH = 20_000
#: Rows that came, from which on a file of theirs shows how columns are stored; it is the smaller one to ask.
_TELLING = 20_000
#: Names of DuckDB's that say where a row of a table lies; a column of such a name hides them.
_PLACES = frozenset(("filename", "file_row_number"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A table to check and everything that says how."""

    session: Session
    graph: Graph
    asset: Asset
    find: Find
    now: datetime
    #: What is built of each table, by lower-case name.
    built: Mapping[str, Built]
    #: The branch that the run publishes to.
    onto: str = ""
    #: Reads the files once more that the table was loaded from; None where it comes from no files.
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """The verdicts on a table."""

    results: tuple[CheckResult, ...] = ()
    #: What they are about, in the same order: those for a pattern of columns are told apart.
    checks: tuple[Check, ...] = ()
    #: Place of a result -> rows that broke its check, as JSON knows them.
    rows: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    #: What to remember beside the pointer; None: nothing.
    kept: Mapping[str, Any] | None = None
    #: What is wrong with its promises that was not known before it was made.
    findings: tuple[Finding, ...] = ()


def finder(folder: Any) -> Find:
    """Finds kinds of checks: built in, and those of the project at ``folder``."""
    return partial(find_check, folder=folder)


def make_ready(session: Session, graph: Graph, checks: Sequence[Check]) -> None:
    """Make readable what the checks read beside their table: others that they name, functions and what those read."""
    session.show([name for check in checks for name in check.needs if name.lower() in session.pointers])
    for check in checks:
        for function in _functions(graph, check):
            session.show(function.tables)
            session.define(function.text)


def _functions(graph: Graph, check: Check) -> list[Function]:
    """The project's functions that a check may call."""
    if not graph.functions:
        return []
    return [graph.functions[name] for name in graph.functions_in(f"{check.arguments} {check.where}")]


def inspect(work: Inspection, cursor: DuckDB, checks: Sequence[Check]) -> Inspected:
    """Check the table as it is on the run's branch.

    Rows that a check with ``quarantine`` finds bad are split off first; the other checks are held against the rest.
    """
    if not checks:
        return Inspected()
    make_ready(work.session, work.graph, checks)
    checks, findings = _of_columns(work, cursor, checks)
    rows: dict[int, Sequence[Mapping[str, Any]]] = {}
    went: dict[int, CheckResult] = {}
    apart = [(index, check) for index, check in enumerate(checks) if check.quarantine]
    if apart:
        expect_tables(work.session, work.asset, [check for _, check in apart])
    for some in in_turn(apart):
        found = _verdicts(work, cursor, [check for _, check in some]).results if some else ()
        bad = [(index, check, told) for (index, check), told in zip(some, found, strict=True) if _to_split(check, told)]
        rows |= {index: _rows(work, cursor, check) for index, check, _ in bad}
        broken = [check for _, check, _ in bad]
        counts = split(work.session, cursor, work.asset, broken, work.find, work.now, work.again)
        went |= {index: replace(told, quarantined=n) for (index, _, told), n in zip(bad, counts, strict=True)}
        if bad:
            make_ready(work.session, work.graph, checks)
    verdicts = _verdicts(work, cursor, checks, whole=True)
    results = []
    for index, (check, result) in enumerate(zip(checks, verdicts.results, strict=True)):
        if index in went and result.state == "passed":
            result = replace(went[index], state="warned", why="")
        elif result.error and (lacks := [n for n in check.needs if n.lower() not in work.session.pointers]):
            result = replace(result, error=f"`{lacks[0]}`, which it reads, is not there yet.")
        elif result.state != "passed" and not result.error:
            rows[index] = _rows(work, cursor, check)
        results.append(result)
    return replace(verdicts, results=tuple(results), checks=tuple(checks), rows=rows, findings=findings)


def _of_columns(
    work: Inspection, cursor: DuckDB, checks: Sequence[Check]
) -> tuple[Sequence[Check], tuple[Finding, ...]]:
    """The checks with those of patterns for the columns that the table has, and what is told of patterns for none."""
    if not any(check.matching for check in checks):
        return checks, ()
    work.session.show([work.asset.name])
    have = [column for column, _ in cursor.schema(f"FROM {full_name(work.asset.name)}")]
    found = spread(checks, have)
    # Where the columns were known beforehand it was told then.
    told = () if work.asset.bound else tuple(without_columns(work.asset, found, have))
    return [check for check in found if not is_open(check)], told


def _to_split(check: Check, result: CheckResult) -> bool:
    """Whether there are bad rows, and no more than its author tolerates: beyond, it is for a person to look at."""
    if not result.failing or result.error:
        return False
    if check.levels:
        return result.state != "failed"
    return result.state == "passed" or (check.mostly >= 1 and check.most is None)


def _rows(work: Inspection, cursor: DuckDB, check: Check) -> list[dict[str, Any]]:
    work.session.show([work.asset.name])
    sql = bad_rows_sql(check, work.find(check.kind), full_name(work.asset.name))
    return bad_rows(cursor, at(sql, work.now))


def _verdicts(work: Inspection, cursor: DuckDB, checks: Sequence[Check], *, whole: bool = False) -> Inspected:
    """The verdicts of ``checks``; where they are all (``whole``) that are asked, what to keep of them too."""
    subject = _subject(work, cursor, checks)
    checked = check_table(cursor, checks, subject)
    kept = None
    if subject.identify is not None and whole and (where := _identity(work)) is not None:
        kept = checked.keep(where).to_json()
    return Inspected(results=checked.results, kept=kept)


def _subject(work: Inspection, cursor: DuckDB, checks: Sequence[Check]) -> Subject:
    session, asset = work.session, work.asset
    plain = Subject(
        name=asset.name,
        relation=full_name(asset.name),
        find=work.find,
        now=work.now,
        before=_before(work, checks),
        rows=session.row_count(asset.name),
    )
    pointer = session.pointers.get(asset.name.lower())
    if pointer is None or pointer.location is None or (pointer.rows or 0) < WORTH or session.small([asset.name]):
        session.show([asset.name])
        return plain
    session.attach()
    table = f"lake.{full_name(asset.name)}"
    storage = session.lake.storage
    metadata = storage.read(pointer.location)
    listed = files(storage, metadata)
    # A slice often tells all there is to tell, and is looked at in what opening the table takes.
    nested = any(not isinstance(each["type"], str) for each in current_schema(metadata)["fields"])
    columns = cursor.schema(f"FROM {table}") if nested else types.columns(metadata)
    subject = replace(plain, lake=table, show=session.later(asset.name), columns=columns)
    if listed:
        ranges = Ranges.of(metadata, listed)
        subject = replace(subject, facts=facts(metadata, listed), ranges=ranges, file=_largest(listed))
    hidden = _PLACES & {column.lower() for column, _ in subject.columns}
    if not _gathers(asset) or hidden:
        return subject
    built = work.built[asset.name.lower()]
    kept = Kept.from_json(built.kept)
    change = change_since(storage, metadata, kept.of, listed) if kept is not None else None
    if change is not None and change.rows_added >= _TELLING:
        subject = replace(subject, file=_largest([each for each in listed or () if each.path in change.added]))
    return replace(
        subject,
        identify=partial(_identity_of, work),
        hashes=KeyHashes(folder=session.engine.scratch / "keys"),
        kept=kept,
        change=change,
    )


def _largest(listed: Sequence[File]) -> str:
    """The path of the data file with the most rows; empty for none."""
    largest = max(listed, key=lambda each: (not each.content, each.rows), default=None)
    return largest.path if largest is not None else ""


def _gathers(asset: Asset) -> bool:
    """Whether rows of earlier builds stay in the table."""
    if asset.source is not None:
        return asset.source.mode != "full"
    return asset.build.word in ("append", "incremental", "merge", "history")


def _identity(work: Inspection) -> Identity | None:
    pointer = work.session.pointers.get(work.asset.name.lower())
    if pointer is None or pointer.location is None:
        return None
    return identity(work.session.lake.storage.read(pointer.location))


def _identity_of(work: Inspection, item: Item) -> str:
    """The identity of a check for what is kept of it; empty when it reads what may change unseen."""
    check = item.check
    functions = _functions(work.graph, check)
    versions = {name.lower(): _version(work, name.lower()) for name in check.needs}
    if any(function.tables for function in functions) or not all(versions.values()):
        return ""
    return check_state.identity(item, [function.text for function in functions], versions)


def _version(work: Inspection, table: str) -> str:
    """What says which rows a table (lower case) has; empty where nothing does, as of a view that reads the clock.

    That of a view is made of those of what it reads, which may have been built since.
    """
    built, pointer = work.built.get(table), work.session.pointers.get(table)
    if built is None or pointer is None:
        return ""
    if pointer.kind != "view":
        return built.version
    written = [pointer.sql, *pointer.state.get("functions", ())]
    inputs = [_version(work, name.lower()) for name in pointer.state.get("inputs", ())]
    return "" if any(map(check_state.changes, written)) or not all(inputs) else digest(*written, *inputs)


def _before(work: Inspection, checks: Sequence[Check]) -> str | None:
    """The published version of the table as a relation, where a check compares with it; None when there is none."""
    if not work.onto or not any(has_before(kind) for kind in _kinds(work, checks)):
        return None
    pointer = work.session.lake.pointer(work.onto, work.asset.name)
    if pointer is None or pointer.kind != "table":
        return None
    return f"{work.session.attach_other(work.onto)}.{full_name(pointer.full_name)}"


def _kinds(work: Inspection, checks: Sequence[Check]) -> list[Any]:
    from wherry.errors import WherryError

    found = []
    for check in checks:
        try:
            found.append(work.find(check.kind))
        except WherryError:
            continue  # its own verdict says so
    return found
