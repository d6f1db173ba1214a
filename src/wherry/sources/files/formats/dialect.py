"""How a CSV file is written, found from its first rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wherry.sources.files.formats.records import Dialect, fields_of, first_record
from wherry.sources.files.formats.text import Text
from wherry.sources.files.options import TableOptions


def sniff_delimiter(text: Text, quote: bytes, escape: bytes, table: TableOptions) -> str:
    """The character that splits the first records into the same number of values, and the most of them."""
    if text.piece.name.lower().removesuffix(".gz").removesuffix(".zst").endswith((".tsv", ".tab")):
        return "\t"
    best, most = ",", (0.0, 0)
    for candidate in (",", ";", "\t", "|"):
        dialect = Dialect(delimiter=candidate.encode(), quote=quote, escape=escape)
        counts = record_widths(text.head, dialect, table.skip)
        if not counts or counts[0] < 2:
            continue
        score = (sum(c == counts[0] for c in counts) / len(counts), counts[0])
        if score > most:
            best, most = candidate, score
    return best


def record_widths(head: bytes, dialect: Dialect, skip: int) -> list[int]:
    _, _, at_line = first_record(head, dialect, skip)
    at = 0
    for _ in range(at_line):
        at = head.find(b"\n", at) + 1
    widths: list[int] = []
    while at < len(head) and len(widths) < 100:
        values, end, _, problem = fields_of(head, at, dialect)
        if end >= len(head) and widths:
            break
        if problem:
            stop = head.find(b"\n", at)
            end = len(head) if stop < 0 else stop
        if values != [b""]:
            widths.append(0 if problem else len(values))
        at = end + 1
    return widths


def looks_like_header(values: Sequence[bytes], table: TableOptions) -> bool:
    """Whether the first row holds names: none of its values is a number, a date, a boolean or a null."""
    null = {n for n in table.null if n}
    cells = [v.decode("utf-8", "replace").strip() for v in values]
    value = re.compile(r"[-+]?[0-9.,]*[0-9]([eE][-+]?\d+)?|\d{4}-\d\d-\d\d.*|true|false", re.IGNORECASE)
    return any(cells) and not any(c in null or value.fullmatch(c) for c in cells)
