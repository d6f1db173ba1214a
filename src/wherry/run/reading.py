"""Query a branch: a session that shows the tables a statement names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import UsageError
from wherry.model.dataclass import dataclass
from wherry.model.graph import Graph
from wherry.project.nearest import did_you_mean
from wherry.project.reader import read_functions
from wherry.run.session import Session
from wherry.sql.statement import Parser, Reference, SqlError

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config

#: Statements other than SELECT that change nothing.
_LOOKING = ("DESCRIBE", "SHOW", "EXPLAIN", "SUMMARIZE", "PIVOT", "UNPIVOT", "FROM", "WITH", "SELECT", "VALUES", "TABLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A branch being queried."""

    session: Session
    #: The project's SQL functions.
    functions: Graph

    def make_ready(self, query: str) -> None:
        """Make what a query names readable: tables and functions. Raises ``UsageError`` for a table that there is not,
        or when the query would change something."""
        try:
            statement = Parser().read(query)
        except SqlError as error:
            first = query.lstrip().split(None, 1)
            if not first or first[0].rstrip(";").upper() not in _LOOKING:
                hint = "Tables are made by files in the project; this only reads."
                raise UsageError(f"This is no query: {error} (line {error.line}).", hint=hint) from None
            self.session.show([pointer.full_name for pointer in self.session.pointers.values()])
            return
        self.session.show([name for reference in statement.tables if (name := self._table(reference))])
        for called in self.functions.functions_in(" ".join(statement.calls)):
            function = self.functions.functions[called]
            self.session.show(function.tables)
            self.session.define(function.text)

    def _table(self, reference: Reference) -> str:
        """The table of the branch that is meant; empty for one of DuckDB's own."""
        pointers = self.session.pointers
        if reference.full_name.lower() in pointers:
            return reference.full_name
        if reference.schema.lower() in ("information_schema", "pg_catalog") or reference.table.startswith("duckdb_"):
            return ""
        shown = reference.full_name.removeprefix("main.")
        session = self.session
        when = " at that time" if session.at is not None else ""
        if gone := session.lake.last_with(session.branch, reference.full_name, session.at):
            dropped, before = gone
            then = (
                f"--at {before.id} reads it as it was last, `wherry restore {before.id} --table {shown}` brings it back"
            )
            hint = f"Commit {dropped.id} dropped it ({dropped.message}); {then}."
        else:
            choices = [pointer.full_name for pointer in pointers.values()]
            hint = did_you_mean(reference.full_name, choices, "See `wherry show` for the tables there are.")
        raise UsageError(f"There is no table `{shown}` on branch `{session.branch}`{when}.", hint=hint)


@contextmanager
def reading(config: Config, lake: Lake, branch: str, at: int | None = None) -> Iterator[Reading]:
    """Query a branch, now or as of commit number ``at``."""
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    try:
        yield Reading(session=Session(lake, branch, engine, at=at), functions=read_functions(config))
    finally:
        engine.close()
