"""Sweep: files that nothing leads to go, in two steps, so that whoever reads or writes them now can finish.

A file that cannot be reached is first written down. It is removed by a later upkeep that finds it still so when it was
written down longer ago than the grace, and that finds it older than the grace and than every run under way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from wherry.errors import MissingFile
from wherry.lake.storage import LAKES, NOTES, Storage, StoredFile
from wherry.model.dataclass import dataclass

#: Files that are removed before the database is asked again for new commits.
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep found and did."""

    #: Files that were removed, or would be.
    files: int = 0
    #: Their bytes.
    bytes: int = 0
    #: Files that wait for a later upkeep.
    waiting: int = 0
    waiting_bytes: int = 0
    #: Files that stay, and their bytes.
    kept: int = 0
    kept_bytes: int = 0
    #: Empty folders that were removed.
    folders: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """Moments that decide, in seconds since 1970."""

    now: float
    #: How long a file must have been out of reach.
    grace: float
    #: What was written since then may belong to a run under way.
    busy_since: float

    @property
    def old(self) -> float:
        """What was written after that is left alone."""
        return min(self.now - self.grace, self.busy_since)


def sweep(
    storage: Storage,
    reached: Callable[[str], bool],
    extend: Callable[[], None],
    tables: set[str],
    ages: Ages,
    *,
    dry_run: bool,
    seen: Callable[[int], None] = lambda count: None,
) -> Swept:
    """Remove what is out of reach. ``extend`` makes ``reached`` know what was committed meanwhile.

    Memory grows with the number of files that are out of reach.
    """
    notes = f"{storage.location}/{NOTES}/out-of-reach.jsonl"
    known = _known(storage, notes)
    going: list[StoredFile] = []
    waiting: dict[str, float] = {}
    sizes: dict[str, int] = {}
    lakes: set[str] = set()
    kept = kept_bytes = 0
    for count, found in enumerate(storage.listing()):
        if count % 1000 == 0:
            seen(count)
        if reached(found.location):
            kept, kept_bytes = kept + 1, kept_bytes + found.size
            continue
        below, note, _ = found.location.rpartition(f"/{LAKES}/")
        if note:
            lakes.add(f"{below}/")
            continue
        since = known.get(found.location, ages.now)
        if since <= ages.now - ages.grace and found.modified <= ages.old:
            going.append(found)
        else:
            waiting[found.location], sizes[found.location] = since, found.size
    # Files of a lake below may come before its note.
    others = tuple(lakes)
    going = [found for found in going if not found.location.startswith(others)]
    waiting = {location: since for location, since in waiting.items() if not location.startswith(others)}
    if dry_run:
        gone = going
        folders = 0
    else:
        _write_down(storage, notes, waiting | {found.location: known.get(found.location, ages.now) for found in going})
        gone = list(_removed(storage, going, reached, extend))
        _write_down(storage, notes, waiting)
        folders = storage.remove_empty(tables, ages.old)
    return Swept(
        files=len(gone),
        bytes=sum(found.size for found in gone),
        waiting=len(waiting),
        waiting_bytes=sum(sizes[location] for location in waiting),
        kept=kept,
        kept_bytes=kept_bytes,
        folders=folders,
    )


def _removed(
    storage: Storage, going: list[StoredFile], reached: Callable[[str], bool], extend: Callable[[], None]
) -> Iterator[StoredFile]:
    for start in range(0, len(going), _BATCH):
        extend()
        batch = [found for found in going[start : start + _BATCH] if not reached(found.location)]
        storage.remove([found.location for found in batch])
        yield from batch


def _known(storage: Storage, notes: str) -> dict[str, float]:
    """When each file was first found out of reach. Notes that are lost or spoilt cost time only."""
    try:
        content = storage.read_bytes(notes)
        return {str(path): float(since) for path, since in map(json.loads, content.splitlines())}
    except (MissingFile, ValueError, TypeError):
        return {}


def _write_down(storage: Storage, notes: str, waiting: dict[str, float]) -> None:
    content = "".join(json.dumps([path, since], ensure_ascii=False) + "\n" for path, since in waiting.items())
    storage.put(notes, content.encode())
