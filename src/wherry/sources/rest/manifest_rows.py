"""What a manifest says of rows: where they are in an answer, which are wanted, what is made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from wherry.sources.rest.component import Component, Slices, text, truth
from wherry.sources.rest.declared import Row, flattened
from wherry.sources.rest.formats import Shape
from wherry.sources.rest.manifest import Part
from wherry.sources.rest.template import evaluate


def selector(
    component: Component, retriever: Part, slices: Slices
) -> tuple[Shape, Callable[[Row, Row | None], bool] | None]:
    selector = component.known(retriever.get("record_selector"), ("RecordSelector",), "the record selector") or Part()
    extractor = component.known(selector.get("extractor"), ("DpathExtractor",), "the extractor") or Part()
    path = component.fixed(extractor, "field_path", extractor.get("field_pointer") or []) or []
    records = ""
    for name in path if isinstance(path, list) else [path]:
        records += "[]" if name in ("*", "**") else f'{"." if records else ""}"{name}"'
    decoder = component.known(
        retriever.get("decoder"), ("JsonDecoder", "JsonlDecoder", "CsvDecoder", "GzipDecoder"), "the decoder"
    )
    while decoder is not None and decoder.get("type") == "GzipDecoder":
        decoder = component.known(decoder.get("decoder"), ("JsonDecoder", "JsonlDecoder", "CsvDecoder"), "the decoder")
    kind = {"JsonlDecoder": "jsonl", "CsvDecoder": "csv"}.get(str((decoder or Part()).get("type")), "json")
    delimiter = str((decoder or Part()).get("delimiter") or ",")
    shape = Shape(format=kind, delimiter=delimiter, records=records, longest=component.options.longest)
    condition = component.known(selector.get("record_filter"), ("RecordFilter",), "the record filter")
    if condition is None:
        return shape, None

    def wanted(row: Row, parent: Row | None) -> bool:
        scope = component.scope(condition, record=row, slice=slices(parent))
        return bool(truth(evaluate(condition.get("condition", ""), scope)))

    return shape, wanted


def remade_by(component: Component, stream: Part, slices: Slices) -> Callable[[Row, Row | None], Row] | None:
    steps: list[Callable[[Row, Row | None], Row]] = []
    for part in stream.get("transformations") or ():
        kinds = ("AddFields", "RemoveFields", "KeysToLower", "KeysToSnakeCase", "FlattenFields")
        known = component.known(part, kinds, "a transformation")
        if known is None:
            continue
        kind = known["type"]
        if kind == "AddFields":
            for one in known.get("fields") or ():
                component.known(one, ("AddedFieldDefinition",), "an added field")
            steps.append(adding(component, known, slices))
        elif kind == "RemoveFields":
            steps.append(removing(component, known))
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


def adding(component: Component, part: Part, slices: Slices) -> Callable[[Row, Row | None], Row]:
    def add(row: Row, parent: Row | None) -> Row:
        row = json_copy(row)
        for one in part.get("fields") or ():
            scope = component.scope(part, record=row, slice=slices(parent))
            if "condition" in part and not truth(evaluate(part["condition"], scope)):
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


def removing(component: Component, part: Part) -> Callable[[Row, Row | None], Row]:
    def remove(row: Row, parent: Row | None) -> Row:
        row = json_copy(row)
        for pointer in part.get("field_pointers") or ():
            held: Any = row
            for name in pointer[:-1]:
                held = held.get(name) if isinstance(held, dict) else None
            if isinstance(held, dict) and pointer[-1] in held:
                scope = component.scope(part, record=row, property=held[pointer[-1]])
                if "condition" not in part or not part["condition"] or truth(evaluate(part["condition"], scope)):
                    del held[pointer[-1]]
        return row

    return remove


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "string": lambda value: text(value),
    "integer": lambda value: int(value),
    "number": lambda value: float(value),
    "boolean": lambda value: truth(value),
}


def json_copy(value: Any) -> Any:
    """A copy of nested plain values."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    return [json_copy(item) for item in value] if isinstance(value, list) else value


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()


def _respelled(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {spell(name): _respelled(item, spell) for name, item in value.items()}
    return [_respelled(item, spell) for item in value] if isinstance(value, list) else value
