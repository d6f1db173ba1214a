"""What the lake remembers of a built table, beside its rows: the state of its pointer."""

import secrets
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from wherry.lake.outside import OUTSIDE
from wherry.model.plan import Built
from wherry.model.slice import Slice


def new_version() -> str:
    """An identity for data that did not exist before."""
    return secrets.token_hex(8)


def to_state(built: Built) -> dict[str, Any]:
    """As JSON; what has its default is left out."""
    state: dict[str, Any] = {
        "version": built.version,
        "recipe": built.recipe,
        "lineage": built.lineage,
        "meaning": built.meaning,
        "word": built.word,
        "checked": built.checked,
        "checks": built.checks,
    }
    if built.filled:
        state["filled"] = [[piece.start.isoformat(), piece.end.isoformat()] for piece in built.filled]
    if built.reached is not None:
        state["reached"] = built.reached.isoformat()
    if built.cursor is not None:
        state["cursor"] = dict(built.cursor)
    if built.kept is not None:
        state["kept"] = dict(built.kept)
    if built.unlike:
        state["unlike"] = dict(built.unlike)
    if built.partial:
        state["partial"] = True
    if built.made_of:
        state["made_of"] = dict(built.made_of)
    return state


def with_other_rows(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a table whose rows became others though it was not built: what is made of it is to be made again."""
    return {**{key: value for key, value in state.items() if key != OUTSIDE}, "version": new_version()}


_FIELDS = frozenset(field.name for field in fields(Built)) - {"filled", "reached", "outside"}


def from_state(state: Mapping[str, Any]) -> Built | None:
    """What a pointer's state says; None when nobody knows anything of the table.

    A commit from outside made other data of it, whose checks are still to be run.
    """
    outside = state.get(OUTSIDE)
    if "version" not in state:
        return _foreign(outside) if outside else None
    filled = tuple(
        Slice(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
        for start, end in state.get("filled", ())
    )
    known = {key: value for key, value in state.items() if key in _FIELDS}
    reached = datetime.fromisoformat(state["reached"]) if "reached" in state else None
    if outside:
        if outside["version"] != state["version"]:
            known |= {"version": outside["version"], "checked": not known.get("checks")}
        known["outside"] = _who(outside)
    return Built(**known, filled=filled, reached=reached)


def _foreign(outside: Mapping[str, Any]) -> Built:
    """A table that another engine made."""
    return Built(version=outside["version"], recipe="", lineage="", meaning="", word="foreign", outside=_who(outside))


def _who(outside: Mapping[str, Any]) -> str:
    return f"{outside.get('by') or 'nobody'}, {outside['at'][:16].replace('T', ' ')}"
