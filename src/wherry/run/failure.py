"""What an exception means to a person: findings, and who is at fault."""

from __future__ import annotations

import re
from dataclasses import replace

from wherry.errors import DiskFull, WherryError
from wherry.model.asset import Asset
from wherry.model.finding import Finding

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
#: The lake's own words in what DuckDB says when it could not read a table, and when a commit was refused.
_READ = re.compile(r'returned response code \w+ with message "(.*)"', re.DOTALL)
_COMMIT = re.compile(r"returned a non-200 status code.*?^ *message: (.*?)$", re.DOTALL | re.MULTILINE)


def explain(error: BaseException, asset: Asset) -> tuple[tuple[Finding, ...], int]:
    """Findings that say where in the asset's file, and the exit code of whoever is at fault."""
    from wherry import duckdb

    if not isinstance(error, WherryError) and DiskFull.told_by(error):
        error = DiskFull()
    if isinstance(error, WherryError):
        return tuple(placed(finding, asset) for finding in error.findings), error.exit_code
    text = str(error).strip()
    if isinstance(error, duckdb.Error):
        if refused := told_by_lake(text):
            return (placed(Finding(code="lake", message=refused, hint="The table is as it was."), asset),), 1
        binding = isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException)
        finding = Finding(
            code="sql-failed",
            message=text.partition("\n")[0],
            hint=_hint(text) or "The table is as it was.",
            line=_line(text, asset),
        )
        return (placed(finding, asset),), 2 if binding else 1
    if isinstance(error, OSError):
        message = f"{error.strerror or text}{': ' + str(error.filename) if error.filename else ''}."
        return (placed(Finding(code="io", message=message, hint="The table is as it was."), asset),), 1
    message = f"{type(error).__name__}: {text.partition(chr(10))[0]}"
    hint = "This is a defect of wherry; the table is as it was. WHERRY_TRACE=1 prints where it happened."
    return (placed(Finding(code="internal", message=message, hint=hint), asset),), 3


def told_by_lake(text: str) -> str:
    """What the lake itself said in an error of DuckDB's, as a sentence; empty when it is not the lake's."""
    found = _READ.search(text) or _COMMIT.search(text)
    if found is None:
        return ""
    said = found[1].strip().rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."


def placed(finding: Finding, asset: Asset) -> Finding:
    line = finding.line if finding.file else finding.line or asset.line
    rows = asset.text.split("\n")
    source_line = finding.source_line or (
        rows[line - 1] if not finding.file and 0 < line <= len(rows) and asset.text else ""
    )
    return replace(finding, file=finding.file or asset.file, line=line, source_line=source_line)


def _line(text: str, asset: Asset) -> int:
    match = _LINE.search(text)
    return int(match[1]) if match and int(match[1]) <= asset.text.count("\n") + 1 and asset.kind == "sql" else 0


def _hint(text: str) -> str:
    for row in text.splitlines():
        if row.startswith(("Candidate bindings:", "Did you mean")):
            return row
    return ""
