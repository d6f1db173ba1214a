"""The little of Jinja that dbt's tests need: ``ref``, ``source``, ``config``; anything else is refused by name."""

from __future__ import annotations

import re
from typing import Any

from wherry.imports import NotUnderstood

_BLOCK = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}|\{#.*?#\}|\{%.*?%\}", re.DOTALL)
_CALL = re.compile(r"(\w+)\s*\((.*)\)\Z", re.DOTALL)
_WORD = re.compile(r"""(?:(\w+)\s*=\s*)?(?:'([^']*)'|"([^"]*)"|([\w.+-]+))\s*(?:,|\Z)\s*""")


def has_jinja(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def table_of(written: str) -> str:
    """The table that ``ref('orders')`` or ``source('shop', 'orders')`` names, with or without its braces."""
    text = written.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2].strip("- \n")
    call = _CALL.match(text)
    if call is None or call[1] not in ("ref", "source"):
        if re.fullmatch(r"[\w.\"]+", text):
            return text.replace('"', "")
        raise NotUnderstood(f"`{written.strip()}` names no table")
    words, named = arguments(call[2])
    if call[1] == "source" and len(words) == 2:
        return f"{words[0]}.{words[1]}"
    version = named.get("v", named.get("version"))
    if call[1] == "ref" and len(words) in (1, 2):
        return f"{words[-1]}_v{version}" if version is not None else words[-1]
    raise NotUnderstood(f"`{written.strip()}` names no table")


def arguments(written: str) -> tuple[list[str], dict[str, str]]:
    """Plain arguments of a call, by place and by name. Raises ``NotUnderstood`` for any other."""
    words: list[str] = []
    named: dict[str, str] = {}
    at = 0
    written = written.strip()
    while at < len(written):
        match = _WORD.match(written, at)
        if match is None or match.end() == at:
            raise NotUnderstood(f"`{written}` is more than plain arguments")
        value = next(group for group in match.groups()[1:] if group is not None)
        if match[1]:
            named[match[1]] = value
        else:
            words.append(value)
        at = match.end()
    return words, named


def rendered(sql: str, model: str = "") -> tuple[str, dict[str, Any]]:
    """SQL with the names of tables where its ``ref`` and ``source`` stood, and the arguments of its ``config``.

    Lines stay where they were. ``model`` is what ``{{ this }}`` and ``{{ model }}`` mean.
    """
    config: dict[str, Any] = {}

    def replaced(match: re.Match[str]) -> str:
        inner, lines = match[1], "\n" * match[0].count("\n")
        if inner is None:
            if match[0].startswith("{%"):
                raise NotUnderstood(f"`{match[0].strip()}` is a program, which wherry does not run")
            return lines
        if inner in ("model", "this") and model:
            return model + lines
        call = _CALL.match(inner)
        if call is not None and call[1] == "config":
            config.update(arguments(call[2])[1])
            return lines
        if call is not None and call[1] in ("ref", "source"):
            return ".".join(f'"{part}"' for part in table_of(inner).split(".")) + lines
        raise NotUnderstood(f"`{match[0]}` needs dbt")

    return _BLOCK.sub(replaced, sql), config
