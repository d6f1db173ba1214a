"""Mark: every file that a branch or a kept commit leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.upkeep import files, manifest
from wherry.lake.upkeep.forget import Kept, pasts

_CURRENT = re.compile(rb'"current-snapshot-id"\s*:\s*(-?\d+)')

Seen = Callable[[int], None]


def current_snapshot_id(location: str) -> int | None:
    """The current snapshot of a metadata file, without reading all of it as JSON, which may be a megabyte."""
    found = _CURRENT.search(files.read(location))
    return int(found[1]) if found else None


class Reach:
    """The paths of all files that are reachable. Memory grows with their number, some 200 bytes each."""

    def __init__(self, seen: Seen = lambda count: None) -> None:
        self.files: set[str] = set()
        #: Folders of tables that can be read.
        self.tables: set[str] = set()
        self._seen = seen
        #: Metadata files that were followed.
        self._looked_at: set[str] = set()
        #: Snapshots that are marked, by table folder.
        self._snapshots: set[tuple[str, int]] = set()
        #: The newest commit that was looked at.
        self._until = 0

    def mark(self, connection: sa.Connection, kept: Kept) -> None:
        """Mark from what the database says now. Raises ``LakeError`` when a file that must be there is not."""
        newest = sa.select(sa.func.max(db.commit.c.seq))
        self._until = connection.execute(newest).scalar() or 0
        # Heads first: they lead to nearly all that older commits do.
        heads = sa.select(db.pointer.c.branch, db.pointer.c.location).where(db.pointer.c.location.is_not(None))
        for branch, location in connection.execute(heads).all():
            if branch in kept.branches:
                self.head(location)
        for past in pasts(connection):
            if past.location is not None and kept.needs(past):
                self._past(past.location)

    def extend(self, connection: sa.Connection) -> None:
        """Mark what was committed since."""
        newest = connection.execute(sa.select(sa.func.max(db.commit.c.seq))).scalar() or 0
        if newest > self._until:
            fresh = sa.select(db.change.c.location).where(db.change.c.seq > self._until)
            for location in connection.execute(fresh).scalars().all():
                if location is not None:
                    self.head(location)
            self._until = newest

    def head(self, location: str) -> None:
        """Mark all that the current state of a table lists, older snapshots included."""
        if location in self._looked_at or _elsewhere(location):
            return
        self._looked_at.add(location)
        metadata = json.loads(self._content(location))
        self._add(location)
        folder = metadata["location"]
        self.tables.add(files.local(folder))
        current = metadata.get("current-snapshot-id")
        named = {current, *(ref["snapshot-id"] for ref in (metadata.get("refs") or {}).values())}
        for snapshot in metadata["snapshots"]:
            # What was expired before the table was restored to this state cannot be read, and need not be.
            self._snapshot(folder, snapshot, needed=snapshot["snapshot-id"] in named)
        self._add(*(entry["metadata-file"] for entry in metadata.get("metadata-log") or ()))
        for name in ("statistics", "partition-statistics"):
            self._add(*(each["statistics-path"] for each in metadata.get(name) or ()))

    def _past(self, location: str) -> None:
        """Mark what a kept commit shows of a table: the snapshot that was current then."""
        if location in self._looked_at or _elsewhere(location):
            return
        self._looked_at.add(location)
        self._add(location)
        content = self._content(location)
        folder = location.rpartition("/metadata/")[0]
        found = _CURRENT.search(content)
        if found is not None and (folder, int(found[1])) in self._snapshots:
            return
        metadata = json.loads(content)
        self.tables.add(files.local(metadata["location"]))
        for snapshot in metadata["snapshots"]:
            if snapshot["snapshot-id"] == metadata.get("current-snapshot-id"):
                self._snapshot(metadata["location"], snapshot, needed=True)

    def _add(self, *paths: str) -> None:
        self.files.update(map(files.local, paths))

    def _content(self, location: str) -> bytes:
        try:
            return files.read(location)
        except FileNotFoundError:
            raise _missing(location) from None

    def _snapshot(self, folder: str, snapshot: dict[str, Any], *, needed: bool) -> None:
        number = (folder, snapshot["snapshot-id"])
        if number in self._snapshots:
            return
        path = snapshot["manifest-list"]
        try:
            found = manifest.manifests(path)
        except FileNotFoundError:
            if needed:
                raise _missing(path) from None
            return
        self._snapshots.add(number)
        self._add(path)
        self._manifests((each for each in found if files.local(each.path) not in self.files), needed=needed)
        self._seen(len(self.files))

    def _manifests(self, found: Iterable[manifest.Manifest], *, needed: bool) -> None:
        for each in found:
            try:
                listed = manifest.entries(each)
            except FileNotFoundError:
                if needed:
                    raise _missing(each.path) from None
                continue
            self._add(each.path)
            self._add(*(entry.path for entry in listed))


def _elsewhere(location: str) -> bool:
    """Whether a table lies in a bucket, from when the lake was there: none of its files are in a folder."""
    return "://" in location and not location.startswith("file:")


def _missing(path: str) -> LakeError:
    return LakeError(
        f"the file `{path}` is missing, and a branch or a kept commit needs it: nothing is removed",
        hint="`wherry log` and `wherry restore` go back to a commit that is whole",
    )
