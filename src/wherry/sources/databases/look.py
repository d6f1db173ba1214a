"""What a database must be able to do for the two modes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wherry.errors import SourceError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import Query, TableRequest

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column as it is read."""

    name: str
    #: Its type in the database's words.
    native: str
    #: The DuckDB type that it arrives as.
    type: str
    #: SQL that gives the value in a form that arrives exactly.
    read: str
    #: SQL to compare and order by, in an order that the lake has too; empty: it cannot be a cursor.
    order: str = ""
    nullable: bool = True
    #: Whether it arrives as text that versions which did not tell ``Position.printed`` spelled in another way.
    respelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A table or query, ready to be read."""

    #: What people call it.
    name: str
    #: What follows FROM in the database's SQL.
    relation: str
    fields: tuple[Field, ...]
    #: Sets of columns that are unique and never null.
    unique: tuple[frozenset[str], ...] = ()
    #: The condition of ``where:``; empty for all rows.
    where: str = ""
    #: About how many rows and bytes it has.
    rows: int | None = None
    size: int | None = None
    #: Rows of a piece at most: what is read and not committed is read again after a crash; None: as many as fit.
    piece: int | None = None
    #: Whatever else the database wants to know again.
    more: Any = None

    def field(self, name: str) -> Field | None:
        """The column of that name, whatever its case where that is not ambiguous."""
        exact = [each for each in self.fields if each.name == name]
        close = [each for each in self.fields if each.name.lower() == name.lower()]
        return exact[0] if exact else close[0] if len(close) == 1 else None


class Look(ABC):
    """One consistent look at a database: everything that is asked through it is as of the same moment."""

    @abstractmethod
    def describe(self, table: TableRequest) -> Described:
        """The columns wanted of a table or query. Raises ``SourceError`` for a table or column that is not there."""

    @abstractmethod
    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a small answer."""

    @abstractmethod
    def stream(self, sql: str, described: Described) -> pa.RecordBatchReader:
        """Rows of a SELECT of these columns in the order of the SELECT, in pieces that fit in memory."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    @abstractmethod
    def explain(self, error: BaseException) -> SourceError | None:
        """An error of the driver in plain words, without secrets; None for one that is not the driver's."""

    @abstractmethod
    def name(self, name: str) -> str:
        """A name, safe in the database's SQL."""

    @abstractmethod
    def value(self, field: Field, text: str) -> str:
        """A cursor's value, as ``Position.value`` has it, in the database's SQL."""

    @abstractmethod
    def text(self, sql: str) -> str:
        """SQL that gives the value of ``sql`` as text."""

    def rejects(self) -> pa.Table | None:
        """Rows streamed since this was last asked that could not be kept as they are; they are not among the others."""
        return None

    def findings(self) -> Sequence[Finding]:
        """What a person should know of the rows streamed so far."""
        return ()

    def streams(self, described: Described) -> Sequence[pa.RecordBatchReader]:
        """The whole table in one or more streams that can be read at once, all of the same moment."""
        return [self.stream(select(self, described), described)]

    def query(self, described: Described) -> Query | None:
        """The whole table as a query that the run's own DuckDB can run; None where ``streams`` are the better way."""
        return None

    def fingerprint(self, described: Described, condition: str) -> str:
        """Text that is another when a row of these is added, changed or gone. Without a hash: how many there are."""
        where = conditions(described.where, condition)
        return str(self.ask(f"SELECT count(*) FROM {described.relation}{where}")[0][0])

    def mark(self, described: Described, rows: int | None) -> Mapping[str, Any]:
        """What to remember of a whole table of so many rows, to tell later whether it changed."""
        return {"fingerprint": self.fingerprint(described, ""), "columns": signature(described)}

    def changed_since(self, described: Described, mark: Mapping[str, Any]) -> str | None:
        """Why a table is not what it was, or None."""
        if mark.get("columns") != signature(described):
            return "its columns changed"
        return None if self.fingerprint(described, "") == mark.get("fingerprint") else "its rows changed"

    def flight(self) -> Mapping[str, Any]:
        """What others were writing at this moment, to look for it next time; empty when nothing, or not known."""
        return {}

    def unseen(self, described: Described, flight: Mapping[str, Any]) -> str:
        """A condition for rows that a look with this ``flight`` may not have seen; empty for none."""
        return ""


def signature(described: Described) -> str:
    """The columns in one text."""
    return ", ".join(f"{field.name} {field.native} {field.type}" for field in described.fields)


def conditions(*each: str) -> str:
    """WHERE all of these hold; nothing for none."""
    wanted = [f"({condition})" for condition in each if condition]
    return f" WHERE {' AND '.join(wanted)}" if wanted else ""


def select(
    look: Look, described: Described, *, condition: str = "", order: str = "", only: Sequence[Field] | None = None
) -> str:
    """A SELECT of the columns in the forms that arrive exactly."""
    columns = ", ".join(f"{field.read} AS {look.name(field.name)}" for field in only or described.fields)
    ordered = f" ORDER BY {order}" if order else ""
    return f"SELECT {columns} FROM {described.relation}{conditions(described.where, condition)}{ordered}"


def pieces(reader: Any) -> Iterator[Any]:
    """The batches of a reader, without those that have no rows."""
    return (piece for piece in reader if piece.num_rows)
