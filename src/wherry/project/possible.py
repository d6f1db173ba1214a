"""Tables that a file which cannot be read may make: they stand in the graph, held back, until somebody knows.

So what reads them waits, as it does for any table that is held back, and nothing takes them for deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from wherry.model.asset import Asset, SourceTable
from wherry.project.draft import Draft, Drafts


def possible(drafts: Drafts, names: Mapping[str, Draft], published: Iterable[str]) -> dict[str, Draft]:
    """By lower-case name what no file is known to make and others speak of, or is ``published``, where one of the files
    that are not understood may make it."""
    found: dict[str, Draft] = {}
    known = set(published)
    for name in (*sorted(known), *_spoken_of(drafts)):
        key = name.lower()
        why = [each for each in drafts.unread if each.may_make(name)]
        if key in names or key in found or not why or name.count(".") != 1:
            continue
        file = why[0].finding.file
        source = SourceTable(source=PurePosixPath(file).stem, connector="", table=name)
        held = tuple(dict.fromkeys(each.finding for each in why))
        asset = Asset(name=name, kind="source", file=file, line=why[0].finding.line, source=source, held=held)
        found[key] = Draft(asset=asset, sound=False, guess=name not in known)
    return found


def _spoken_of(drafts: Drafts) -> Iterator[str]:
    for draft in (*drafts.assets, *drafts.checks):
        if draft.statement is not None:
            yield from (reference.full_name for reference in draft.statement.tables)
        yield from (name for name, _, _ in draft.references)
        if draft.asset is not None:
            yield from (name for check in draft.asset.checks for name in check.needs)
    for function in drafts.functions:
        yield from function.tables
    yield from (name for name, _, _, _ in drafts.tested)
