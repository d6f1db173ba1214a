"""Structures of JSON values, as DuckDB's ``json_structure`` tells them, and the types they become."""

from __future__ import annotations

from typing import Any

from wherry.sources.files.database import named

#: DuckDB's words for JSON numbers, from narrow to wide.
NUMBERS = ("UBIGINT", "BIGINT", "UHUGEINT", "HUGEINT", "DOUBLE")


def merged(one: Any, other: Any) -> Any:
    """The structure that holds two."""
    if one == other or other == "NULL":
        return one
    if one == "NULL":
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {key: merged(one.get(key, "NULL"), value) for key, value in other.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [merged((one or ["NULL"])[0], (other or ["NULL"])[0])]
    if isinstance(one, str) and isinstance(other, str) and "JSON" not in (one, other):
        return max(one, other, key=NUMBERS.index) if one in NUMBERS and other in NUMBERS else "VARCHAR"
    return "JSON"


def is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP"))


def text_structure(kind: Any) -> Any:
    """The structure of a nested DuckDB type, with texts for leaves."""
    if kind.id == "struct":
        return {name: text_structure(child) for name, child in kind.children}
    if kind.id == "list":
        return [text_structure(kind.children[0][1])]
    return "VARCHAR"


def nested_type(structure: Any) -> str | None:
    """The DuckDB type of a structure as ``json_structure`` tells it; None where a type cannot hold it exactly."""
    if isinstance(structure, dict):
        inner = {key: nested_type(value) for key, value in structure.items()}
        if not inner or None in inner.values() or len({k.lower() for k in inner}) < len(inner) or "" in inner:
            return None
        return f"STRUCT({', '.join(f'{named(k)} {v}' for k, v in inner.items())})"
    if isinstance(structure, list):
        item = nested_type(structure[0]) if structure else "VARCHAR"
        return None if item is None else f"{item}[]"
    simple = {"UBIGINT": "BIGINT", "HUGEINT": "DECIMAL(38,0)", "UHUGEINT": "DECIMAL(38,0)", "NULL": "VARCHAR"}
    return None if structure == "JSON" else simple.get(structure, str(structure))
