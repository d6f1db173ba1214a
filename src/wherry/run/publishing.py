"""Which of a run's tables may be published, and the checks that look at several tables at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from wherry.model.asset import Asset
from wherry.model.graph import Graph, SqlCheck
from wherry.model.run import AssetResult, CheckResult
from wherry.run.load import REJECTS
from wherry.run.record import from_state
from wherry.run.rejected import REJECTED

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.run.step import Attempt


def publishable(
    graph: Graph,
    lake: Lake,
    work_branch: str,
    results: Mapping[str, AssetResult],
    only: Collection[str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Names to publish together, and why others that the branch changed are held back.

    A table is published when it passed and each table that it reads or refers to, or that a file of SQL holds it
    against, is published with it or has not changed on the branch.
    """
    own = lake.own_pointers(work_branch)
    beside = _held_against(graph)
    there = lake.pointers(work_branch) if beside else {}
    passed: dict[str, Asset] = {}
    held: dict[str, str] = {}
    for key, asset in graph.assets.items():
        if key not in own or (only is not None and key not in only):
            continue
        result, built = results.get(key), from_state(own[key].state)
        if result is None or result.state in ("failed", "blocked") or built is None or built.partial:
            held[asset.name] = "not built in this run"
        elif not built.checked:
            held[asset.name] = "not checked in this run"
        else:
            passed[key] = asset

    def why(key: str, asset: Asset) -> str:
        if name := _behind(asset, own, passed):
            return f"{name} is not published"
        for name, file in beside.get(key, ()):
            other = name.lower()
            if other not in there or (other in own and other not in passed):
                return f"{name} is not published, and {file} is about both"
        return ""

    # What stays behind holds back all that reads it, refers to it, or is held against it.
    while behind := {key: reason for key, asset in passed.items() if (reason := why(key, asset))}:
        for key, reason in behind.items():
            held[passed.pop(key).name] = reason
    names = [*passed, *(key + end for key in passed for end in (REJECTS, REJECTED) if key + end in own)]
    if only is None:
        # What a table rejected goes with it, or stays with it.
        kept = {key + end for key in graph.assets for end in ("", REJECTS, REJECTED)}
        names.extend(k for k, p in own.items() if p.kind == "dropped" and k not in kept)
    return names, held


def _behind(asset: Asset, own: Collection[str], passed: Collection[str]) -> str:
    """The first table that it rests on whose change is not published with it; empty when there is none."""
    referred = (name for check in asset.checks for name in check.needs)
    return next((n for n in (*asset.inputs, *referred) if n.lower() in own and n.lower() not in passed), "")


def _held_against(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    """The tables that each table (lower case) is held against by a file of SQL that stops bad data, and that file."""
    found: dict[str, list[tuple[str, str]]] = {}
    for check in graph.checks:
        for name in check.inputs if check.stops else ():
            found.setdefault(name.lower(), []).extend((other, check.file) for other in check.inputs if other != name)
    return found


def run_sql_checks(
    graph: Graph, attempt: Attempt, results: Mapping[str, AssetResult]
) -> Iterator[tuple[SqlCheck, CheckResult, list[str]]]:
    """Run the files of SQL checks that a table of this run concerns, also one whose own checks failed: the verdict, and
    the tables of this run it is about, which must not be published when it failed."""
    changed = {*attempt.lake.own_pointers(attempt.session.branch), *attempt.pending} if graph.checks else set()
    for check in graph.checks:
        keys = [name.lower() for name in check.inputs]
        fresh = [k for k in keys if k in results and (_made(results[k]) or _open(attempt, k))]
        if not fresh or any(k not in attempt.session.pointers for k in keys):
            continue
        lost = (k for k in keys if k in results and results[k].state in ("failed", "blocked") and k in changed)
        if any(not _made(results[k]) for k in lost):
            continue  # what it would be held against is neither published nor whole
        attempt.session.show(check.inputs)
        for name in check.functions:
            attempt.session.define(graph.functions[name].text)
        from wherry.run.verdict import run_sql_check

        yield check, run_sql_check(attempt.session.engine, check), fresh


def _made(result: AssetResult) -> bool:
    """Whether a run made a table, though its checks may have failed."""
    return result.state == "built" or (result.state == "failed" and any(c.state == "failed" for c in result.checks))


def _open(attempt: Attempt, key: str) -> bool:
    """Whether what is on the run's branch of a table is still to be published, or to be checked anew."""
    built = attempt.built.get(key)
    return key in attempt.pending or (built is not None and built.unpublished)
