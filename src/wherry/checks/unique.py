"""``unique``: no two rows share the key; rows with a null in the key do not count.

``nulls: same`` makes two nulls the same, so that only rows of nothing but nulls do not count; with ``nulls: count``
those count too.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.run import Outcome
from wherry.quoting import name, names


def group_by(check: Check) -> tuple[str, ...]:
    return tuple(name(column) for column in check.arguments["columns"])


def judge_groups(check: Check) -> tuple[str, ...]:
    keys = [f"k{number}" for number in range(1, len(check.arguments["columns"]) + 1)]
    return (f"coalesce(sum(copies) FILTER (WHERE copies > 1 AND ({_counts(check, keys)})), 0)::BIGINT",)


def counted(check: Check) -> str:
    """The rows whose keys have to differ; when they do, every number of the groups is 0."""
    return _counts(check, [name(column) for column in check.arguments["columns"]])


def judge(check: Check, values: tuple[Any]) -> Outcome:
    (failing,) = values
    return Outcome(passed=not failing, failing=int(failing))


def bad_rows(check: Check, table: str) -> str:
    columns = [name(column) for column in check.arguments["columns"]]
    key = names(check.arguments["columns"])
    # Joined to the keys that are there twice, which are few: a window would keep whole rows.
    twice = f"SELECT {key} FROM {table} WHERE {_counts(check, columns)} GROUP BY {key} HAVING count(*) > 1"
    same = " AND ".join(f"twice.{column} IS NOT DISTINCT FROM here.{column}" for column in columns)
    return f"SELECT here.* FROM {table} AS here SEMI JOIN ({twice}) AS twice ON {same} ORDER BY {key}"


def _counts(check: Check, keys: tuple[str, ...] | list[str]) -> str:
    """Whether a row counts."""
    if check.arguments.get("nulls") == "count":
        return "true"
    link = " OR " if check.arguments.get("nulls") == "same" else " AND "
    return link.join(f"{key} IS NOT NULL" for key in keys)
