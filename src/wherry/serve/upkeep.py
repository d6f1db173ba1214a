"""Upkeep from time to time, for as long as the lake is offered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

from wherry.errors import WherryError
from wherry.run.lock import upkeep_lock
from wherry.run.upkeep import next_upkeep

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.upkeep.upkeep import Report

#: Seconds between two looks at whether it is due: another process may have done it meanwhile.
_LOOK = 60.0
#: Seconds until it is tried again after it failed.
_AGAIN = 3600.0

#: Does upkeep, telling what it comes to.
Work = Callable[[Callable[..., None]], "Report"]


class _Stopped(Exception):
    """Asked to stop in the middle."""


def keep_up_until(
    stop: Event, lake: Lake, every: timedelta, work: Work, tell: Callable[[Report | WherryError], None], owner: str = ""
) -> None:
    """Do ``work`` whenever the last upkeep, whoever did it, is older than ``every``, until ``stop`` is set.

    It stops between two tables. ``tell`` hears how each ended.
    """
    wait = 0.0
    while not stop.wait(wait):
        try:
            due = next_upkeep(lake, every)
            wait = _LOOK if due is None else min(_LOOK, max(0.0, (due - datetime.now(UTC)).total_seconds()))
            if wait or due is None:
                continue
            done = _once(stop, lake, every, work, owner)
            wait = _LOOK
        except _Stopped:
            return
        except WherryError as problem:
            tell(problem)
            wait = _AGAIN
        else:
            if done is not None:
                tell(done)


def _once(stop: Event, lake: Lake, every: timedelta, work: Work, owner: str) -> Report | None:
    """What was done; None when another process is at it, or has just done it."""

    def going_on(kind: str, **what: object) -> None:
        if stop.is_set():
            raise _Stopped

    with upkeep_lock(lake.database, "main", owner) as mine:
        due = next_upkeep(lake, every) if mine else None
        return work(going_on) if due is not None and due <= datetime.now(UTC) else None
