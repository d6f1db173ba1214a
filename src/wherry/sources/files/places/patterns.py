"""Patterns of file names, the same everywhere: ``*``, ``?`` and ``[a-z]`` within a folder, ``**`` for any folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from wherry.model.dataclass import dataclass

_MAGIC = re.compile(r"[*?[]")


def has_magic(pattern: str) -> bool:
    return bool(_MAGIC.search(pattern))


def fixed_part(pattern: str) -> str:
    """What all matching names start with."""
    found = _MAGIC.search(pattern)
    return pattern[: found.start()] if found else pattern


@lru_cache(maxsize=64)
def regex(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression over whole names. As in a shell, ``*`` does not match a leading dot."""
    parts = pattern.split("/")
    found = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            found += r"(?:(?!\.)[^/]+/)*" + (r"(?!\.)[^/]+" if last else "")
        else:
            found += _segment(part) + ("" if last else "/")
    return re.compile(found + r"\Z", re.DOTALL)


def _segment(part: str) -> str:
    found, at = (r"(?!\.)" if part[:1] in ("*", "?", "[") else ""), 0
    while at < len(part):
        char = part[at]
        end = part.find("]", at + 2) if char == "[" else -1
        if char == "*":
            found += "[^/]*"
        elif char == "?":
            found += "[^/]"
        elif end > 0:
            inside = part[at + 1 : end].replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[")
            found += f"[{'^/' + inside[1:] if inside[0] == '!' else inside}]"
            at = end
        else:
            found += re.escape(char)
        at += 1
    return found


def matches(pattern: str, name: str) -> bool:
    return regex(pattern).match(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a folder's listing."""

    name: str
    is_folder: bool
    size: int = -1
    mtime: Any = None


def walk(pattern: str, listing: Callable[[str], Iterator[Entry]]) -> Iterator[tuple[str, Entry]]:
    """The files of a tree that match: name and entry. Only folders that can hold one are listed, one at a time."""
    segments = pattern.split("/")
    start = 0
    while start < len(segments) - 1 and not has_magic(segments[start]):
        start += 1
    waiting = ["/".join(segments[:start])]
    while waiting:
        folder = waiting.pop()
        for entry in listing(folder):
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.is_folder:
                if matches(pattern, name):
                    yield name, entry
            elif _may_hold(segments, name):
                waiting.append(name)


def _may_hold(segments: list[str], folder: str) -> bool:
    """Whether a file below ``folder`` can match."""
    for wanted, there in zip(segments[:-1], folder.split("/"), strict=False):
        if wanted == "**":
            hidden = folder.rpartition("/")[2].startswith(".")
            return not hidden or any(each.startswith(".") for each in segments)
        if not matches(wanted, there):
            return False
    return segments[-1] == "**" or folder.count("/") + 1 < len(segments)
