"""A table of an API, understood: what to ask for, how to go on, what to keep. Made from YAML or from a manifest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import urlsplit

from wherry.errors import ProjectError
from wherry.http.client import Call, Client, Credentials
from wherry.http.clock import rate, seconds
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import TableRequest
from wherry.sources.rest.ask import compiled, fill, looks_at_rows, places_in
from wherry.sources.rest.auth import auth_findings, joined
from wherry.sources.rest.formats import Shape
from wherry.sources.rest.kinds import arrow_type
from wherry.sources.rest.options import Each, Options, Pages, Since, TableOptions
from wherry.sources.rest.paging import Paging
from wherry.sources.rest.since import Comparable, comparable, duration

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parents:
    """What a table is asked for once each."""

    #: Another table, or nothing where there are ``values``.
    table: Declared | None = None
    values: tuple[Any, ...] = ()
    #: The name of a value.
    name: str = ""
    #: Columns that go into the rows: name -> field of the parent.
    carry: Mapping[str, str] = field(default_factory=dict)
    #: Those of them that tell parents apart; empty when nothing does.
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One table of an API."""

    name: str
    home: str
    #: The request, for a parent's row and a stretch of time.
    call: Callable[[Row | None, Comparable | None, Comparable | None], Call]
    shape: Shape = field(default_factory=Shape)
    paging: Paging = field(default_factory=lambda: Paging(pages=Pages(by="none")))
    since: Since | None = None
    #: The column that grows.
    column: str = ""
    key: tuple[str, ...] = ()
    each: Parents | None = None
    #: The list of each row whose items are this table's rows; its columns from the row: name -> field.
    unnest: str = ""
    carry: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    flatten: bool = False
    #: Whether a row that the API gave is wanted; from a manifest.
    wanted: Callable[[Row, Row | None], bool] | None = None
    #: A row made anew; from a manifest.
    remade: Callable[[Row, Row | None], Row] | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    #: Credentials of its own; from a manifest.
    sign: Callable[[Client], Credentials | None] | None = None

    @property
    def row_key(self) -> tuple[str, ...]:
        """What tells the API's rows apart, as they come."""
        return tuple(self.carry.values()) if self.unnest else self.key

    def row_of(self, given: Any, parent: Row | None) -> Row | None:
        """What the API gave as a row of columns; None where it is not wanted."""
        row = given if isinstance(given, dict) else {"value": given}
        if self.wanted is not None and not self.wanted(row, parent):
            return None
        if self.remade is not None:
            row = self.remade(row, parent)
        return flattened(row) if self.flatten and not self.unnest else row

    @property
    def driver(self) -> Declared | None:
        """The table whose column says what is new: this one, or the one that its requests come from."""
        if self.since is not None or (self.column and self.each is None):
            return self
        return self.each.table.driver if self.each is not None and self.each.table is not None else None


def flattened(row: Row, before: str = "") -> Row:
    """Fields of objects as columns of their own: ``{"user": {"id": 1}}`` has ``user_id``."""
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict) and value:
            flat.update(flattened(value, f"{before}{name}_"))
        else:
            flat[f"{before}{name}"] = value
    return flat


def declare(options: Options, request: TableRequest, _above: tuple[str, ...] = ()) -> Declared:
    """The table as YAML says it is. Raises ``ProjectError`` with every finding."""
    said: TableOptions = request.options or TableOptions()
    if request.name in _above:
        raise ProjectError(f"`{request.name}` goes through its own rows: {' -> '.join((*_above, request.name))}.")
    if said.unnest:
        return _unnested(options, request, said, _above)
    findings = list(_findings(options, request, said))
    each = None
    try:
        each = _parents(options, request, said, _above)
        if request.mode == "incremental" and each is not None and not (each.key or request.key or said.since):
            findings.append(_no_key(request.name))
    except ProjectError as error:
        findings += error.findings
    if findings:
        raise ProjectError(findings=findings)
    pages = Pages(by=said.pages) if isinstance(said.pages, str) else said.pages
    since = Since(param=said.since) if isinstance(said.since, str) else said.since
    paging = Paging(pages=pages, overlap=min(pages.overlap, max(pages.size - 1, 0) or 1) if request.key else 0)
    return Declared(
        name=request.name,
        home=options.url,
        call=_caller(options, said, since),
        shape=Shape(
            format=said.format,
            delimiter=said.delimiter,
            records=said.records,
            layout=said.layout,
            longest=options.longest,
            whole=paging.whole,
        ),
        paging=paging,
        since=since,
        column=request.cursor_column,
        key=request.key,
        each=each,
        types={**request.types, **said.types},
        flatten=said.nested == "unnest",
        errors={int(status): rule for status, rule in said.errors.items()},
    )


def _caller(
    options: Options, said: TableOptions, since: Since | None
) -> Callable[[Row | None, Comparable | None, Comparable | None], Call]:
    def call(parent: Row | None, begin: Comparable | None, end: Comparable | None) -> Call:
        from wherry.sources.rest.paging import with_values
        from wherry.sources.rest.since import spelled

        params = [(k, v) for k, v in {**options.params, **fill(said.params, parent)}.items() if v is not None]
        body = fill(said.body, parent)
        made = Call(
            url=joined(options.url, fill(said.path, parent, in_path=True)),
            method=said.method,
            params=tuple((key, _spelled(each)) for key, v in params for each in (v if isinstance(v, list) else [v])),
            headers={
                **options.headers,
                **fill(said.headers, parent),
                **({"content-type": "application/json"} if body is not None else {}),
            },
            body=json.dumps(body).encode() if body is not None else None,
        )
        if since is None:
            return made
        added: list[tuple[str, Any]] = []
        if begin is not None and since.param:
            added.append((since.param, spelled(begin, since)))
        if end is not None and since.until:
            added.append((since.until, spelled(end, since)))
        return with_values(made, added, since.into)

    return call


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parents(options: Options, request: TableRequest, said: TableOptions, above: tuple[str, ...]) -> Parents | None:
    if said.each is None:
        return None
    each = Each(table=said.each) if isinstance(said.each, str) else said.each
    if bool(each.table) == bool(each.values):
        raise ProjectError("`each` needs a `table` of this file, or `values`.", hint="For example `each: issues`.")
    if each.values:
        rows = [value for value in each.values if isinstance(value, Mapping)]
        names = list(dict.fromkeys(name for row in rows for name in row)) if rows else [each.name]
        carry = {name: name for name in names} if each.carry is None else dict(each.carry)
        return Parents(values=each.values, name=each.name, carry=carry, key=tuple(carry))
    parent = _sibling(options, each.table, request)
    declared = declare(options, parent, (*above, request.name))
    plain = re.sub(r"\W+", "_", each.table.rpartition(".")[2])
    carry = {f"{plain}_{key}": key for key in parent.key} if each.carry is None else dict(each.carry)
    key = tuple(name for name, of in carry.items() if of in parent.key)
    return Parents(table=declared, carry=carry, key=key if len(key) == len(parent.key) else ())


def _sibling(options: Options, name: str, request: TableRequest) -> TableRequest:
    if name in options.siblings:
        found: TableRequest = options.siblings[name]
        return found
    from difflib import get_close_matches

    close = get_close_matches(name, options.siblings, n=1)
    hint = f"Did you mean `{close[0]}`?" if close else "Name one of the tables of this file, as it stands there."
    message = f"`{request.name}` is about each row of `{name}`, which is no table of this file."
    raise ProjectError(findings=[Finding(code="unknown-table", message=message, hint=hint)])


def _unnested(options: Options, request: TableRequest, said: TableOptions, above: tuple[str, ...]) -> Declared:
    from dataclasses import replace

    table, _, field_name = said.unnest.partition(".")
    for name in sorted(options.siblings, key=len, reverse=True):
        if said.unnest.startswith(f"{name}."):
            table, field_name = name, said.unnest.removeprefix(f"{name}.")
            break
    parent = declare(options, _sibling(options, table, request), (*above, request.name))
    if not field_name:
        raise ProjectError(f"`unnest: {said.unnest}` must read `table.field`.")
    plain = re.sub(r"\W+", "_", table.rpartition(".")[2])
    carry = {f"{plain}_{key}": key for key in parent.key}
    if request.mode == "incremental" and not carry:
        raise ProjectError(findings=[_no_key(request.name)])
    return replace(
        parent,
        name=request.name,
        unnest=field_name,
        carry=carry,
        key=(*carry, "position") if carry else (),
        types={**request.types, **said.types},
        flatten=said.nested == "unnest",
    )


def _no_key(name: str) -> Finding:
    message = f"`{name}` is incremental, and nothing tells whose rows are to be replaced."
    return Finding(code="bad-option", message=message, hint="Give the other table a `key`, or this one.")


def _findings(options: Options, request: TableRequest, said: TableOptions) -> Iterator[Finding]:
    """Everything that is wrong, at once."""

    def bad(message: str, hint: str = "") -> Finding:
        return Finding(code="bad-option", message=message, hint=hint)

    yield from auth_findings(options.auth)
    address = urlsplit(joined(options.url, said.path))
    if address.scheme not in ("http", "https") or not address.hostname:
        yield bad("`url` must be the API's address.", "For example `url: https://api.example.com/v1`.")
    for name, text in (("patience", options.patience), ("timeout", options.timeout)):
        if seconds(text) is None:
            yield bad(f"`{name}: {text}` is no length of time.", "Write for example `15 minutes`.")
    if options.rate and rate(options.rate) is None:
        yield bad(f"`rate: {options.rate}` is no rate.", "Write for example `10 per second`.")
    if options.attempts < 1 or options.commit_every < 1 or options.longest < 1:
        yield bad("`attempts`, `commit_every` and `longest` are 1 or more.")
    pages = Pages(by=said.pages) if isinstance(said.pages, str) else said.pages
    since = Since(param=said.since) if isinstance(said.since, str) else said.since
    for text in (
        said.records if said.format != "xml" else "",
        pages.total,
        pages.more,
        "" if pages.by == "header" else pages.at,
    ):
        try:
            if text:
                compiled(text)
        except ValueError as error:
            yield bad(str(error), "See jmespath.org, for example `data.items`.")
    if pages.by in ("cursor", "next", "header") and not pages.at:
        yield bad(f"`pages: {{by: {pages.by}}}` needs `at`: where the {pages.by} is.", "For example `at: meta.next`.")
    if pages.stop == "short" and not pages.size:
        yield bad("`stop: short` needs `size`.")
    if pages.size < 0 or pages.overlap < 0:
        yield bad("`size` and `overlap` are 0 or more.")
    if said.layout == "columns" and looks_at_rows(pages.at):
        yield bad("`layout: columns` goes with a simple `pages`.")
    if request.mode == "incremental" and not request.key and not request.cursor_column and said.each is None:
        yield bad(
            "`mode: incremental` needs `key`, or `cursor` with `since`.", "Say what tells two rows apart: `key: id`."
        )
    if since is not None and not request.cursor_column:
        yield bad("`since` needs `cursor`: the column that grows.", "For example `cursor: updated_at`.")
    if since is not None:
        for text in (since.lookback, since.step, since.ahead):
            try:
                duration(text)
            except ValueError as error:
                yield bad(str(error))
        if since.step and not since.until:
            yield bad("`step` needs `until`: the parameter that ends a stretch of time.")
        if since.until and not since.start:
            yield bad("`until` needs `start`: where to begin when nothing was loaded yet.")
        if since.start and not hasattr(comparable(since.start, since.format), "isoformat") and since.until:
            yield bad(f"`start: {since.start}` is no date.", "Write it as 2026-01-31.")
    for status in said.errors:
        if not (status.isdigit() and 100 <= int(status) < 600):
            yield bad(f"`errors: {status}` is no status.", "For example `errors: {404: ignore}`.")
    for column, kind in {**request.types, **said.types}.items():
        try:
            arrow_type(kind.upper() if "(" not in kind else kind)
        except ValueError as error:
            yield bad(
                f"`{column}: {kind}`: {error}", "Types are DuckDB's: bigint, decimal(12,2), timestamp, varchar..."
            )
    if said.each is None and (names := places_in([said.path, said.params, said.headers, said.body])):
        word = sorted(names)[0]
        yield bad(f"`{{{word}}}` is a column of another table's row, and there is no `each`.", "Add `each: <table>`.")
