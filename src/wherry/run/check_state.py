"""What is kept of a check so that, after rows came or went, only those need be looked at."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.plan.recipe import checks_hash, digest
from wherry.quoting import NOW, text
from wherry.run.check_plan import Item, bad_rows_sql, judge, row_counts, told_once

#: Words in SQL whose answer changes by itself, or which reads files; and those that read more than the row.
_MOVING = (
    r"now|today|age(?=\s*\()|current_\w+|localtime\w*|get_current_\w+|transaction_timestamp|txid_current|random|"
    r"uuid\w*|gen_random_uuid|nextval|currval|setseed|getenv|getvariable|read_\w+|glob(?=\s*\()"
)
_READS = "select|from|table"
# The letters that the words begin with: a search looks at few places then.
_UNSTEADY = re.compile(rf"\b(?=[acfglnrstu])(?:{_MOVING}|{_READS})\b|{re.escape(NOW.lower())}")
_CHANGING = re.compile(rf"\b(?:{_MOVING})\b|\b(?:from|join)\s*(?:'|\"[^\"]*[./])")
_SPREAD = {"stddev": 1, "stddev_samp": 1, "stddev_pop": 0, "variance": 1, "var_samp": 1, "var_pop": 0}
#: Aggregates of which the last digits depend on the order of rows; and how much of a value, or of 1, those are at most.
_ROUNDED, _DIGITS = ("sum", "avg", "mean", *_SPREAD), 1e-12
#: Aggregate -> what must be known of two sets of rows to know it of both together; {x} is what it aggregates.
_PARTS: dict[str, tuple[str, ...]] = {
    "count": ("count({x})",),
    "sum": ("sum({x})",),
    "min": ("min({x})",),
    "max": ("max({x})",),
    **dict.fromkeys(("avg", "mean"), ("count({x})", "avg({x})")),
    # The function itself, so that what a check judges and what is kept of it are counted once.
    **{spread: ("count({x})", "avg({x})", spread + "({x})") for spread in _SPREAD},
}
_CALL = re.compile(rf"\b({'|'.join(_PARTS)})\s*\(", re.IGNORECASE)
_ADDITIVE = re.compile(r"\b(?:count|sum)\s*\((?!\s*distinct\b)", re.IGNORECASE)
_FILTER = re.compile(r"\s*filter\s*\(", re.IGNORECASE)
_COPIES = re.compile(r"\bcopies\b", re.IGNORECASE)
_MODIFIED = re.compile(r"\s*(filter|over|within)\b", re.IGNORECASE)


def _unsteady(sql: str) -> bool:
    return _UNSTEADY.search(sql.lower()) is not None


def changes(sql: str) -> bool:
    """Whether what a query returns may be another while the tables that it reads are the same."""
    return _CHANGING.search(sql.lower()) is not None


def identity(item: Item, functions: Sequence[str], versions: Mapping[str, str]) -> str:
    """What a check means and reads beside its table: when that is another, what it found before counts for nothing.

    ``functions`` are the SQL functions that it calls, as they are written; ``versions`` those of other tables.
    """
    if any(_unsteady(each) for each in functions):
        return ""
    # The SQL too: another version of a kind may ask another question by the same name.
    sql = repr(
        (measured(item), group_parts(item), bad_rows_sql(item.check, item.kind, "t") if item.face == "rows" else "")
    )
    others = sorted(f"{table}={version}" for table, version in versions.items())
    return digest(checks_hash([item.check]), sql, *functions, "", *others)[:16]


@told_once
def measured(item: Item) -> tuple[str, ...]:
    """The aggregates that are kept of a check in the shared pass; none when its verdict cannot be told from slices."""
    check = item.check
    if check.sample or _unsteady(check.where):
        return ()
    if item.face == "row":
        counts = row_counts(item)
        return () if _unsteady(counts[0]) else counts
    if item.face != "aggregate" or item.heavy:
        return ()
    parts: list[str] = []
    for expression in item.kind.aggregates(check):
        calls = _calls(expression)
        if not calls:
            return ()
        parts += [part.replace("{x}", call.inside) for call in calls for part in _PARTS[call.function]]
    return tuple(parts)


def by_slices(item: Item, table: str) -> bool:
    """Whether bad rows of a check may be counted slice by slice: its kind says so, and it reads no more than those and
    tables whose version is known."""
    check = item.check
    if check.sample or item.face != "rows" or not getattr(item.kind, "decomposes", False):
        return False
    own = table.lower() in (each.lower() for each in check.needs)
    texts = [check.where, *(str(value) for value in check.arguments.values() if isinstance(value, str))]
    return not own and not any(_unsteady(each) for each in texts)


@told_once
def group_parts(item: Item) -> tuple[str, ...]:
    """What is kept of a check of groups: counts and sums over them, which groups that came and went add to and take
    from; none when its values are not made of such."""
    check = item.check
    keys = () if item.face != "groups" else item.kind.group_by(check)
    if not keys or check.sample or _unsteady(f"{check.where} {' '.join(keys)}"):
        return ()
    calls = [_group_calls(expression) for expression in item.kind.judge_groups(check)]
    return tuple(f"coalesce({call}, 0)::HUGEINT" for each in calls for _, _, call in each)


#: The keys of all groups of one key, where they are few.
ALL_GROUPS = "CASE WHEN count(*) <= 100 THEN list(k1) END"


def which_groups(item: Item) -> bool:
    """Whether what is kept of a check of groups of one key depends on which there are alone, not on their rows."""
    parts = group_parts(item)
    return bool(parts) and len(item.kind.group_by(item.check)) == 1 and not any(_COPIES.search(each) for each in parts)


def other_groups(item: Item, present: Sequence[Any], kind: str) -> str:
    """An aggregate that counts the rows whose key, of the type ``kind``, is none of ``present``."""
    (key,) = item.kind.group_by(item.check)
    # A fifth of what NOT IN takes for a hundred values.
    listed = f"CAST([{', '.join(text(str(value)) for value in present if value is not None)}] AS {kind}[])"
    null = f"{key} IS NOT NULL AND" if None in present else f"{key} IS NULL OR"
    return f"coalesce(count_if({null} NOT list_contains({listed}, {key})), 0)"


def plain_group_values(item: Item, parts: Sequence[Any]) -> tuple[Any, ...] | None:
    """The values that a check of groups judges, where they are nothing but what is kept; None: SQL tells."""
    found = []
    for expression, value in zip(item.kind.judge_groups(item.check), parts, strict=False):
        calls = _group_calls(expression)
        if len(calls) != 1:
            return None
        ((start, stop, call),) = calls
        around = expression[:start], expression[stop:]
        if around != ("coalesce(", ", 0)::BIGINT") and (around != ("", "") or call.lower().startswith("sum")):
            return None
        found.append(value)
    return tuple(found)


def group_values_sql(item: Item, parts: Sequence[Any]) -> str:
    """A SELECT, without a table, of the values that a check of groups judges."""
    left = iter(parts)
    written = []
    for expression in item.kind.judge_groups(item.check):
        sql, end = "", 0
        for start, stop, call in _group_calls(expression):
            value = next(left)
            # A sum of no groups is null.
            known = "NULL" if not value and call.lower().startswith("sum") else _literal(value)
            sql, end = sql + expression[end:start] + known, stop
        written.append(sql + expression[end:])
    return f"SELECT {', '.join(written)}"


def _group_calls(expression: str) -> list[tuple[int, int, str]]:
    """Counts and sums in an expression over groups: from, to, text; their FILTER with them."""
    found = []
    at = 0
    while match := _ADDITIVE.search(expression, at):
        end = _closing(expression, match.end()) + 1
        if not end:
            return []
        if narrowed := _FILTER.match(expression, end):
            end = _closing(expression, narrowed.end()) + 1
        found.append((match.start(), end, expression[match.start() : end]))
        at = end
    return found


def values_sql(item: Item, parts: Sequence[Any]) -> str:
    """A SELECT, without a table, of the values that a check judges, from what is kept of its aggregates."""
    written, at = [], 0
    for expression in item.kind.aggregates(item.check):
        sql, end = "", 0
        for call in _calls(expression):
            width = len(_PARTS[call.function])
            sql += expression[end : call.start] + _literal(_value(call.function, parts[at : at + width]))
            at, end = at + width, call.end
        written.append(sql + expression[end:])
    return f"SELECT {', '.join(written)}"


def plain_values(item: Item, parts: Sequence[Any]) -> tuple[Any, ...] | None:
    """The values that a check of aggregates judges, where they are nothing but those that are kept; None: SQL tells."""
    found, at = [], 0
    for expression in item.kind.aggregates(item.check):
        calls = _calls(expression)
        if len(calls) != 1 or (calls[0].start, calls[0].end) != (0, len(expression)):
            return None
        width = len(_PARTS[calls[0].function])
        found.append(_value(calls[0].function, parts[at : at + width]))
        at += width
    return tuple(found)


def is_sure(item: Item, values: Sequence[Any]) -> bool:
    """Whether a check of aggregates judges so whatever the last digits of sums and means are."""
    if not any(isinstance(each, float) for each in values):
        return True
    calls = [call.function for each in item.kind.aggregates(item.check) for call in _calls(each)]
    if not any(each in _ROUNDED for each in calls):
        return True

    def judged(digits: float) -> tuple[bool, str]:
        shifted = (v + digits * max(1, abs(v)) if isinstance(v, float) else v for v in values)
        outcome = judge(item, tuple(shifted))[0]
        return outcome.passed, outcome.level

    return judged(-_DIGITS) == judged(0) == judged(_DIGITS)


def together(
    item: Item, kept: Sequence[Any], came: Sequence[Any], went: Sequence[Any] | None
) -> tuple[Any, ...] | None:
    """What is kept of a check once rows came and others went; None when that does not follow."""
    if item.face != "aggregate":
        return tuple(_sum(_sum(a, b), c, -1) for a, b, c in zip(kept, came, went or [0] * len(kept), strict=True))
    result: list[Any] = []
    at = 0
    for call in (each for expression in item.kind.aggregates(item.check) for each in _calls(expression)):
        width = len(_PARTS[call.function])
        old, new = kept[at : at + width], came[at : at + width]
        if call.function == "count":
            result.append(_sum(_sum(old[0], new[0]), went[at] if went is not None else 0, -1))
        else:
            joined = _JOINS[call.function](old, new) if went is None else None
            if joined is None:
                return None
            result += joined
        at += width
    return tuple(result)


def _sum(one: Any, other: Any, sign: int = 1) -> Any:
    return None if one is None or other is None else one + sign * other


def _value(function: str, parts: Sequence[Any]) -> Any:
    if function in ("avg", "mean"):
        return parts[1]
    return parts[2] if function in _SPREAD else parts[0]


def _either(choose: Callable[[Any, Any], Any]) -> Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...] | None]:
    def join(old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, ...] | None:
        if old[0] is None or new[0] is None:
            return (new[0] if old[0] is None else old[0],)
        return None if type(old[0]) is not type(new[0]) or old[0] != old[0] else (choose(old[0], new[0]),)

    return join


def _join_means(old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, ...] | None:
    """Count and mean of two sets together."""
    if not old[0] or not new[0]:
        return tuple(new if not old[0] else old)
    if not isinstance(old[1], float) or not isinstance(new[1], float):
        return None
    rows = old[0] + new[0]
    return rows, old[1] + (new[1] - old[1]) * new[0] / rows


def _join_spread(function: str) -> Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...] | None]:
    """Count, mean and what ``function`` says of how values are spread: Chan, Golub and LeVeque (1979)."""
    free, root = _SPREAD[function], function.startswith("stddev")

    def squares(rows: int, spread: float | None) -> float:
        return 0.0 if spread is None else (spread * spread if root else spread) * (rows - free)

    def join(old: Sequence[Any], new: Sequence[Any]) -> tuple[Any, ...] | None:
        joined = _join_means(old, new)
        if joined is None or not old[0] or not new[0]:
            return joined
        if not all(each[2] is None or isinstance(each[2], float) for each in (old, new)):
            return None
        rows, apart = joined[0], new[1] - old[1]
        square = squares(old[0], old[2]) + squares(new[0], new[2]) + apart * apart * old[0] * new[0] / rows
        variance = square / (rows - free)
        if not math.isfinite(variance):
            return None  # DuckDB refuses to tell
        return (*joined, math.sqrt(variance) if root else variance)

    return join


#: DuckDB orders text by its bytes in UTF-8, which is Python's order too.
_JOINS: dict[str, Callable[[Sequence[Any], Sequence[Any]], tuple[Any, ...] | None]] = {
    "sum": _either(lambda a, b: a + b),
    "min": _either(min),
    "max": _either(max),
    **dict.fromkeys(("avg", "mean"), _join_means),
    **{spread: _join_spread(spread) for spread in _SPREAD},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """An aggregate inside an expression."""

    function: str
    #: What it aggregates.
    inside: str
    start: int
    end: int


def _calls(expression: str) -> list[_Call]:
    """The aggregates in an expression; none when one of them cannot be told from slices."""
    calls: list[_Call] = []
    at = 0
    while match := _CALL.search(expression, at):
        end = _closing(expression, match.end())
        inside = expression[match.end() : end]
        if end < 0 or not _simple(inside) or _MODIFIED.match(expression, end + 1):
            return []
        calls.append(_Call(function=match[1].lower(), inside=inside, start=match.start(), end=end + 1))
        at = end + 1
    return calls


def _closing(sql: str, start: int) -> int:
    """Where the bracket that opened right before ``start`` closes; -1 where it does not."""
    depth, quote = 1, ""
    for at in range(start, len(sql)):
        character = sql[at]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                return at
    return -1


def _simple(inside: str) -> bool:
    """Whether an aggregate takes one steady expression."""
    bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "x", inside)
    while (less := re.sub(r"[(\[{][^()\[\]{}]*[)\]}]", "", bare)) != bare:
        bare = less
    ordered = re.search(r",|\bdistinct\b|\border\s+by\b", bare, re.IGNORECASE)
    return not ordered and not _unsteady(inside) and not _CALL.search(inside)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        digits = max(0, -int(value.as_tuple().exponent))
        return f"CAST('{value}' AS DECIMAL(38,{digits}))"
    kind = {int: "HUGEINT", float: "DOUBLE", datetime: "TIMESTAMP", date: "DATE", str: "VARCHAR"}[type(value)]
    return f"CAST({text(repr(value) if isinstance(value, float) else str(value))} AS {kind})"
