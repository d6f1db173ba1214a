"""Bind what was read from other tools' files to the project's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wherry.imports import Imported
from wherry.imports.names import Names
from wherry.model.asset import Asset, Check
from wherry.model.column_pattern import is_open
from wherry.model.finding import Finding, Severity
from wherry.model.graph import Graph
from wherry.project.check_form import refused
from wherry.project.nearest import did_you_mean
from wherry.quoting import full_name
from wherry.sql.renaming import rename_tables
from wherry.sql.statement import SqlError

#: Stands in SQL for the first of the other tables that a check reads, under whatever name its tool has for it.
OTHER = "{other}"
#: Stands for the rows of a check's own table while its SQL is read.
_OWN = "__wherry_rows"


def attach(graph: Graph, imported: Iterable[Imported], file: str) -> Graph:
    """The graph with the checks of a file on its tables, and a finding for what has no table."""
    names = Names(graph.assets.values())
    assets = dict(graph.assets)
    findings: list[Finding] = []
    for each in imported:
        mistakes = [finding for finding in each.findings if _is_mistake(finding)] if each.table else []
        others = [finding for finding in each.findings if finding not in mistakes]
        findings.extend(others)
        if not each.checks and not mistakes:
            continue
        tables = names.find(each.table) if each.table else ()
        if not tables or (len(tables) > 1 and not any(mark in each.table for mark in "%*")):
            findings += [*(replace(mistake, severity="warning") for mistake in mistakes)]
            findings.append(_no_table(each, tables, names, file))
            continue
        # What was to be promised is not: in its place stands a check that fails.
        findings += [*(replace(mistake, code="bad-check") for mistake in mistakes)]
        stand = [refused(_shown(each), each.message, file=each.file, line=each.line) for each in mistakes]
        for table in tables:
            asset = assets[table.lower()]
            checks, wrong = bind_checks(asset, each.checks, names)
            assets[table.lower()] = replace(asset, checks=(*asset.checks, *checks, *stand))
            findings.extend(wrong)
    return replace(graph, assets=assets, findings=(*graph.findings, *findings))


def _is_mistake(finding: Finding) -> bool:
    """Whether a part of a file is none that its own tool knows."""
    return finding.code == "not-imported" and finding.severity == "error"


def _shown(finding: Finding) -> str:
    """What people read of a check that a finding is about: what it quotes first."""
    return finding.message.split("`")[1] if finding.message.count("`") > 1 else finding.file


def bind_checks(
    asset: Asset, checks: Iterable[Check], names: Names, others: Mapping[str, str] | None = None
) -> tuple[list[Check], list[Finding]]:
    """The checks with the project's names of tables, and a finding for each that names what is not there."""
    bound: list[Check] = []
    findings: list[Finding] = []
    for check in checks:
        problems = list(_missing_columns(asset, check))
        if not problems:
            try:
                bound.append(bind_check(check, names, others, asset.name))
                continue
            except LookupError as missing:
                message = f"The check `{check.text}` reads a table `{missing.args[0]}`, and the project has none."
                hint = names.near(str(missing.args[0]))
                problems.append(_finding(check, "bad-check", message, hint))
        findings.extend(problems)
        bound.append(refused(check.text, problems[0].message, file=check.file, line=check.line))
    return bound, findings


def _missing_columns(asset: Asset, check: Check) -> Iterator[Finding]:
    if not asset.bound or is_open(check):
        return
    columns = [column.name for column in asset.columns]
    lower = {column.lower() for column in columns}
    named = (check.column, *(check.arguments.get("columns", ()) if check.kind == "unique" else ()))
    for column in dict.fromkeys(each for each in named if each):
        if column.lower() not in lower:
            message = f"`{asset.name}` has no column `{column}`, which the check `{check.text}` is about."
            hint = did_you_mean(column, columns, f"Its columns are: {', '.join(columns)}.")
            yield _finding(check, "bad-check", message, hint)


def bind_check(check: Check, names: Names, others: Mapping[str, str] | None, own: str) -> Check:
    """The check with the project's names of tables. Raises ``LookupError`` with a name that the project does not have.

    ``others`` are names that count before the project's own: what a contract calls its tables.
    """
    arguments: dict[str, Any] = dict(check.arguments)

    def known(written: str) -> str:
        found = names.one(written, others)
        if not found:
            raise LookupError(written)
        return found

    if isinstance(arguments.get("table"), str):
        arguments["table"] = known(arguments["table"])
    if check.kind == "sql" and isinstance(arguments.get("sql"), str):
        read: dict[str, None] = {}
        if OTHER in arguments["sql"] and arguments.get("tables"):
            other = full_name(known(str(arguments["tables"][0])))
            arguments["sql"] = arguments["sql"].replace(OTHER, f"{other} AS there")

        def renamed(written: str) -> str:
            if written == _OWN:
                return written
            found = known(written)
            if found.lower() != own.lower():
                read[found] = None
            return full_name(found)

        try:
            sql = rename_tables(arguments["sql"].replace("{table}", _OWN), renamed).replace(_OWN, "{table}")
            arguments["sql"] = sql
            arguments.pop("tables", None)
            if read:
                arguments["tables"] = list(read)
        except SqlError:
            # What is wrong with the SQL is told where checks are bound; tables it names are still known.
            arguments["tables"] = [found for each in arguments.get("tables", ()) if (found := names.one(each, others))]
    return replace(check, arguments=arguments)


def _no_table(imported: Imported, tables: tuple[str, ...], names: Names, file: str) -> Finding:
    count = len(imported.checks) or len(imported.findings)
    what = f"{count} check{'s' if count > 1 else ''}"
    if not imported.table:
        message, hint = f"{what} of this file name no table.", "Name the table in the file."
    elif tables:
        message = f"`{imported.table}` may be {' or '.join(f'`{table}`' for table in tables)}: {what} left out."
        hint = "Write its schema before it."
    else:
        message = f"There is no table `{imported.table}`: {what} left out."
        hint = names.near(imported.table)
    first = imported.checks[0] if imported.checks else imported.findings[0]
    if imported.own:
        return _finding(first, "unknown-table", message, hint)
    return _finding(first, "not-imported", message, hint, warning=True)


def _finding(check: Check | Finding, code: str, message: str, hint: str, *, warning: bool = False) -> Finding:
    severity: Severity = "warning" if warning else "error"
    place = {"file": check.file, "line": check.line, "column": 1}
    return Finding(code=code, message=message, hint=hint, severity=severity, **place)  # type: ignore[arg-type]
