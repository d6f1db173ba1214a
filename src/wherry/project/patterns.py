"""Names of tables with ``*`` in them: one entry of a source file for many tables of a database.

Which tables there are is known from the last time that the database was asked; a run asks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

#: Names of a source's tables, by the source file's name without its ending.
Listings = Mapping[str, list[str]]


def is_pattern(written: Any) -> bool:
    """Whether an entry under ``tables:`` stands for many: its ``as`` says what each is called."""
    called = written.get("as") if isinstance(written, Mapping) else None
    return isinstance(called, str) and "{table}" in called


def read_listings(folder: Path) -> dict[str, list[str]]:
    """What was listed last; empty when nothing was."""
    with suppress(OSError, ValueError):
        found = json.loads((folder / "tables.json").read_text())
        if isinstance(found, dict):
            return found
    return {}


def write_listings(folder: Path, listings: Listings) -> None:
    """Remember what was listed."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "tables.json.new"
    new.write_text(json.dumps(listings))
    new.replace(folder / "tables.json")


def matches(pattern: str, names: Iterable[str], named: Iterable[str], template: str) -> Iterator[tuple[str, str]]:
    """The tables that a pattern stands for and what each is called in the lake, but for those named by themselves."""
    taken = {name.lower() for name in named}
    for name in names:
        if name.lower() not in taken and fnmatchcase(name.lower(), pattern.lower()):
            schema, _, table = name.rpartition(".")
            yield name, template.replace("{table}", _word(table)).replace("{schema}", _word(schema))


def _word(name: str) -> str:
    """A name without quotes and dots."""
    return name.strip('"').replace('""', '"').replace(".", "_")
