"""What is built on a branch, as the next run will find it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.model.plan import Built
from wherry.run.record import from_state

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


def see(lake: Lake, branch: str) -> Seen:
    """Published tables, overlaid with those of the newest unfinished run whose ground has not moved since."""
    pointers = dict(lake.pointers(branch))
    work = [info for info in lake.branches() if info.name.startswith(WORK) and info.parent == branch]
    unfinished = tuple(info.name for info in sorted(work, key=lambda info: info.created_at, reverse=True))
    built = {}
    overlaid: set[str] = set()
    if unfinished:
        base = lake.base_pointers(unfinished[0])
        for key, pointer in lake.own_pointers(unfinished[0]).items():
            if _ground(pointers.get(key)) == _ground(base.get(key)):
                pointers[key] = pointer
                overlaid.add(key)
    for key, pointer in pointers.items():
        if pointer.kind != "dropped" and (state := from_state(pointer.state, unpublished=key in overlaid)):
            built[key] = state
    return Seen(pointers=pointers, built=built, unfinished=unfinished)


def _ground(pointer: Pointer | None) -> tuple[object, ...] | None:
    if pointer is None or pointer.kind == "dropped":
        return None
    return pointer.location, pointer.sql, dict(pointer.state).get("version")
