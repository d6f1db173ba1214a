"""Query a branch: a session that shows the tables a statement names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import UsageError
from wherry.project.nearest import did_you_mean
from wherry.run.session import Session
from wherry.sql.statement import Parser, SqlError

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config

#: Statements other than SELECT that change nothing.
_LOOKING = ("DESCRIBE", "SHOW", "EXPLAIN", "SUMMARIZE", "PIVOT", "UNPIVOT", "FROM", "WITH", "SELECT", "VALUES", "TABLE")


@contextmanager
def reading(config: Config, lake: Lake, branch: str, at: int | None = None) -> Iterator[Session]:
    """A session on a branch, now or as of commit number ``at``."""
    engine = DuckDB(folder=config.folder, scratch=config.scratch)
    try:
        yield Session(lake, branch, engine, at=at)
    finally:
        engine.close()


def show_what_it_reads(session: Session, query: str) -> None:
    """Make the tables that a query names readable. Raises ``UsageError`` for one that there is not, or when the query
    would change something."""
    parser = Parser()
    try:
        statement = parser.read(query)
    except SqlError as error:
        first = query.lstrip().split(None, 1)
        if not first or first[0].rstrip(";").upper() not in _LOOKING:
            hint = "Tables are made by files in the project; this only reads."
            raise UsageError(f"This is no query: {error} (line {error.line}).", hint=hint) from None
        session.show([pointer.full_name for pointer in session.pointers.values()])
        return
    names = []
    for reference in statement.tables:
        if reference.full_name.lower() in session.pointers:
            names.append(reference.full_name)
        elif reference.schema.lower() not in ("information_schema", "pg_catalog") and not reference.table.startswith(
            "duckdb_"
        ):
            choices = [pointer.full_name for pointer in session.pointers.values()]
            shown = reference.full_name.removeprefix("main.")
            hint = did_you_mean(reference.full_name, choices, "See `wherry show` for the tables there are.")
            raise UsageError(f"There is no table `{shown}` on branch `{session.branch}`.", hint=hint)
    session.show(names)
