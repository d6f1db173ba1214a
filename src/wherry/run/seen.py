"""What is built on a branch, as the next run will find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from wherry.lake.pointer import same
from wherry.model.dataclass import dataclass
from wherry.model.plan import Built
from wherry.run.record import from_state
from wherry.run.replace import NEW
from wherry.state.runs import owed

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.pointer import Pointer

#: Branches of runs begin with this.
WORK = "run/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The tables of a branch with what an unfinished run left for them."""

    pointers: Mapping[str, Pointer]
    built: Mapping[str, Built]
    #: Branches of unfinished runs, newest first.
    unfinished: tuple[str, ...]
    #: Tables whose published version was not asked what is asked after publishing -> that version.
    owed: Mapping[str, str] = field(default_factory=dict)


def see(lake: Lake, branch: str) -> Seen:
    """Published tables, overlaid with those of the newest unfinished run whose ground has not moved since."""
    published = lake.pointers(branch)
    work = [info for info in lake.branches() if info.name.startswith(WORK) and info.parent == branch]
    unfinished = tuple(info.name for info in sorted(work, key=lambda info: info.created_at, reverse=True))
    own: dict[str, Pointer] = {}
    if unfinished:
        base = lake.base_pointers(unfinished[0])
        own = {
            k: p for k, p in lake.own_pointers(unfinished[0]).items() if _stands(published.get(k), base.get(k), lake)
        }
    built = _built(published, own)
    return Seen(pointers=published | own, built=built, unfinished=unfinished, owed=_owed(lake, branch, published))


def _stands(published: Pointer | None, base: Pointer | None, lake: Lake) -> bool:
    from wherry.lake.upkeep.unmoved import unmoved

    return unmoved(base, published, lake.storage)


def see_work(lake: Lake, work_branch: str, onto: str) -> Seen:
    """What the branch of a run holds: what it changed, over what is published on ``onto``."""
    published, own = lake.base_pointers(work_branch), lake.own_pointers(work_branch)
    owed = _owed(lake, onto, published)
    return Seen(pointers=lake.pointers(work_branch), built=_built(published, own), unfinished=(), owed=owed)


def _owed(lake: Lake, branch: str, published: Mapping[str, Pointer]) -> dict[str, str]:
    """Of what runs left to be asked, that which is published still."""
    found = {}
    for key, versions in owed(lake.database, branch).items():
        built = from_state(published[key].state) if key in published else None
        if built is not None and built.version in versions:
            found[key] = built.version
    return found


def _built(published: Mapping[str, Pointer], own: Mapping[str, Pointer]) -> dict[str, Built]:
    # What was dropped and not published is still there, and will be dropped again.
    kept = {key: pointer for key, pointer in own.items() if pointer.kind != "dropped"}
    built = {}
    for key, pointer in {**published, **kept}.items():
        if not key.endswith(NEW) and (state := from_state(pointer.state)):
            ground = published.get(key)
            if key in kept and not same(pointer, ground):
                state = replace(state, unpublished=True, published=from_state(ground.state) if ground else None)
            built[key] = state
    return built
