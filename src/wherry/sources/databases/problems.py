"""What can be wrong with a database's tables, told so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.errors import SourceError
from wherry.model.finding import Finding, Severity

if TYPE_CHECKING:
    from wherry.sources.databases.look import Look


def problem(code: str, message: str, hint: str = "") -> SourceError:
    """A SourceError with one finding."""
    return SourceError(findings=[Finding(code=code, message=message, hint=hint)])


def warning(code: str, message: str, hint: str = "") -> Finding:
    return Finding(code=code, message=message, hint=hint, severity=WARNING)


WARNING: Severity = "warning"


def no_column(table: str, column: str, named_by: str, there: Iterable[str]) -> SourceError:
    """``column``, which the option ``named_by`` names, is not in the table."""
    message = f"`{table}` has no column `{column}`, which `{named_by}` names."
    return problem("unknown-column", message, nearest(column, there))


def no_table(wanted: str, place: str, there: Iterable[str]) -> SourceError:
    """The table is not in ``place``, or may not be seen."""
    message = f"There is no table `{wanted}` in {place} that this user may read."
    return problem("no-table", message, nearest(wanted.rpartition(".")[2], there))


def nearest(name: str, there: Iterable[str]) -> str:
    """The nearest of the names there are, or all of them."""
    from difflib import get_close_matches

    names = list(there)
    close = get_close_matches(name, names, n=1) or [each for each in names if each.lower() == name.lower()]
    return f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(names[:20])}." if names else ""


def standing(error: SourceError, where: str) -> SourceError:
    """The same error, also saying what was kept."""
    error.findings = tuple(_standing(finding, where) for finding in error.findings)
    return error


@contextmanager
def telling(look: Look, where: str) -> Iterator[None]:
    """Errors of the driver in plain words, also saying what was kept."""
    try:
        yield
    except Exception as error:
        known = error if isinstance(error, SourceError) else look.explain(error)
        if known is None:
            raise
        raise standing(known, where) from None


def _standing(finding: Finding, where: str) -> Finding:
    if " kept" in finding.message or " stands " in finding.message:
        return finding
    return replace(finding, message=f"{finding.message.rstrip('.')}. {where}")
