"""Errors and findings, told on a terminal or as JSON."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from wherry.errors import DiskFull, WherryError
from wherry.model.finding import Finding


def tell(error: Exception, *, as_json: bool, trace: bool) -> int:
    """Say what went wrong; returns the exit code."""
    if not isinstance(error, WherryError) and DiskFull.told_by(error):
        error = DiskFull()
    if isinstance(error, WherryError):
        findings, code = error.findings, error.exit_code
    else:
        message = f"{type(error).__name__}: {error}"
        hint = "This is a defect of wherry. WHERRY_TRACE=1 prints where it happened."
        findings, code = (Finding(code="internal", message=message, hint=hint),), 3
    if trace:
        traceback.print_exception(error)
    if as_json:
        click.echo(json.dumps({"findings": [as_document(finding) for finding in findings]}))
    show_findings(findings)
    return code


def as_document(finding: Finding) -> dict[str, Any]:
    """A finding as ``check --json`` gives it."""
    document = asdict(finding)
    del document["source_line"]
    return document


#: Of a longer line, such as a whole file of JSON, this much is shown.
_WIDTH = 160


def _window(line: str, column: int) -> tuple[str, int]:
    """The part of a line that is shown, and where the caret stands in it (0: nowhere)."""
    if len(line) <= _WIDTH:
        return line, column
    start = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    shown = line[start : start + _WIDTH]
    before, after = "…" if start else "", "…" if start + _WIDTH < len(line) else ""
    return f"{before}{shown}{after}", column - start + len(before) if column else 0


def show_findings(findings: Iterable[Finding]) -> None:
    """Every finding on standard error: where, the line with a caret, what, what next."""
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        where = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)
        lead = f"{where}: " if where else ""
        click.echo(lead + click.style(finding.severity, fg=colour, bold=True) + f": {finding.message}", err=True)
        if finding.source_line.strip():
            number = f"{finding.line:>5} │ "
            shown, column = _window(finding.source_line.expandtabs(1), finding.column)
            click.echo(click.style(number, dim=True) + shown, err=True)
            if column:
                click.echo(" " * (len(number) + column - 1) + click.style("^", fg=colour), err=True)
        if finding.hint:
            click.echo(click.style("      → ", dim=True) + finding.hint.replace("\n", "\n        "), err=True)
