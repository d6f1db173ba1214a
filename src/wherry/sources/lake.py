"""Connector ``lake``: tables that were imported into the lake, so that the project's tables can read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import Batch, TableRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Tables that are in the lake already: nothing is loaded, and nothing is said of where they came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """A table that was imported."""


class LakeSource:
    """Never reads: its tables change when they are imported again."""

    Options = Options
    TableOptions = TableOptions

    def changed(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        return None

    def columns(self, options: Any, table: TableRequest) -> Mapping[str, str] | None:
        return None

    def read(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
        finding = Finding(
            code="not-imported",
            message=f"The table `{table.name}` was not imported into this branch.",
            hint="wherry lake import PATH --as schema.table",
        )
        raise SourceError(findings=[finding])
        yield


source = LakeSource()
