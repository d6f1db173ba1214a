"""Checks as importers make them: what a tool's file says, in the kinds of ``wherry.checks``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from wherry.imports.threshold import Threshold
from wherry.model.asset import Check
from wherry.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What all checks made from one place of a file have in common."""

    file: str
    line: int
    #: What people read of the check; empty: each kind says its own words.
    text: str = ""
    severity: Literal["error", "warn"] = "error"
    #: SQL condition: only these rows are looked at.
    where: str = ""
    mostly: float = 1.0
    most: int | None = None

    def check(
        self, kind: str, arguments: Mapping[str, Any], text: str, *, column: str = "", columns: Sequence[str] = ()
    ) -> Check:
        return Check(
            kind=kind,
            column=column,
            columns=tuple(columns),
            arguments=dict(arguments),
            text=self.text or text,
            severity=self.severity,
            where=self.where,
            mostly=self.mostly,
            most=self.most,
            file=self.file,
            line=self.line,
        )

    def tolerating(self, threshold: Threshold, *, percent: bool) -> Making | None:
        """This with as many bad rows allowed as the bound on their number says; None when it says something else."""
        if percent:
            bound = threshold.at_most()
            return None if bound is None or not 0 <= bound <= 100 else replace(self, mostly=_share(bound))
        rows = threshold.rows_at_most()
        return None if rows is None else replace(self, most=rows or None)

    # Of one column.

    def not_null(self, column: str) -> Check:
        return self.check("not_null", {}, "not_null", column=column)

    def unique(self, columns: Sequence[str]) -> Check:
        one = columns[0] if len(columns) == 1 else ""
        return self.check(
            "unique", {"columns": list(columns)}, "unique" if one else f"unique [{', '.join(columns)}]", column=one
        )

    def one_of(self, column: str, values: Sequence[Any]) -> Check:
        return self.check("in", {"values": list(values)}, f"in [{', '.join(map(str, values))}]", column=column)

    def matches(self, column: str, pattern: str) -> Check:
        return self.check("matches", {"pattern": pattern}, f'matches "{pattern}"', column=column)

    def compare(self, column: str, operator: str, sql: str) -> Check:
        return self.check("compare", {"operator": operator, "value": sql}, f"{operator} {sql}", column=column)

    def length(self, column: str, low: int | None, high: int | None) -> Check:
        bounds = {key: value for key, value in (("low", low), ("high", high)) if value is not None}
        shown = f"between {low} and {high}" if len(bounds) == 2 else f">= {low}" if high is None else f"<= {high}"
        return self.check("length", bounds, f"length {shown}", column=column)

    def format(self, column: str, form: str) -> Check:
        return self.check("format", {"format": form}, f"format {form}", column=column)

    def refers(self, columns: Sequence[str], table: str, others: Sequence[str]) -> Check:
        if len(columns) == 1:
            return self.check(
                "refers", {"table": table, "columns": list(others)}, f"refers to {table}.{others[0]}", column=columns[0]
            )
        shown = f"[{', '.join(columns)}] refers to {table} [{', '.join(others)}]"
        return self.check("refers", {"table": table, "columns": list(others)}, shown, columns=columns)

    # Of the row, and of the table.

    def condition(self, sql: str, text: str = "", *, column: str = "") -> Check:
        return self.check("condition", {"sql": sql}, text or sql, column=column)

    def not_bad(self, bad: str, text: str, *, column: str = "") -> Check:
        """No row may be ``bad``, a condition; null is not bad."""
        return self.condition(f"NOT coalesce({bad}, false)", text, column=column)

    def counted(self, bad: str, threshold: Threshold, what: str, *, percent: bool, column: str = "") -> Check:
        """How many rows, or percent of them, are ``bad``, a condition, is within the bound."""
        tolerant = self.tolerating(threshold, percent=percent)
        shown = f"{what} {threshold}{'%' if percent else ''}"
        if tolerant is not None:
            return tolerant.not_bad(bad, shown, column=column)
        count = f"count(CASE WHEN {bad} THEN 1 END)"
        measured = f"coalesce(100.0 * {count} / nullif(count(*), 0), 0)" if percent else count
        return self.aggregate(measured, threshold, shown, column=column)

    def aggregate(self, sql: str, threshold: Threshold, text: str, *, column: str = "", empty: bool = False) -> Check:
        """A SQL aggregate of the rows is within the bound; no value is not, unless ``empty`` lets it pass."""
        if empty:
            sql = f"coalesce({sql}, {threshold.inside()})"
        if threshold.operator == "not between":
            arguments: dict[str, Any] = {"sql": f"({threshold.holds(sql)})", "operator": "=", "value": True}
        else:
            arguments = {"sql": sql, **threshold.arguments()}
        return self.check("aggregate", arguments, text, column=column)

    def rows(self, threshold: Threshold, text: str = "") -> Check:
        if threshold.operator == "not between":
            return self.aggregate("count(*)", threshold, text or f"rows {threshold}")
        return self.check("rows", threshold.arguments(), text or f"rows {threshold}")

    def query(self, sql: str, text: str, *, tables: Sequence[str] = (), column: str = "") -> Check:
        """A SELECT of bad rows, with ``{table}`` where the rows of the table go."""
        return self.check("sql", {"sql": sql, **({"tables": list(tables)} if tables else {})}, text, column=column)

    def number(self, select: str, threshold: Threshold, text: str, *, column: str = "", empty: bool = False) -> Check:
        """A SELECT of one number is within the bound; no value is not, unless ``empty`` lets it pass."""
        verdict = f"({threshold.holds('found')}) {'IS FALSE' if empty else 'IS NOT TRUE'}"
        return self.query(f"SELECT * FROM ({select}) AS measured(found) WHERE {verdict}", text, column=column)


def _share(percent: float) -> float:
    """The share of rows that must pass when so many percent may fail."""
    from fractions import Fraction

    return float(1 - Fraction(str(percent)) / 100)
