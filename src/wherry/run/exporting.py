"""Write tables of a branch, now or as of a commit, in the format of another system: whole, or nothing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import LakeError, UsageError
from wherry.lake.exchange import delta, ducklake, iceberg_out, parquet
from wherry.lake.exchange.foreign import Foreign
from wherry.lake.exchange.foreign import at as place_at
from wherry.lake.types import select_storable
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.project.nearest import did_you_mean
from wherry.quoting import full_name
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config

#: Ends the name of what is not whole yet; for a bucket, the name of the object that says so.
UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One table that was written."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    name: str
    #: A query of its rows in types that every lake format has a word for.
    select: str
    columns: list[tuple[str, str]]
    rows: int

    @property
    def folder(self) -> str:
        from wherry.lake.names import file_name

        schema, _, table = self.name.partition(".")
        return f"{file_name(schema)}/{file_name(table)}"


def export_tables(
    config: Config,
    lake: Lake,
    target: str,
    form: str,
    names: Sequence[str],
    *,
    branch: str,
    at: int | None,
    tell: Callable[[Exported], None],
) -> list[Exported]:
    """Write tables and views to ``target``, which must hold nothing yet. Raises ``WherryError``."""
    foreign = place_at(target, config.variables)
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    try:
        # Before the lake is attached: from then on nothing unsigned is loaded.
        foreign.open(engine.connection, ducklake.EXTENSIONS if form == "ducklake" else ())
        engine.execute("SET preserve_insertion_order = false")
        # One commit for all tables, whatever is published meanwhile.
        newest = lake.log(branch, limit=1)
        session = Session(lake, branch, engine, at=newest[0].seq if at is None and newest else at)
        chosen = _chosen(session, names)
        session.attach()
        session.show(chosen)
        tables = [_table(session, each) for each in chosen]
        with _target(foreign, form) as place, _told(foreign):
            write = {"parquet": _parquet, "delta": _delta, "ducklake": _ducklake, "iceberg": _iceberg}[form]
            return write(session, tables, place, tell)
    finally:
        engine.close()


def _chosen(session: Session, names: Sequence[str]) -> list[str]:
    there = {key: pointer.full_name for key, pointer in sorted(session.pointers.items())}
    for each in names:
        if each.lower() not in there:
            hint = did_you_mean(each, list(there.values()), "See `wherry show` for the tables there are.")
            raise UsageError(f"There is no table `{each}` on branch `{session.branch}`.", hint=hint)
    if not there:
        raise UsageError(f"There is no table on branch `{session.branch}`.", hint="Run `wherry run` first.")
    return [there[each.lower()] for each in names] or list(there.values())


def _table(session: Session, table: str) -> _Table:
    plain = f"SELECT * FROM {full_name(table)}"
    select = select_storable(session.engine.schema(plain), plain)
    rows = session.row_count(table)
    if rows is None:
        rows = int(session.engine.execute(f"SELECT count(*) FROM {full_name(table)}")[0][0])
    return _Table(name=table, select=select, columns=session.engine.schema(select), rows=rows)


def _parquet(session: Session, tables: Sequence[_Table], place: Foreign, tell: Callable[..., None]) -> list[Exported]:
    def one(table: _Table) -> None:
        path = f"{place.path}/{table.folder}"
        if not place.remote:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        parquet.write(session.engine.connection, table.select, path)

    return _each(tables, one, tell)


def _delta(session: Session, tables: Sequence[_Table], place: Foreign, tell: Callable[..., None]) -> list[Exported]:
    def one(table: _Table) -> None:
        below = Foreign(path=f"{place.path}/{table.folder}", variables=place.variables)
        delta.write(lambda: session.engine.arrow(table.select), table.columns, below)

    return _each(tables, one, tell)


def _ducklake(session: Session, tables: Sequence[_Table], place: Foreign, tell: Callable[..., None]) -> list[Exported]:
    began = time.perf_counter()
    ducklake.write(session.engine.cursor().connection, [(table.name, table.select) for table in tables], place)
    seconds = round(time.perf_counter() - began, 3)
    done = [Exported(name=table.name, rows=table.rows, seconds=seconds) for table in tables]
    for each in done:
        tell(each)
    return done


def _iceberg(session: Session, tables: Sequence[_Table], place: Foreign, tell: Callable[..., None]) -> list[Exported]:
    with iceberg_out.attached(session.engine.connection, place) as write:
        return _each(tables, lambda table: write(table.name, table.select), tell)


def _each(tables: Sequence[_Table], write: Callable[[_Table], None], tell: Callable[..., None]) -> list[Exported]:
    done = []
    for table in tables:
        began = time.perf_counter()
        write(table)
        done.append(Exported(name=table.name, rows=table.rows, seconds=round(time.perf_counter() - began, 3)))
        tell(done[-1])
    return done


@contextmanager
def _target(foreign: Foreign, form: str) -> Iterator[Foreign]:
    """Where to write, so that what is not whole is never taken for what is."""
    if form == "ducklake":
        # One transaction of its catalog.
        if Path(foreign.path).exists():
            raise _taken(foreign)
        try:
            yield foreign
        except BaseException:
            Path(foreign.path).unlink(missing_ok=True)
            shutil.rmtree(foreign.path + ".files", ignore_errors=True)
            raise
    elif foreign.remote:
        with _in_bucket(foreign):
            yield foreign
    elif form == "iceberg":
        with _in_folder(foreign):
            yield foreign
    else:
        with _beside(foreign) as staged:
            yield staged


@contextmanager
def _beside(foreign: Foreign) -> Iterator[Foreign]:
    """A folder that is given its name when it is whole."""
    final, staged = Path(foreign.path), Path(foreign.path + UNFINISHED)
    if final.is_file() or (final.is_dir() and any(final.iterdir())):
        raise _taken(foreign)
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        yield Foreign(path=str(staged), variables=foreign.variables)
        if final.is_dir():
            final.rmdir()
        staged.rename(final)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


@contextmanager
def _in_folder(foreign: Foreign) -> Iterator[None]:
    """The folder itself, for a format that writes its own place into its files; a file says that it is not whole."""
    final = Path(foreign.path)
    mark = final / UNFINISHED
    if final.is_file() or (final.is_dir() and any(final.iterdir()) and not mark.exists()):
        raise _taken(foreign)
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir(parents=True)
    mark.touch()
    try:
        yield
        mark.unlink()
    except BaseException:
        shutil.rmtree(final, ignore_errors=True)
        raise


@contextmanager
def _in_bucket(foreign: Foreign) -> Iterator[None]:
    """A prefix of a bucket; an object says that it is not whole."""
    from wherry.lake.bucket import Bucket

    bucket = Bucket(foreign.path, foreign.variables)
    mark = f"{foreign.path}/{UNFINISHED}"
    there = [file.location for file in bucket.listing()]
    if there and mark not in there:
        raise _taken(foreign)
    bucket.remove(there)
    bucket.put(mark, b"")
    try:
        yield
        bucket.remove([mark])
    except BaseException:
        with suppress(LakeError):
            bucket.remove([file.location for file in bucket.listing()])
        raise


def _taken(foreign: Foreign) -> UsageError:
    return UsageError(f"`{foreign.path}` holds something already.", hint="Name a new place, or empty it first.")


@contextmanager
def _told(foreign: Foreign) -> Iterator[None]:
    from wherry import duckdb

    try:
        yield
    except (duckdb.Error, OSError, ValueError) as problem:
        raise _failed(foreign, problem) from None
    except Exception as problem:
        if not type(problem).__module__.startswith(("deltalake", "_internal", "builtins", "exceptions")):
            raise
        raise _failed(foreign, problem) from None


def _failed(foreign: Foreign, problem: BaseException) -> LakeError:
    reason = foreign.without_secrets(str(problem)).strip().partition("\n")[0]
    message = f"The tables cannot be written to `{foreign.path}`: {reason}"
    return LakeError(findings=[Finding(code="export-failed", message=message, hint="Nothing was left there.")])
