"""One run at a time on a branch, and one upkeep by the clock, wherever they are: leases in the lake's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from wherry.errors import LakeError
from wherry.model.finding import Finding
from wherry.state.leases import BEAT, Lease, confirm, give_back, take

if TYPE_CHECKING:
    from wherry.lake.connecting import Database

TASK = "run"
UPKEEP = "upkeep"


class Held:
    """A lease of this process, confirmed from time to time for as long as it is held."""

    def __init__(self, database: Database, lease: Lease, *, beat: float = BEAT) -> None:
        self._database, self._lease, self._beat = database, lease, beat
        self._over = Event()
        self._lost = Event()
        self._thread = Thread(target=self._confirm, name="wherry-lease", daemon=True)
        self._thread.start()

    def expect(self) -> None:
        """Raises ``LakeError`` when somebody took the lease over because this process was not heard of."""
        if self._lost.is_set() or not confirm(self._database, self._lease):
            finding = Finding(
                code="run-taken-over",
                message=f"Another run on branch `{self._lease.branch}` took over from this silent one.",
                hint="Nothing was published by this run. `wherry show --locks` tells who runs now.",
            )
            raise LakeError(findings=[finding])

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(LakeError):  # whoever comes next sees that this process is gone
            give_back(self._database, self._lease)

    def _confirm(self) -> None:
        while not self._over.wait(self._beat):
            with suppress(LakeError):
                if not confirm(self._database, self._lease):
                    self._lost.set()
                    return


@contextmanager
def run_lock(database: Database, branch: str, owner: str = "") -> Iterator[Held]:
    """Hold the right to run on ``branch``. Raises ``LakeError`` when another process holds it."""
    lease, mine = take(database, TASK, branch, owner)
    if not mine:
        finding = Finding(
            code="run-in-progress",
            message=f"Another run on branch `{branch}` is under way ({lease.who}).",
            hint="Wait for it, stop it, or run on a branch of your own with --branch.",
        )
        raise LakeError(findings=[finding])
    with _holding(database, lease) as held:
        yield held


@contextmanager
def upkeep_lock(database: Database, branch: str, owner: str = "") -> Iterator[bool]:
    """Hold the right to do upkeep by the clock; False when another process holds it."""
    lease, mine = take(database, UPKEEP, branch, owner)
    if not mine:
        yield False
        return
    with _holding(database, lease):
        yield True


@contextmanager
def _holding(database: Database, lease: Lease) -> Iterator[Held]:
    held = Held(database, lease)
    try:
        yield held
    finally:
        held.close()
