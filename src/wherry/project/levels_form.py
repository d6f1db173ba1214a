"""``warn: from 1 row``, ``error: 5%``: the levels of a check, as people write them."""

import re
from collections.abc import Mapping
from typing import Any

from wherry.model.levels import LEVELS, OTHER
from wherry.project.bounds_form import CheckFormError, read_bounds, read_seconds, read_value

_COUNT = re.compile(
    r"(from|above|>=|>)?\s*(?:(\d+)(?:\s+(?:bad\s+)?rows?)?|(\d+(?:\.\d+)?|\.\d+)\s*(%)|(\d*\.\d+))\Z", re.IGNORECASE
)
_COUNTED = "Write for example `from 10 rows`, `5%` or `above 0.1%`."
_NOT_BETWEEN = re.compile(r"not\s+((?:strictly\s+)?between\b.*)\Z", re.IGNORECASE | re.DOTALL)


def read_levels(written: Mapping[str, Any], kind: str, *, counts: bool) -> dict[str, dict[str, Any]]:
    """The levels that a check in long form has, none for most; ``counts`` says that they are numbers of bad rows.

    Raises ``CheckFormError``.
    """
    given: dict[str, Any] = {level: written[level] for level in LEVELS if written.get(level) is not None}
    for key in ("severity", "mostly", "most"):
        if given and written.get(key) is not None:
            said = " and ".join(f"`{level}`" for level in given)
            raise CheckFormError(f"{said} say from where on the check is bad: `{key}` does not go with that.")
    if counts:
        levels = {level: _count(value, level) for level, value in given.items()}
        _expect_order(levels)
        return levels
    return {level: _measured(value, level, kind) for level, value in given.items()}


def _count(value: Any, level: str) -> dict[str, Any]:
    match = None if isinstance(value, bool | list | dict) else _COUNT.match(str(value).strip())
    if match is None:
        raise CheckFormError(f"`{level}: {value}` must be a number or a share of bad rows.", _COUNTED)
    holds = "<=" if (match[1] or "").lower() in ("above", ">") else "<"
    if match[2] is not None:
        found: dict[str, Any] = {"rows": holds, "value": int(match[2])}
    else:
        share = read_value(f"{match[3]}%", level) if match[4] else float(match[5])
        if not 0 <= share <= 1:
            raise CheckFormError(f"`{level}: {value}` must be from 0% to 100%.")
        found = {"share": holds, "value": share}
    if holds == "<" and not found["value"]:
        raise CheckFormError(f"`{level}: {value}` is reached without a bad row.", _COUNTED)
    return found


def _expect_order(levels: Mapping[str, Mapping[str, Any]]) -> None:
    if len(levels) < 2:
        return
    warn, error = levels["warn"], levels["error"]
    if warn.keys() != error.keys():
        return
    key = "rows" if "rows" in warn else "share"
    first, then = ((must["value"], must[key] == "<=") for must in (warn, error))
    # Rows are whole: above 1 is from 2.
    if (sum(then) <= sum(first)) if key == "rows" else (then <= first):
        raise CheckFormError("`error` is reached no later than `warn`, which would never be told.")


def _measured(value: Any, level: str, kind: str) -> dict[str, Any]:
    if isinstance(value, bool | list | dict):
        raise CheckFormError(f"`{level}: {value}` must be a comparison.", "Write for example `< 10`.")
    text = str(value).strip()
    if kind == "fresh":
        return {"seconds": read_seconds(re.sub(r"\A(above|>)\s*", "", text, flags=re.IGNORECASE))}
    percent: dict[str, Any] = {}
    if kind == "change" and "%" in text:
        text, percent = text.replace("%", ""), {"percent": True}
    if match := _NOT_BETWEEN.match(text):
        return {**read_bounds(match[1], level, numbers=kind == "rows"), **percent}
    found = read_bounds(text, level, numbers=kind == "rows") if text.startswith(("<", ">", "=", "!")) else {}
    if "operator" not in found:
        message = f"`{level}: {value}` must say what is bad of the number that `{kind}` measures."
        raise CheckFormError(message, "Write for example `< 10` or `not between 1 and 5`.")
    return {"operator": OTHER[found["operator"]], "value": found["value"], **percent}
