"""Hashes of the keys of large tables, kept on this machine between runs: new keys are looked for among them.

A hash that is not there proves that its key is not; one that is there proves nothing, and the keys themselves are read.
Nothing depends on a file of hashes: where it is missing, the keys are read and it is written again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from wherry.model.dataclass import dataclass
from wherry.plan.recipe import digest
from wherry.quoting import text

if TYPE_CHECKING:
    from wherry.run.check_subject import Asking

#: Bytes of all files together; beyond, those that were not used for longest go.
MOST = 4 << 30
_END = b"PAR1"


def hash_of(columns: Sequence[str]) -> str:
    """64 bits in SQL; the same for keys that a grouping takes for the same."""
    return f"hash({', '.join(columns)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is hashed."""

    #: SQL expressions.
    columns: Sequence[str]
    #: Their types, which a hash depends on.
    types: Sequence[str]
    #: The condition of rows whose key is hashed.
    rows: str

    @property
    def digest(self) -> str:
        """The same for hashes that can be compared."""
        from wherry import duckdb

        return digest(duckdb.__version__, *self.columns, "", *self.types, "", self.rows)[:16]

    def hashed(self, relation: str) -> str:
        """A SELECT of the hashes ``h`` of a relation's keys."""
        return f"SELECT {hash_of(self.columns)} AS h FROM {relation} WHERE {self.rows}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHashes:
    """The files in a folder that may be removed at any time."""

    folder: Path

    def write(self, asking: Asking, key: Key, sql: str, rows: int | None = None) -> str:
        """Keep the hashes that ``sql`` selects; the name of their file, empty when it cannot be written.

        ``rows``: only if they are so many.
        """
        from wherry import duckdb

        half = self.folder / f"{key.digest}-{uuid4().hex}.half"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            form = "(FORMAT parquet, COMPRESSION uncompressed)"
            (written,) = asking.row(f"COPY ({sql}) TO {text(str(half))} {form}")
            if rows is not None and written != rows:
                half.unlink()
                return ""
            whole = half.with_name(f"{half.stem}-{half.stat().st_size}.parquet")
            half.replace(whole)
            self._make_room(whole.name)
        except (duckdb.Error, OSError):
            with suppress(OSError):
                half.unlink()
            return ""
        return whole.name

    def has(self, key: Key, names: Sequence[str]) -> bool:
        """Whether all of these files are there, whole, and hold hashes of this key."""
        paths = [self.folder / each for each in names]
        if not names or not all(each.startswith(f"{key.digest}-") for each in names):
            return False
        try:
            for path in paths:
                os.utime(path)
            return all(map(_whole, paths))
        except OSError:
            return False

    def relation(self, names: Sequence[str]) -> str:
        """A relation of the hashes ``h`` in these files."""
        return f"read_parquet([{', '.join(text(str(self.folder / each)) for each in names)}])"

    def _make_room(self, but: str) -> None:
        found = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process makes room too
                state = path.stat()
                found.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= MOST:
                return
            if path.name != but:
                path.unlink(missing_ok=True)
                total -= size


def _whole(path: Path) -> bool:
    """Whether a file has the size that its name says, and the end of a Parquet file."""
    with path.open("rb") as stored:
        size = stored.seek(-len(_END), os.SEEK_END) + len(_END)
        return size == int(path.stem.rpartition("-")[2]) and stored.read() == _END
