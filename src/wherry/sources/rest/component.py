"""One component of a manifest: what it says, with parameters and config filled in; what of it is not read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.sources.rest.ask import value_at
from wherry.sources.rest.declared import Row
from wherry.sources.rest.kinds import as_text
from wherry.sources.rest.manifest import DESCRIBES, Manifest, Part, Problems
from wherry.sources.rest.options import Options
from wherry.sources.rest.template import evaluate
from wherry.sources.rest.vocabulary import BadTemplate

#: What expressions know of a parent's row.
Slices = Callable[[Row | None], Row]
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
    "ParentStreamConfig": "stream parent_key partition_field stream_slice_field request_option "
    "incremental_dependency",
    "AddFields": "fields condition", "AddedFieldDefinition": "path value value_type",
    "RemoveFields": "field_pointers condition", "KeysToLower": "", "KeysToSnakeCase": "",
    "FlattenFields": "flatten_lists",
    "DefaultErrorHandler": "response_filters backoff_strategies max_retries",
    "CompositeErrorHandler": "error_handlers",
    "HttpResponseFilter": "http_codes action error_message failure_type",
    "ConstantBackoffStrategy": "backoff_time_in_seconds", "ExponentialBackoffStrategy": "factor",
    "WaitTimeFromHeader": "header regex max_waiting_time_in_seconds",
}  # fmt: skip


@dataclass(slots=True)
class Component:
    """Reads components; what it cannot read is among its problems."""

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

    def option(self, option: Part) -> tuple[str, str]:
        """Name and place of a value that goes with a request."""
        self.known(option, ("RequestOption",), "a request option")
        path = option.get("field_path")
        name = ".".join(map(str, path)) if isinstance(path, list) else str(self.fixed(option, "field_name", ""))
        into = str(option.get("inject_into") or "request_parameter")
        if into not in ("request_parameter", "body_json", "header"):
            self.problems.add(option, "inject_into", f"`inject_into: {into}` is not read.")
        return name, into


def at(row: Mapping[str, Any], name: str) -> Any:
    try:
        return value_at(row, name)
    except KeyError:
        return None


def text(value: Any) -> str:
    return "" if value is None else as_text(value)


def truth(value: Any) -> bool:
    """The truth of an expression; the texts of nothing are false."""
    return bool(value) and (
        not isinstance(value, str) or value.strip().lower() not in ("", "false", "none", "[]", "{}")
    )
