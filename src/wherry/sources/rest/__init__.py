"""Web APIs as a source, declared in YAML."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherry.errors import SourceError
from wherry.http.client import Client, Failed
from wherry.http.clock import Clock, Limit, rate, seconds
from wherry.ports import Batch, Found, TableRequest
from wherry.sources.rest import options as said
from wherry.sources.rest.auth import credentials_of
from wherry.sources.rest.declared import Declared, declare
from wherry.sources.rest.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa


#: Seconds that may pass with waiting where it is only asked whether there is something new.
SHORT = 10.0


class Rest:
    """Reads the lists of a web API, page by page.

    With ``mode: full`` a table is all that the API lists now; it is loaded again when that changed. With ``mode:
    incremental`` only what is new is asked for (``since``), and a row takes the place of the one with its key.
    """

    Options: type = said.Options
    TableOptions: type = said.TableOptions
    #: Options that are secrets: they are named in the file, not written out.
    secret_options = (
        "auth.bearer",
        "auth.basic.password",
        "auth.key.value",
        "auth.oauth2.client_secret",
        "auth.oauth2.refresh_token",
        "auth.login.body.password",
        "auth.login.form.password",
    )

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._limits: dict[tuple[str, str], Limit] = {}
        self._lock = threading.Lock()

    def changed(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> str | None:
        """Whether the first answer has something new. One request, or two."""
        declared = self._declared(options, table)
        if cursor is None:
            return "never read"
        if cursor.get("reading"):
            return "the last reading was cut off"
        with closing(self._client(options, declared)) as client:
            client.attempts, client.patience = min(client.attempts, 2), min(client.patience, SHORT)
            try:
                return self._reading(options, declared, client, table, cursor).look()
            except (Failed, SourceError) as error:
                return f"it cannot be told: {error}"

    def columns(self, options: said.Options, table: TableRequest) -> Mapping[str, str] | None:
        """Checks what is declared; the columns are known once rows are."""
        self._declared(options, table)
        return None

    def read(self, options: said.Options, table: TableRequest, cursor: Mapping[str, Any] | None) -> Iterator[Batch]:
        """Page by page; see the class for what a mode means."""
        declared = self._declared(options, table)
        with closing(self._client(options, declared)) as client:
            yield from self._reading(options, declared, client, table, cursor).batches()

    def first(self, options: said.Options, table: TableRequest, limit: int) -> pa.Table:
        """The first rows of a table, from as few answers as it takes; to look at, or to see that it answers."""
        declared = self._declared(options, table)
        with closing(self._client(options, declared)) as client:
            return self._reading(options, declared, client, table, None).first(limit)

    def tables(self, options: said.Options) -> Iterator[Found]:
        """What an OpenAPI document lists, or what one answer looks like."""
        from wherry.sources.rest.looking import found_tables

        if options.manifest:
            from wherry.sources.rest.manifest import read_manifest

            yield from read_manifest(options).tables(options)
            return
        with closing(self._client(options, None)) as client:
            yield from found_tables(options, client)

    def said_elsewhere(self, options: said.Options, table: TableRequest) -> str:
        """What a manifest says of a table."""
        if not options.manifest:
            return ""
        from wherry.sources.rest.manifest import read_manifest

        return read_manifest(options).meaning(table.name)

    def _declared(self, options: said.Options, table: TableRequest) -> Declared:
        if options.manifest:
            from wherry.sources.rest.manifest import read_manifest

            return read_manifest(options).declared(options, table)
        return declare(options, table)

    def _reading(
        self,
        options: said.Options,
        declared: Declared,
        client: Client,
        table: TableRequest,
        cursor: Mapping[str, Any] | None,
    ) -> Reading:
        return Reading(
            declared=declared,
            client=client,
            table=table,
            cursor=cursor,
            commit_every=options.commit_every,
            hosts=options.hosts,
        )

    def _client(self, options: said.Options, declared: Declared | None) -> Client:
        home = declared.home if declared is not None else options.url
        client = Client(
            home=home,
            clock=self._clock,
            limit=self._limit(home, options.rate),
            attempts=options.attempts,
            patience=seconds(options.patience) or 900.0,
            timeout=seconds(options.timeout) or 60.0,
        )
        client.credentials = (
            declared.sign(client) if declared is not None and declared.sign else credentials_of(options, client)
        )
        return client

    def _limit(self, home: str, written: str) -> Limit:
        """One for all tables of an API, whoever reads them."""
        with self._lock:
            key = (urlsplit(home).netloc, written)
            if key not in self._limits:
                count, period = rate(written) or (0, 0.0)
                self._limits[key] = Limit(count=count, period=period)
            return self._limits[key]


source = Rest()
