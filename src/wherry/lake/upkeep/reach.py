"""Mark: every file that a branch or a kept commit leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from wherry.errors import LakeError
from wherry.lake import read
from wherry.lake.connecting import Connection
from wherry.lake.storage import Storage
from wherry.lake.upkeep import manifest
from wherry.lake.upkeep.forget import Kept, pasts
from wherry.lake.upkeep.manifest import Manifest

_CURRENT = re.compile(rb'"current-snapshot-id"\s*:\s*(-?\d+)')

Seen = Callable[[int], None]


def current_snapshot_ids(storage: Storage, locations: Iterable[str]) -> Iterator[int]:
    """The current snapshots of metadata files, without reading all of them as JSON, which may be a megabyte each."""
    for location, content in storage.read_all(locations):
        if content is None:
            raise _missing(location)
        if found := _CURRENT.search(content):
            yield int(found[1])


class Reach:
    """The locations of all files that are reachable. Memory grows with their number, some 200 bytes each."""

    def __init__(self, storage: Storage, seen: Seen = lambda count: None) -> None:
        self.files: set[str] = set()
        #: Folders of tables that can be read.
        self.tables: set[str] = set()
        self._storage = storage
        self._seen = seen
        #: Metadata files that were followed.
        self._looked_at: set[str] = set()
        #: Snapshots that are marked, by table folder.
        self._snapshots: set[tuple[str, int]] = set()
        #: The newest commit that was looked at.
        self._until = 0

    def mark(self, connection: Connection, kept: Kept) -> None:
        """Mark from what the database says now. Raises ``LakeError`` when a file that must be there is not."""
        self._until = read.newest(connection)
        # Heads first: they lead to nearly all that older commits do.
        found = connection.rows("SELECT branch, location FROM pointer WHERE location IS NOT NULL")
        self.heads(location for branch, location in found if branch in kept.branches)
        needed = (past.location for past in pasts(connection) if kept.needs(past))
        for location, content in self._metadata(location for location in needed if location is not None):
            self._past(location, content)

    def extend(self, connection: Connection) -> None:
        """Mark what was committed since."""
        newest = read.newest(connection)
        if newest > self._until:
            fresh = "SELECT location FROM change WHERE seq > :seq AND location IS NOT NULL"
            self.heads(connection.column(fresh, {"seq": self._until}))
            self._until = newest

    def heads(self, locations: Iterable[str]) -> None:
        """Mark all that the current states of tables list, older snapshots included."""
        for location, content in self._metadata(locations):
            self._head(location, json.loads(content))

    def _metadata(self, locations: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The metadata files that were not looked at before."""
        for location, content in self._storage.read_all(self._fresh(locations)):
            if content is None:
                raise _missing(location)
            yield location, content

    def _fresh(self, locations: Iterable[str]) -> Iterator[str]:
        for location in locations:
            if location in self._looked_at:
                continue
            self._looked_at.add(location)
            if told := self._storage.told_moved(location):
                # Nothing that is here would be found in reach.
                raise LakeError(f"{told}; nothing is removed")
            # Of a table in a bucket, from when the lake was there, no file is in a folder.
            if not self._storage.elsewhere(location):
                yield location

    def _head(self, location: str, metadata: dict[str, Any]) -> None:
        self._add(location)
        folder = metadata["location"]
        self.tables.add(self._storage.spelled(folder))
        named = {metadata.get("current-snapshot-id")}
        named |= {ref["snapshot-id"] for ref in (metadata.get("refs") or {}).values()}
        # What was expired before the table was restored to this state cannot be read, and need not be.
        self._mark(folder, metadata["snapshots"], named)
        self._add(*(entry["metadata-file"] for entry in metadata.get("metadata-log") or ()))
        for name in ("statistics", "partition-statistics"):
            self._add(*(each["statistics-path"] for each in metadata.get(name) or ()))

    def _past(self, location: str, content: bytes) -> None:
        """Mark what a kept commit shows of a table: the snapshot that was current then."""
        self._add(location)
        folder = location.rpartition("/metadata/")[0]
        found = _CURRENT.search(content)
        if found is not None and (folder, int(found[1])) in self._snapshots:
            return
        metadata = json.loads(content)
        self.tables.add(self._storage.spelled(metadata["location"]))
        current = metadata.get("current-snapshot-id")
        shown = [snapshot for snapshot in metadata["snapshots"] if snapshot["snapshot-id"] == current]
        self._mark(metadata["location"], shown, {current})

    def _add(self, *paths: str) -> None:
        self.files.update(self._storage.spellings(paths))

    def _mark(self, folder: str, snapshots: Sequence[dict[str, Any]], needed: set[int | None]) -> None:
        """Mark the files of a table's snapshots; of those not ``needed``, as far as they are there."""
        fresh = {s["manifest-list"]: s for s in snapshots if (folder, s["snapshot-id"]) not in self._snapshots}
        listed: dict[str, tuple[Manifest, bool]] = {}
        for path, content in self._storage.read_all(fresh):
            must = fresh[path]["snapshot-id"] in needed
            if content is None:
                if must:
                    raise _missing(path)
                continue
            self._snapshots.add((folder, fresh[path]["snapshot-id"]))
            self._add(path)
            for each in manifest.manifests(content):
                if self._storage.spelled(each.path) not in self.files:
                    listed[each.path] = each, must or (each.path in listed and listed[each.path][1])
        for path, content in self._storage.read_all(listed):
            each, must = listed[path]
            if content is not None:
                self._add(path, *(entry.path for entry in manifest.entries(each, content)))
            elif must:
                raise _missing(path)
        self._seen(len(self.files))


def _missing(path: str) -> LakeError:
    return LakeError(
        f"the file `{path}` is missing, and a branch or a kept commit needs it: nothing is removed",
        hint="`wherry log` and `wherry restore` go back to a commit that is whole",
    )
