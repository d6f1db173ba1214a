"""Names of tables as a person gives them, for going back and for merging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wherry.errors import UsageError
from wherry.project.nearest import did_you_mean
from wherry.run.load import REJECTS

if TYPE_CHECKING:
    from wherry.lake.lake import Lake


def with_rejects(lake: Lake, branches: Sequence[str], tables: Sequence[str], at: str | None = None) -> list[str]:
    """The tables, and for each the one of its rejected rows if there is one: they are loaded together.

    Raises ``UsageError`` for a table that none of the branches has now, or at the moment ``at``.
    """
    known = {key: p.full_name for branch in branches for key, p in lake.pointers(branch).items()}
    for branch in branches:
        known |= {key: p.full_name for key, p in lake.own_pointers(branch).items()}
        if at is not None:
            known |= {key: p.full_name for key, p in lake.pointers(branch, lake.moment(branch, at)).items()}
    for table in tables:
        if table.lower() not in known:
            hint = did_you_mean(table, known.values(), "`wherry log --table NAME` lists a table's commits.")
            raise UsageError(f"There is no table `{table}`.", hint=hint)
    rejects = [known[key] for table in tables if (key := (table + REJECTS).lower()) in known]
    return [*(known[table.lower()] for table in tables), *(name for name in rejects if name not in tables)]
