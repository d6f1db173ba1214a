"""What the lake remembers of a built table, beside its rows: the state of its pointer."""

import secrets
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

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
    if built.unlike:
        state["unlike"] = dict(built.unlike)
    if built.partial:
        state["partial"] = True
    return state


_FIELDS = frozenset(field.name for field in fields(Built)) - {"filled", "reached"}


def from_state(state: Mapping[str, Any]) -> Built | None:
    """What a pointer's state says; None when wherry did not build the table."""
    if "version" not in state:
        return None
    filled = tuple(
        Slice(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
        for start, end in state.get("filled", ())
    )
    known = {key: value for key, value in state.items() if key in _FIELDS}
    reached = datetime.fromisoformat(state["reached"]) if "reached" in state else None
    return Built(**known, filled=filled, reached=reached)
