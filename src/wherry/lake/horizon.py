"""How far back the log can be read."""

import json
from collections import defaultdict

from wherry.errors import NoSuchCommit
from wherry.lake import read
from wherry.lake.connecting import Connection, Values

#: In the table ``meta``: the number of the oldest commit that everything is kept of.
HORIZON = "horizon"

_NEWEST = 'SELECT max(seq) FROM "commit" WHERE branch = :branch AND seq <= :at'


def horizon(connection: Connection) -> int:
    """The number of the oldest commit that can be read; 0 when all can."""
    return int(connection.value("SELECT value FROM meta WHERE name = :name", {"name": HORIZON}) or 0)


def standing(connection: Connection) -> set[int]:
    """The newest commit of each branch, and of each where another forked from it: they can be read at any age."""
    newest = read.newest(connection)
    forks: dict[str, list[int]] = defaultdict(list)
    moments = {(name, newest) for name in connection.column("SELECT name FROM branch")}
    for branch, seq, parent, base in connection.rows("SELECT branch, seq, parent, base FROM fork"):
        forks[branch].append(seq)
        moments.add((parent, base))
    found = set()
    for branch, at in moments:
        commit = connection.value(_NEWEST, {"branch": branch, "at": at})
        # Before a branch forked anew it stood elsewhere, and that may be forgotten.
        forked = max((seq for seq in forks.get(branch, ()) if seq <= at), default=0)
        if commit is not None and commit > forked:
            found.add(int(commit))
    return found


def readable(connection: Connection) -> tuple[str, Values] | None:
    """Which commits can be read, as a condition and what it is given; None when all can."""
    oldest = horizon(connection)
    if not oldest:
        return None
    values = {"oldest": oldest, "numbers": json.dumps([*standing(connection)])}
    return f"(seq >= :oldest OR seq IN ({connection.numbers}))", values


def expect_readable(connection: Connection, seq: int, what: str) -> None:
    """Raises ``NoSuchCommit`` for a moment whose files may be gone."""
    if seq < horizon(connection) and seq not in standing(connection):
        raise NoSuchCommit(
            f"`{what}` is older than what the lake keeps",
            hint="`wherry log` lists what is kept; `keep` of [upkeep] in wherry.toml says how long",
        )
