"""Put checks into the header of a table's SQL file; all else in the file stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wherry.imports.writing import as_lines
from wherry.project.header import read_header
from wherry.project.table_keys import HEADER_KEYS

_COMMENT = re.compile(r"--( ?)(.*)\Z")


def with_checks(text: str, keys: Mapping[str, Any]) -> str:
    """The file's text with ``columns`` and ``checks`` added to those its header has already.

    Raises ``ValueError`` when the header cannot be read, since then nothing is sure.
    """
    header = read_header(text, file="", known=HEADER_KEYS)
    if any(finding.severity == "error" for finding in header.keys.findings):
        raise ValueError("its header cannot be read: see `wherry check`")
    merged = {key: _merged(header.keys.value.get(key), value) for key, value in keys.items()}
    rows = text.split("\n")
    length = next((n for n, row in enumerate(rows) if not _COMMENT.match(row.rstrip("\r"))), len(rows))
    comment, rest = rows[:length], rows[length:]
    begins = {key: place[0] - 1 for key, place in header.keys.places.items() if "/" not in key and key}
    for key in sorted(merged, key=lambda each: -begins.get(each, -1)):
        lines = [f"-- {line}" for line in as_lines({key: merged[key]})]
        if key in begins:
            ends = min((begin for begin in begins.values() if begin > begins[key]), default=length)
            comment[begins[key] : ends] = lines
            begins = {k: b + len(lines) - (ends - begins[key]) if b >= ends else b for k, b in begins.items()}
            length = len(comment)
        else:
            if comment and not begins and comment[-1].strip() != "--":
                comment.append("--")
            comment.extend(lines)
            begins[key], length = len(comment) - len(lines), len(comment)
    if rest and rest[0].strip():
        comment.append("")
    return "\n".join([*comment, *rest])


def _merged(old: Any, new: Any) -> Any:
    """What was there, and what is not there yet."""
    if isinstance(new, list):
        kept = old if isinstance(old, list) else [] if old is None else [old]
        return [*kept, *(item for item in new if item not in kept)]
    if isinstance(new, Mapping):
        if isinstance(old, str):
            old = {"type": old}
        keys = dict(old or {})
        by_lower = {str(key).lower(): key for key in keys}
        for key, value in new.items():
            name = by_lower.get(str(key).lower(), key)
            keys[name] = _merged(keys.get(name), value)
        return keys
    return new
