"""How far a load of files has come: bytes fetched, then the file looked through for its types, then its rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wherry.model.dataclass import dataclass
from wherry.ports import Passed

if TYPE_CHECKING:
    from wherry import duckdb

#: How often DuckDB looks through files of a format before its rows come; of others that is not known.
LOOKS = {"csv": 1, "fixed": 1, "json": 2, "jsonl": 2, "parquet": 0}
#: Files of fewer bytes than this are not worth to tell of while they are looked through.
WORTH = 32 << 20
#: Bytes that are looked through in a second, about: for how long that takes once they are fetched.
_RATE = 150e6
#: Seconds between two looks at how far DuckDB is.
_LOOK = 0.5


@dataclass(slots=True, kw_only=True)
class Passing:
    """The part that some files have in all the work of a load, and how much of it is done."""

    tell: Callable[[Passed], None]
    #: Bytes of these files; and of all files, and of those before these: 0 when that is not known.
    size: int
    whole: int = 0
    before: int = 0
    clock: Callable[[], float] = time.monotonic
    looks: int | None = None
    #: The part of the work with these files that fetching them was.
    fetched: float = 0.0
    #: The greatest share that was told.
    furthest: float = 0.0
    #: When fetching them began.
    begun: float | None = None

    def share(self, part: float) -> float | None:
        """The share of all work that is done with a part of that with these files. It never goes back."""
        if not self.whole or self.looks is None:
            return None
        self.furthest = max(self.furthest, min((self.before + self.size * part) / self.whole, 1.0))
        return self.furthest

    def of_rows(self, part: float) -> float | None:
        """The share that is done when a part of the rows is."""
        return self._looked(self.looks or 0, part)

    def _looked(self, look: int, part: float) -> float | None:
        looks = self.looks or 0
        return self.share(self.fetched + (1 - self.fetched) * (look + part) / (looks + 1))

    def fetching(self, done: int) -> Callable[[int], None]:
        """Told of the bytes of a file as they are fetched, ``done`` bytes of others having been so before."""
        begun = self.begun = self.clock() if self.begun is None else self.begun
        last = begun

        def passed(came: int) -> None:
            nonlocal last
            now, at = self.clock(), done + came
            if self.size and at:
                takes, after = (now - begun) * self.size / at, self.size * ((self.looks or 0) + 1) / _RATE
                self.fetched = (now - begun) / (takes + after)
            if now - last >= _LOOK:
                last = now
                self.tell(Passed(size=at, share=self.share(self.fetched)))

        return passed

    @contextmanager
    def watching(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Tell how far DuckDB is with its looks through the files, while they last."""
        if self.size < WORTH or not self.looks:
            yield
            return
        con.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(con, ended), daemon=True)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()
            con.execute("SET enable_progress_bar = false")

    def _watch(self, con: duckdb.DuckDBPyConnection, ended: threading.Event) -> None:
        look, last = 0, 0.0
        while not ended.wait(_LOOK):
            at = float(con.query_progress())
            if at < 0:
                continue
            if at < last - 30:
                look = min(look + 1, (self.looks or 1) - 1)
            last = at
            self.tell(Passed(size=int(self.size * at / 100), share=self._looked(look, at / 100)))
