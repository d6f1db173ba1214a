"""Short forms of checks: one line that reads like what it means."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from wherry.project.bounds_form import (
    CheckFormError,
    read_bounds,
    read_list,
    read_names,
    read_seconds,
    read_value,
    unquoted,
)
from wherry.project.nearest import did_you_mean, nearest


class Short(NamedTuple):
    """What a short form says."""

    kind: str
    arguments: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    columns: tuple[str, ...] = ()


_Read = Callable[[re.Match[str]], Short]
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.+Z-]+)?\Z")
_OP = r"(>=|<=|!=|<>|=|>|<)"

#: Column forms that are one word.
WORDS = ("not_null", "null", "unique", "not_blank", "not_nan", "finite", "increasing", "decreasing", "sequential")
#: Numbers made of all values of a column.
MEASURES: tuple[str, ...] = ("min", "max", "sum", "avg", "stddev", "variance", "count", "null_count", "null_share")
MEASURES += ("not_null_share",)
MEASURES += ("min_length", "max_length", "avg_length")
DISTINCT = ("distinct_count", "distinct_share", "unique_count", "unique_share", "duplicate_count", "duplicate_share")
#: Kinds that measure a number, which may be measured of each group.
GROUPED = ("rows", "aggregate", "quantile", "distinct")
DISTANCES = ("psi", "kl", "ks", "chi_square")
#: Shown to who writes something else.
COLUMN_FORMS = (
    *("not_null", "unique", ">= 0", "between 0 and 1", "in [a, b]", 'matches "^[A-Z]+$"', "format email"),
    *("length between 1 and 20", "refers to s.t.column", "avg > 0", "distinct_count > 1", "fresh within 2 hours"),
)
_HEADS = (
    *(*WORDS, *MEASURES, *DISTINCT, *DISTANCES),
    *("between", "in", "not in", "matches", "not matches", "like", "not like"),
    *("starts with", "ends with", "contains", "length", "format", "casts to", "type", "refers to", "fresh within"),
    *("median", "quantile", "values in", "values cover", "values equal", "same values as", "most common in"),
    "no outliers",
)


def column_form(text: str, column: str, custom: Iterable[str] = ()) -> Short:
    """What the short form of a check of ``column`` says; ``custom`` are kinds of the project's own."""
    if text == "unique":
        return Short("unique", {"columns": [column]})
    if text in WORDS or text in custom:
        return Short(text)
    if (grouped := _grouped(text, lambda inner: column_form(inner, column))) is not None:
        return grouped
    for pattern, read in _COLUMN_FORMS:
        if match := _compiled(pattern).match(text):
            return read(match)
    head = " ".join(text.split()[: 2 if text.lower().startswith(("not ", "no ", "values ")) else 1])
    close = nearest(head, (*_HEADS, *custom))
    if close in (*MEASURES, *DISTINCT, *DISTANCES, "median", "quantile") and head.lower() == close:
        raise CheckFormError(
            f"`{text}` needs a bound.", f"Write for example `{close} > 0` or `{close} between 1 and 5`."
        )
    forms = f"The forms are: {'; '.join(COLUMN_FORMS)}."
    raise CheckFormError(f"`{text}` is no check of a column.", did_you_mean(head, (*_HEADS, *custom), forms))


def of_column(text: str) -> bool:
    """Whether a text would be a check, were it beside a column."""
    try:
        column_form(text.strip(), "column", ())
    except CheckFormError:
        return False
    return True


def table_form(text: str) -> Short:
    """What the short form of a check of a table says; any other text is a SQL condition over the row."""
    if (grouped := _grouped(text, table_form)) is not None:
        return grouped
    for pattern, read in _TABLE_FORMS:
        if match := _compiled(pattern).match(text):
            return read(match)
    if text.lower() in WORDS:
        raise CheckFormError(f"`{text}` is a check of a column.", "Put it beside its column, under `columns:`.")
    return Short("condition", {"sql": text})


def each_group(short: Short, per: list[str]) -> Short:
    """A check of a number, of each group. Raises ``CheckFormError`` where it measures several."""
    if "quantiles" in short.arguments:
        raise CheckFormError("Of each group one quantile is measured.", "Write a check for each.")
    rest = {key: value for key, value in short.arguments.items() if key != "per"}
    return short._replace(kind="each_group", arguments={"of": short.kind, **rest, "per": per})


def _grouped(text: str, read: Callable[[str], Short]) -> Short | None:
    """``avg > 1 per country, city``; None for other forms, which may have words of their own behind ``per``."""
    match = _compiled(r"(\S.*?)\s+per\s+((?:\w+|\"[^\"]+\")(?:\s*,\s*(?:\w+|\"[^\"]+\"))*)").match(text)
    if match is None:
        return None
    try:
        inner = read(match[1])
    except CheckFormError:
        return None
    return each_group(inner, read_names(match[2], "per")) if inner.kind in GROUPED else None


def operand(text: str) -> str:
    """A date without quotes means the date, not a subtraction; all else is SQL as written."""
    text = text.strip()
    return f"'{text}'" if _DATE.match(text) else text


def _between(match: re.Match[str]) -> Short:
    strict = {"strict_low": True, "strict_high": True} if match[1] else {}
    return Short("between", {"low": operand(match[2]), "high": operand(match[3]), **strict})


def _patterns(match: re.Match[str]) -> Short:
    kind = ("not_" if match[1] else "") + match[2].lower()
    if match[3]:
        return Short(kind, {"patterns": read_list(match[4], match[2]), "how": match[3].lower()})
    return Short(kind, {"pattern": unquoted(match[4])})


def _literal(match: re.Match[str]) -> Short:
    inner = re.sub(r"([%_\\])", r"\\\1", unquoted(match[2]))
    head = match[1].lower().split()[0]
    before, after = ("" if head == "starts" else "%"), ("" if head == "ends" else "%")
    return Short("like", {"pattern": f"{before}{inner}{after}"})


def _format(match: re.Match[str]) -> Short:
    if "%" in match[1]:
        return Short("time_format", {"format": unquoted(match[1])})
    name = unquoted(match[1]).lower()
    if name not in FORMAT_NAMES:
        raise CheckFormError(f"There is no format `{name}`.", _known(name, FORMAT_NAMES))
    return Short("format", {"format": name})


def _known(name: str, choices: Iterable[str]) -> str:
    return did_you_mean(name, choices, f"Known are: {', '.join(choices)}.")


#: The formats of ``wherry.checks.format``; a test holds the two together.
FORMAT_NAMES = (
    *("email", "uuid", "url", "ipv4", "ipv6", "ip", "iban", "credit_card", "phone", "hostname", "mac", "country"),
    *("currency", "date", "time", "datetime", "any_date", "number", "integer", "percent", "lower", "upper", "trimmed"),
    "json",
)


def _ordered(match: re.Match[str]) -> Short:
    arguments: dict[str, Any] = {"strictly": True} if match[2] else {}
    arguments |= {"by": read_names(match[3], "by")} if match[3] else {}
    return Short(match[1].lower(), arguments | ({"per": read_names(match[4], "per")} if match[4] else {}))


def _step(match: re.Match[str]) -> Short:
    try:
        return Short("sequential", {"step": read_value(match[1], "sequential step")})
    except CheckFormError:
        read_seconds(match[1])
        return Short("sequential", {"step": match[1].strip()})


def _measure(match: re.Match[str]) -> Short:
    word = match[1].lower()
    kind = "aggregate" if word in MEASURES else "distinct"
    return Short(kind, {"measure": word, **read_bounds(match[2], word, numbers=word not in ("min", "max"))})


def _outliers(match: re.Match[str]) -> Short:
    if not match[1]:
        return Short("outliers")
    method = "iqr" if match[2].lower() == "iqr" else "z"
    return Short("outliers", {"distance": float(match[1]), "method": method})


def _against(match: re.Match[str]) -> Short:
    arguments = {"method": match[1].lower(), "table": match[2], "column": match[3].strip('"')}
    of = {"of": "p"} if match[4] else {"of": "statistic"} if match[1].lower() == "chi_square" and not match[4] else {}
    return Short("distribution", {**arguments, **of, **read_bounds(match[5], match[1])})


def _change(match: re.Match[str]) -> Short:
    bounds = match[1].strip()
    percent = "%" in bounds
    return Short(
        "change", {**read_bounds(bounds.replace("%", ""), "rows change"), **({"percent": True} if percent else {})}
    )


def _same(match: re.Match[str]) -> Short:
    arguments: dict[str, Any] = {"sql": match[1], "table": match[2]}
    arguments |= {"within": read_value(match[3], "within")} if match[3] else {}
    return Short("aggregate_equals", arguments | ({"per": read_names(match[4], "per")} if match[4] else {}))


def _total(text: str) -> Any:
    """What columns add up to: a number, or another column."""
    try:
        return read_value(text, "sum of")
    except CheckFormError:
        return unquoted(text)


def _whole(bounds: dict[str, Any], what: str) -> dict[str, Any]:
    for name in ("value", "low", "high"):
        if name in bounds and not isinstance(bounds[name], int):
            raise CheckFormError(f"`{what}` is counted in whole numbers, not {bounds[name]}.")
    return bounds


@cache
def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text + r"\Z", re.IGNORECASE | re.DOTALL)


_TABLE = r"([A-Za-z_][\w]*\.[\w]+|\"[^\"]+\"\.\"[^\"]+\"|\S+)"
_COLUMN_FORMS: tuple[tuple[str, _Read], ...] = (
    (rf"{_OP}\s*(\S.*)", lambda m: Short("compare", {"operator": m[1], "value": operand(m[2])})),
    (r"(strictly\s+)?between\s+(\S.*?)\s+and\s+(\S.*)", _between),
    (r"in\s*(\[.*\])", lambda m: Short("in", {"values": read_list(m[1], "in")})),
    (r"not\s+in\s*(\[.*\])", lambda m: Short("not_in", {"values": read_list(m[1], "not in")})),
    (r"(not\s+)?(matches|like)\s+(?:(any|all)\s+(?=\[))?(\S.*)", _patterns),
    (r"(starts\s+with|ends\s+with|contains)\s+(\S.*)", _literal),
    (
        rf"length\s*((?:{_OP}|(?:strictly\s+)?between\b).*)",
        lambda m: Short("length", _whole(read_bounds(m[1], "length"), "length")),
    ),
    (r"format\s+(\S.*)", _format),
    (r"casts\s+to\s+(\S.*)", lambda m: Short("casts_to", {"type": m[1]})),
    (r"type\s+(\S.*)", lambda m: Short("type", {"types": [t.strip() for t in m[1].split(" or ")]})),
    (
        r"refers\s+to\s+(\S+)\.([^.\s]+)",
        lambda m: Short("refers", {"table": m[1], "columns": [m[2].strip('"')]}),
    ),
    (r"(increasing|decreasing)(\s+strictly)?(?:\s+by\s+(.+?))?(?:\s+per\s+(.+?))?", _ordered),
    (r"sequential\s+(?:by\s+)?step\s+(\S.*)", _step),
    (
        r"fresh\s+within\s+(\S.*?)\s+per\s+(\S.*)",
        lambda m: Short("fresh_each", {"seconds": read_seconds(m[1]), "per": read_names(m[2], "per")}),
    ),
    (r"fresh\s+within\s+(\S.*)", lambda m: Short("fresh", {"seconds": read_seconds(m[1])})),
    (rf"({'|'.join((*MEASURES, *DISTINCT))})\s*((?:{_OP}|(?:strictly\s+)?between\b).*)", _measure),
    (
        rf"median\s*((?:{_OP}|(?:strictly\s+)?between\b).*)",
        lambda m: Short("quantile", {"quantile": 0.5, **read_bounds(m[1], "median", numbers=False)}),
    ),
    (
        r"quantile\s*\(\s*(\d*\.?\d+%?)\s*\)\s*(\S.*)",
        lambda m: Short(
            "quantile", {"quantile": _share(m[1], "quantile"), **read_bounds(m[2], f"quantile({m[1]})", numbers=False)}
        ),
    ),
    (
        r"values\s+(in|cover|equal)\s*(\[.*\])",
        lambda m: Short(f"values_{m[1].lower()}", {"values": read_list(m[2], f"values {m[1]}")}),
    ),
    (
        r"same\s+values\s+as\s+(\S+)\.([^.\s]+)",
        lambda m: Short("values_same", {"table": m[1], "column": m[2]}),
    ),
    (
        r"most\s+common\s+in\s*(\[.*\])",
        lambda m: Short("most_common_in", {"values": read_list(m[1], "most common in")}),
    ),
    (r"no\s+outliers(?:\s+beyond\s+(\d*\.?\d+)\s*(stddev|iqr))?", _outliers),
    (rf"({'|'.join(DISTANCES)})\s+against\s+(\S+)\.([^.\s]+)\s+(p\s*)?({_OP}.*|between\b.*)", _against),
)


def _share(text: str, what: str) -> float:
    share = float(read_value(text, what))
    if not 0 <= share <= 1:
        raise CheckFormError(f"`{what}` is a share from 0 to 1, not {text}.")
    return share


def _names(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(read_names(match[2], match[1]))


_TABLE_FORMS: tuple[tuple[str, _Read], ...] = (
    (
        rf"rows\s*((?:{_OP}\s*[0-9]|(?:strictly\s+)?between\s+[0-9]).*)",
        lambda m: Short("rows", _whole(read_bounds(m[1], "rows"), "rows")),
    ),
    (
        rf"rows\s*{_OP}\s*rows\s+of\s+(\S+)",
        lambda m: Short("rows_equal", {"operator": m[1], "table": m[2]}),
    ),
    (r"rows\s+change\s+(\S.*)", _change),
    (r"(unique)\s*\[(.*)\]", lambda m: Short("unique", {"columns": list(_names(m))})),
    (r"(complete)\s*\[(.*)\]", lambda m: Short("complete", columns=_names(m))),
    (r"(distinct\s+in\s+row)\s*\[(.*)\]", lambda m: Short("distinct_in_row", columns=_names(m))),
    (
        r"(refers)\s*\[(.*)\]\s*to\s+(\S+)\s*\[(.*)\]",
        lambda m: Short("refers", {"table": m[3], "columns": read_names(m[4], "refers")}, _names(m)),
    ),
    (r"(columns)\s*\[(.*)\]", lambda m: Short("columns_are", {"how": "exact"}, _names(m))),
    (r"(columns\s+in\s+order)\s*\[(.*)\]", lambda m: Short("columns_are", {"how": "ordered"}, _names(m))),
    (r"(columns\s+contain)\s*\[(.*)\]", lambda m: Short("columns_are", {"how": "contains"}, _names(m))),
    (
        rf"column\s+count\s*((?:{_OP}|between\b).*)",
        lambda m: Short("columns_are", {"count": _whole(read_bounds(m[1], "column count"), "column count")}),
    ),
    (
        r"(no\s+overlap)\s*\[(.*)\](?:\s+per\s+(\S.*))?",
        lambda m: Short("no_overlap", {"per": read_names(m[3], "per")} if m[3] else {}, _names(m)),
    ),
    (
        r"(sum\s+of)\s*\[(.*)\]\s*=\s*(\S.*)",
        lambda m: Short("columns_sum", {"total": _total(m[3])}, _names(m)),
    ),
    (r"same\s+(\S.*\))\s+as\s+([A-Za-z_]\w*\.\w+)(?:\s+within\s+(\S+))?(?:\s+per\s+(\S.*))?", _same),
    (r"no\s+duplicates", lambda m: Short("duplicates")),
    (
        r"same\s+columns\s+as\s+([A-Za-z_]\w*\.\w+)",
        lambda m: Short("columns_same", {"table": m[1]}),
    ),
    (r"equals\s+([A-Za-z_]\w*\.\w+)", lambda m: Short("table_equals", {"table": m[1]})),
    (
        rf"(cramers_phi)\s*\[(.*)\]\s*({_OP}.*|between\b.*)",
        lambda m: Short("association", {"measure": "cramers_phi", **read_bounds(m[3], "cramers_phi")}, _names(m)),
    ),
    (
        r"aggregate\s+(\S.*?)\s*((?:>=|<=|!=|<>|=|>|<)\s*[-+0-9.%'\"][^<>=]*|(?:strictly\s+)?between\s+\S+\s+and\s+\S+)",
        lambda m: Short("aggregate", {"sql": m[1], **read_bounds(m[2], "aggregate", numbers=False)}),
    ),
)
