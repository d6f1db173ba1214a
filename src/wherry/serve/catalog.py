"""The Iceberg REST catalog for other processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from wherry.errors import LakeError

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.lake.server import Server
    from wherry.lake.views import Query

#: What a view of the project is offered in beside DuckDB's own SQL.
_DIALECTS = ("spark", "trino")
#: An idle connection is closed after so many seconds; clients open another by themselves.
_IDLE = 900.0


def offer(lake: Lake, *, host: str, port: int, branch: str, tokens: Mapping[str, str]) -> Server:
    """Offer the lake at a port until the server is closed; ``branch`` is for clients that name no warehouse.

    Raises ``LakeError`` when the port cannot be had.
    """
    from wherry.lake.server import Limits, Server

    lake.catalog.branch = branch
    lake.catalog.views.translate = translate
    lake.catalog.views.dialects = dialects
    try:
        server = Server(lake.catalog.handle, host=host, port=port, limits=Limits(idle=_IDLE))
    except (OSError, OverflowError) as problem:
        raise LakeError(
            f"port {port} of {host} cannot be had: {problem}", hint="another --port may be free; 0 takes any that is"
        ) from None
    for token, author in tokens.items():
        server.admit(token, author)
    return server


def translate(sql: str, dialect: str, schema: str, columns: Sequence[str]) -> Query:
    """Another engine's view as DuckDB runs it. Raises ``ValueError`` when it cannot be told."""
    from wherry.lake.views import Query
    from wherry.sql.foreign import to_duckdb

    text, inputs = to_duckdb(sql, dialect, schema=schema, columns=columns)
    return Query(sql=text, inputs=inputs)


def dialects(sql: str) -> dict[str, str]:
    """A view of the project in the dialects of other engines, as far as it can be told in them."""
    from wherry.sql.foreign import from_duckdb

    told = {}
    for dialect in _DIALECTS:
        with suppress(ValueError):
            told[dialect] = from_duckdb(sql, dialect)
    return told
