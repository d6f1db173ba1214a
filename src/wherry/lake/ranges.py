"""Which data files of a table cannot share a value of a column, told by the bounds that its metadata gives for each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from wherry.lake import iceberg
from wherry.lake.statistics import File, bound
from wherry.model.dataclass import dataclass

_DATA = 0
#: Pairs of files that are compared at most.
_PAIRS = 20_000
#: Files that begin in the range of one, that one among them, on average and at most, where values rise.
_BESIDE = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Values of a column in a file; none where it has nothing but nulls."""

    nulls: int
    low: Any = None
    high: Any = None

    def below(self, other: _Range) -> bool:
        if self.low is None or other.low is None:
            return True
        # Bounds of text may be cut short: then values that begin with the upper one may be larger.
        cut = isinstance(self.high, bytes) and other.low.startswith(self.high)
        return bool(self.high < other.low) and not cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What the metadata of a table says of the values in each of its files."""

    files: Sequence[File] = field(repr=False)
    #: Column (lower case) -> its id and Iceberg type.
    columns: Mapping[str, tuple[int, Any]]

    @classmethod
    def of(cls, metadata: Mapping[str, Any], listed: Iterable[File]) -> Ranges:
        fields = iceberg.current_schema(dict(metadata))["fields"]
        columns = {str(each["name"]).lower(): (int(each["id"]), each["type"]) for each in fields}
        return cls(files=[each for each in listed if each.content == _DATA], columns=columns)

    def apart(self, column: str, some: Collection[str]) -> bool:
        """Whether it is certain that no value of a column (a null is one too) is both in the files ``some`` and in
        another."""
        mine = self._ranges(column, [each for each in self.files if each.path in some])
        others = self._ranges(column, [each for each in self.files if each.path not in some])
        if mine is None or others is None or len(mine) * len(others) > _PAIRS:
            return False
        if any(each.nulls for each in mine) and any(each.nulls for each in others):
            return False
        return all(a.below(b) or b.below(a) for a in mine for b in others)

    def in_order(self, column: str) -> bool:
        """Whether few files have values of a column in the same range, as where its values rise from file to file."""
        found = self._ranges(column, self.files)
        if found is None:
            return False
        filled = [each for each in found if each.low is not None]
        lows = sorted(each.low for each in filled)
        # Those that begin in a file's range, itself among them.
        shared = sum(bisect_right(lows, each.high) - bisect_left(lows, each.low) for each in filled)
        # Of files of rows in no order each reaches over half of the others.
        return shared <= min(_BESIDE, (len(filled) + 3) / 4) * len(filled)

    def _ranges(self, column: str, files: Iterable[File]) -> list[_Range] | None:
        """One for each file; None where one does not say."""
        number, kind = self.columns.get(column.lower(), (0, None))
        found = []
        for each in files:
            nulls = each.nulls.get(number)
            if nulls is None:
                return None
            low, high = (None, None) if nulls == each.rows else bound(kind, each.low.get(number), each.high.get(number))
            if nulls != each.rows and (low is None or high is None):
                return None
            found.append(_Range(nulls=nulls, low=low, high=high))
        return found
