"""Suites of Great Expectations, of versions 0.x and 1.x, as checks.

A suite is JSON or YAML with ``expectations``; a validation's result (``results``) has them too. Checkpoints and
validation definitions hold none, but name the table of a suite: see ``tables_of``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from wherry.imports import Imported, Mistaken, NotUnderstood, not_imported
from wherry.imports.arguments import Arguments
from wherry.imports.gx_conditions import NotImported, condition_sql
from wherry.imports.gx_drafts import Draft
from wherry.imports.gx_expectations import EXPECTATIONS
from wherry.imports.gx_parameters import resolve
from wherry.model.asset import Check
from wherry.project.located import Located, read_yaml
from wherry.project.nearest import did_you_mean

#: Arguments of any expectation that say how it is answered, not what is expected.
_SILENT = {"result_format", "catch_exceptions", "include_config", "batch_id", "meta", "notes", "auto", "severity"}
_SILENT |= {"rendered_content", "id", "windows", "description", "row_condition", "condition_parser", "mostly"}
_SILENT |= {
    "profiler_config",
    "bucketize_data",
    "allow_relative_error",
    "bootstrap_samples",
    "bootstrap_sample_size",
    "ignore_row_if",
    "parse_strings_as_datetimes",
    "allow_cross_type_comparisons",
    "output_strftime_format",
}
#: What people put after the name of a table to name its suite.
_ENDS = re.compile(
    r"([._-](suite|expectations?|expectation_suite|warning|failure|critical|default|validation))+\Z", re.I
)


def read(text: str, file: str, tables: Mapping[str, str] | None = None) -> list[Imported]:
    """The checks of a suite. ``tables`` says which table a suite is about, by the suite's name."""
    located, document = _document(text, file)
    if document is None:
        return [Imported(table="", findings=located.findings)]
    items, path = _expectations(document)
    if items is None:
        return []
    suite = str(document.get("name") or document.get("expectation_suite_name") or "")
    parameters = {**_mapping(document.get("evaluation_parameters")), **_mapping(document.get("suite_parameters"))}
    checks: list[Check] = []
    findings = list(located.findings)
    for index, item in enumerate(items):
        line, column = located.at(f"{path}/{index}")
        try:
            made = list(_checks(item, parameters, file, line))
            # The table may be another by the time it runs: each expectation is judged by itself.
            checks.extend(made)
        except NotUnderstood as error:
            message = f"The expectation `{_type(item) or 'without a type'}` is not imported: {str(error).rstrip('.')}."
            findings.append(not_imported(message, file, line, column, error))
    table = (tables or {}).get(suite) or _table(document, suite, file)
    return [Imported(table=table, checks=tuple(checks), findings=tuple(findings))]


def tables_of(text: str, file: str = "") -> dict[str, str]:
    """Suite -> table, as a checkpoint (0.x), a validation definition or a checkpoint's result (1.x) has them."""
    _, document = _document(text, file)
    found: dict[str, str] = {}
    todo: list[Any] = [document]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        if not isinstance(item, Mapping):
            continue
        request, data = _mapping(item.get("batch_request")), _mapping(item.get("data"))
        suite = item.get("expectation_suite_name") or _name(item.get("suite"))
        # What a checkpoint says of all its validations counts where one says nothing itself.
        for validation in item.get("validations") or ():
            todo.append({"expectation_suite_name": suite, **validation} if isinstance(validation, Mapping) else None)
        asset = request.get("data_asset_name") or _name(data.get("asset")) or _name(data.get("batch_definition"))
        if suite and asset:
            found.setdefault(str(suite), str(asset))
        todo.extend(item.get(key) for key in ("validation_definitions", "data_context_config"))
    return found


def _document(text: str, file: str) -> tuple[Located, Mapping[str, Any] | None]:
    # JSON is YAML but for tabs, which YAML does not take as blanks.
    located = read_yaml(text.replace("\t", " ") if text.lstrip()[:1] in "{[" else text, file=file)
    try:
        document = json.loads(text)  # knows 1e5 and pairs of surrogates, which YAML does not
    except (ValueError, RecursionError):
        document = located.value
    return located, document if isinstance(document, Mapping) else None


def _expectations(document: Mapping[str, Any]) -> tuple[list[Any] | None, str]:
    if isinstance(items := document.get("expectations"), list):
        return items, "expectations"
    if isinstance(results := document.get("results"), list):
        return [
            each.get("expectation_config", each) if isinstance(each, Mapping) else each for each in results
        ], "results"
    return None, ""


def _table(document: Mapping[str, Any], suite: str, file: str) -> str:
    meta = _mapping(document.get("meta"))
    batch = _mapping(meta.get("active_batch_definition"))
    asset = document.get("data_asset_name") or meta.get("table") or meta.get("data_asset_name")
    return str(asset or batch.get("data_asset_name") or _ENDS.sub("", suite or PurePosixPath(file).stem))


def _checks(item: Any, parameters: Mapping[str, Any], file: str, line: int) -> Iterator[Check]:
    kind, kwargs = _type(item), item.get("kwargs") if isinstance(item, Mapping) else None
    if not isinstance(kwargs, Mapping):
        raise Mistaken("it has no `kwargs`")
    make = EXPECTATIONS.get(kind)
    if kind == "expect_query_results_to_match_comparison":
        raise NotImported("it compares the answers of two queries, of two systems perhaps")
    if make is None:
        otherwise = "One of your own is a kind in plugins/, or SQL in checks/."
        raise Mistaken("there is no such expectation", did_you_mean(kind, EXPECTATIONS, otherwise))
    given = {key: resolve(value, parameters, kwargs) for key, value in kwargs.items() if not key.startswith("$")}
    mostly = given.get("mostly")
    mostly = 1.0 if mostly is None else mostly
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise Mistaken(f"`mostly` is {mostly!r}, and must be from 0 to 1")
    arguments = {key: value for key, value in given.items() if key not in _SILENT}
    try:
        read = Arguments({**arguments, "ignore_row_if": given.get("ignore_row_if")})
        draft = make(read)
    except KeyError as missing:
        raise Mistaken(f"it has no `{missing.args[0]}`") from missing
    except (TypeError, ValueError, AttributeError) as error:
        raise (
            error if isinstance(error, NotUnderstood) else Mistaken(f"its arguments are not understood: {error}")
        ) from error
    if unread := [key for key, value in arguments.items() if value is not None and key not in read.read]:
        raise Mistaken(f"it has no `{unread[0]}`", did_you_mean(unread[0], sorted(read.read)))
    shown = ", ".join(
        f"{key}={_shown(value)}" for key, value in arguments.items() if key != "column" and value is not None
    )
    yield Check(
        kind=draft.kind,
        column=draft.column,
        columns=draft.columns,
        arguments=draft.arguments,
        text=f"{kind}({shown})",
        severity="warn" if str(item.get("severity") or "").lower() in ("warning", "info") else "error",
        mostly=float(mostly) if draft.counts else 1.0,
        where=_where(draft, given, float(mostly)),
        about=_about(item),
        file=file,
        line=line,
    )


def _where(draft: Draft, given: Mapping[str, Any], mostly: float) -> str:
    parts = []
    if given.get("row_condition") is not None:
        parts.append(condition_sql(given["row_condition"], str(given.get("condition_parser") or "")))
    # A share of the rows that have a value: only then does it matter that the others are left out.
    if draft.ignores and (draft.narrows or (draft.counts and mostly < 1)):
        parts.append(draft.ignores)
    return " AND ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)


def _about(item: Mapping[str, Any]) -> str:
    notes = item.get("notes") or item.get("description") or _mapping(item.get("meta")).get("notes")
    if isinstance(notes, Mapping):
        notes = notes.get("content")
    return "\n".join(map(str, notes)) if isinstance(notes, list) else str(notes or "")


def _type(item: Any) -> str:
    written = (item.get("type") or item.get("expectation_type")) if isinstance(item, Mapping) else ""
    # Also as the class is called: ExpectColumnToExist.
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", str(written or ""))
    return snake.lower() if snake[:6] in ("Expect", "Unexpe") else str(written or "")


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _name(item: Any) -> str:
    return str(item.get("name") or "") if isinstance(item, Mapping) else str(item or "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
