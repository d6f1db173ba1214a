"""Run the function of a Python table and offer what it returns to SQL."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.author import Table
from wherry.engines.duckdb import DuckDB
from wherry.errors import ProjectError
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.run.session import Session

if TYPE_CHECKING:
    from wherry.duckdb import DuckDBPyConnection

#: Guards what follows, and the import of tables' files.
_importing = threading.Lock()
#: How many tables of a project's folder are running; the modules that there were before, and ``dont_write_bytecode``.
_running: Counter[Path] = Counter()
_before: dict[Path, tuple[frozenset[str], bool]] = {}


@contextmanager
def python_rows(session: Session, cursor: DuckDB, asset: Asset, folder: Path) -> Iterator[str]:
    """A SELECT of the rows that the table's function returns; streamed when it returns a reader or an iterator.

    Raises ``ProjectError`` with the line of the user's file that failed.
    """
    relation = session.fresh_name()
    raised: list[Exception] = []
    with _inputs(session, asset) as inputs, _importable(folder):
        with _told_by_line(asset, folder):
            returned = _function(asset, folder)(**inputs)
            rows = _rows(returned, asset, raised)
        cursor.connection.register(relation, rows)
        try:
            with _told_by_line(asset, folder, only_users=True, raised=raised):
                yield f"SELECT * FROM {relation}"
        finally:
            cursor.connection.unregister(relation)


@contextmanager
def _inputs(session: Session, asset: Asset) -> Iterator[dict[str, Table[Any]]]:
    """What the function is given, by parameter; every relation has a connection of its own, until the end."""
    cursors: list[DuckDB] = []

    def table(name: str) -> Table[Any]:
        database = session.for_functions([name])

        def connection() -> DuckDBPyConnection:
            cursors.append(database.cursor())
            return cursors[-1].connection

        return Table(session.pointers[name.lower()].full_name, connection)

    try:
        yield {parameter: table(name) for parameter, name in asset.parameters}
    finally:
        for each in cursors:
            each.close()


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """While some table of it runs, the project's modules can be imported, as their files are now.

    Afterwards they are forgotten: the next run, or that of another project, reads its own.
    """
    with _importing:
        if not _running[folder]:
            _before[folder] = frozenset(sys.modules), sys.dont_write_bytecode
            # A file that is changed twice in a second would be taken for what was compiled first.
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(folder))
        _running[folder] += 1
    try:
        yield
    finally:
        with _importing:
            _running[folder] -= 1
            if not _running[folder]:
                sys.path.remove(str(folder))
                modules, sys.dont_write_bytecode = _before.pop(folder)
                for name in set(sys.modules) - modules:
                    file = getattr(sys.modules[name], "__file__", None)
                    if file and _is_own(file, folder):
                        del sys.modules[name]


def _is_own(file: str, folder: Path) -> bool:
    """Whether a file is the project's, and not of a library that is installed within its folder."""
    return Path(file).is_relative_to(folder) and "site-packages" not in Path(file).parts


def _function(asset: Asset, folder: Path) -> Any:
    name = f"wherry_table_{asset.name.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, folder / asset.file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _importing:
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return getattr(module, asset.function)


def _rows(returned: Any, asset: Asset, raised: list[Exception]) -> Any:
    """Something DuckDB can scan; what an iterator raises while it does is kept in ``raised``."""
    import pyarrow as pa

    from wherry import duckdb

    if isinstance(returned, duckdb.DuckDBPyRelation):
        return returned.to_arrow_reader(122_880)
    if isinstance(returned, pa.RecordBatch):
        return pa.Table.from_batches([returned])
    if isinstance(returned, pa.Table | pa.RecordBatchReader):
        return returned
    if type(returned).__module__.partition(".")[0] == "polars":
        return returned.lazy().collect().to_arrow()
    if type(returned).__module__.partition(".")[0] == "pandas":
        return returned
    if isinstance(returned, Iterable) and not isinstance(returned, str | bytes | dict):
        batches = iter(returned)
        first = next(batches, None)
        if isinstance(first, pa.RecordBatch | pa.Table):
            return pa.RecordBatchReader.from_batches(first.schema, _batches(itertools.chain([first], batches), raised))
    raise TypeError(
        f"{asset.function}() returned {type(returned).__name__}; it must return a pandas or polars frame, "
        "an Arrow table, a DuckDB relation or an iterator of Arrow batches (with at least one)"
    )


def _batches(pieces: Iterable[Any], raised: list[Exception]) -> Iterator[Any]:
    try:
        for piece in pieces:
            yield from piece.to_batches() if hasattr(piece, "to_batches") else (piece,)
    except Exception as error:
        raised.append(error)
        raise


@contextmanager
def _told_by_line(
    asset: Asset, folder: Path, *, only_users: bool = False, raised: Sequence[Exception] = ()
) -> Iterator[None]:
    """Turn what the user's code raises into a finding with its file and line.

    DuckDB keeps the message of an error in what it scans, but not its place: ``raised`` holds the error itself.
    """
    try:
        yield
    except Exception as problem:
        error = raised[0] if raised else problem
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_own(f.filename, folder)]
        if only_users and not frames:
            raise
        at = frames[-1] if frames else None
        file = Path(at.filename).relative_to(folder).as_posix() if at else asset.file
        line = (at.lineno if at else None) or getattr(error, "lineno", None) or asset.line
        hint = ""
        if isinstance(error, ModuleNotFoundError):
            hint = f"pip install {error.name}" if error.name else ""
        finding = Finding(
            code="python-failed",
            message=f"{type(error).__name__}: {error}",
            hint=hint or "The function failed; the table is as it was.",
            file=file,
            line=line,
            column=1,
            source_line=(at.line or "") if at else "",
        )
        raise ProjectError(findings=[finding]) from error
