"""Where rows are in their files, found again for the few of which it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.sources.files.work import Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The rows that one file or member gave, which stand together in a batch."""

    piece: Piece
    #: Asked when it matters: how many there are.
    rows: Callable[[], int]
    #: The lines (or numbers of the records) of the n-th of them; n goes up from 0. None where nothing tells.
    lines: Callable[[Iterator[int]], Iterator[int | None]]


def places(all_rows: Iterable[Placed], wanted: Iterable[int]) -> Iterator[tuple[Piece, int | None]]:
    """Which file or member the n-th rows of a batch are from, and where in it they are; ``wanted`` goes up from 0."""
    numbers = iter(wanted)
    each = next(numbers, None)
    before = 0
    for placed in all_rows:
        if each is None:
            return
        end = before + placed.rows()

        def here(before: int = before, end: int = end) -> Iterator[int]:
            nonlocal each
            while each is not None and each < end:
                yield each - before
                each = next(numbers, None)

        if each < end:
            for line in placed.lines(here()):
                yield placed.piece, line
        before = end


def record_numbers(wanted: Iterator[int]) -> Iterator[int]:
    """The numbers of records, from 1, where all of them became rows."""
    return (n + 1 for n in wanted)


def numbers_of(found: Any, wanted: Iterator[int]) -> Iterator[int]:
    """The numbers of records where some were put aside: ``found`` is a running query for those of the others.

    Raises ``ValueError`` where there are too few, since a file is another now.
    """
    first, rows = 0, found.fetchmany(1000)
    for n in wanted:
        while n >= first + len(rows):
            first += len(rows)
            if not (rows := found.fetchmany(1000)):
                raise ValueError(f"it has {first:,} rows now, and had more")
        yield rows[n - first][0]
