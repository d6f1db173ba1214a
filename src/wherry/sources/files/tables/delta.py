"""Delta Lake: the log tells which files each version added and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.sources.files.database import load_extension, quoted, texts
from wherry.sources.files.options import Options
from wherry.sources.files.places.place import File, Place
from wherry.sources.files.tables.version import Step, content, files_below, no_table, table_path

if TYPE_CHECKING:
    from wherry import duckdb

_COMMIT = re.compile(r"(\d{20})\.json\Z")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\b.*\.parquet\Z")


class Delta:
    """A table at its newest version."""

    def __init__(self, place: Place, options: Options, name: str) -> None:
        self.place, self.path = place, table_path(options, name, "Delta Lake")
        self.commits: dict[int, File] = {}
        newest = -1
        for file in files_below(place, f"{name}/_delta_log"):
            base = file.name.rpartition("/")[2]
            if found := _COMMIT.match(base):
                self.commits[int(found[1])] = file
            elif not (found := _CHECKPOINT.match(base)):
                continue
            newest = max(newest, int(found[1]))
        if newest < 0:
            raise no_table(options, name, "Delta Lake", "_delta_log")
        self.version, self.shown = newest, f"version {newest}"
        self.cursor: Mapping[str, Any] = {"version": newest, "mark": self.mark(newest)}

    def mark(self, version: int) -> str:
        """Tells a version from one of the same number, of a table that was dropped and made again."""
        file = self.commits.get(version)
        return "" if file is None else f"{file.size} {file.marks.get('etag') or file.marks.get('mtime')}"

    def actions(self, version: int) -> Iterator[dict[str, Any]]:
        for line in content(self.place, self.commits[version]).splitlines():
            if line.strip():
                yield json.loads(line)

    def added(self, con: duckdb.DuckDBPyConnection, before: Mapping[str, Any]) -> list[Step] | None:
        start = before["version"]
        wanted = range(start + 1, self.version + 1)
        gone = start > self.version or not before["mark"] or self.mark(start) != before["mark"]
        if gone or any(version not in self.commits for version in wanted):
            return None
        versions: dict[int, dict[str, int | None]] = {}
        rewritten = False
        for version in wanted:
            files = versions.setdefault(version, {})
            for action in self.actions(version):
                add, remove = action.get("add"), action.get("remove")
                changes = (add or remove or {}).get("dataChange", True)
                if "metaData" in action or "protocol" in action or (remove and changes):
                    return None
                rewritten = rewritten or remove is not None
                if add and changes:
                    if add.get("deletionVector"):
                        return None
                    stats = json.loads(add.get("stats") or "{}")
                    files[add["path"]] = stats.get("numRecords")
        if not rewritten:
            # Nothing was written anew: all of the added files are there in the newest version.
            versions = {self.version: {path: rows for files in versions.values() for path, rows in files.items()}}
        steps = []
        for version, files in versions.items():
            if files or version == self.version:
                steps.append(self.step(version, files))
        return steps

    def step(self, version: int, files: Mapping[str, int | None]) -> Step:
        # Names of data files hold a UUID; the folders before them are written in more than one way.
        names = texts(sorted({path.rpartition("/")[2] for path in files}))
        counts = list(files.values())
        return Step(
            source=f"delta_scan({quoted(self.path)}, version := {version}, filename = '__path')",
            where=f"list_contains({names}::VARCHAR[], parse_filename(__path))",
            without=("__path",),
            cursor={"version": version, "mark": self.mark(version)},
            rows=None if None in counts else sum(count or 0 for count in counts),
        )

    def whole(self, con: duckdb.DuckDBPyConnection, work: Path) -> Step:
        return Step(source=f"delta_scan({quoted(self.path)}, version := {self.version})", cursor=self.cursor)


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Load what DuckDB reads such tables with."""
    load_extension(con, "delta", extra="delta")


open_table = Delta
