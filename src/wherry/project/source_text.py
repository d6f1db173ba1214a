"""The text of a source file, for tables that were found: what a person would have to look up, as comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.model.sizes import size_told
from wherry.project.personal import looks_personal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
#: Words that YAML takes for something else than text.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


#: Kinds of tables that are written as comments.
_LEFT_OUT = ("view", "materialized view", "endpoint for each row of another", "stream that is not read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A table to write into a source file."""

    #: What the system calls it.
    name: str
    kind: str
    columns: Sequence[tuple[str, str]]
    key: Sequence[str]
    cursors: Sequence[str]
    rows: int | None
    size: int | None
    about: str
    #: More that the file has to say of it.
    options: Mapping[str, Any] = field(default_factory=dict)


def source_text(connector: str, options: Mapping[str, Any], schema: str, tables: Iterable[Proposed]) -> str:
    """A source file of these tables, each ``as`` a table of ``schema``; a table that only shows others is commented."""
    lines = [f"connector: {scalar(connector)}", *(f"{scalar(key)}: {scalar(value)}" for key, value in options.items())]
    lines += ["# fresh: within 1 day            # be told when it is older", "", "tables:"]
    taken: set[str] = set()
    for table in tables:
        lines += _table(table, f"{schema}.{_own_name(table.name, taken)}")
    return "\n".join(lines) + "\n"


def _table(table: Proposed, name: str) -> Iterator[str]:
    facts = [table.kind if table.kind != "table" else ""]
    facts.append(f"about {table.rows:,} rows" if table.rows is not None else "")
    facts.append(size_told(table.size) if table.size else "")
    facts.append(f"{len(table.columns)} column{'' if len(table.columns) == 1 else 's'}" if table.columns else "")
    told = ", ".join(fact for fact in facts if fact)
    if told or table.about:
        yield f"  # {'. '.join(part for part in (told, _one_line(table.about)) if part)}"
    keys = [f"as: {scalar(name)}", *(f"{scalar(option)}: {scalar(value)}" for option, value in table.options.items())]
    # A key that grows tells of new rows, not of changed ones: only where rows are never changed is it a cursor.
    changing = [cursor for cursor in table.cursors if cursor not in table.key]
    adding = [cursor for cursor in table.cursors if cursor in table.key]
    if changing and table.key:
        keys += ["mode: incremental", f"cursor: {scalar(changing[0])}", f"key: {_listed(table.key)}"]
    elif table.key:
        keys += ["mode: full", f"key: {_listed(table.key)}"]
    else:
        keys += ["mode: full"]
    personal = [column for column, _ in table.columns if looks_personal(column)]
    # A view has no key and no order of its own: loading it is a decision.
    lead = "  # " if table.kind in _LEFT_OUT else "  "
    yield f"{lead}{scalar(table.name)}:"
    for key in keys:
        yield f"{lead}  {key}"
    if len(changing) > 1 and table.key:
        yield f"{lead}  # or cursor: {', '.join(changing[1:])}"
    if table.cursors and not (changing and table.key):
        why = "" if table.key else "; no key was found"
        yield f"{lead}  # where rows are only added: mode: incremental, cursor: {(adding or changing)[0]}{why}"
    if personal:
        yield f"{lead}  columns:"
        for column in personal:
            yield f"{lead}    {scalar(column)}: {{tags: [pii]}}   # looks personal by its name"


def scalar(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str):
        plain = _PLAIN.match(value) and value.lower() not in _WORDS
        return value if plain else f'"{"".join(map(_escaped, value))}"'
    return json.dumps(value, ensure_ascii=False)


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _listed(columns: Sequence[str]) -> str:
    return scalar(columns[0]) if len(columns) == 1 else f"[{', '.join(map(scalar, columns))}]"


def _own_name(table: str, taken: set[str]) -> str:
    last = table.rstrip("/").rpartition("/")[2]
    for ending in (".gz", ".zst", ".bz2", ".xz"):
        last = last.removesuffix(ending)
    head, dot, tail = last.rpartition(".")
    plain = head if (dot and "/" in table) or tail.lower() in _ENDINGS else tail
    base = re.sub(r"\W+", "_", plain).strip("_").lower() or "rows"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:100]


_ENDINGS = frozenset(
    ("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "xlsx", "dat", "avro", "orc", "xml", "zip", "tar")
)
