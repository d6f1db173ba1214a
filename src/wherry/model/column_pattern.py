"""Names with ``*`` in them, and regular expressions between slashes: one entry under ``columns:`` for many columns.

A check under such an entry has the pattern for its column until the table's columns are known; then there is one of it
for each that matches. One that matches nothing keeps the pattern, and is asked of nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import translate

from wherry.model.asset import Check


def is_pattern(written: str) -> bool:
    """Whether an entry under ``columns:`` stands for all columns whose names match."""
    return _is_regex(written) or "*" in written


def problem_of(pattern: str) -> str:
    """Why a pattern cannot be used; empty when it can."""
    try:
        _compiled(pattern)
    except re.error as error:
        return str(error)
    return ""


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern stands for; case does not count in names of columns."""
    compiled = _compiled(pattern)
    return [name for name in names if compiled.search(name)]


def is_open(check: Check) -> bool:
    """Whether a check stands for columns that are not known, or for none."""
    return bool(check.matching) and not check.matched


def as_written(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks as their author wrote them: of those that one pattern stands for, one."""
    found: dict[str, Check] = {}
    for number, check in enumerate(checks):
        written = _about(check, check.matching, matched=False) if check.matching else check
        found.setdefault(repr(written) if check.matching else str(number), written)
    return tuple(found.values())


def spread(checks: Sequence[Check], names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of a table that has these columns: each that has a pattern once for every column that matches."""
    if not any(check.matching for check in checks):
        return tuple(checks)
    found: list[Check] = []
    for check in as_written(checks):
        columns = matching(check.matching, names) if check.matching else []
        found += [_about(check, column, matched=True) for column in columns] or [check]
    return tuple(found)


def _is_regex(written: str) -> bool:
    return len(written) > 2 and written.startswith("/") and written.endswith("/")


def _compiled(pattern: str) -> re.Pattern[str]:
    written = pattern[1:-1] if _is_regex(pattern) else rf"\A{translate(pattern)}"
    return re.compile(written, re.IGNORECASE)


def _about(check: Check, column: str, *, matched: bool) -> Check:
    """A check of another column. ``unique`` names its columns in its arguments too."""
    arguments = dict(check.arguments)
    if check.kind == "unique":
        arguments["columns"] = [column]
    return replace(check, column=column, matched=matched, arguments=arguments)
