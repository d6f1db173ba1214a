"""The columns of a table: their names, which stay, and their types, which all rows decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from wherry.model.dataclass import dataclass
from wherry.sources.rest import kinds


@dataclass(slots=True, kw_only=True)
class Columns:
    """What is known of a table's columns; grows with each batch."""

    #: Types that are declared.
    declared: Mapping[str, str]
    #: Only these are wanted; empty: all.
    only: tuple[str, ...]
    #: Whether later batches add to the same table.
    grows: bool
    #: Type by column, of earlier batches too.
    known: dict[str, str] = field(default_factory=dict)
    #: The API's name -> the column's, where they differ.
    names: dict[str, str] = field(default_factory=dict)

    def of(self, seen_by: Mapping[str, kinds.Seen]) -> list[tuple[str, str, str]]:
        """Columns: the API's name, the table's, the type. Those without a value yet are left out."""
        declared = {name.lower(): kind for name, kind in self.declared.items()}
        taken = {column.lower(): column for column in self.known}
        apis = {self.names.get(api, api): api for api in (*self._api_names(), *seen_by)}
        columns: list[tuple[str, str, str]] = []
        for column, api in apis.items():
            wanted = self._column(api, column, taken)
            if self.only and wanted.lower() not in {name.lower() for name in self.only}:
                continue
            seen = seen_by.get(api, kinds.Seen())
            known = self.known.get(wanted, "")
            kind = declared.get(wanted.lower()) or kinds.fitting(seen, known)
            if not kind and not self.grows:
                kind = "VARCHAR"
            if kind:
                columns.append((api, wanted, kind))
                self.known[wanted] = kind
        for name, kind in self.declared.items():
            if name.lower() not in {column.lower() for _, column, _ in columns}:
                columns.append((name, name, kind))
                self.known[name] = kind
        return columns

    def _api_names(self) -> Iterator[str]:
        """What the API calls the columns that are known."""
        back = {column: api for api, column in self.names.items()}
        return (back.get(column, column) for column in self.known)

    def _column(self, api: str, column: str, taken: dict[str, str]) -> str:
        """A name of its own, whatever the case: DuckDB takes ``ID`` and ``id`` for one."""
        column = column or "_"
        if taken.get(column.lower(), api if column == api else column) in (api, column):
            taken[column.lower()] = column
            if column != api:
                self.names[api] = column
            return column
        number = 2
        while f"{column}_{number}".lower() in taken:
            number += 1
        made = f"{column}_{number}"
        taken[made.lower()] = made
        self.names[api] = made
        return made
