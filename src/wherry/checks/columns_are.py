"""``columns [a, b]``: the table has those columns; whether upper or lower case does not matter.

``how`` is ``exact`` (those and no others, in any order; the default), ``ordered`` (in that order too), ``contains``
(others are welcome) or ``contains ordered`` (others are welcome among them). ``forbid`` are names, with ``*`` for any
text, that must not be there; ``types`` maps columns to DuckDB types; ``index`` maps columns to their place, from 0;
``count`` bounds the number of columns.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from wherry.model.asset import Check
from wherry.model.bounds import holds, told
from wherry.model.run import Outcome


def judge_schema(check: Check, columns: Sequence[tuple[str, str]]) -> Outcome:
    given, names = check.arguments, [name for name, _ in columns]
    lower = [name.lower() for name in names]
    problems: list[str] = []
    if check.columns or given.get("how"):
        problems += _names([each.lower() for each in check.columns], lower, given.get("how", "exact"))
    for pattern in given.get("forbid", ()):
        problems += [f"`{name}` must not be there" for name in names if fnmatchcase(name.lower(), pattern.lower())]
    types = dict(zip(lower, (kind for _, kind in columns), strict=True))
    for name, kind in given.get("types", {}).items():
        found = types.get(name.lower())
        if found is None or found.upper() != str(kind).upper():
            problems.append(f"`{name}` is {found or 'not there'}, not {kind}")
    for name, index in given.get("index", {}).items():
        if lower[index : index + 1] != [name.lower()] or index < 0:
            problems.append(f"column {index} is not `{name}`")
    if count := given.get("count"):
        problems += [] if holds(len(names), count) else [f"{len(names)} columns, not {told(count)}"]
    return Outcome(passed=not problems, observed=names, why="; ".join(problems))


def _names(wanted: list[str], found: list[str], how: str) -> list[str]:
    problems = [f"`{name}` is not there" for name in wanted if name not in found]
    if not how.startswith("contains"):
        problems += [f"`{name}` is not expected" for name in found if name not in wanted]
    if how.endswith("ordered") and not problems and wanted != [name for name in found if name in wanted]:
        problems.append(f"the order is {', '.join(found)}")
    return problems
