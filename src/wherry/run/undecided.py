"""Checks that an error kept from a verdict: each is told where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wherry.model.asset import Asset, Check
from wherry.model.finding import Finding
from wherry.project.check_form import is_refused
from wherry.run.failure import placed

if TYPE_CHECKING:
    from wherry.run.inspecting import Inspected


def newly_undecided(told: Iterable[Finding], asset: Asset, inspected: Inspected) -> list[Finding]:
    """A finding for each check without a verdict, those that were ``told`` before the run left out."""
    before = [each for each in told if each.code == "bad-check"]

    def known(check: Check) -> bool:
        here = (each.message for each in before if (each.file, each.line) == (check.file, check.line))
        return is_refused(check) or any(f"`{check.text}`" in message for message in here)

    asked = [(c, each.error) for c, each in zip(inspected.checks, inspected.results, strict=True) if each.error]
    return [undecided(check, why, asset) for check, why in asked if not known(check)]


def undecided(check: Check, error: str, asset: Asset) -> Finding:
    """Where a check stands that an error kept from a verdict."""
    what = f"{check.column}: {check.text}" if check.column else check.text
    message = f"The check `{what}` of `{asset.name}` could not be asked: {error}"
    file = "" if check.file == asset.file else check.file
    found = Finding(code="bad-check", message=message, file=file, line=check.line, column=1)
    return placed(found, asset)
