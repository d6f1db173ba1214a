"""Slices of time: what of an incremental table is filled, what is missing."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from wherry.model.asset import Grain
from wherry.model.dataclass import dataclass

#: Before every moment that data speaks of; stands for "from the beginning".
BEGINNING = datetime(1, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slice:
    """The moments from ``start`` up to, not including, ``end``; both without a zone, in UTC."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        if self.start == BEGINNING:
            return f"up to {_short(self.end)}"
        return f"{_short(self.start)} to {_short(self.end)}"


def _short(moment: datetime) -> str:
    return moment.date().isoformat() if moment == datetime.combine(moment, datetime.min.time()) else str(moment)


def floor(moment: datetime, grain: Grain) -> datetime:
    """The start of the interval that ``moment`` lies in."""
    if grain == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    if grain == "day":
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def ceil(moment: datetime, grain: Grain) -> datetime:
    """The end of the interval that ``moment`` lies in; itself when it is a boundary."""
    start = floor(moment, grain)
    return start if start == moment else shift(start, grain, 1)


def shift(moment: datetime, grain: Grain, count: int) -> datetime:
    """``moment`` moved by ``count`` grains, never before ``BEGINNING`` nor after the last moment there is."""
    try:
        if grain == "hour":
            return moment + timedelta(hours=count)
        if grain == "day":
            return moment + timedelta(days=count)
        months = moment.year * 12 + moment.month - 1 + count
        return moment.replace(year=months // 12, month=months % 12 + 1)
    except (OverflowError, ValueError):
        return BEGINNING if count < 0 else datetime.max


def union(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """The same moments in as few slices as possible, in order."""
    merged: list[Slice] = []
    for piece in sorted(s for s in slices if s.start < s.end):
        if merged and piece.start <= merged[-1].end:
            merged[-1] = Slice(start=merged[-1].start, end=max(merged[-1].end, piece.end))
        else:
            merged.append(piece)
    return tuple(merged)


def subtract(wanted: Slice, filled: Iterable[Slice]) -> tuple[Slice, ...]:
    """The parts of ``wanted`` that ``filled`` leaves open, in order."""
    gaps: list[Slice] = []
    at = wanted.start
    for piece in union(filled):
        if piece.end <= at or piece.start >= wanted.end:
            continue
        if piece.start > at:
            gaps.append(Slice(start=at, end=piece.start))
        at = max(at, piece.end)
    if at < wanted.end:
        gaps.append(Slice(start=at, end=wanted.end))
    return tuple(gaps)
