"""Copies of files while they are read, and the names of the files that they are copies of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.ports import REJECT_COLUMNS
from wherry.sources.files.database import texts
from wherry.sources.files.places.place import File

if TYPE_CHECKING:
    import pyarrow as pa

#: Characters of a bad row that are kept.
ROW_TEXT = 1 << 20
#: Bad rows (or as many characters of them) in memory; further ones go to a file.
IN_MEMORY = 10_000


class WorkFolder:
    """A folder for copies of files. A copy is called by a number: what others call their files leads nowhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir(parents=True, exist_ok=True)
        self.names: list[str] = []

    def new(self, name: str) -> Path:
        """Where a copy of the file ``name`` goes."""
        self.names.append(name)
        return self.path / f"{len(self.names) - 1:09}"

    def prefix(self, path: str, name: str) -> str:
        """What comes before the part of a path that tells the file."""
        mine = f"{self.path}/"
        return mine if path.startswith(mine) else path.removesuffix(name)

    def name_sql(self, column: str, prefix: str) -> str:
        """SQL: the file's name, from the path it is read from."""
        rest = f"substr({column}, {len(prefix) + 1})"
        return f"{texts(self.names)}[{rest}::BIGINT + 1]" if prefix == f"{self.path}/" else rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The part of a file that was added since it was last read."""

    #: Lines before it.
    lines: int
    #: The first bytes of the whole file.
    head: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something to read: a file, or a member of an archive."""

    file: File
    #: Where it is on this machine, or an address that DuckDB reads.
    path: str
    #: Tells its format and compression: the name of the file or of the member.
    name: str
    #: How messages call it: ``prices.csv``, ``all.zip!/prices.csv``.
    label: str
    #: Set when only the end of the file is read.
    tail: Tail | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that cannot be read."""

    file: str
    #: Its line, 1-based; the number of the record where the format has no lines.
    line: int | None
    reason: str
    row: str


class Rejects:
    """The rows that cannot be read, however many they are."""

    def __init__(self, work: WorkFolder) -> None:
        self.work = work
        self.count = 0
        self.first: Reject | None = None
        self._waiting: list[Reject] = []
        self._characters = 0
        self._writer: Any = None
        self._file: Path | None = None

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, piece: Piece, line: int | None, reason: str, row: str) -> None:
        if piece.label != piece.file.name:
            reason = f"In `{piece.name}`: {reason}"
        if len(row) > ROW_TEXT:
            row = row[:ROW_TEXT] + f"... ({len(row):,} characters)"
        found = Reject(file=piece.file.name, line=line, reason=reason, row=row)
        if self.first is None or (found.file, found.line or 0) < (self.first.file, self.first.line or 0):
            self.first = found
        self.count += 1
        self._waiting.append(found)
        self._characters += len(row)
        if len(self._waiting) >= IN_MEMORY or self._characters > ROW_TEXT * 16:
            self._spill()

    def table(self) -> pa.Table | None:
        """All of them, in order of files and lines while they are few; from a mapped file when they are many."""
        import pyarrow as pa

        if not self.count:
            return None
        if self._writer is None:
            self._waiting.sort(key=lambda r: (r.file, r.line or 0))
            return self._batch()
        self._spill()
        self._writer.close()
        return pa.ipc.open_file(pa.memory_map(str(self._file))).read_all()

    def _batch(self) -> pa.Table:
        import pyarrow as pa

        schema = pa.schema([(c, pa.int64() if c == "line" else pa.string()) for c in REJECT_COLUMNS])
        return pa.Table.from_pylist([{c: getattr(r, c) for c in REJECT_COLUMNS} for r in self._waiting], schema=schema)

    def _spill(self) -> None:
        import pyarrow as pa

        batch = self._batch()
        if self._writer is None:
            self._file = self.work.new("")
            self._writer = pa.ipc.new_file(str(self._file), batch.schema)
        self._writer.write_table(batch)
        self._waiting, self._characters = [], 0
