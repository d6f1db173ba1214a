"""Checks in wherry's own words: the short form where it says all, else the long one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wherry.model.asset import Check
from wherry.model.column_pattern import as_written
from wherry.model.levels import LEVELS
from wherry.model.levels import written as written_level
from wherry.project.check_form import CheckFormError, read_check

_SAME = (
    "kind",
    "column",
    "columns",
    "arguments",
    "severity",
    "mostly",
    "most",
    "levels",
    "where",
    "when",
    "sample",
    "quarantine",
)


def written(check: Check) -> Any:
    """A check as it stands in a table's header: text, or a mapping. What is returned reads back as the same check.

    Raises ``ValueError`` for one that has no such form.
    """
    for short in _short_forms(check):
        if not _options(check) and check.text == short and _reads_back(short, check):
            return short
        long = {"check": short, **_options(check), **({"name": check.text} if check.text != short else {})}
        if _reads_back(long, check):
            return long if len(long) > 1 else short
    arguments = dict(check.arguments)
    if check.kind in ("fresh", "fresh_each") and "seconds" in arguments:
        arguments["within"] = f"{arguments.pop('seconds'):g} seconds"
    if check.kind == "refers":
        arguments["to"] = arguments.pop("columns")
    if check.columns:
        arguments = {"columns": list(check.columns), **arguments}
    arguments.pop("tables", None) if check.kind != "sql" else None
    long = {"check": check.kind, **arguments, **_options(check), "name": check.text}
    if not _reads_back(long, check):
        raise ValueError(f"`{check.text}` has no form in a header")
    return long


def _options(check: Check) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if check.mostly < 1:
        options["mostly"] = check.mostly
    for key, default in (("most", None), ("where", ""), ("severity", "error"), ("when", "before"), ("sample", 0)):
        if (value := getattr(check, key)) != default:
            options[key] = value
    options |= {level: written_level(check.levels[level]) for level in LEVELS[::-1] if level in check.levels}
    if check.quarantine:
        options["quarantine"] = True
    return options


def _reads_back(form: Any, check: Check) -> bool:
    try:
        again = read_check(form, column=check.column, file=check.file, line=check.line)
    except (CheckFormError, KeyError, TypeError, ValueError):
        return False
    return all(_comparable(getattr(again, key)) == _comparable(getattr(check, key)) for key in _SAME)


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _comparable(each) for key, each in value.items() if key != "tables" or each}
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    return (value, isinstance(value, bool))


def _short_forms(check: Check) -> Iterator[str]:
    """What may say it; whether it does is tried."""
    given = check.arguments
    if check.kind in ("not_null", "null", "not_blank") or (check.kind == "unique" and check.column):
        yield check.kind
    elif check.kind == "unique":
        yield f"unique [{', '.join(map(str, given.get('columns', ())))}]"
    elif check.kind == "compare":
        yield f"{given.get('operator')} {given.get('value')}"
        yield f"{given.get('operator')} {str(given.get('value')).strip(chr(39))}"
    elif check.kind == "between" and "low" in given:
        yield f"between {given['low']} and {given.get('high')}"
    elif check.kind in ("in", "not_in"):
        word = "in" if check.kind == "in" else "not in"
        yield f"{word} [{', '.join(map(_item, given.get('values', ())))}]"
    elif check.kind in ("matches", "not_matches") and isinstance(given.get("pattern"), str):
        yield f'{check.kind.replace("_", " ")} "{given["pattern"]}"'
    elif check.kind == "refers" and check.column and len(given.get("columns", ())) == 1:
        yield f"refers to {given['table']}.{given['columns'][0]}"
    elif check.kind == "format":
        yield f"format {given.get('format')}"
    elif check.kind == "condition":
        yield str(given.get("sql"))
    elif check.kind in ("rows", "length"):
        word = check.kind
        if "operator" in given:
            yield f"{word} {given['operator']} {given['value']}"
        if given.get("low") is not None and given.get("high") is not None:
            yield f"{word} between {given['low']} and {given['high']}"
    elif check.kind == "fresh" and "seconds" in given:
        yield f"fresh within {given.get('seconds'):g} seconds"
    yield check.text


def _item(value: Any) -> str:
    import yaml

    return str(yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10_000)).strip()[1:-1]


def as_keys(checks: Iterable[Check]) -> tuple[dict[str, Any], list[Check]]:
    """``columns`` and ``checks`` of a header with these checks; and those that have no form there."""
    columns: dict[str, dict[str, Any]] = {}
    table: list[Any] = []
    left: list[Check] = []
    for check in as_written(checks):
        try:
            form = written(check)
        except ValueError:
            left.append(check)
            continue
        listed = columns.setdefault(check.column, {"checks": []})["checks"] if check.column else table
        if form not in listed:
            listed.append(form)
    return {**({"columns": columns} if columns else {}), **({"checks": table} if table else {})}, left


def as_lines(keys: Mapping[str, Any]) -> list[str]:
    """Keys of a header as lines of YAML, each column on one line where it fits."""
    lines: list[str] = []
    for key, value in keys.items():
        if key == "columns" and isinstance(value, Mapping):
            lines.append("columns:")
            for name, about in value.items():
                lines.extend(_entry(f"  {flow(name)}:", about, "    "))
        elif key == "checks" and isinstance(value, list):
            lines.append("checks:")
            lines.extend(f"  - {flow(item)}" for item in value)
        else:
            lines.extend(_entry(f"{key}:", value, "  "))
    return lines


def _entry(lead: str, value: Any, indent: str) -> list[str]:
    whole = f"{lead} {flow(value)}"
    if len(whole) <= 100 or not isinstance(value, Mapping):
        return [whole]
    lines = [lead]
    for key, item in value.items():
        if isinstance(item, list) and len(f"{indent}{key}: {flow(item)}") > 100:
            lines.append(f"{indent}{key}:")
            lines.extend(f"{indent}  - {flow(each)}" for each in item)
        else:
            lines.append(f"{indent}{key}: {flow(item)}")
    return lines


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    text = str(yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=1_000_000))
    return text.removesuffix("\n").removesuffix("\n...")
