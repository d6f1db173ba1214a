"""Commits that no run made: another engine's, or a person's through DuckDB. The table remembers the newest one.

A run hands the state of what it writes to the catalog before it commits. A commit without one that changes rows or
columns gets a mark in the state, so that whoever plans the next run sees it and asks for no more than it does anyway.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from wherry.lake import iceberg
from wherry.lake.clock import stamp
from wherry.lake.names import is_work
from wherry.lake.upkeep.unmoved import rows_of

#: In the state of a table: ``version`` (random: what is there now is other data), ``by`` and ``at``.
OUTSIDE = "outside"


def marked(
    branch: str, state: Mapping[str, Any], before: Mapping[str, Any] | None, after: Mapping[str, Any], author: str
) -> Mapping[str, Any]:
    """The state of a table after a commit from outside made ``after`` of its metadata ``before`` (None: it is new)."""
    if is_work(branch) or (before is not None and _same(before, after)):
        return state
    return {**state, OUTSIDE: {"version": secrets.token_hex(8), "by": author, "at": stamp()}}


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether rows and columns are what they were: properties, tags and files that were only written anew do not
    count."""
    if iceberg.current_schema(dict(before)) != iceberg.current_schema(dict(after)):
        return False
    was, now = (iceberg.current_snapshot(dict(each)) for each in (before, after))
    known = {snapshot["snapshot-id"]: snapshot for snapshot in after["snapshots"]}
    while now is not None and was is not None and rows_of(now) != rows_of(was):
        if (now.get("summary") or {}).get("operation") != "replace":
            return False
        now = known.get(now.get("parent-snapshot-id"))
    return (was is None) == (now is None)
