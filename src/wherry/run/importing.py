"""Take tables of another system into the lake: all that are asked for in one commit, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import LakeError, UsageError
from wherry.lake.exchange.foreign import Foreign, Offer, at, schema_of
from wherry.lake.names import split
from wherry.lake.pointer import Put
from wherry.lake.types import select_storable
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.model.plan import Built
from wherry.quoting import full_name, name
from wherry.run.lock import run_lock
from wherry.run.record import new_version, to_state

if TYPE_CHECKING:
    from wherry import duckdb
    from wherry.lake.commit import Commit
    from wherry.lake.lake import Lake
    from wherry.project.config import Config

#: Module of ``wherry.lake.exchange`` by the word that people write.
FORMATS = {"iceberg": "iceberg_table", "delta": "delta", "hudi": "hudi", "ducklake": "ducklake", "parquet": "parquet"}
#: Begins the name of the branch that an import works on.
IMPORT = "import/"
#: The meaning of every table that was imported: it is what it is.
MEANING = "lake"
_ALIAS = "lake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be imported, and how."""

    path: str
    #: One of ``FORMATS``; empty: found by looking.
    format: str = ""
    #: Its name in the lake, for a single table; empty: the name it has there.
    name: str = ""
    #: Names of tables, where there are several; empty: all.
    only: Collection[str] = ()
    branch: str = "main"
    #: Copy the rows even where the files could be taken in place.
    copy: bool = False
    #: Take the place of a table that was imported before.
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One table that came."""

    name: str
    rows: int | None
    #: ``registered``, ``in place`` or ``copied``.
    how: str
    #: Why it was copied; empty when it was not, or when that was asked for.
    why: str = ""
    seconds: float = 0.0


def import_tables(
    config: Config, lake: Lake, graph: Graph, wish: Wish, *, author: str, tell: Callable[[Imported], None]
) -> tuple[Commit, list[Imported]]:
    """Carry out a wish in one commit. Raises ``WherryError``; then nothing came."""
    foreign = at(wish.path, config.variables)
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    try:
        connection = engine.connection
        # Sorted rows are not worth the memory that keeping them sorted would take.
        connection.execute("SET preserve_insertion_order = false")
        form = wish.format or _look(connection, foreign)
        module = import_module(f"wherry.lake.exchange.{FORMATS[form]}")
        foreign.open(connection, module.EXTENSIONS)
        wanted = _named(module.offers(connection, foreign), wish, form)
        _refuse_taken(wanted, wish, lake, graph)
        with _work_branch(lake, wish, next(iter(wanted)), author) as work:
            lake.attach(connection, work, _ALIAS, author=author)
            done = []
            for table, offer in wanted.items():
                done.append(_one(lake, connection, work, table, offer, foreign, wish, form, author))
                tell(done[-1])
            names = ", ".join(wanted)
            message = f"import {names} from {form}"
            commit = lake.merge(work, onto=wish.branch, author=author, message=message)
            assert commit is not None
            return commit, done
    finally:
        engine.close()


def _look(connection: duckdb.DuckDBPyConnection, foreign: Foreign) -> str:
    """The format of what is at a place."""
    foreign.open(connection)
    if foreign.path.endswith(".metadata.json"):
        return "iceberg"
    if foreign.path.endswith(".ducklake"):
        return "ducklake"
    if foreign.path.endswith(".parquet") and (foreign.remote or Path(foreign.path).is_file()):
        return "parquet"
    # Always a pattern: a plain name in a bucket is believed without looking.
    if foreign.glob(connection, "/_delta_log/*.*"):
        return "delta"
    if foreign.glob(connection, "/.hoodie/hoodie.prop*"):
        return "hudi"
    if foreign.glob(connection, "/metadata/*.metadata.json"):
        return "iceberg"
    return "parquet"


def _named(offers: Sequence[Offer], wish: Wish, form: str) -> dict[str, Offer]:
    """The tables that are wanted, by the name they get."""
    there = {offer.name.lower(): offer for offer in offers if offer.name}
    unknown = [each for each in wish.only if each.lower() not in there]
    if unknown:
        shown = ", ".join(offer.name for offer in offers if offer.name) or "a single one without a name"
        raise UsageError(f"There is no table `{unknown[0]}` in `{wish.path}`.", hint=f"There is: {shown}.")
    chosen = [there[each.lower()] for each in wish.only] or list(offers)
    if not chosen:
        raise UsageError(f"There is no table in `{wish.path}`.")
    if wish.name and len(chosen) > 1:
        raise UsageError(f"`--as` names one table, and there are {len(chosen)}.", hint="Choose one with --table.")
    if not wish.name and not chosen[0].name:
        raise UsageError(f"Tables of the format {form} have no name.", hint="Give one: --as schema.table")
    if wish.name:
        split(wish.name)
        return {wish.name: chosen[0]}
    return {offer.name: offer for offer in chosen}


def _refuse_taken(wanted: Mapping[str, Offer], wish: Wish, lake: Lake, graph: Graph) -> None:
    findings = []
    pointers = lake.pointers(wish.branch)
    for table in wanted:
        asset = graph.assets.get(table.lower())
        source = asset.source if asset is not None else None
        if asset is not None and (source is None or source.connector != MEANING):
            message, hint = f"The table `{table}` is made by {asset.file}.", "Choose another name with --as."
            findings.append(Finding(code="duplicate-table", message=message, hint=hint, file=asset.file))
            continue
        pointer = pointers.get(table.lower())
        if pointer is not None and not (wish.replace and "imported" in pointer.state):
            hint = "Choose another name with --as" + (
                ", or let it take the place with --replace." if "imported" in pointer.state else "."
            )
            message = f"The branch `{wish.branch}` has a table `{table}`."
            findings.append(Finding(code="duplicate-table", message=message, hint=hint))
    if findings:
        raise UsageError(findings=findings)


@contextmanager
def _work_branch(lake: Lake, wish: Wish, table: str, author: str) -> Iterator[str]:
    """A branch for one import; what an import that was killed left of it goes."""
    work = f"{IMPORT}{wish.branch}/{''.join(c if c.isalnum() else '-' for c in table)}"
    with run_lock(lake.database, work, author):
        with suppress(LakeError):
            lake.drop_branch(work)
        lake.create_branch(work, parent=wish.branch, author=author)
        try:
            yield work
        finally:
            lake.drop_branch(work)


def _one(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    work: str,
    table: str,
    offer: Offer,
    foreign: Foreign,
    wish: Wish,
    form: str,
    author: str,
) -> Imported:
    began = time.perf_counter()
    schema, bare = split(table)
    if lake.pointer(work, table) is not None:
        lake.put(work, [Put(name=table, kind="dropped")], author=author, message=f"make room for {table}")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_ALIAS}.{name(schema)}")
    how, why, location = "copied", "" if wish.copy else offer.why_copy or _out_of_reach(lake, foreign), None
    if offer.metadata is not None and not wish.copy and not why:
        how, location = "registered", _register(lake, schema, bare, offer.metadata)
    elif offer.files and not wish.copy and not why:
        how, why = _in_place_or_copied(lake, connection, work, table, offer, foreign, author)
    else:
        _copy(connection, table, offer, foreign)
    state = _state(wish, form, how)
    put = Put(name=table, kind="table", location=location, state=state)
    lake.put(work, [put], author=author, message=f"import {table}")
    if how == "registered":
        _read_once(connection, table, foreign)
    pointer = lake.pointer(work, table)
    rows = pointer.rows if pointer is not None else None
    return Imported(name=table, rows=rows, how=how, why=why, seconds=round(time.perf_counter() - began, 3))


def _out_of_reach(lake: Lake, foreign: Foreign) -> str:
    """Why the lake's readers could not follow a table to where it lies."""
    azure = foreign.path.startswith("az://") and "azure" not in lake.storage.extensions
    return "the lake itself is not on az://" if azure else ""


def _state(wish: Wish, form: str, how: str) -> dict[str, Any]:
    built = Built(version=new_version(), recipe=MEANING, lineage=MEANING, meaning=MEANING, word="imported")
    return {**to_state(built), "imported": {"format": form, "from": wish.path, "how": how}}


def _register(lake: Lake, schema: str, table: str, metadata: Mapping[str, Any]) -> str:
    from wherry.lake.exchange.iceberg_table import for_the_lake

    location = lake.storage.new_table(schema, table)
    return lake.storage.write(for_the_lake(metadata, location), None, durable=True)


def _read_once(connection: duckdb.DuckDBPyConnection, table: str, foreign: Foreign) -> None:
    """Fail now rather than when somebody asks: files may be missing, or of a kind that cannot be read."""
    with _told(table, foreign):
        connection.sql(f"SELECT * FROM {_ALIAS}.{full_name(table)} LIMIT 1").to_arrow_table()


def _in_place_or_copied(
    lake: Lake,
    connection: duckdb.DuckDBPyConnection,
    work: str,
    table: str,
    offer: Offer,
    foreign: Foreign,
    author: str,
) -> tuple[str, str]:
    from wherry.lake.exchange.adopt import Unfit, adopt

    access = foreign.access
    credentials = access.for_other_engines() if access is not None else {}
    with _told(table, foreign):
        columns = schema_of(connection, offer.select)
    try:
        adopt(lake, connection, work, _ALIAS, table, columns, offer.files, credentials, author)
    except Unfit as unfit:
        _copy(connection, table, offer, foreign)
        return "copied", str(unfit)
    return "in place", ""


def _copy(connection: duckdb.DuckDBPyConnection, table: str, offer: Offer, foreign: Foreign) -> None:
    """The rows, streamed: memory does not grow with them."""
    select = offer.select
    with _told(table, foreign):
        if offer.rows is not None:
            connection.register("wherry_rows", offer.rows())
            select = "SELECT * FROM wherry_rows"
        stored = select_storable(schema_of(connection, select), select)
        connection.execute(f"CREATE TABLE {_ALIAS}.{full_name(table)} AS {stored}")


@contextmanager
def _told(table: str, foreign: Foreign) -> Iterator[None]:
    from wherry import duckdb

    try:
        yield
    except duckdb.Error as problem:
        reason = foreign.without_secrets(str(problem)).strip().partition("\n")[0]
        finding = Finding(
            code="import-failed",
            message=f"`{table}` cannot be imported: {reason}",
            hint="Nothing was changed. --copy, or a query that casts the column at its source, may help.",
        )
        raise LakeError(findings=[finding]) from None
