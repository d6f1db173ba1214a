"""What every database does as a ``wherry.ports.Source``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wherry.errors import ProjectError, SourceError
from wherry.ports import Batch, Found, TableRequest
from wherry.sources.databases import full, incremental
from wherry.sources.databases import options as said
from wherry.sources.databases.look import Look, select
from wherry.sources.databases.position import Position
from wherry.sources.databases.problems import standing


class Database(ABC):
    """A kind of database: what is its own is in ``look`` and ``tables``."""

    Options: type = said.Options
    TableOptions: type = said.TableOptions

    @abstractmethod
    def look(self, options: Any) -> Look:
        """Connect, and look at one moment. Raises ``SourceError`` with findings."""

    @abstractmethod
    def explain(self, options: Any, error: BaseException) -> SourceError | None:
        """An error of the driver in plain words, without secrets; None for one that is not the driver's."""

    @abstractmethod
    def tables(self, options: Any) -> Iterator[Found]:
        """Every table that the credentials may read, in order of name."""

    def changed(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        """Why there is something to read; asks the database, reads no rows."""
        if cursor is None:
            return "never read"
        with self._looking(options, table, cursor) as look:
            if table.mode == "full":
                return full.changed(look, table, cursor)
            return incremental.changed(look, table, cursor)

    def columns(self, options: Any, table: TableRequest) -> Mapping[str, str] | None:
        """Not known offline; what is wrong with the options is. Raises ``ProjectError``."""
        if mistakes := list(said.mistakes(table.options)):
            raise ProjectError(findings=mistakes)
        return None

    def expect(self, options: Any, table: TableRequest) -> None:
        """Raises ``SourceError`` where its table, columns, cursor, key or SQL is not as asked, or may not be read."""
        with self._looking(options, table, None) as look:
            described = look.describe(table) if table.mode == "full" else incremental.described(look, table)
            look.ask(select(look, described, condition="1 = 0"))

    def read(self, options: Any, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
        """See ``full`` and ``incremental``."""
        with self._looking(options, table, cursor) as look:
            read = full.read_full if table.mode == "full" else incremental.read_incremental
            yield from read(look, table, cursor)

    @contextmanager
    def _looking(self, options: Any, table: TableRequest | None, cursor: Mapping[str, Any] | None) -> Iterator[Look]:
        try:
            look = self.look(options)
            try:
                yield look
            finally:
                look.close()
        except SourceError as error:
            raise standing(error, _stands(table, cursor)) from None
        except Exception as error:
            if (told := self.explain(options, error)) is None:
                raise
            raise standing(told, _stands(table, cursor)) from None


def _stands(table: TableRequest | None, cursor: Mapping[str, Any] | None) -> str:
    if table is None:
        return "Nothing was kept or changed."
    if table.mode == "full":
        return full.KEPT if cursor is not None else full.NOTHING
    position = Position.read(cursor)
    return f"What was loaded is kept; the cursor stands at {position}." if position else full.NOTHING
