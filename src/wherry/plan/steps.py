"""Wanted versus built, table by table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.model.plan import Built, Plan, Request, Step
from wherry.model.slice import BEGINNING, Slice, ceil, floor, shift, subtract, union
from wherry.plan.recipe import lineages, promise, promises, recipe, referred

#: Tables of these build words can be made again from their inputs alone.
REBUILDABLE = ("view", "replace", "incremental")
#: Tables of these build words keep rows of earlier builds.
GATHERING = ("append", "incremental", "merge", "history")


def make_plan(
    graph: Graph,
    built: Mapping[str, Built],
    selected: Collection[str],
    request: Request,
    *,
    source_changes: Callable[[Asset, Built | None], str | None],
    files: Callable[[Asset], str],
    owed: Collection[str] = (),
) -> Plan:
    """One step for every selected asset and every table whose file is gone, inputs first.

    ``source_changes`` says why a source has something to read; ``files`` gives the fingerprint of the files that an
    asset's SQL reads; ``owed`` are tables that were published and not asked what is asked of them then. Pure but for
    the first two. O(nodes + edges).
    """
    found, promised = lineages(graph), promises(graph)
    claimed = _claimed(graph, built) if graph.unread else {}
    held = graph.held | graph.downstream(claimed)
    faults = graph.faults(held, claimed) if held else {}
    moving: dict[str, Step] = {}
    steps: list[Step] = []
    for key, asset in graph.assets.items():
        if key not in selected:
            continue
        if key in held:
            steps.append(_held(asset, claimed.get(key), held, faults[key]))
            continue
        if asset.kind == "source":
            step = _source_step(asset, built.get(key), found[key], request, source_changes)
        else:
            step = table_step(asset, built.get(key), found[key], request, built, moving, files(asset))
        if step.action == "skip":
            kept = built[key].published if step.give_up else built[key]
            assert kept is not None
            step = _settled(step, kept, promise(asset, promised[key], built))
            if key in owed and asset.later_checks and not step.only_checks:
                reason = "only its checks run: it was published, and not asked what is asked after that"
                step = replace(step, only_checks=True, reason=reason)
            if moved := [name for name in referred(asset) if name in moving]:
                reason = f"only its checks run: {graph.assets[moved[0]].name} changes"
                step = replace(step, only_checks=True, reason=reason)
        steps.append(step)
        if step.action != "skip":
            moving[key] = step
    if len(selected) == len(graph.assets):
        steps.extend(_removed(graph, built, request))
    return Plan(steps=tuple(steps), by_name={step.name.lower(): step for step in steps})


def _claimed(graph: Graph, built: Mapping[str, Built]) -> dict[str, Finding]:
    """Tables that were loaded from a source, and that another file makes now, where a file of a source is not
    understood: it may make them still, and which of the two is meant is not known."""
    return {
        key: each.finding
        for key, asset in graph.assets.items()
        if asset.kind != "source" and key in built and built[key].word == "source"
        for each in graph.unread
        if each.finding.file.startswith("sources/") and each.may_make(key)
    }


def _held(asset: Asset, claimed: Finding | None, held: Collection[str], fault: int) -> Step:
    """Nothing becomes of a table that is not understood, or needs one that is not."""
    if asset.held:
        more = len(asset.held) - 1
        reason = f"held back: {asset.held[0].told}{f', and {more} more' * bool(more)}"
    elif claimed:
        reason = f"held back: it was loaded from a source, and may be still: {claimed.told}"
    else:
        reason = f"held back: it needs {next(name for name in asset.inputs if name.lower() in held)}"
    return Step(name=asset.name, action="skip", reason=reason, held=True, fault=fault)


def _source_step(
    asset: Asset,
    built: Built | None,
    lineage: str,
    request: Request,
    source_changes: Callable[[Asset, Built | None], str | None],
) -> Step:
    name = asset.name
    if asset.source is not None and asset.source.connector == "lake" and built is not None:
        return Step(name=name, action="skip", reason="imported" if built.word == "imported" else "made by others")
    if built is None or built.word == "foreign":
        return Step(name=name, action="load", reason="new")
    if built.word == "imported":
        return Step(name=name, action="skip", reason="imported")
    if request.full:
        return Step(name=name, action="load", reason="--full was asked for", refill=True)
    if built.lineage != lineage:
        return Step(name=name, action="load", reason="what is loaded was changed in its file", refill=True)
    if built.partial:
        return Step(name=name, action="load", reason="the last load was cut off; it goes on from there")
    if reason := source_changes(asset, built):
        return Step(name=name, action="load", reason=reason)
    return Step(name=name, action="skip", reason="unchanged")


def table_step(
    asset: Asset,
    built: Built | None,
    lineage: str,
    request: Request,
    versions: Mapping[str, Built],
    moving: Mapping[str, Step],
    files: str,
) -> Step:
    """What becomes of one table, given what becomes of its inputs (``moving``) and what is built of them."""
    name = asset.name
    incremental = asset.build.word == "incremental"
    wanted = _wanted_slice(asset, request) if incremental else None
    if built is None:
        return _first(asset, "new", wanted)
    if built.word == "foreign":
        return _first(asset, f"not built yet: the table that is there was made by {built.outside}", wanted)
    if request.full:
        return _first(asset, "--full was asked for", wanted)
    if _loses_rows(built.word, asset.build.word):
        reason = f"as `{built.word}` it gathered rows that `{asset.build.word}` would lose; --full builds it anew"
        return Step(name=name, action="build", reason=reason, refused=True)
    if built.lineage != lineage and asset.build.word in REBUILDABLE:
        reason = "its file was changed" if built.meaning != asset.meaning else _changed_upstream(asset, moving)
        # A backfill of some moments must not take away the others.
        return _first(
            asset, reason, _span(wanted, _wanted_slice(asset, _of_all_time(request)) if incremental else None)
        )
    if built.word != asset.build.word and built.word in (*REBUILDABLE, "source"):
        return _first(asset, "its build word was changed", wanted)
    reason = ""
    if built.meaning != asset.meaning:
        reason = "its file was changed; rows gathered before stay (--full builds them again)"
    elif changing := [n for n in asset.inputs if n.lower() in moving]:
        reason = (
            f"{changing[0]} changes" if len(changing) == 1 else f"{changing[0]} and {len(changing) - 1} more change"
        )
    elif any(n.lower() not in versions for n in asset.inputs):
        reason = "an input is not built yet"
    elif recipe(asset, {n.lower(): versions[n.lower()].version for n in asset.inputs}, files) != built.recipe:
        reason = _which_changed(asset, built, versions)
    if reason and built.unpublished and asset.build.word in GATHERING:
        # Rows from inputs that were never published must not stay: a run that did not finish changes nothing.
        again = table_step(asset, built.published, lineage, request, versions, moving, files)
        return replace(again, give_up=True)
    if incremental and wanted and (request.start or request.until):
        return Step(name=name, action="build", reason="backfill was asked for", slices=(wanted,))
    if incremental and wanted:
        slices = _slices(asset, built, wanted, inputs_changed=bool(reason))
        if slices:
            shown = reason or f"{len(slices)} interval{'s are' if len(slices) > 1 else ' is'} not filled yet"
            return Step(name=name, action="build", reason=shown, slices=slices)
        return Step(name=name, action="skip", reason="unchanged")
    if reason:
        return Step(name=name, action="build", reason=reason)
    return Step(name=name, action="skip", reason="unchanged")


def _first(asset: Asset, reason: str, wanted: Slice | None) -> Step:
    return Step(name=asset.name, action="build", reason=reason, slices=(wanted,) if wanted else (), refill=True)


def _loses_rows(before: str, now: str) -> bool:
    """Whether a changed build word cannot keep rows that could not be built again."""
    gathered = before in GATHERING and before not in REBUILDABLE
    return gathered and before != now and (now in REBUILDABLE or "history" in (before, now))


def _of_all_time(request: Request) -> Request:
    return replace(request, start=None, until=None)


def _span(one: Slice | None, other: Slice | None) -> Slice | None:
    """From the first moment of either to the last of either."""
    if one is None or other is None:
        return one or other
    return Slice(start=min(one.start, other.start), end=max(one.end, other.end))


def _which_changed(asset: Asset, built: Built, versions: Mapping[str, Built]) -> str:
    """Why the recipe of a table is another, though its file and what is to be built of its inputs are not."""
    for name in asset.inputs:
        now = versions[name.lower()]
        if now.outside and built.made_of.get(name.lower()) != now.short:
            return f"{name} was written to from outside by {now.outside}"
    return "its inputs changed since it was built"


def _settled(step: Step, built: Built, promise: str) -> Step:
    """A table that is not built again may still have to be checked."""
    if not built.checked and built.outside:
        reason = f"only its checks run: it was written to from outside by {built.outside}"
        return replace(step, only_checks=True, reason=reason)
    if not built.checked:
        return replace(step, only_checks=True, reason="only its checks run: they did not finish, or failed")
    if built.checks != promise:
        return replace(step, only_checks=True, reason="only its checks run: they changed")
    if built.unpublished:
        return replace(step, reason="built by a run that did not finish")
    if built.outside and built.word not in ("imported", "foreign"):
        reason = f"{step.reason}, but written to from outside by {built.outside}: it stays so until it is built again"
        return replace(step, reason=reason, noted=True)
    return step


def _changed_upstream(asset: Asset, moving: Mapping[str, Step]) -> str:
    changing = [name for name in asset.inputs if name.lower() in moving]
    return f"{changing[0]} was changed" if changing else "what it is made of was changed"


def _wanted_slice(asset: Asset, request: Request) -> Slice | None:
    """The moments a table should hold: from its start to the end of the running interval, or what a backfill asks."""
    grain = asset.build.grain
    start = datetime.fromisoformat(asset.build.start) if asset.build.start else BEGINNING
    start = floor(request.start, grain) if request.start else start
    end = ceil(request.until, grain) if request.until else shift(floor(request.now, grain), grain, 1)
    return Slice(start=start, end=end) if start < end else None


def _slices(asset: Asset, built: Built, wanted: Slice, *, inputs_changed: bool) -> tuple[Slice, ...]:
    """Gaps; and when inputs changed, everything from the newest row on, and the intervals looked back on from there.

    The newest row rather than the clock: a source that stood still for a week is a week late with all its rows.
    """
    gaps = list(subtract(wanted, built.filled))
    if inputs_changed and built.filled:
        grain = asset.build.grain
        # A backfill may have filled moments that are still to come.
        newest = shift(min(max(piece.end for piece in built.filled), wanted.end), grain, -1)
        if built.reached is not None:
            newest = min(newest, floor(built.reached, grain))
        again = shift(newest, grain, -asset.build.lookback)
        gaps.append(Slice(start=max(again, wanted.start), end=wanted.end))
    return union(gaps)


def _may_be_made(graph: Graph, key: str, built: Built) -> Finding | None:
    """Why a table that no file makes may be one of a file that is not understood."""
    for each in graph.unread:
        if each.may_make(key):
            return each.finding
    if built.word == "source":
        # What it is called may be just what is wrong.
        for asset in graph.assets.values():
            if asset.kind == "source" and asset.held:
                return asset.held[0]
    return None


def _removed(graph: Graph, built: Mapping[str, Built], request: Request) -> list[Step]:
    steps = []
    for key in sorted(built):
        if key in graph.assets or built[key].word in ("imported", "foreign"):
            continue
        if why := _may_be_made(graph, key, built[key]):
            # Not gone: its file is not understood.
            reason = f"held back: {why.told}"
            steps.append(Step(name=key, action="skip", reason=reason, held=True, fault=graph.fault_of(why)))
            continue
        if built[key].word in REBUILDABLE or request.prune:
            steps.append(Step(name=key, action="drop", reason="its file is gone"))
        else:
            reason = "its file is gone; its rows could not be built again and stay (--prune drops it)"
            steps.append(Step(name=key, action="skip", reason=reason))
    return steps
