"""Two checks of one promise, one that warns and one that is an error, become one with levels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from wherry.model.asset import Check
from wherry.project.check_form import BOUNDS, is_bounded, takes_levels


def with_levels(checks: Iterable[Check]) -> list[Check]:
    """The checks made of one entry of a file; where they are an error and a warning about the same, they are one."""
    made = list(checks)
    if sorted(check.severity for check in made) != ["error", "warn"]:
        return made
    error, warn = sorted(made, key=lambda check: check.severity)
    if _bare(error) != _bare(warn) or not takes_levels(error.kind):
        return made
    return [replace(_bare(error), text=error.text, levels={"error": _must(error), "warn": _must(warn)})]


def _bare(check: Check) -> Check:
    """A check without what its severity goes by."""
    arguments = dict(check.arguments)
    if is_bounded(check.kind):
        arguments = {key: value for key, value in arguments.items() if key not in BOUNDS}
    return replace(check, severity="error", mostly=1.0, most=None, text="", arguments=arguments)


def _must(check: Check) -> dict[str, Any]:
    if is_bounded(check.kind):
        return {key: value for key, value in check.arguments.items() if key in BOUNDS}
    if check.mostly < 1:
        return {"share": "<=", "value": float(1 - Fraction(str(check.mostly)))}
    return {"rows": "<=", "value": check.most or 0}
