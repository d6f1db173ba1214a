"""Time and chance as an HTTP client sees them; a test brings its own."""

from __future__ import annotations

import random
import re
import threading
import time
from dataclasses import field
from datetime import UTC, datetime

from wherry.model.dataclass import dataclass

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week|[smhdw])s?\s*\Z", re.IGNORECASE)
_RATE = re.compile(
    r"\s*(\d+)\s*(?:requests?\s+)?(?:per|/|a|an)\s*(\d+\s*)?(second|minute|hour|day|[smhd])s?\s*\Z", re.I
)


class Clock:
    """The system's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return random.random()


def seconds(text: str) -> float | None:
    """The length of "15 minutes" or "90s" in seconds; None when it is none."""
    match = _LENGTH.match(text)
    return float(match[1]) * _unit(match[2]) if match else None


def _unit(word: str) -> int:
    return next(length for unit, length in _UNITS.items() if unit.startswith(word.lower()))


def rate(text: str) -> tuple[int, float] | None:
    """How many requests in how many seconds "10 per second" or "5000 per hour" allow; None when it is no rate."""
    match = _RATE.match(text)
    if match is None or int(match[1]) == 0:
        return None
    return int(match[1]), float(match[2] or 1) * _unit(match[3])


@dataclass(slots=True)
class Limit:
    """At most ``count`` requests in any ``period`` seconds, whoever makes them; and none before ``not_before``."""

    count: int = 0
    period: float = 0
    not_before: float = 0
    _made: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, clock: Clock) -> float:
        """Take the next place; how many seconds to wait for it."""
        with self._lock:
            now = clock.ticks()
            at = max(now, self.not_before)
            if self.count:
                self._made = [moment for moment in self._made if moment > now - self.period]
                if len(self._made) >= self.count:
                    at = max(at, self._made[-self.count] + self.period)
                self._made.append(at)
            return at - now

    def pause(self, clock: Clock, length: float) -> None:
        """Let nobody ask for so many seconds."""
        with self._lock:
            self.not_before = max(self.not_before, clock.ticks() + length)
