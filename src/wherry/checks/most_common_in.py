"""``most common in [a, b]``: the value that is there most often is one of those; nulls do not count.

Of several values that are there equally often each must be one of them, or with ``ties: any`` at least one; with
``ties: none`` there may be only one. A column without values fails.
"""

from typing import Any

from wherry.model.asset import Check
from wherry.model.bounds import plain
from wherry.model.run import Outcome
from wherry.quoting import literals, name


def group_by(check: Check) -> tuple[str, ...]:
    return (name(check.column),)


def judge_groups(check: Check) -> tuple[str, ...]:
    values = literals(check.arguments["values"])
    known = f"k1 IN ({values})" if values else "false"
    return (
        f"coalesce(max(copies) FILTER (WHERE {known}), 0)",
        f"coalesce(max(copies) FILTER (WHERE k1 IS NOT NULL AND NOT ({known})), 0)",
        "max({'copies': copies, 'value': k1}, 20) FILTER (WHERE k1 IS NOT NULL)",
    )


def judge(check: Check, values: tuple[Any, ...]) -> Outcome:
    known, strange, common = values
    ties = check.arguments.get("ties", "all")
    passed = known > 0 and (known >= strange if ties == "any" else known > strange)
    most = max(known, strange)
    shown = [plain(each["value"]) for each in reversed(common or ()) if each["copies"] == most]
    passed = passed and (ties != "none" or len(shown) == 1)
    return Outcome(passed=passed, observed=shown, why=f"the most common values are {', '.join(map(str, shown))}")
