"""Whether the columns that a check holds against one another have types that can be compared."""

from __future__ import annotations

from collections.abc import Iterator

from wherry.model.asset import Asset, Check
from wherry.model.finding import Finding, Severity

#: Beginnings of types' names -> what such values are. Those of one kind can be compared.
_KINDS = (
    (("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINY", "USMALL", "UINT", "UBIG", "UHUGE"), "a number"),
    (("DECIMAL", "FLOAT", "DOUBLE", "BOOLEAN"), "a number"),
    (("DATE", "TIMESTAMP"), "a moment"),
    (("TIME",), "a time"),
    (("VARCHAR", "JSON", "ENUM"), "text"),
    (("STRUCT", "MAP"), "a struct"),
)


def pair_findings(check: Check, asset: Asset, other: Asset) -> Iterator[Finding]:
    """A finding for each pair of columns, of a check's own table and of another, that it cannot hold together: an error
    where no value can be compared, a warning where text must first become what the other is."""
    if check.kind == "refers":
        here = check.columns or (check.column,)
        there = check.arguments.get("columns") or [check.arguments.get("column")]
    elif check.kind in ("distribution", "values_same"):
        here, there = (check.column,), [check.arguments.get("column")]
    else:
        return
    for one, two in zip(here, there, strict=False):
        a, b = _type(asset, one), _type(other, str(two))
        if not a or not b or (kind := _kind(a)) == _kind(b):
            continue
        texts = [each for each in (kind, _kind(b)) if each in ("text", "INTERVAL")]
        message = f"`{asset.name}.{one}` is {a}, and `{other.name}.{two}` is {b}"
        code = "unlike-types"
        severity: Severity = "warning"
        if texts and check.arguments.get("method") == "ks":
            message += f": the check `{check.text}` compares both as text, which has another order."
        elif "text" in texts:
            message += f": a text that is no {b if kind == 'text' else a} fails the check `{check.text}`."
        else:
            code, severity = "bad-check", "error"
            message += f": the check `{check.text}` cannot compare them."
        hint = "Cast one of them in its SELECT."
        place = {"file": check.file, "line": check.line, "column": 1}
        yield Finding(code=code, severity=severity, message=message, hint=hint, **place)  # type: ignore[arg-type]


def _type(asset: Asset, column: str) -> str:
    """The type of a column; empty where it is not known."""
    if not asset.bound:
        return ""
    return next((each.type for each in asset.columns if each.name.lower() == column.lower()), "")


def _kind(type_: str) -> str:
    if type_.endswith("]"):
        return "a list"
    found = next((kind for starts, kind in _KINDS if type_.startswith(starts)), "")
    return found or type_.partition("(")[0]
