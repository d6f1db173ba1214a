"""What the threads of a run share."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from run_folder import Folder

from wherry.engines.duckdb import DuckDB
from wherry.run.session import Session


def test_threads_that_ask_first_at_once_are_given_the_same_tables(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what one of them builds is forgotten when the other's answer comes."""
    folder.tables(t="SELECT 1 AS x")
    folder.done()
    engine = DuckDB(folder=folder.path, scratch=folder.config.scratch)
    try:
        session = Session(folder.lake, "main", engine)
        first, second, read = threading.Event(), threading.Event(), folder.lake.pointers

        class Watched:
            """Tells that the second thread is about to wait for the first."""

            def __init__(self) -> None:
                self.lock = threading.RLock()

            def __enter__(self) -> None:
                if first.is_set():
                    second.set()
                self.lock.acquire()

            def __exit__(self, *_: object) -> None:
                self.lock.release()

        def pointers(*asked: Any) -> Any:
            if first.is_set():
                second.set()
            first.set()
            second.wait()
            return read(*asked)

        monkeypatch.setattr(session, "_lock", Watched())
        monkeypatch.setattr(folder.lake, "pointers", pointers)
        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(lambda: session.pointers)
            first.wait()
            other = threads.submit(lambda: session.pointers)
            assert one.result() is other.result() is session.pointers
    finally:
        engine.close()
