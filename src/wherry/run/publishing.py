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

    A table is published when it passed and each table that it reads or refers to is published with it or has not
    changed on the branch.
    """
    own = lake.own_pointers(work_branch)
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
    # What stays behind holds back all that reads it or refers to it.
    while behind := {key: name for key, asset in passed.items() if (name := _behind(asset, own, passed))}:
        for key, name in behind.items():
            held[passed.pop(key).name] = f"{name} is not published"
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


def run_sql_checks(
    graph: Graph, attempt: Attempt, results: Mapping[str, AssetResult]
) -> Iterator[tuple[SqlCheck, CheckResult, list[str]]]:
    """Run the files of SQL checks that a table of this run concerns: the verdict, and the tables of this run it is
    about, which must not be published when it failed."""
    for check in graph.checks:
        keys = [name.lower() for name in check.inputs]
        fresh = [k for k in keys if k in results and (results[k].state == "built" or _open(attempt, k))]
        if not fresh or any(k not in attempt.session.pointers for k in keys):
            continue
        if any(k in results and results[k].state in ("failed", "blocked") for k in keys):
            continue
        attempt.session.show(check.inputs)
        for name in check.functions:
            attempt.session.define(graph.functions[name].text)
        from wherry.run.verdict import run_sql_check

        yield check, run_sql_check(attempt.session.engine, check), fresh


def _open(attempt: Attempt, key: str) -> bool:
    """Whether what is on the run's branch of a table is still to be published, or to be checked anew."""
    built = attempt.built.get(key)
    return key in attempt.pending or (built is not None and built.unpublished)
