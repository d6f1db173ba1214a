"""Which tables a selection means."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from wherry.errors import UsageError
from wherry.model.asset import Asset
from wherry.model.graph import Graph

#: What is wrong with a file of which not all is known that it says of its table.
_UNSAID = (
    *("not-yaml", "not-utf8", "unreadable", "not-python", "bad-python-table"),
    *("unknown-key", "duplicate-key"),
)


def select(graph: Graph, words: Sequence[str], *, changed: Collection[str] = ()) -> set[str]:
    """Lower-case names of the selected assets; every asset when ``words`` is empty.

    A word is a name, a glob, ``tag:x``, ``owner:x`` or ``changed``; ``+`` before it adds all that it needs, after it
    all that needs it. Raises ``UsageError`` for a word that selects nothing.
    """
    if not words:
        return set(graph.assets)
    chosen: set[str] = set()
    for word in words:
        core = word.removeprefix("+").removesuffix("+")
        found = _matching(graph, core, changed)
        if not found and core != "changed":
            raise UsageError(f"`{word}` selects no table.", hint=_hint(graph, core))
        if word.startswith("+"):
            chosen |= graph.upstream(found)
        if word.endswith("+"):
            chosen |= graph.downstream(found)
        chosen |= found
    return chosen


def _matching(graph: Graph, core: str, changed: Collection[str]) -> set[str]:
    low = core.lower()
    if low == "changed":
        return set(changed)
    if low.startswith("tag:"):
        tag = core[4:]
        return {
            key
            for key, asset in graph.assets.items()
            if tag in asset.tags or any(tag in column.tags for column in asset.columns) or _may_be_said_of(asset)
        }
    if low.startswith("owner:"):
        return {key for key, asset in graph.assets.items() if asset.owner == core[6:] or _may_be_said_of(asset)}
    if low in graph.assets:
        return {low}
    return {key for key in graph.assets if fnmatchcase(key, low)}


def _may_be_said_of(asset: Asset) -> bool:
    """Whether a table is held back for what may be where its tags and its owner are said."""
    return any(finding.code in _UNSAID for finding in asset.held)


def _hint(graph: Graph, core: str) -> str:
    from difflib import get_close_matches

    names = {key: asset.name for key, asset in graph.assets.items()}
    close = get_close_matches(core.lower(), names, n=1)
    return f"Did you mean `{names[close[0]]}`?" if close else "See `wherry show` for the tables there are."
