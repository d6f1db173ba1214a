"""The components of an Airbyte manifest as tables of an API; what is not read is told with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from wherry.http.client import Call
from wherry.model.dataclass import dataclass
from wherry.ports import TableRequest
from wherry.sources.rest.auth import joined
from wherry.sources.rest.component import Component, Slices, at, text, truth
from wherry.sources.rest.declared import Declared, Parents, Row
from wherry.sources.rest.formats import Page
from wherry.sources.rest.manifest import Part
from wherry.sources.rest.manifest_auth import manifest_credentials
from wherry.sources.rest.manifest_rows import remade_by, selector
from wherry.sources.rest.options import Pages, Since
from wherry.sources.rest.paging import Paging, with_values
from wherry.sources.rest.since import Comparable, spelled
from wherry.sources.rest.template import evaluate, is_template
from wherry.sources.rest.vocabulary import BadTemplate

#: Stands for a parameter that says until when and is not sent as such: the manifest's own texts use the moment.
UNSAID = "-"


def key_of(stream: Part) -> tuple[str, ...]:
    key = stream.get("primary_key") or (stream.get("$parameters") or {}).get("primary_key") or ()
    names = [key] if not isinstance(key, (list, tuple)) else key
    return tuple(".".join(name) if isinstance(name, list) else str(name) for name in names)


def cursor_of(stream: Part) -> str:
    sync = stream.get("incremental_sync")
    own = sync.get("cursor_field") if isinstance(sync, Part) else None
    cursor = own if own is not None else stream.get("stream_cursor_field", "")
    return str(cursor[0] if isinstance(cursor, list) and cursor else cursor or "")


@dataclass(slots=True)
class Translation(Component):
    """One stream, and those that it needs, on their way to be tables."""

    # ---- streams

    def stream(self, stream: Part, request: TableRequest, above: tuple[str, ...] = ()) -> Declared:
        name = str(self.manifest.name_of(stream))
        self.known(stream, ("DeclarativeStream",), f"stream `{name}`")
        empty = Part()
        empty.line = stream.line
        retriever = self.known(stream.get("retriever"), ("SimpleRetriever",), f"the retriever of `{name}`") or empty
        requester = self.known(retriever.get("requester"), ("HttpRequester",), f"the requester of `{name}`") or empty
        since, column = self.since(stream)
        each, slices = self.parents(retriever, (*above, name))
        shape, wanted = selector(self, retriever, slices)
        remade = remade_by(self, stream, slices)
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
            sign=lambda client: manifest_credentials(self, requester, client),
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
                params=tuple((str(k), text(v)) for k, v in params.items() if v not in (None, "")),
                headers={str(k): text(v) for k, v in headers.items() if v not in (None, "")},
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
            return replace(call, headers={**call.headers, name: text(value)})
        return with_values(call, [(name, value)], "body" if into == "body_json" else "params")

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
            start=text(self.fixed(Part({**sync, "start": start}), "start", "") or ""),
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
            return {field: at(parent or {}, key), "parent_slice": {}}

        return parents, held

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

        ends = (lambda page: bool(truth(evaluate(stop, self.told(strategy, page))))) if stop else None
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

    # ---- errors

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


def _format(form: str) -> str:
    return {"%s": "epoch", "%ms": "epoch_ms", "%Y-%m-%d": "date"}.get(form, form)


def _granularity(text: str) -> Any:
    if "." in text:
        return "microsecond"
    return {"PT1S": "second", "PT1M": "minute", "PT1H": "hour"}.get(text, "day" if text.startswith("P1D") else "second")
