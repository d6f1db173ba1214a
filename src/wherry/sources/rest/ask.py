"""Questions to an answer: JMESPath, or ``{{ ... }}`` of a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from wherry.errors import SourceError

_SIMPLE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_QUOTED = re.compile(r'"([^"\\.]+)"|([A-Za-z_]\w*)')
_PLACE = re.compile(r"\{([A-Za-z_@][\w.@-]*)\}")


def simple_path(expression: str) -> list[str] | None:
    """The keys of a path such as ``data.items``; None for an expression that needs the whole document."""
    expression = re.sub(r"\[\*?\]\Z", "", expression.strip())
    if not expression:
        return []
    keys = []
    for part in expression.split("."):
        match = _QUOTED.fullmatch(part)
        if match is None:
            return None
        keys.append(match[1] or match[2])
    return keys


def looks_at_rows(expression: str) -> bool:
    """Whether an expression needs more than the values around the rows and the last row."""
    bare = expression.replace("[-1]", "")
    return bool(expression) and "{{" not in expression and simple_path(bare) is None


@lru_cache(maxsize=500)
def compiled(expression: str) -> Any:
    """The expression, ready to search with. Raises ValueError with a sentence."""
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError
    except ModuleNotFoundError:
        raise SourceError("Web APIs are read with jmespath.", hint="pip install 'wherry[rest]'") from None
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"`{expression}` is not JMESPath: {str(error).splitlines()[0]}") from None


def ask_json(expression: str, document: Any) -> Any:
    """What the expression finds; None when nothing."""
    from jmespath.exceptions import JMESPathError

    try:
        return compiled(expression).search(document)
    except JMESPathError as error:
        raise ValueError(f"`{expression}` does not fit the answer: {error}") from None


def fill(text: Any, row: Mapping[str, Any] | None, *, in_path: bool = False) -> Any:
    """``{name}`` in a text, at any depth, with the values of ``row``; the same thing without a row.

    A text that is nothing but one name becomes the value itself. Raises KeyError with a name that is not there.
    """
    if isinstance(text, Mapping):
        return {key: fill(value, row) for key, value in text.items()}
    if isinstance(text, list | tuple):
        return [fill(value, row) for value in text]
    if not isinstance(text, str) or row is None:
        return text
    if (whole := _PLACE.fullmatch(text)) and not in_path:
        return value_at(row, whole[1])
    spell = (lambda value: quote(str(value), safe="")) if in_path else str
    return _PLACE.sub(lambda match: spell(value_at(row, match[1])), text)


def value_at(row: Mapping[str, Any], name: str) -> Any:
    """A field, by name or by a dotted path. Raises KeyError."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(name)
        value = value[part]
    return value


def places_in(text: Any) -> set[str]:
    """Names of the ``{name}`` in a text, at any depth."""
    if isinstance(text, Mapping):
        return set().union(*(places_in(value) for value in text.values()))
    if isinstance(text, list | tuple):
        return set().union(*(places_in(value) for value in text))
    return set(_PLACE.findall(text)) if isinstance(text, str) else set()
