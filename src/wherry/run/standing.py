"""Where a source's cursor stands, for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def standing(cursor: Mapping[str, Any] | None, column: str) -> str:
    """In words, or empty where there is none yet; ``column``: the one that the source file names as ``cursor:``."""
    held = cursor or {}
    if held.get("value") is not None:
        return f"`{held.get('column') or column}` = {held['value']}"
    if held.get("since") is not None:
        return f"`{column}` = {held['since']}"
    files = held.get("files")
    if isinstance(files, Mapping) and files:
        return f"`{max(files)}`, of {len(files):,} files" if len(files) > 1 else f"`{max(files)}`"
    return ""
