"""Run the function of a Python table and offer what it returns to SQL."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wherry.author import Table
from wherry.engines.duckdb import DuckDB
from wherry.errors import ProjectError
from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.run.session import Session

_importing = threading.Lock()


@contextmanager
def python_rows(session: Session, cursor: DuckDB, asset: Asset, folder: Path) -> Iterator[str]:
    """A SELECT of the rows that the table's function returns; streamed when it returns a reader or an iterator.

    Raises ``ProjectError`` with the line of the user's file that failed.
    """
    reading = cursor.cursor()
    relation = session.fresh_name()
    try:
        inputs = {parameter: _table(session, reading, table) for parameter, table in asset.parameters}
        with _told_by_line(asset, folder):
            returned = _function(asset, folder)(**inputs)
            rows = _rows(returned, asset)
        cursor.connection.register(relation, rows)
        try:
            with _told_by_line(asset, folder, only_users=True):
                yield f"SELECT * FROM {relation}"
        finally:
            cursor.connection.unregister(relation)
    finally:
        reading.close()


def _table(session: Session, reading: DuckDB, name: str) -> Table[Any]:
    own = session.pointers[name.lower()].full_name
    return Table(own, reading.connection.cursor)


def _function(asset: Asset, folder: Path) -> Any:
    path = folder / asset.file
    spec = importlib.util.spec_from_file_location(f"wherry_table_{asset.name.replace('.', '_')}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _importing:
        added = str(folder)
        sys.path.insert(0, added)
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(added)
    return getattr(module, asset.function)


def _rows(returned: Any, asset: Asset) -> Any:
    """Something DuckDB can scan."""
    import duckdb
    import pyarrow as pa

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
            return pa.RecordBatchReader.from_batches(first.schema, _batches(itertools.chain([first], batches)))
    raise TypeError(
        f"{asset.function}() returned {type(returned).__name__}; it must return a pandas or polars frame, "
        "an Arrow table, a DuckDB relation or an iterator of Arrow batches (with at least one)"
    )


def _batches(pieces: Iterable[Any]) -> Iterator[Any]:
    for piece in pieces:
        yield from piece.to_batches() if hasattr(piece, "to_batches") else (piece,)


@contextmanager
def _told_by_line(asset: Asset, folder: Path, only_users: bool = False) -> Iterator[None]:
    """Turn what the user's code raises into a finding with its file and line."""
    try:
        yield
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)]
        frames = [f for f in frames if ".venv" not in f.filename]
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
