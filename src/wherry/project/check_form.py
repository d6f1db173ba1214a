"""Checks as people write them: the short form of a line and the long form of a mapping."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from wherry.model.asset import Check
from wherry.model.levels import LEVELS
from wherry.project.bounds_form import CheckFormError, read_value
from wherry.project.check_arguments import KINDS, read_arguments
from wherry.project.levels_form import read_levels
from wherry.project.nearest import did_you_mean
from wherry.project.short_form import GROUPED, Short, column_form, each_group, table_form

__all__ = ["BOUNDS", "LONG_KEYS", "CheckFormError", "is_bounded", "is_refused", "levels_of", "may_split"]
__all__ += ["read_check", "read_options", "refused", "takes_levels"]

#: What any check may say of itself in the long form; beside these, the arguments of its kind.
LONG_KEYS = ("check", "mostly", "most", "where", "severity", "warn", "error", "when", "sample", "quarantine", "name")
_AT_MOST = re.compile(r"at\s+most\s+(\d+(?:\.\d+)?\s*%|\d+)(?:\s+(?:bad\s+)?rows?)?\Z", re.IGNORECASE)
_ROWS = re.compile(r"(\d+)\s+rows?\Z", re.IGNORECASE)
_SHARES = "Write for example 0.95, 95% or `at most 10 rows`."
#: Kinds that do not say of every row whether it is bad.
_WHOLE = {kind for kind, known in KINDS.items() if not known.finds_rows}
#: Those of them that count nothing, and those that read no rows at all.
_MEASURED = _WHOLE - {"sql", "table_equals", "aggregate_equals", "fresh_each", "each_group"}
#: Those of them that measure a number, which each level may bound.
_BOUNDED = {kind for kind in _MEASURED if {"low", "high"} <= KINDS[kind].arguments.keys()} | {"fresh"}
#: Arguments that bound a number; a level of a check that measures one has them.
BOUNDS = ("operator", "value", "low", "high", "strict_low", "strict_high", "seconds")
_OF_COLUMNS = {"type", "columns_are", "columns_same"}
#: How the SQL of a check begins that stands for one which cannot run.
_REFUSED = "SELECT 1 WHERE CAST(error("


def may_split(check: Check) -> bool:
    """Whether a check of one of our kinds says of every row whether it is bad, before the rows are published."""
    return check.kind in KINDS and check.kind not in _WHOLE and check.when == "before" and not check.sample


def read_check(written: Any, *, column: str, file: str, line: int, custom: Collection[str] = ()) -> Check:
    """One check of a list, of ``column`` or (when that is empty) of the table.

    ``custom`` are the kinds that the project has of its own. Raises ``CheckFormError`` with a sentence that says what
    is wrong.
    """
    if written is None or isinstance(written, list):
        raise CheckFormError("A check is empty." if written is None else "A list is no check: write each by itself.")
    if not isinstance(written, Mapping):
        text = str(written).strip()
        return _check(_short(text, column, custom), column, text=str(written), file=file, line=line)
    short = written.get("check")
    if not isinstance(short, str):
        raise CheckFormError("A check in long form needs `check:` with one of the short forms, or the name of a kind.")
    levelled = any(written.get(level) is not None for level in LEVELS)
    found = (_unbounded if levelled else _short)(short.strip(), column, custom, bare=True)
    arguments = {key: value for key, value in written.items() if key not in LONG_KEYS}
    if found.kind in GROUPED and "per" in arguments:
        found = each_group(found, [])
    known, levels = KINDS.get(found.kind), levels_of(found.kind, written)
    held = next(iter(levels.values()), {})
    if known is None:
        found = Short(found.kind, {**found.arguments, **arguments})
    elif arguments or short.strip() == found.kind:
        for key in arguments:
            if key not in known.arguments:
                choices = (*LONG_KEYS, *known.arguments)
                hint = did_you_mean(key, choices, f"It takes {', '.join(choices)}.")
                raise CheckFormError(f"A check has no `{key}`: `{found.kind}` takes {', '.join(choices)}.", hint)
        read, columns = read_arguments(found.kind, arguments)
        found = Short(found.kind, {**found.arguments, **read}, columns or found.columns)
        known.expect_whole(found.kind, {**found.arguments, **held}, found.columns, column)
        if found.kind == "each_group":
            inner = str(found.arguments["of"])
            KINDS[inner].expect_whole(inner, found.arguments, found.columns, column)
    options = read_options(found.kind, written)
    if levels:
        # Of how many percent the short form speaks is its own.
        beside = () if "percent" in written else ("percent",)
        found, options["levels"] = _with_bound(found, levels, (*BOUNDS, *beside))
    if found.kind == "each_group" and "per" in arguments and short.strip() != found.kind:
        short = f"{short.strip()} per {', '.join(found.arguments['per'])}"
    return _check(found, column, text=str(written.get("name") or short), file=file, line=line, **options)


def read_options(kind: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """What any check may say beside its arguments, as fields of ``Check``. Raises ``CheckFormError``."""
    mostly, most = _tolerance(written)
    where = str(written.get("where") or "")
    if kind == "rows" and (mostly < 1 or most is not None or where or written.get("sample") is not None):
        raise CheckFormError("`rows` counts the whole table: it takes neither `mostly` nor `where`.")
    if kind in _OF_COLUMNS and (where or written.get("sample") is not None):
        raise CheckFormError(f"`{kind}` is about columns, not rows: it takes neither `where` nor `sample`.")
    if kind in _MEASURED and (mostly < 1 or most is not None):
        raise CheckFormError(f"`{kind}` has one verdict on all rows: it takes neither `mostly` nor `most`.")
    options = {
        "severity": _choice(written, "severity", ("error", "warn")),
        "mostly": mostly,
        "most": most,
        "where": where,
        "when": _choice({"when": _when(written.get("when", "before"))}, "when", ("before", "after")),
        "sample": _sample(written.get("sample")),
        "quarantine": _choice(written, "quarantine", (False, True)),
    }
    if kind == "change" and options["when"] == "after":
        raise CheckFormError("A change is against the version published before: it does not go with `when: after`.")
    if options["quarantine"] and kind in _WHOLE:
        raise CheckFormError(f"`{kind}` does not tell bad rows from good ones: it takes no `quarantine`.")
    if options["quarantine"] and options["when"] == "after":
        raise CheckFormError("`quarantine` splits rows before they are published: it does not go with `when: after`.")
    if options["quarantine"] and options["sample"]:
        raise CheckFormError("`quarantine` looks at every row: it does not go with `sample`.")
    return options


def levels_of(kind: str, written: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``warn`` and ``error`` of a check in long form, none for most. Raises ``CheckFormError``."""
    if all(written.get(level) is None for level in LEVELS):
        return {}
    if not takes_levels(kind):
        raise CheckFormError(f"`{kind}` has one verdict on all rows: it takes neither `warn` nor `error`.")
    return read_levels(written, kind, counts=kind not in _BOUNDED)


def _with_bound(
    short: Short, levels: dict[str, dict[str, Any]], bounds: Collection[str]
) -> tuple[Short, dict[str, dict[str, Any]]]:
    """A check and its levels, where what it says of the number itself (``bounds``) is that of an error."""
    if short.kind not in _BOUNDED:
        return short, levels
    if "bounds" in short.arguments:
        raise CheckFormError("Several bounds take neither `warn` nor `error`.")
    own = {key: short.arguments[key] for key in bounds if key in short.arguments}
    if own and "error" in levels:
        raise CheckFormError("It says twice what is an error.", "Leave out `error:`, or the bound beside `check:`.")
    rest = {key: value for key, value in short.arguments.items() if key not in own}
    return short._replace(arguments=rest), {"error": own, **levels} if own else levels


def _unbounded(text: str, column: str, custom: Collection[str], *, bare: bool) -> Short:
    """What a short form says that may lack the bound on what it measures, since its levels say that."""
    problem: CheckFormError | None = None
    found: Short | None = None
    try:
        found = _short(text, column, custom, bare=bare)
    except CheckFormError as error:
        problem = error
    if found is not None and found.kind != "condition":
        return found
    with suppress(CheckFormError):
        other = _short(f"{text} > 0", column, custom, bare=bare)
        if other.kind in _BOUNDED:
            return other._replace(arguments={k: v for k, v in other.arguments.items() if k not in BOUNDS})
    if found is None:
        raise problem or CheckFormError("A check is empty.")
    return found


def refused(text: str, why: str, *, file: str, line: int) -> Check:
    """What stands for a check that cannot run: it fails by itself and says why, and the others run."""
    message = f"it cannot run: {why}".replace("'", "''")
    # Asked for no column of the row: a SELECT of the error alone would be counted, and never looked at.
    sql = f"{_REFUSED}'{message}') AS BOOLEAN)"
    return Check(kind="sql", arguments={"sql": sql}, text=text, file=file, line=line)


def is_bounded(kind: str) -> bool:
    """Whether checks of a kind measure a number, which has bounds."""
    return kind in _BOUNDED


def takes_levels(kind: str) -> bool:
    """Whether checks of a kind measure a number or count rows."""
    return kind in _BOUNDED or kind not in _MEASURED


def is_refused(check: Check) -> bool:
    """Whether a check stands for one that cannot run."""
    return check.kind == "sql" and str(check.arguments["sql"]).startswith(_REFUSED)


def _check(short: Short, column: str, **fields: Any) -> Check:
    known = KINDS.get(short.kind)
    if known is not None and short.columns and len(short.columns) < known.least:
        raise CheckFormError(f"`{fields['text']}` needs {known.least} columns or more.")
    fields |= {"column": "" if short.columns else column, "columns": short.columns}
    arguments = dict(short.arguments)
    if short.kind in ("sql", "condition"):  # people end SQL with it
        arguments["sql"] = str(arguments["sql"]).rstrip("; \n\t")
    return Check(kind=short.kind, arguments=arguments, **fields)


def _short(text: str, column: str, custom: Collection[str], *, bare: bool = False) -> Short:
    """What a short form says; with ``bare``, the name of a kind alone may stand for it."""
    if not text:
        raise CheckFormError("A check is empty.")
    if bare and (text in KINDS or text in custom) and text != "unique":
        return Short(text)
    if column:
        return column_form(text, column, (*custom, *KINDS) if bare else custom)
    if bare and text == "unique":
        return Short(text)
    return Short(text) if text in custom else table_form(text)


def _tolerance(written: Mapping[str, Any]) -> tuple[float, int | None]:
    """``mostly`` and ``most``: a share that must pass, or how many may fail."""
    mostly, most = written.get("mostly", 1.0), written.get("most")
    if most is not None and "mostly" in written:
        raise CheckFormError("`mostly` and `most` say the same in two ways: keep one of them.", _SHARES)
    if isinstance(mostly, str) and (match := _AT_MOST.match(mostly.strip())):
        mostly, most = 1.0, match[1]
    if isinstance(mostly, str) and mostly.strip().endswith("%"):
        mostly = read_value(mostly, "mostly")
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise CheckFormError(f"`mostly: {mostly}` must be a share from 0 to 1.", _SHARES)
    if isinstance(most, str) and (match := _ROWS.match(most.strip())):
        most = match[1]
    if isinstance(most, str) and most.strip().endswith("%"):
        share = read_value(most, "most")
        if not 0 <= share <= 1:
            raise CheckFormError(f"`most: {most}` must be from 0% to 100%.")
        return round(1 - share, 12), None
    if isinstance(most, str) and most.isdecimal():
        most = int(most)
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
        raise CheckFormError(f"`most: {most}` must be a number of rows, or a percentage such as 5%.")
    return float(mostly), most


def _choice(written: Mapping[str, Any], key: str, choices: tuple[Any, ...]) -> Any:
    value = written.get(key, choices[0])
    if value not in choices or type(value) is not type(choices[0]):
        shown = " or ".join(str(each).lower() for each in choices)
        raise CheckFormError(f"`{key}: {value}` must be {shown}.")
    return value


def _when(value: Any) -> Any:
    """``after publish`` is ``after``."""
    return re.sub(r"\s+publish(ing)?\Z", "", value.strip()) if isinstance(value, str) else value


def _sample(value: Any) -> float | int:
    if value is None:
        return 0
    if isinstance(value, str) and (match := _ROWS.match(value.strip())):
        value = int(match[1])
    if isinstance(value, str) and value.strip().endswith("%"):
        value = read_value(value, "sample")
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 or (value > 1 and value % 1):
        raise CheckFormError(f"`sample: {value}` must be a share such as 10%, or a number of rows.")
    return 0 if value == 1.0 and isinstance(value, float) else value
