"""The table that rows which broke a check go to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.quoting import full_name
from wherry.run.session import Session

#: What it is called, after its table's name.
REJECTED = "__rejected"


def rejected_name(table: str) -> str:
    """The name of the table that a table's rejected rows go to."""
    return table + REJECTED


def taken_back(
    session: Session, table: str, condition: str, values: Mapping[str, Any] | None = None
) -> list[tuple[str, Mapping[str, Any] | None]]:
    """The statement of a build's transaction that takes out the rejected rows (``t``) which it makes anew."""
    if rejected_name(table).lower() not in session.pointers:
        return []
    return [(f"DELETE FROM lake.{full_name(rejected_name(table))} AS t WHERE {condition}", values)]
