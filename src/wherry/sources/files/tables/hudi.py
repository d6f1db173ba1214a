"""Apache Hudi: the timeline tells the commits, and whether each of them only added rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.sources.files.database import failed, quoted
from wherry.sources.files.options import Options
from wherry.sources.files.places.place import File, Place, missing_driver
from wherry.sources.files.tables.version import Step, content, files_below, no_table, table_path

if TYPE_CHECKING:
    from wherry import duckdb

_INSTANT = re.compile(r"(\d{14,17})(_\d+)?\.(commit|deltacommit|replacecommit)\Z")
#: Hudi's own column with the commit that a row is of.
_WRITTEN = "_hoodie_commit_time"


class Hudi:
    """A table at its newest commit."""

    def __init__(self, place: Place, options: Options, name: str) -> None:
        self.place, self.path = place, table_path(options, name, "Hudi", ("",))
        self.name = name
        self.commits: dict[str, File] = {}
        for folder in (f"{name}/.hoodie", f"{name}/.hoodie/timeline"):
            for file in files_below(place, folder):
                if found := _INSTANT.match(file.name.rpartition("/")[2]):
                    self.commits[found[1]] = file
        if not self.commits and place.look(f"{name}/.hoodie/hoodie.properties") is None:
            raise no_table(options, name, "Hudi", ".hoodie")
        self.version = max(self.commits, default="")
        self.shown = f"commit {self.version}"
        self.cursor: Mapping[str, Any] = {"commit": self.version}

    def added(self, con: duckdb.DuckDBPyConnection, before: Mapping[str, Any]) -> list[Step] | None:
        start = before["commit"]
        if start not in self.commits or start > self.version:
            return None
        if not all(only_adds(self.place, file) for instant, file in self.commits.items() if instant > start):
            return None
        return [self.rows(f"{_WRITTEN} > {quoted(start)}")]

    def whole(self, con: duckdb.DuckDBPyConnection, work: Path) -> Step:
        return self.rows("")

    def rows(self, where: str) -> Step:
        return Step(source=f"hudi:{self.path}", where=where, cursor=self.cursor, without=("_hoodie_",))


def only_adds(place: Place, file: File) -> bool:
    """Whether a commit says that it neither changed nor deleted rows. Newer timelines, in Avro, do not tell it here."""
    if not file.name.endswith(".commit"):
        return False
    try:
        told = json.loads(content(place, file))
        stats = [each for many in told["partitionToWriteStats"].values() for each in many]
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    return all(not each.get("numUpdateWrites") and not each.get("numDeletes") for each in stats)


def copy_rows(path: str, target: Path, name: str) -> None:
    """All rows, with Hudi's own columns, as one Parquet file."""
    import pyarrow.parquet as pq

    try:
        import hudi
    except ImportError:
        raise missing_driver("Hudi", "hudi") from None
    try:
        table: Any = hudi.HudiTableBuilder.from_base_uri(path).build()
        schema = table.get_schema()
        with pq.ParquetWriter(target, schema, compression="zstd") as out:
            for batch in table.read_stream(hudi.HudiReadOptions(projection=schema.names)):
                out.write_batch(batch.select(schema.names).cast(schema))
    except OSError:
        raise
    except Exception as error:
        raise failed(
            "unreadable", f"`{name}` cannot be read as a Hudi table: {str(error).splitlines()[0]}.",
            "Is it whole, and of a version that hudi-rs reads?",
        ) from None  # fmt: skip


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Nothing: hudi-rs reads such tables."""


open_table = Hudi
