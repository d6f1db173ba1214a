"""What a source file of connector ``rest`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from wherry.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """A user and a password, with every request."""

    user: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key; name one of ``header``, ``query`` and ``cookie``."""

    value: str = field(repr=False)
    #: Name of the header that holds it.
    header: str = ""
    #: Name of the parameter that holds it.
    query: str = ""
    #: Name of the cookie that holds it.
    cookie: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """Tokens from a token address: by client credentials, or by a refresh token where one is given."""

    #: Where tokens are got; relative to ``url``, or an address of its own.
    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    scope: str = ""
    #: Whether the client's name and secret go in the ``body`` or as ``basic`` authentication.
    send: Literal["body", "basic"] = "body"
    #: More fields for the token address, such as ``audience``.
    fields: Mapping[str, str] = field(default_factory=dict)
    #: Where a refresh token that was replaced is kept; a file of ``.wherry/tokens`` when not given.
    keep: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A request that opens a session: its answer's token or its cookies go with every other request."""

    path: str
    #: What it sends, as JSON...
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: ...or as a form.
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: JMESPath of the token in the answer; without it the session is in cookies.
    token: str = ""
    #: The header that holds the token.
    header: str = "Authorization"
    #: What stands before the token.
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How requests are let in: one of these."""

    bearer: str = field(default="", repr=False)
    basic: Basic | None = None
    key: Key | None = None
    oauth2: OAuth2 | None = None
    login: Login | None = None


PagesBy = Literal["none", "link", "cursor", "offset", "page", "next", "header"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How an API divides a long list."""

    #: ``link``: header Link; ``cursor``: a value in the body; ``header``: a value in a header; ``next``: an address in
    #: the body; ``offset``: rows to skip; ``page``: number of the page; ``none``: one answer is all.
    by: PagesBy
    #: JMESPath of the cursor or of the next address in the body; the header's name for ``by: header``.
    at: str = ""
    #: The parameter that holds cursor, offset or page; ``cursor``, ``offset``, ``page`` when not given.
    param: str = ""
    #: Whether that goes with the parameters or in the body.
    into: Literal["params", "body"] = "params"
    #: Rows to ask for with each request; not said when 0.
    size: int = 0
    #: The parameter that holds the size; ``limit`` for offsets, else ``per_page``.
    size_param: str = ""
    #: The first page's number (1) or offset (0).
    start: int | None = None
    #: JMESPath of how many rows there are in all: to see whether all came, never to stop early.
    total: str = ""
    #: JMESPath of whether there is more; false ends the list.
    more: str = ""
    #: ``short``: a page with fewer rows than ``size`` is the last one; saves a request, and trusts the API.
    stop: Literal["empty", "short"] = "empty"
    #: Offsets only, with a key: rows of a page that are asked for again with the next, to see when the list moves.
    overlap: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """How to ask only for what is new; the table's ``cursor:`` names the column that grows."""

    #: The parameter that says from when on; without it every row is asked for and old ones are left out.
    param: str = ""
    #: ``iso``, ``date``, ``epoch``, ``epoch_ms``, ``plain`` (as it stands in the rows) or a pattern such as ``%Y%m%d``.
    format: str = "iso"
    #: The value with ``{}`` where it stands, such as ``ge:{}``.
    form: str = "{}"
    into: Literal["params", "body"] = "params"
    #: The parameter that says until when, where the API wants one.
    until: str = ""
    #: Until how long after the present; may be before it: ``-1 day``.
    ahead: str = ""
    #: Ask for this long at a time, such as ``30 days``; needs ``until``.
    step: str = ""
    #: Where to begin when nothing was loaded yet.
    start: str = ""
    #: How exact the API's parameter is; the value is rounded down to it.
    granularity: Literal["microsecond", "millisecond", "second", "minute", "hour", "day"] = "second"
    #: How far to reach back, for rows that come late.
    lookback: str = ""
    #: Whether the API answers with the rows of exactly the moment that is asked for.
    inclusive: bool = True
    #: ``ascending``: each committed page moves the cursor; ``descending``: reading stops at rows that are known.
    order: Literal["", "ascending", "descending"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """One request for each row of another table, or for each of some values."""

    #: The table of this file whose rows are gone through...
    table: str = ""
    #: ...or the values.
    values: tuple[Any, ...] = ()
    #: The name of a value in ``path`` and in the rows, with ``values``.
    name: str = "value"
    #: Columns to put into the rows: name -> the other table's column. Its key, as ``<table>_<key>``, when not given.
    carry: Mapping[str, str] | None = None


Rule = Literal["ignore", "retry", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A web API that answers with JSON, JSON Lines, CSV or XML."""

    #: Where the API is; ``path`` of a table goes behind it.
    url: str = ""
    auth: Auth | None = None
    #: Headers of every request.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Parameters of every request.
    params: Mapping[str, Any] = field(default_factory=dict)
    #: At most so many requests, all tables together: ``10 per second``.
    rate: str = ""
    #: How often a request is made before it is given up.
    attempts: int = 6
    #: How long to wait in all for an API that asks to be left alone.
    patience: str = "15 minutes"
    #: How long a server may be silent.
    timeout: str = "60 seconds"
    #: Other hosts that next pages may lead to; credentials do not go there.
    hosts: tuple[str, ...] = ()
    #: The longest row, in bytes.
    longest: int = 64_000_000
    #: Rows that are committed together, of an incremental table.
    commit_every: int = 100_000
    #: An Airbyte manifest to read instead of all this; relative to the project.
    manifest: str = ""
    #: The values that a manifest asks for.
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: The project's folder; filled in by wherry.
    project: str = ""
    #: The other tables of the file, by name; filled in by wherry.
    siblings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What to ask for, and where the rows are in the answers.

    Numbers are exact: whole ones BIGINT, others DECIMAL(38,9) or wider. Dates and times are recognised when all values
    of a column are such. Lists and objects are JSON text, unless ``types`` says otherwise.
    """

    #: Behind the source's ``url``; ``{name}`` is a column of the row that ``each`` is at.
    path: str = ""
    method: Literal["GET", "POST"] = "GET"
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What a POST sends, as JSON.
    body: Any = None
    #: ``json``, ``jsonl``, ``csv`` or ``xml``; from the answer when not given.
    format: Literal["", "json", "jsonl", "csv", "xml"] = ""
    delimiter: str = ","
    #: JMESPath of the rows in an answer; the answer itself when not given. For XML the tags below the root.
    records: str = ""
    #: ``columns``: an object of lists that are equally long, one for each column.
    layout: Literal["rows", "columns"] = "rows"
    pages: Pages | PagesBy = "none"
    since: Since | str | None = None
    each: Each | str | None = None
    #: ``unnest``: an object's fields become columns ``<object>_<field>``. Lists stay JSON text.
    nested: Literal["keep", "unnest"] = "keep"
    #: ``table.field``: the rows of this table are the items of that list of another table of this file.
    unnest: str = ""
    #: Types by column: ``{price: "decimal(12,2)"}``.
    types: Mapping[str, str] = field(default_factory=dict)
    #: What to do with a status: ``{404: ignore}``; also ``retry`` and ``stop``.
    errors: Mapping[str, Rule] = field(default_factory=dict)
