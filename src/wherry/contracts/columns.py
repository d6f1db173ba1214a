"""What a contract says of a column, as checks: required, unique, keys, the options of its type, relationships."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wherry.contracts.odcs import parts
from wherry.imports.making import Making
from wherry.model.asset import Check
from wherry.quoting import name, text

#: Formats of text in the standard -> those of our check ``format``.
FORMATS = {"email": "email", "uuid": "uuid", "uri": "url", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6"}
_BOUNDS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}

#: Gives a ``Making`` for a path within the contract.
At = Callable[[str], Making]


def column_checks(
    keys: Mapping[str, Any], path: str, column: str, at: At, *, key: Sequence[str], kind: str = ""
) -> Iterator[Check]:
    """The checks of one property; ``key`` holds the columns of the table's primary key, ``kind`` is the column's type
    in DuckDB where it is known."""
    required, in_key = keys.get("required"), column in key
    if required is True or (in_key and required is None):
        yield at(f"{path}/required" if required else f"{path}/primaryKey").not_null(column)
    if keys.get("unique") is True and list(key) != [column]:
        yield at(f"{path}/unique").unique([column])
    options = keys.get("logicalTypeOptions")
    if isinstance(options, Mapping):
        # A type such as UUID keeps its format by itself.
        options = {k: v for k, v in options.items() if k != "format" or not kind or kind.startswith("VARCHAR")}
        yield from _option_checks(options, str(keys.get("logicalType") or ""), f"{path}/logicalTypeOptions", column, at)


def primary_key(properties: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of the primary key, in its order."""
    keyed = [
        (keys.get("primaryKeyPosition"), index)
        for index, keys in enumerate(properties)
        if keys.get("primaryKey") is True and columns[index]
    ]
    in_order = sorted(keyed, key=lambda each: (each[0] if isinstance(each[0], int) and each[0] > 0 else 1_000, each[1]))
    return tuple(columns[index] for _, index in in_order)


def _option_checks(options: Mapping[str, Any], logical: str, path: str, column: str, at: At) -> Iterator[Check]:
    if logical == "array":
        yield from _array_checks(options, path, column, at)
        return
    low, high = options.get("minLength"), options.get("maxLength")
    if logical == "string" and (_whole(low) or _whole(high)):
        where = f"{path}/{'minLength' if _whole(low) else 'maxLength'}"
        yield at(where).length(column, low if _whole(low) else None, high if _whole(high) else None)
    if isinstance(pattern := options.get("pattern"), str):
        yield at(f"{path}/pattern").matches(column, pattern)
    if logical == "string" and (form := FORMATS.get(str(options.get("format")))):
        yield at(f"{path}/format").format(column, form)
    for key, operator in _BOUNDS.items():
        bound = options.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            yield at(f"{path}/{key}").compare(column, operator, str(bound))
        elif isinstance(bound, str):
            yield at(f"{path}/{key}").compare(column, operator, text(bound))
    step = options.get("multipleOf")
    if isinstance(step, int | float) and not isinstance(step, bool) and step > 0:
        yield at(f"{path}/multipleOf").condition(f"{name(column)} % {step} = 0", f"multiple of {step}", column=column)


def _array_checks(options: Mapping[str, Any], path: str, column: str, at: At) -> Iterator[Check]:
    for key, operator in (("minItems", ">="), ("maxItems", "<=")):
        if _whole(bound := options.get(key)):
            yield at(f"{path}/{key}").condition(
                f"len({name(column)}) {operator} {bound}", f"items {operator} {bound}", column=column
            )
    if options.get("uniqueItems") is True:
        yield at(f"{path}/uniqueItems").condition(
            f"len({name(column)}) = len(list_distinct({name(column)}))", "no item twice", column=column
        )


def relationships(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Every relationship of a schema object: its path, the properties it is from, and what it is to, as written."""
    for index, keys in enumerate(parts(table, "properties")):
        for number, each in enumerate(parts(keys, "relationships")):
            if to := _names(each.get("to")):
                yield f"{path}/properties/{index}/relationships/{number}", (str(keys.get("name")),), to
    for number, each in enumerate(parts(table, "relationships")):
        start, to = _names(each.get("from")), _names(each.get("to"))
        if start and len(start) == len(to):
            yield f"{path}/relationships/{number}", start, to


def _names(written: Any) -> tuple[str, ...]:
    if isinstance(written, str):
        return (written,)
    return tuple(map(str, written)) if isinstance(written, list) else ()


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
