"""A data contract: what is promised of some tables, as a file of the Open Data Contract Standard says it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from wherry.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTable:
    """One object of a contract's ``schema``."""

    #: Its place in the document, for example ``schema/0``.
    path: str
    #: What the contract calls it.
    name: str
    #: The project's table that it is about; empty when there is none.
    asset: str = ""
    #: For each property (by its index), the column of that table; empty where it has none.
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A contract, kept whole: what wherry does not use is there for export."""

    #: Relative to the project, with forward slashes.
    file: str
    #: Its name, or else its id.
    name: str
    version: str = ""
    status: str = ""
    #: The document as plain JSON types, as it stands in the file.
    document: Mapping[str, Any]
    #: ``(line, column)`` of each part of the document, by path.
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)
    tables: tuple[ContractTable, ...] = ()

    def at(self, path: str) -> tuple[int, int]:
        """The place of ``path``, or of the nearest thing that holds it."""
        while path and path not in self.places:
            path = path.rpartition("/")[0]
        return self.places.get(path, (1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A table that is not what its contract promises, found without looking at rows."""

    contract: str
    file: str
    line: int
    column: int
    #: The table, as the project names it.
    table: str
    #: The table's column; empty when it is about the whole table.
    table_column: str = ""
    #: ``missing-column``, ``retyped`` or ``nullable``.
    change: str
    message: str
    hint: str = ""
    #: ``schema.table.column`` of every table that reads the column, directly or not.
    readers: tuple[str, ...] = ()
