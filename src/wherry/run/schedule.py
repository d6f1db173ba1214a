"""Which step comes when: each as soon as what it waits for is settled, so many at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from wherry.model.graph import Graph
from wherry.model.plan import Step
from wherry.model.run import AssetResult
from wherry.plan.recipe import referred


def carry_out_all(
    graph: Graph,
    steps: Mapping[str, Step],
    jobs: int,
    do: Callable[[Step], AssetResult],
    *,
    blocked: Callable[[Step], AssetResult | None],
    settled: Callable[[str, AssetResult], None],
    interrupt: Callable[[], None],
) -> None:
    """Carry out ``steps`` (by lower-case name), ``jobs`` at a time. O(nodes + edges) beside the work itself.

    ``do`` does one in another thread; ``blocked`` gives the result of one that is not to be done; ``settled`` hears of
    every result, in the caller's thread. What is raised here, Ctrl-C for one, first has ``interrupt`` break off the
    work of the others.
    """
    # What is held back waits for nothing: it may be part of a circle.
    waits = {key: set() if step.held else _waits_for(graph, key) & set(steps) for key, step in steps.items()}
    readers: dict[str, list[str]] = {key: [] for key in steps}
    for key, others in waits.items():
        for other in others:
            readers[other].append(key)
    ready = [key for key in steps if not waits[key]]
    under_way: dict[Future[AssetResult], str] = {}
    threads: list[threading.Thread] = []
    with ThreadPoolExecutor(jobs, initializer=lambda: threads.append(threading.current_thread())) as pool:
        try:
            while ready or under_way:
                while ready and len(under_way) < jobs:
                    key = ready.pop(0)
                    if result := blocked(steps[key]):
                        settled(key, result)
                        ready[:0] = _released(key, waits, readers)
                    else:
                        under_way[pool.submit(do, steps[key])] = key
                # No longer than a second at a time: Ctrl-C that another thread was told of is seen only then.
                done, _ = wait(under_way, 1.0, return_when=FIRST_COMPLETED) if under_way else (set(), None)
                for future in done:
                    key = under_way.pop(future)
                    settled(key, future.result())
                    ready.extend(_released(key, waits, readers))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # Again and again: what is interrupted between two statements would begin the next one. The threads
            # themselves are waited for, since an interrupt may come before a future is noted.
            while alive := [thread for thread in threads if thread.is_alive()]:
                interrupt()
                alive[0].join(0.05)
            raise


def _released(key: str, waits: Mapping[str, set[str]], readers: Mapping[str, list[str]]) -> list[str]:
    released = []
    for reader in readers[key]:
        waits[reader].discard(key)
        if not waits[reader]:
            released.append(reader)
    return released


def _waits_for(graph: Graph, key: str) -> set[str]:
    asset = graph.assets[key]
    return {name.lower() for name in asset.inputs} | set(referred(asset))
