"""Views that other engines wrote, in DuckDB's SQL; and ours in theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wherry import quoting
from wherry.sql.statement import Parser, body


def to_duckdb(sql: str, dialect: str, *, schema: str, columns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A query of another dialect as DuckDB runs it, and the tables it reads.

    A table without a schema is one of ``schema``; the other engine's name for the whole catalog is left out. The
    result has ``columns``, whatever the query calls them. Raises ``ValueError`` when it cannot be translated.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        tree: Any = sqlglot.parse_one(body(sql), dialect=dialect)
        for scope in traverse_scope(tree):
            for source in scope.sources.values():
                if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                    source.set("catalog", None)
                    if not source.db:
                        source.set("db", exp.to_identifier(schema, quoted=True))
        text = tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as problem:
        raise ValueError(str(problem)) from None
    inputs = tuple(table.full_name for table in Parser().read(text).tables)
    return f"FROM (\n{text}\n) AS _({quoting.names(columns)})", inputs


def from_duckdb(sql: str, dialect: str) -> str:
    """A query of DuckDB's in another dialect. Raises ``ValueError`` when it cannot be translated."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(body(sql), dialect="duckdb")
        return str(tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE))
    except (SqlglotError, RecursionError) as problem:
        raise ValueError(str(problem)) from None
