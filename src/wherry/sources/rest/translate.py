"""The components of an Airbyte manifest as tables of an API; what is not read is told with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from wherry.http.client import Call, Client, Credentials
from wherry.ports import TableRequest
from wherry.sources.rest.ask import value_at
from wherry.sources.rest.auth import credentials_of, joined
from wherry.sources.rest.declared import Declared, Parents, Row, flattened
from wherry.sources.rest.formats import Page, Shape
from wherry.sources.rest.manifest import DESCRIBES, Manifest, Part, Problems
from wherry.sources.rest.options import Auth, Basic, Key, OAuth2, Options, Pages, Since
from wherry.sources.rest.paging import Paging, with_values
from wherry.sources.rest.since import Comparable, spelled
from wherry.sources.rest.template import BadTemplate, evaluate, is_template

#: What each component may say; anything else is told.
KNOWN: Mapping[str, str] = {
    "DeclarativeStream": "retriever transformations incremental_sync",
    "SimpleRetriever": "requester record_selector paginator partition_router stream_slicer decoder",
    "HttpRequester": "url_base url path http_method request_parameters request_headers request_body_json "
    "request_body_data request_body authenticator error_handler request_options_provider",
    "InterpolatedRequestOptionsProvider": "request_parameters request_headers request_body_json request_body_data",
    "RecordSelector": "extractor record_filter transform_before_filtering",
    "DpathExtractor": "field_path decoder field_pointer",
    "RecordFilter": "condition",
    "NoPagination": "", "NoAuth": "", "JsonDecoder": "", "JsonlDecoder": "", "CsvDecoder": "delimiter encoding",
    "GzipDecoder": "decoder",
    "DefaultPaginator": "pagination_strategy page_size_option page_token_option url_base decoder",
    "CursorPagination": "cursor_value stop_condition page_size decoder",
    "OffsetIncrement": "page_size inject_on_first_request",
    "PageIncrement": "page_size start_from_page inject_on_first_request",
    "RequestOption": "field_name field_path inject_into", "RequestPath": "",
    "BearerAuthenticator": "api_token", "BasicHttpAuthenticator": "username password",
    "ApiKeyAuthenticator": "header api_token inject_into",
    "OAuthAuthenticator": "token_refresh_endpoint client_id client_secret refresh_token scopes grant_type "
    "refresh_request_body refresh_token_updater token_expiry_date token_expiry_date_format expires_in_name "
    "access_token_name",
    "SelectiveAuthenticator": "authenticator_selection_path authenticators",
    "DatetimeBasedCursor": "cursor_field datetime_format cursor_datetime_formats start_datetime end_datetime step "
    "cursor_granularity lookback_window start_time_option end_time_option is_client_side_incremental is_data_feed "
    "partition_field_start partition_field_end global_substream_cursor is_compare_strictly",
    "MinMaxDatetime": "datetime datetime_format",
    "ListPartitionRouter": "values cursor_field request_option",
    "ListStreamSlicer": "slice_values cursor_field request_option",
    "SubstreamPartitionRouter": "parent_stream_configs", "SubstreamSlicer": "parent_stream_configs",
    "ParentStreamConfig": "stream parent_key partition_field stream_slice_field request_option incremental_dependency",
    "AddFields": "fields condition", "AddedFieldDefinition": "path value value_type",
    "RemoveFields": "field_pointers condition", "KeysToLower": "", "KeysToSnakeCase": "", "FlattenFields": "flatten_lists",
    "DefaultErrorHandler": "response_filters backoff_strategies max_retries",
    "CompositeErrorHandler": "error_handlers",
    "HttpResponseFilter": "http_codes action error_message failure_type",
    "ConstantBackoffStrategy": "backoff_time_in_seconds", "ExponentialBackoffStrategy": "factor",
    "WaitTimeFromHeader": "header regex max_waiting_time_in_seconds",
}  # fmt: skip


#: Stands for a parameter that says until when and is not sent as such: the manifest's own texts use the moment.
UNSAID = "-"


#: What expressions know of a parent's row.
Slices = Callable[[Row | None], Row]


def key_of(stream: Part) -> tuple[str, ...]:
    key = stream.get("primary_key") or (stream.get("$parameters") or {}).get("primary_key") or ()
    names = [key] if isinstance(key, str) else list(key)
    return tuple(".".join(name) if isinstance(name, list) else str(name) for name in names)


def cursor_of(stream: Part) -> str:
    cursor = (stream.get("incremental_sync") or {}).get("cursor_field", stream.get("stream_cursor_field", ""))
    return str(cursor[0] if isinstance(cursor, list) and cursor else cursor or "")


@dataclass(slots=True)
class Translation:
    """One stream, and those that it needs, on their way to be tables."""

    manifest: Manifest
    options: Options
    problems: Problems

    @property
    def config(self) -> dict[str, Any]:
        """The values that the manifest asks for: its own defaults, and what the source file gives."""
        spec = (self.manifest.root.get("spec") or {}).get("connection_specification") or {}
        defaults = {
            name: about["default"]
            for name, about in (spec.get("properties") or {}).items()
            if isinstance(about, Mapping) and "default" in about
        }
        return {**defaults, **self.options.config}

    def scope(self, part: Any, **more: Any) -> dict[str, Any]:
        parameters = part.get("$parameters", {}) if isinstance(part, Mapping) else {}
        slices = more.pop("slice", None) or {}
        return {
            "config": self.config, "parameters": parameters, "options": parameters, "stream_slice": slices,
            "stream_partition": slices, "stream_interval": slices, "stream_state": {}, "next_page_token": None, **more,
        }  # fmt: skip

    def known(self, part: Any, kinds: tuple[str, ...], what: str) -> Part | None:
        """The component, when it is of a kind that is read; what is not is told."""
        if part is None:
            return None
        if not isinstance(part, Part):
            self.problems.add(part, "", f"{what} is not understood.")
            return None
        kind = str(part.get("type") or kinds[0])
        if kind not in kinds:
            self.problems.add(part, "type", f"{what} is a `{kind}`, which is not read.")
            return None
        for key in part:
            if key not in KNOWN[kind].split() and key not in DESCRIBES:
                self.problems.add(part, key, f"`{key}` of {kind} is not read.")
        return part

    def value(self, part: Part, key: str, default: Any = None) -> Any:
        """A field of a component; parameters of the same name stand in for it."""
        found = part.get(key)
        return (part.get("$parameters") or {}).get(key, default) if found is None else found

    def fixed(self, part: Part, key: str, default: Any = None) -> Any:
        """A field that only the config decides."""
        try:
            return evaluate(self.value(part, key, default), self.scope(part, _clock=None))
        except BadTemplate as bad:
            self.problems.add(part, key, f"`{key}`: {bad}.")
            return default

    # ---- streams

    def stream(self, stream: Part, request: TableRequest, above: tuple[str, ...] = ()) -> Declared:
        name = str(self.manifest.name_of(stream))
        self.known(stream, ("DeclarativeStream",), f"stream `{name}`")
        empty = Part()
        empty.line = stream.line
        retriever = self.known(stream.get("retriever"), ("SimpleRetriever",), f"the retriever of `{name}`") or empty
        requester = self.known(retriever.get("requester"), ("HttpRequester",), f"the requester of `{name}`") or empty
        since, column = self.since(stream)
        each, slices = self.parents(retriever, above + (name,))
        shape, wanted = self.selector(retriever, slices)
        remade = self.remade(stream, slices)
        paginator = self.known(retriever.get("paginator"), ("DefaultPaginator", "NoPagination"), "the paginator")
        paging, token_in_path = self.paging(paginator)
        home = self.home(requester)
        return Declared(
            name=name,
            home=home,
            call=self.caller(requester, retriever, stream, since, slices),
            shape=replace(shape, whole=True, lenient=True),
            paging=replace(paging, in_path=token_in_path),
            since=since,
            column=column,
            key=request.key or key_of(stream),
            each=each,
            types=request.types,
            wanted=wanted,
            remade=remade,
            errors=self.errors(requester.get("error_handler")),
            sign=lambda client: self.credentials(requester, client),
        )

    def home(self, requester: Part) -> str:
        url = str(self.value(requester, "url_base") or self.value(requester, "url") or "")
        return str(self.fixed(Part({"url": url, "$parameters": requester.get("$parameters", {})}), "url", ""))

    def caller(
        self, requester: Part, retriever: Part, stream: Part, since: Since | None, slices: Slices
    ) -> Callable[[Row | None, Comparable | None, Comparable | None], Call]:
        provider = requester.get("request_options_provider") or requester
        sync = stream.get("incremental_sync") or {}
        body = requester.get("request_body") or {}
        options = [
            (router.get("request_option"), router.get("partition_field") or router.get("cursor_field"))
            for router in self._routers(retriever)
        ]

        def call(parent: Row | None, begin: Comparable | None, end: Comparable | None) -> Call:
            held = slices(parent)
            if since is not None:
                spans = (
                    (begin, sync.get("partition_field_start") or "start_time"),
                    (end, sync.get("partition_field_end") or "end_time"),
                )
                held = {**held, **{str(name): spelled(value, since) for value, name in spans if value is not None}}
            scope = self.scope(requester, slice=held)
            scope["parameters"] = requester.get("$parameters", {})
            url = joined(self.home(requester), str(evaluate(self.value(requester, "path", ""), scope) or ""))
            params = evaluate(provider.get("request_parameters") or {}, scope)
            headers = evaluate(provider.get("request_headers") or {}, scope)
            sent: bytes | None = None
            json_body = provider.get("request_body_json") or (
                body.get("value") if "Json" in str(body.get("type")) else None
            )
            form = provider.get("request_body_data") or (body.get("value") if "Url" in str(body.get("type")) else None)
            if json_body is not None:
                value = evaluate(json_body, scope)
                sent = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                headers = {"content-type": "application/json", **headers}
            elif form is not None:
                value = evaluate(form, scope)
                sent = value.encode() if isinstance(value, str) else urlencode(value).encode()
                headers = {"content-type": "application/x-www-form-urlencoded", **headers}
            if not isinstance(params, Mapping):
                raise BadTemplate("`request_parameters` is no mapping")
            made = Call(
                url=url,
                method=str(requester.get("http_method") or "GET"),
                params=tuple((str(k), _text(v)) for k, v in params.items() if v not in (None, "")),
                headers={str(k): _text(v) for k, v in headers.items() if v not in (None, "")},
                body=sent,
            )
            if since is not None:
                asked = ((since.param, begin), (since.until, end))
                pairs = [
                    (name, spelled(at, since)) for name, at in asked if name not in ("", UNSAID) and at is not None
                ]
                made = with_values(made, list(pairs), since.into)
            for option, of in options:
                if isinstance(option, Part) and of in held:
                    made = self.put(made, option, held[str(of)])
            return made

        return call

    def put(self, call: Call, option: Part, value: Any) -> Call:
        name, into = self.option(option)
        if into == "header":
            return replace(call, headers={**call.headers, name: _text(value)})
        return with_values(call, [(name, value)], "body" if into == "body_json" else "params")

    def option(self, option: Part) -> tuple[str, str]:
        """Name and place of a value that goes with a request."""
        self.known(option, ("RequestOption",), "a request option")
        path = option.get("field_path")
        name = ".".join(map(str, path)) if isinstance(path, list) else str(self.fixed(option, "field_name", ""))
        into = str(option.get("inject_into") or "request_parameter")
        if into not in ("request_parameter", "body_json", "header"):
            self.problems.add(option, "inject_into", f"`inject_into: {into}` is not read.")
        return name, into

    # ---- what is new

    def since(self, stream: Part) -> tuple[Since | None, str]:
        sync = self.known(stream.get("incremental_sync"), ("DatetimeBasedCursor",), "`incremental_sync`")
        if sync is None:
            return None, ""
        begin, until = sync.get("start_time_option"), sync.get("end_time_option")
        name, into = self.option(begin) if isinstance(begin, Part) else ("", "request_parameter")
        last, _ = self.option(until) if isinstance(until, Part) else ("", "")
        if into == "header":
            self.problems.add(begin, "inject_into", "A start time in a header is not read.")
        start = sync.get("start_datetime")
        if isinstance(start, Part):
            self.known(start, ("MinMaxDatetime",), "`start_datetime`")
            start = start.get("datetime")
        made = Since(
            param=name,
            until=last or UNSAID,
            format=_format(str(self.fixed(sync, "datetime_format", "iso"))),
            into="body" if into == "body_json" else "params",
            start=_text(self.fixed(Part({**sync, "start": start}), "start", "") or ""),
            step=str(self.fixed(sync, "step", "") or ""),
            granularity=_granularity(str(sync.get("cursor_granularity") or "PT1S")),
            lookback=str(self.fixed(sync, "lookback_window", "") or ""),
        )
        return made, str(self.fixed(sync, "cursor_field", ""))

    # ---- partitions

    def _routers(self, retriever: Part) -> list[Part]:
        router = retriever.get("partition_router") or retriever.get("stream_slicer")
        routers = router if isinstance(router, list) else [router] if router else []
        found = []
        for each in routers:
            configs = each.get("parent_stream_configs") if isinstance(each, Part) else None
            found += configs if isinstance(configs, list) else [each]
        return [each for each in found if isinstance(each, Part)]

    def parents(self, retriever: Part, above: tuple[str, ...]) -> tuple[Parents | None, Callable[[Row | None], Row]]:
        router = retriever.get("partition_router") or retriever.get("stream_slicer")
        routers = router if isinstance(router, list) else [router] if router else []
        if not routers:
            return None, lambda parent: {}
        kinds = ("SubstreamPartitionRouter", "ListPartitionRouter", "SubstreamSlicer", "ListStreamSlicer")
        known = self.known(routers[0], kinds, "the partition router")
        if len(routers) > 1:
            self.problems.add(routers[1], "type", "More than one partition router is not read.")
        if known is None:
            return None, lambda parent: {}
        if known.get("type") in ("ListPartitionRouter", "ListStreamSlicer"):
            values = self.fixed(known, "values" if "values" in known else "slice_values", [])
            if isinstance(values, str):
                values = [part.strip(" '\"") for part in values.strip("[]").split(",")]
            name = str(known.get("cursor_field") or "value")
            return Parents(
                values=tuple(values), name=name, carry={f"_{name}": name}, key=(f"_{name}",)
            ), lambda p: dict(p or {})
        configs = known.get("parent_stream_configs") or []
        if len(configs) != 1:
            self.problems.add(known, "parent_stream_configs", "Other than one parent stream is not read.")
            return None, lambda parent: {}
        config = self.known(configs[0], ("ParentStreamConfig",), "a parent stream") or Part()
        stream = config.get("stream")
        if not isinstance(stream, Part) or str(self.manifest.name_of(stream)) in above:
            self.problems.add(config, "stream", "The parent stream is not understood.")
            return None, lambda parent: {}
        request = TableRequest(name=str(self.manifest.name_of(stream)), mode="incremental")
        table = self.stream(stream, request, above)
        if not config.get("incremental_dependency"):
            table = replace(table, since=None, column="")
        field, key = (
            str(config.get("partition_field") or config.get("stream_slice_field")),
            str(config.get("parent_key")),
        )
        carried = re.sub(r"\W+", "_", f"{table.name}_{key}")
        parents = Parents(table=table, carry={carried: key}, key=(carried,))

        def held(parent: Row | None) -> Row:
            return {field: _at(parent or {}, key), "parent_slice": {}}

        return parents, held

    # ---- rows

    def selector(self, retriever: Part, slices: Slices) -> tuple[Shape, Callable[[Row, Row | None], bool] | None]:
        selector = self.known(retriever.get("record_selector"), ("RecordSelector",), "the record selector") or Part()
        extractor = self.known(selector.get("extractor"), ("DpathExtractor",), "the extractor") or Part()
        path = self.fixed(extractor, "field_path", extractor.get("field_pointer") or []) or []
        records = ""
        for name in path if isinstance(path, list) else [path]:
            records += "[]" if name in ("*", "**") else f'{"." if records else ""}"{name}"'
        decoder = self.known(
            retriever.get("decoder"), ("JsonDecoder", "JsonlDecoder", "CsvDecoder", "GzipDecoder"), "the decoder"
        )
        while decoder is not None and decoder.get("type") == "GzipDecoder":
            decoder = self.known(decoder.get("decoder"), ("JsonDecoder", "JsonlDecoder", "CsvDecoder"), "the decoder")
        kind = {"JsonlDecoder": "jsonl", "CsvDecoder": "csv"}.get(str((decoder or Part()).get("type")), "json")
        delimiter = str((decoder or Part()).get("delimiter") or ",")
        shape = Shape(format=kind, delimiter=delimiter, records=records, longest=self.options.longest)
        condition = self.known(selector.get("record_filter"), ("RecordFilter",), "the record filter")
        if condition is None:
            return shape, None

        def wanted(row: Row, parent: Row | None) -> bool:
            scope = self.scope(condition, record=row, slice=slices(parent))
            return bool(_truth(evaluate(condition.get("condition", ""), scope)))

        return shape, wanted

    def remade(self, stream: Part, slices: Slices) -> Callable[[Row, Row | None], Row] | None:
        steps: list[Callable[[Row, Row | None], Row]] = []
        for part in stream.get("transformations") or ():
            kinds = ("AddFields", "RemoveFields", "KeysToLower", "KeysToSnakeCase", "FlattenFields")
            known = self.known(part, kinds, "a transformation")
            if known is None:
                continue
            kind = known["type"]
            if kind == "AddFields":
                for one in known.get("fields") or ():
                    self.known(one, ("AddedFieldDefinition",), "an added field")
                steps.append(self._adding(known, slices))
            elif kind == "RemoveFields":
                steps.append(self._removing(known))
            elif kind == "FlattenFields":
                steps.append(lambda row, parent: flattened(row))
            else:
                spell = str.lower if kind == "KeysToLower" else _snake
                steps.append(lambda row, parent, spell=spell: _respelled(row, spell))  # type: ignore[misc]
        if not steps:
            return None

        def made(row: Row, parent: Row | None) -> Row:
            for step in steps:
                row = step(row, parent)
            return row

        return made

    def _adding(self, part: Part, slices: Slices) -> Callable[[Row, Row | None], Row]:
        def add(row: Row, parent: Row | None) -> Row:
            row = json_copy(row)
            for one in part.get("fields") or ():
                scope = self.scope(part, record=row, slice=slices(parent))
                if "condition" in part and not _truth(evaluate(part["condition"], scope)):
                    continue
                value = evaluate(one.get("value"), scope)
                value = _CASTS[str(one["value_type"])](value) if one.get("value_type") in _CASTS else value
                held: dict[str, Any] = row
                *path, last = [str(evaluate(name, scope)) for name in one.get("path") or ()]
                for name in path:
                    held = held.setdefault(name, {})
                held[last] = value
            return row

        return add

    def _removing(self, part: Part) -> Callable[[Row, Row | None], Row]:
        def remove(row: Row, parent: Row | None) -> Row:
            row = json_copy(row)
            for pointer in part.get("field_pointers") or ():
                held: Any = row
                for name in pointer[:-1]:
                    held = held.get(name) if isinstance(held, dict) else None
                if isinstance(held, dict) and pointer[-1] in held:
                    scope = self.scope(part, record=row, property=held[pointer[-1]])
                    if "condition" not in part or not part["condition"] or _truth(evaluate(part["condition"], scope)):
                        del held[pointer[-1]]
            return row

        return remove

    # ---- pages

    def paging(self, paginator: Part | None) -> tuple[Paging, bool]:
        if paginator is None or paginator.get("type") == "NoPagination":
            return Paging(pages=Pages(by="none")), False
        kinds = ("CursorPagination", "OffsetIncrement", "PageIncrement")
        strategy = self.known(paginator.get("pagination_strategy"), kinds, "the pagination strategy")
        if strategy is None:
            return Paging(pages=Pages(by="none")), False
        token, size_option = paginator.get("page_token_option"), paginator.get("page_size_option")
        in_path = isinstance(token, Part) and (token.get("type") == "RequestPath" or token.get("inject_into") == "path")
        name, into = self.option(token) if isinstance(token, Part) and not in_path else ("", "request_parameter")
        size_name, _ = self.option(size_option) if isinstance(size_option, Part) else ("", "")
        size = int(self.fixed(strategy, "page_size", 0) or 0)
        by = {"OffsetIncrement": "offset", "PageIncrement": "page"}.get(str(strategy["type"]), "cursor")
        if into == "header":
            self.problems.add(token, "inject_into", "A page token in a header is not read.")
        pages = Pages(
            by=by,  # type: ignore[arg-type]
            at=str(strategy.get("cursor_value") or "next_page_token") if by == "cursor" else "",
            param=name,
            into="body" if into == "body_json" else "params",
            size=size if size_name else 0,
            size_param=size_name,
            start=int(strategy.get("start_from_page") or 0) if by == "page" else 0,
            stop="short" if size and by != "cursor" else "empty",
        )
        stop = strategy.get("stop_condition")

        def asked(text: str, page: Page) -> Any:
            return evaluate(text, self.told(strategy, page)) if is_template(text) else None

        ends = (lambda page: bool(_truth(evaluate(stop, self.told(strategy, page))))) if stop else None
        first = bool(strategy.get("inject_on_first_request"))
        return Paging(pages=pages, ask=asked, ends=ends, first_too=first, short_of=size), in_path

    def told(self, part: Part, page: Page) -> dict[str, Any]:
        """What an expression about an answer may use."""
        headers: dict[str, Any] = dict(page.headers)
        if link := headers.get("link"):
            links = {rel: {"url": url} for url, rel in re.findall(r"<([^>]+)>\s*;[^,]*?rel=\"?(\w+)", str(link))}
            headers["link"] = links
        both = {**headers, **{name.title(): value for name, value in headers.items()}}
        return self.scope(part, response=page.body, headers=both, last_record=page.last, last_page_size=page.rows)

    # ---- errors and credentials

    def errors(self, handler: Any) -> dict[int, str]:
        found: dict[int, str] = {}
        known = self.known(handler, ("DefaultErrorHandler", "CompositeErrorHandler"), "the error handler") or Part()
        handlers: list[Any] = known.get("error_handlers") or []
        for inner in handlers:
            found = {**self.errors(inner), **found}
        strategies: list[Any] = known.get("backoff_strategies") or []
        for strategy in strategies:
            kinds = ("ConstantBackoffStrategy", "ExponentialBackoffStrategy", "WaitTimeFromHeader")
            self.known(strategy, kinds, "a backoff strategy")
        actions = {"IGNORE": "ignore", "RETRY": "retry", "FAIL": "stop", "RATE_LIMITED": "retry", "SUCCESS": "take"}
        for each in known.get("response_filters") or ():
            if (part := self.known(each, ("HttpResponseFilter",), "a response filter")) is None:
                continue
            action = str(part.get("action") or "FAIL").upper()
            if action not in actions:
                self.problems.add(part, "action", f"`action: {action}` is not read.")
                continue
            for status in part.get("http_codes") or ():
                found.setdefault(int(status), actions[action])
        return found

    def credentials(self, requester: Part, client: Client) -> Credentials | None:
        """What signs the requests; the values that the manifest calls secret are never shown."""
        spec = (self.manifest.root.get("spec") or {}).get("connection_specification") or {}
        for secret in _secrets(spec.get("properties") or {}, self.config):
            client.veil.add(secret)
        auth = self.auth(requester.get("authenticator")) if requester.get("authenticator") else self.options.auth
        return credentials_of(replace(self.options, auth=auth), client)

    def auth(self, part: Any) -> Auth | None:
        kinds = (
            "NoAuth", "BearerAuthenticator", "BasicHttpAuthenticator", "ApiKeyAuthenticator", "OAuthAuthenticator",
            "SelectiveAuthenticator",
        )  # fmt: skip
        known = self.known(part, kinds, "the authenticator")
        kind = known["type"] if known is not None and "type" in known else "NoAuth"
        if known is None or kind == "NoAuth":
            return None
        if kind == "SelectiveAuthenticator":
            path = known.get("authenticator_selection_path") or []
            chosen = str(_at(self.config, ".".join(path)))
            choices: Mapping[str, Any] = known.get("authenticators", {})
            return self.auth(choices.get(chosen))
        if kind == "BearerAuthenticator":
            return Auth(bearer=_text(self.fixed(known, "api_token", "")))
        if kind == "BasicHttpAuthenticator":
            user, word = self.fixed(known, "username", ""), self.fixed(known, "password", "")
            return Auth(basic=Basic(user=_text(user), password=_text(word)))
        if kind == "ApiKeyAuthenticator":
            value, header = _text(self.fixed(known, "api_token", "")), str(self.fixed(known, "header", "") or "")
            option = known.get("inject_into")
            name, into = self.option(option) if isinstance(option, Part) else (header, "header")
            return Auth(key=Key(value=value, header=name) if into == "header" else Key(value=value, query=name))
        grant = str(self.fixed(known, "grant_type", "refresh_token"))
        refresh = _text(self.fixed(known, "refresh_token", "")) if grant == "refresh_token" else ""
        scopes = known.get("scopes") or []
        return Auth(
            oauth2=OAuth2(
                token_url=_text(self.fixed(known, "token_refresh_endpoint", "")),
                client_id=_text(self.fixed(known, "client_id", "")),
                client_secret=_text(self.fixed(known, "client_secret", "")),
                refresh_token=refresh,
                scope=" ".join(map(str, scopes)),
                fields={str(k): _text(v) for k, v in (self.fixed(known, "refresh_request_body", {}) or {}).items()},
            )
        )


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "string": lambda value: _text(value),
    "integer": lambda value: int(value),
    "number": lambda value: float(value),
    "boolean": lambda value: _truth(value),
}


def json_copy(value: Any) -> Any:
    """A copy of nested plain values."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    return [json_copy(item) for item in value] if isinstance(value, list) else value


def _at(row: Mapping[str, Any], name: str) -> Any:
    try:
        return value_at(row, name)
    except KeyError:
        return None


def _text(value: Any) -> str:
    from wherry.sources.rest.kinds import as_text

    return "" if value is None else as_text(value)


def _truth(value: Any) -> bool:
    """The truth of an expression; the texts of nothing are false."""
    return bool(value) and (
        not isinstance(value, str) or value.strip().lower() not in ("", "false", "none", "[]", "{}")
    )


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()


def _respelled(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {spell(name): _respelled(item, spell) for name, item in value.items()}
    return [_respelled(item, spell) for item in value] if isinstance(value, list) else value


def _format(form: str) -> str:
    return {"%s": "epoch", "%ms": "epoch_ms", "%Y-%m-%d": "date"}.get(form, form)


def _granularity(text: str) -> Any:
    if "." in text:
        return "microsecond"
    return {"PT1S": "second", "PT1M": "minute", "PT1H": "hour"}.get(text, "day" if text.startswith("P1D") else "second")


def _secrets(properties: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """The values that the specification calls secret, at any depth."""
    found = []
    for name, about in properties.items():
        value = config.get(name)
        if not isinstance(about, Mapping) or value is None:
            continue
        if about.get("airbyte_secret"):
            found.append(_text(value))
        if isinstance(value, Mapping):
            for variant in (about, *(about.get("oneOf") or ())):
                found += _secrets(variant.get("properties") or {}, value)
    return found
