"""Only what is new: from which moment on to ask, and how far a table has come.

Values are compared as moments or numbers where they are such, else as text. What is kept in a cursor is the value as
it stood in a row, so that nothing is lost in translation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from wherry.http.clock import Clock, seconds
from wherry.model.dataclass import dataclass
from wherry.sources.rest.kinds import as_text
from wherry.sources.rest.options import Since
from wherry.sources.rest.stage import digest_of

Comparable = datetime | Decimal | str

_GRAINS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
#: Different values of the cursor column, at the end of what was read, whose rows are remembered by a digest.
EDGE = 2_000


def comparable(value: Any, form: str = "iso") -> Comparable | None:
    """The value in a form that can be compared; None for no value."""
    if value is None or value == "" or isinstance(value, bool | dict | list):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, datetime | date):
        return _moment(value)
    text = str(value)
    if form == "plain":
        return text
    if "%" in form:
        try:
            return _moment(datetime.strptime(text, form))
        except ValueError:
            pass
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        return Decimal(text) if re.fullmatch(r"-?\d{1,30}(\.\d+)?", text) else text


def _moment(value: datetime | date) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def duration(text: str) -> timedelta:
    """A length of time; empty is none, a leading minus turns it. Raises ValueError with a sentence."""
    if not text:
        return timedelta()
    if iso := re.fullmatch(
        r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text
    ):
        years, months, weeks, days, hours, minutes, secs = (int(part or 0) for part in iso.groups())
        whole = 365 * years + 30 * months + 7 * weeks + days
        return timedelta(days=whole, hours=hours, minutes=minutes, seconds=secs)
    length = seconds(text.removeprefix("-"))
    if length is None:
        raise ValueError(f"`{text}` is no length of time: write for example `2 hours`.")
    return timedelta(seconds=-length if text.startswith("-") else length)


def spelled(value: Comparable, since: Since, *, form: str = "") -> str:
    """The value as the API wants it."""
    form = form or since.format
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        if form == "iso":
            text = moment.isoformat(timespec="auto" if moment.microsecond else "seconds")
            text = text.replace("+00:00", "Z")
        elif form == "date":
            text = moment.date().isoformat()
        elif form in ("epoch", "%s"):
            text = str(int(moment.timestamp()))
        elif form in ("epoch_ms", "%ms"):
            text = str(int(moment.timestamp() * 1000))
        elif form == "plain":
            text = moment.isoformat()
        else:
            text = moment.strftime(form.replace("%ms", f"{moment.microsecond // 1000:03}"))
    else:
        text = as_text(value)
    return since.form.replace("{}", text)


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far an incremental table has come."""

    since: Since
    clock: Clock
    #: The column that grows, by its name at the API; empty when there is none.
    column: str = ""
    #: The greatest value that is settled: everything up to it was read. As it stood in a row.
    settled: Any = None
    #: The greatest and the least value that this reading saw.
    high: Any = None
    low: Any = None
    #: The first moment that was not asked for yet, where the API is asked for pieces of time.
    piece: str = ""
    #: The present, as the reading had it when it began.
    end: str = ""
    #: Where rows lead to others: digests of those at the end of what is settled, which lead to nothing new.
    known: frozenset[str] | None = None
    #: Rows without a value, and rows older than what was asked for.
    without: int = 0
    older: int = 0
    _tail: dict[Comparable, list[int]] = field(default_factory=dict)
    _rows: dict[Comparable, list[str]] = field(default_factory=dict)
    #: Count and digest of the rows that are without a value or older than was asked for.
    _others: list[int] = field(default_factory=lambda: [0, 0])

    def begin(self) -> Comparable | None:
        """From which moment on to ask; None: from the beginning."""
        value = comparable(self.settled, self.since.format)
        if value is None:
            return self._start()
        return self.reached_back(value)

    def reached_back(self, value: Comparable) -> Comparable:
        """A value less what may come late, rounded down to what the API's parameter can say."""
        if isinstance(value, datetime):
            value = value - duration(self.since.lookback)
            grain = _GRAINS.get(self.since.granularity)
            if grain is not None and self.since.param:
                stamp = (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=grain)
                value = datetime(1970, 1, 1, tzinfo=UTC) + stamp * timedelta(seconds=grain)
        if self.since.inclusive or not self.since.param:
            return value
        if isinstance(value, datetime):
            return value - timedelta(seconds=_GRAINS.get(self.since.granularity, 0.000001))
        return value - 1 if isinstance(value, Decimal) else value

    def _start(self) -> Comparable | None:
        return comparable(self.since.start, self.since.format) if self.since.start else None

    def pieces(self) -> Iterator[tuple[Comparable | None, Comparable | None]]:
        """The stretches of time to ask for, one after another; (None, None) where there is only one."""
        begin = self.begin()
        if not self.since.until:
            yield begin, None
            return
        now = datetime.fromisoformat(self.end) if self.end else self.clock.now().replace(microsecond=0)
        self.end = now.isoformat()
        end = now + duration(self.since.ahead)
        if self.piece:
            begin = _moment(datetime.fromisoformat(self.piece))
        step = duration(self.since.step)
        if not isinstance(begin, datetime) or not step:
            yield begin, end
            return
        grain = timedelta(seconds=_GRAINS.get(self.since.granularity, 0.000001))
        while begin <= end:
            until = min(begin + step - grain, end)
            yield begin, until
            begin = until + grain

    def done_until(self, end: Comparable) -> None:
        """A stretch of time was read to its end."""
        if isinstance(end, datetime) and self.since.step:
            grain = timedelta(seconds=_GRAINS.get(self.since.granularity, 0.000001))
            self.piece = (end + grain).isoformat()

    def state(self) -> Any:
        """What it learned so far, to come back to."""
        tail = {value: list(counted) for value, counted in self._tail.items()}
        rows = {value: list(digests) for value, digests in self._rows.items()}
        return self.high, self.low, self.without, self.older, tail, list(self._others), rows

    def back_to(self, state: Any) -> None:
        self.high, self.low, self.without, self.older = state[:4]
        self._tail = {value: list(counted) for value, counted in state[4].items()}
        self._others = list(state[5])
        self._rows = {value: list(digests) for value, digests in state[6].items()}

    def take(self, row: dict[str, Any], begin: Comparable | None) -> str:
        """Note a row; ``new``, ``old`` (below what was asked for) or ``none`` (without a value)."""
        raw = row.get(self.column)
        value = comparable(raw, self.since.format)
        if value is None:
            self.without += 1
            _count(self._others, row)
            return "none"
        if _below(value, begin):
            self.older += 1
            if self.since.param:
                _count(self._others, row)
            return "old"
        high, low = comparable(self.high, self.since.format), comparable(self.low, self.since.format)
        kept = raw if isinstance(raw, int | str) else as_text(raw)
        if high is None or _below(high, value):
            self.high = kept
        if low is None or _below(value, low):
            self.low = kept
        _count(self._tail.setdefault(value, [0, 0]), row)
        if self.known is not None:
            self._rows.setdefault(value, []).append(_short(row))
        if len(self._tail) > 2 * EDGE:
            self._trim()
        return "new"

    def _trim(self) -> None:
        for value in sorted(self._tail, key=lambda v: (str(type(v)), v))[:-EDGE]:
            del self._tail[value]
            self._rows.pop(value, None)

    def is_known(self, row: dict[str, Any]) -> bool:
        """Whether a row that leads to others is the same as before."""
        return bool(self.known) and _short(row) in (self.known or ())

    @property
    def reached(self) -> Any:
        """The greatest value that was ever seen, as it stood in a row."""
        settled, high = comparable(self.settled, self.since.format), comparable(self.high, self.since.format)
        return self.settled if high is None or (settled is not None and not _below(settled, high)) else self.high

    def edge_of(self, value: Any) -> list[Any] | None:
        """Count and digest of the rows that the next reading will see again, were it to begin after ``value``."""
        at = comparable(value, self.since.format)
        if at is None:
            return None
        begin = self.reached_back(at)
        kept = [counted for each, counted in self._tail.items() if not _below(each, begin)]
        if len(kept) >= EDGE:
            return None
        kept.append(self._others)
        digest = sum(each[1] for each in kept) % (1 << 128)
        return [sum(each[0] for each in kept), f"{digest:032x}"]

    def edge_rows(self, value: Any) -> list[str] | None:
        """Digests of the rows that the next reading will see again, where they lead to others."""
        at = comparable(value, self.since.format)
        if self.known is None or at is None:
            return None
        begin = self.reached_back(at)
        found = [row for each, rows in self._rows.items() if not _below(each, begin) for row in rows]
        return sorted(set(found)) if len(found) <= EDGE else []


def _short(row: dict[str, Any]) -> str:
    return f"{digest_of(row) % (1 << 64):016x}"


def _count(counted: list[int], row: dict[str, Any]) -> None:
    counted[0] += 1
    counted[1] = (counted[1] + digest_of(row)) % (1 << 128)


def _below(value: Comparable, other: Comparable | None) -> bool:
    """Whether ``value`` is less; of different kinds as text."""
    if other is None:
        return False
    if type(value) is not type(other):
        return str(value) < str(other)
    return value < other  # type: ignore[operator]
