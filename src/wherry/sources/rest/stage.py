"""Rows that were read and not yet committed: kept on disk, with all that is learned of them on the way.

What the columns are is known once all rows were seen, so they are written down first and turned into Arrow when they
are taken. A request that fails in the middle takes its rows back.
"""

from __future__ import annotations

import io
import pickle
import struct
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.ports import REJECT_COLUMNS
from wherry.sources.rest import kinds

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows, and about how many bytes, that are turned into Arrow at a time.
PIECE_ROWS, PIECE_BYTES = 10_000, 8 << 20
#: Bytes that are kept in memory before they go to a file.
IN_MEMORY = 1 << 20

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is not stored, and why."""

    place: str
    line: int | None
    reason: str
    row: str


@dataclass(slots=True)
class Mark:
    """A place to go back to."""

    offset: int
    rows: int
    seen: dict[str, kinds.Seen]
    digest: int
    rejects: int
    groups: int


@dataclass(slots=True)
class Stage:
    """Rows in the order that they came."""

    key: tuple[str, ...] = ()
    rows: int = 0
    #: By the name that the API uses.
    seen: dict[str, kinds.Seen] = field(default_factory=dict)
    #: The sum of the rows' digests: the same for the same rows in any order.
    digest: int = 0
    rejects: list[Reject] = field(default_factory=list)
    #: A digest of each row's key, where there is one; and of the answer that it came with.
    _keys: array[int] = field(default_factory=lambda: array("Q"))
    _pages: array[int] = field(default_factory=lambda: array("Q"))
    #: The group of each row, where rows come in groups; which group is void; and the last one of each owner.
    _group: array[int] = field(default_factory=lambda: array("I"))
    _void: set[int] = field(default_factory=set)
    _owners: dict[int, int] = field(default_factory=dict)
    _begun: list[tuple[int, int]] = field(default_factory=list)
    _file: Any = field(default_factory=lambda: tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115

    @property
    def size(self) -> int:
        return int(self._file.tell())

    def begin_group(self, owner: int) -> None:
        """The rows that follow are all that belong to ``owner``: those that came before are void."""
        before = self._owners.get(owner, 0)
        if before:
            self._void.add(before)
        self._begun.append((owner, before))
        self._owners[owner] = len(self._begun)

    def add(self, row: Row, page: int = 0) -> None:
        packed = _packed(row)
        self._file.write(struct.pack("<I", len(packed)))
        self._file.write(packed)
        self.rows += 1
        self.digest = (self.digest + digest_of(row)) % (1 << 128)
        for name, value in row.items():
            if (seen := self.seen.get(name)) is None:
                seen = self.seen[name] = kinds.Seen()
            seen.add(value)
        if self.key:
            self._keys.append(key_digest(row, self.key))
            self._pages.append(page)
        if self._begun:
            self._group.append(len(self._begun))

    def mark(self) -> Mark:
        seen = {name: each.copy() for name, each in self.seen.items()}
        return Mark(self.size, self.rows, seen, self.digest, len(self.rejects), len(self._begun))

    def back_to(self, mark: Mark) -> None:
        """Forget what came after the mark."""
        self._file.seek(mark.offset)
        self._file.truncate()
        self.rows, self.seen, self.digest = mark.rows, {k: v.copy() for k, v in mark.seen.items()}, mark.digest
        del self.rejects[mark.rejects :]
        if self.key:
            del self._keys[mark.rows :]
            del self._pages[mark.rows :]
        while len(self._begun) > mark.groups:
            owner, before = self._begun.pop()
            self._void.discard(before)
            self._owners[owner] = before
        if self._group:
            del self._group[mark.rows :]

    def repeats(self) -> tuple[set[int], Row | None]:
        """Numbers of the rows that a later one with the same key takes the place of; and one of two that differ
        although they came with one answer, or belong to different owners."""
        void = {number for number, group in enumerate(self._group) if group in self._void} if self._void else set()
        if not self.key or self.rows < 2:
            return void, None
        twice = _twice(self._keys)
        if not twice:
            return void, None
        last: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        replaced: set[int] = set()
        odd: Row | None = None
        for number, row in enumerate(self._all()):
            if self._keys[number] not in twice or number in void:
                continue
            key = tuple(kinds.as_text(row.get(name)) for name in self.key)
            before = last.get(key)
            digest = digest_of(row)
            if before is not None:
                replaced.add(before[0])
                same_answer = before[1] == self._pages[number]
                other_owner = bool(self._group) and self._group[before[0]] != self._group[number]
                if (same_answer or other_owner) and before[2] != digest and odd is None:
                    odd = row
            last[key] = (number, self._pages[number], digest)
        return replaced | void, odd

    def distinct(self) -> int:
        """How many different keys there are, as far as digests tell."""
        return len(set(self._keys))

    def reader(self, columns: Sequence[tuple[str, str, str]], without: set[int]) -> pa.RecordBatchReader:
        """The rows as Arrow. ``columns``: names at the API, in the table, and DuckDB types."""
        import pyarrow as pa

        schema = pa.schema([(name, kinds.arrow_type(kind)) for _, name, kind in columns])
        return pa.RecordBatchReader.from_batches(schema, self._pieces(columns, schema, without))

    def _pieces(self, columns: Sequence[tuple[str, str, str]], schema: Any, without: set[int]) -> Iterator[Any]:
        import pyarrow as pa

        keys = [key for key, _, _ in columns]
        convert = [kinds.converter(field.type) for field in schema]
        held: list[list[Any]] = [[] for _ in keys]
        size = 0
        for number, (packed, row) in enumerate(self._packed_rows()):
            if number in without:
                continue
            try:
                values = [to(row.get(key)) for key, to in zip(keys, convert, strict=True)]
            except kinds.Misfit as misfit:
                self.rejects.append(Reject("", number + 1, str(misfit), kinds.as_json(row)[:10_000]))
                continue
            for column, value in zip(held, values, strict=True):
                column.append(value)
            size += packed
            if size > PIECE_BYTES or len(held[0]) >= PIECE_ROWS:
                yield _batch(pa, held, schema)
                held, size = [[] for _ in keys], 0
        if held and held[0]:
            yield _batch(pa, held, schema)

    def _all(self) -> Iterator[Row]:
        return (row for _, row in self._packed_rows())

    def _packed_rows(self) -> Iterator[tuple[int, Row]]:
        self._file.seek(0)
        for _ in range(self.rows):
            (length,) = struct.unpack("<I", self._file.read(4))
            yield length, pickle.loads(self._file.read(length))

    def close(self) -> None:
        self._file.close()

    def told_rejects(self, place: str) -> Callable[[], Any]:
        """What ``Batch.rejects`` asks for."""

        def table() -> Any:
            import pyarrow as pa

            if not self.rejects:
                return None
            columns = zip(
                *((each.place or place, each.line, each.reason, each.row) for each in self.rejects), strict=True
            )
            types = (pa.string(), pa.int64(), pa.string(), pa.string())
            arrays = [pa.array(values, type=kind) for values, kind in zip(columns, types, strict=True)]
            return pa.table(dict(zip(REJECT_COLUMNS, arrays, strict=True)))

        return table


def _twice(digests: array[int]) -> set[int]:
    """Those that are there more than once. Sorted beside themselves: a hash table of a million would take 100 MB."""
    import pyarrow as pa
    import pyarrow.compute as pc

    held = pa.Array.from_buffers(pa.uint64(), len(digests), [None, pa.py_buffer(digests)])
    ordered = pc.take(held, pc.sort_indices(held))
    again = pc.equal(ordered.slice(1), ordered.slice(0, len(ordered) - 1))
    return set(pc.filter(ordered.slice(1), again).to_pylist())


def _batch(pa: Any, held: list[list[Any]], schema: Any) -> Any:
    arrays = [pa.array(values, type=field.type) for values, field in zip(held, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _packed(row: Row) -> bytes:
    return pickle.dumps(row, protocol=pickle.HIGHEST_PROTOCOL)


def digest_of(value: Mapping[str, Any] | Any) -> int:
    """128 bits of a row's content, whatever the order of its fields."""
    ordered = sorted(value.items()) if isinstance(value, Mapping) else value
    out = io.BytesIO()
    # Without its memory of objects the pickler writes the same for the same values.
    pickler = pickle.Pickler(out, protocol=4)
    pickler.fast = True
    pickler.dump(ordered)
    return int.from_bytes(blake2b(out.getvalue(), digest_size=16).digest(), "little")


def key_digest(row: Mapping[str, Any], key: Sequence[str]) -> int:
    """64 bits of a row's key."""
    text = "\0".join(kinds.as_text(row.get(name)) for name in key)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
