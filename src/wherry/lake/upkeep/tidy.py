"""Many small commits: a table's lists are put together in the very commit that makes them many. No data file is read.

Each commit adds a manifest or two, each update a file of deletes, and whoever reads the table opens all of them: after
400 merges of ten rows, a merge took twenty times what the first one did. So every so often the catalog adds a snapshot
of its own to the one that came, with the same rows: few manifests, without the data files of which no row is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wherry.errors import LakeError
from wherry.lake.upkeep.manifest import DATA, POSITION_DELETES, Entry

if TYPE_CHECKING:
    from wherry.lake.storage import Storage

Metadata = dict[str, Any]

#: Snapshots that a table lists: each query reads the list. Those of kept commits stay readable as of their commit.
LISTED = 75
#: Snapshots that are let be, so that not each further commit has one to take off the list.
_LISTED_AT_MOST = 100
#: Commits since lists were put together that make it due: those that deleted rows, and all.
_DELETING, _ANY = 16, 64
#: With more files than this the lists are long for a reason, and left to upkeep.
_FILES = 2000


def crowded(metadata: Metadata) -> list[int]:
    """Snapshots to take off a table's list because there are many: the oldest ones that nothing names."""
    if len(metadata["snapshots"]) <= _LISTED_AT_MOST:
        return []
    named = {metadata["current-snapshot-id"], *(ref["snapshot-id"] for ref in metadata["refs"].values())}
    return [s["snapshot-id"] for s in metadata["snapshots"][:-LISTED] if s["snapshot-id"] not in named]


def due(metadata: Metadata) -> bool:
    """Whether the lists of the current snapshot are to be put together. No file is read."""
    if metadata["format-version"] != 2:
        return False
    known = {snapshot["snapshot-id"]: snapshot for snapshot in metadata["snapshots"]}
    snapshot = known.get(metadata["current-snapshot-id"])
    commits = deleting = 0
    while snapshot is not None:
        summary = snapshot.get("summary") or {}
        if summary.get("operation") == "replace":
            return False
        if not commits and _count(summary, "total-data-files") + _count(summary, "total-delete-files") > _FILES:
            return False
        commits += 1
        deleting += _count(summary, "added-delete-files") > 0
        if commits >= _ANY or deleting >= _DELETING:
            return True
        snapshot = known.get(snapshot.get("parent-snapshot-id"))
    return False


def _count(summary: dict[str, str], name: str) -> int:
    text = summary.get(name) or "0"
    return int(text) if text.isdecimal() else 0


def together(storage: Storage, metadata: Metadata) -> list[dict[str, Any]]:
    """Write the lists of the current snapshot anew; catalog updates that put them in its place.

    None where a list cannot be read: that is for whoever reads the table to be told.
    """
    from wherry.lake.upkeep import rewrite
    from wherry.lake.upkeep.choose import Choice

    try:
        table = rewrite.contents(storage, metadata)
    except LakeError:
        return []
    if table is None:
        return []
    dead, spent = _dead(table.entries)
    work = rewrite.Work(choice=Choice(data=dead, deletes=(), spent=spent), manifests=True)
    return rewrite.replaced(storage, table, work, rewrite.Written())


def _dead(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Data files without a row, and files of deletes that are about nothing else.

    Only where a single file of deletes names as many rows as the data file has: two of them may name the same row.
    """
    data = {entry.path: entry for entry in entries if entry.content == DATA}
    about: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.content == POSITION_DELETES and entry.referred is not None:
            about[entry.referred].append(entry)
    gone = {path for path, found in about.items() if path in data and any(d.rows >= data[path].rows for d in found)}
    spent = [delete for path, found in about.items() if path in gone or path not in data for delete in found]
    return tuple(data[path] for path in gone), tuple(spent)
