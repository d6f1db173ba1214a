"""Apache Iceberg: the newest metadata file tells the snapshots, and what each of them did."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.sources.files.database import failed, load_extension, quoted, texts
from wherry.sources.files.options import Options
from wherry.sources.files.places.place import File, Place
from wherry.sources.files.tables.version import Step, content, files_below, no_table, table_path

if TYPE_CHECKING:
    from wherry import duckdb

_METADATA = re.compile(r"v?(\d+)(-[^/]*)?\.metadata\.json\Z")


class Iceberg:
    """A table at the current snapshot of its newest metadata file, or of the one that is named."""

    def __init__(self, place: Place, options: Options, name: str) -> None:
        self.path = table_path(options, name, "Iceberg")
        file = newest_metadata(place, name)
        if file is None:
            raise no_table(options, name, "Iceberg", "metadata/*.metadata.json")
        self.file = file.path
        try:
            self.metadata: dict[str, Any] = json.loads(content(place, file))
        except ValueError:
            raise failed("broken-file", f"`{file.name}` is not JSON.", "It may be being written: run again.") from None
        current = self.metadata.get("current-snapshot-id")
        self.current = None if current in (None, -1) else int(current)
        self.snapshots = {int(s["snapshot-id"]): s for s in self.metadata.get("snapshots", ())}
        self.shown = f"snapshot {self.current}"
        # The id is a text: JSON's numbers are exact to 53 bits in other languages.
        self.cursor: Mapping[str, Any] = {"table": self.metadata.get("table-uuid", ""), "snapshot": str(self.current)}

    def added(self, con: duckdb.DuckDBPyConnection, before: Mapping[str, Any]) -> list[Step] | None:
        if before["table"] != self.cursor["table"] or self.current is None:
            return None
        start = None if before["snapshot"] == "None" else int(before["snapshot"])
        since: list[int] = []
        at: int | None = self.current
        while at is not None and at != start:
            snapshot = self.snapshots.get(at)
            if snapshot is None or snapshot.get("summary", {}).get("operation") not in ("append", "replace"):
                return None
            since.append(at)
            at = snapshot.get("parent-snapshot-id")
        if at != start or (start is not None and start not in self.snapshots):
            return None
        steps = []
        for snapshot_id in reversed(since):
            snapshot = self.snapshots[snapshot_id]
            files: set[str] = set()
            if snapshot["summary"]["operation"] == "append":
                parent = snapshot.get("parent-snapshot-id")
                files = self.files(con, snapshot_id) - (self.files(con, parent) if parent is not None else set())
            if files or snapshot_id == self.current:
                steps.append(self.step(snapshot_id, files))
        return steps

    def files(self, con: duckdb.DuckDBPyConnection, snapshot: int) -> set[str]:
        found = con.execute(
            f"SELECT file_path FROM iceberg_metadata({quoted(self.file)}, snapshot_from_id = {snapshot})"
            " WHERE manifest_content = 'DATA' AND status <> 'DELETED'"
        )
        return {row[0] for row in found.fetchall()}

    def step(self, snapshot: int, files: set[str]) -> Step:
        return Step(
            source=f"(SELECT *, filename AS __path FROM"
            f" iceberg_scan({quoted(self.file)}, snapshot_from_id = {snapshot}))",
            where=f"list_contains({texts(sorted(files))}::VARCHAR[], __path)",
            without=("__path",),
            cursor={"table": self.cursor["table"], "snapshot": str(snapshot)},
        )

    def whole(self, con: duckdb.DuckDBPyConnection, work: Path) -> Step:
        at = "" if self.current is None else f", snapshot_from_id = {self.current}"
        return Step(source=f"iceberg_scan({quoted(self.file)}{at})", cursor=self.cursor)


def newest_metadata(place: Place, name: str) -> File | None:
    """The metadata file of the highest number; of several, the one that was written last."""
    if name.endswith(".metadata.json"):
        return place.look(name)
    found = [
        (int(number[1]), str(file.marks.get("mtime", "")), file)
        for file in files_below(place, f"{name}/metadata")
        if (number := _METADATA.match(file.name.rpartition("/")[2]))
    ]
    return max(found, key=lambda each: each[:2])[2] if found else None


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Load what DuckDB reads such tables with."""
    load_extension(con, "avro")
    load_extension(con, "iceberg")


open_table = Iceberg
