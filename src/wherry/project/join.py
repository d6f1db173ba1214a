"""Files that were read one by one become one graph: names are resolved, cycles found."""

from collections.abc import Mapping
from dataclasses import replace

from wherry.model.asset import Asset, SourceTable
from wherry.model.finding import Finding
from wherry.model.graph import Function, Graph, SqlCheck, in_order
from wherry.project.cache import digest
from wherry.project.draft import Draft, Drafts
from wherry.project.nearest import did_you_mean
from wherry.project.source_meaning import source_meaning
from wherry.sql.statement import Statement


def join(drafts: Drafts) -> Graph:
    """Resolve every reference. O(files + references)."""
    findings = list(drafts.findings)
    names = _unique({}, drafts, findings)
    functions = _functions(drafts, names, findings)
    reach = {name: _reach(name, functions) for name in functions}
    files = _sources(names)
    assets = {key: _asset(draft, names, files, functions, reach, findings) for key, draft in names.items()}
    checks = tuple(_check(draft, names, functions, reach, findings) for draft in drafts.checks if draft.check)
    for table, file, line, column in dict.fromkeys(drafts.tested):
        if table.lower() not in names:
            findings.append(_unknown_table(table, names, file, line, column))
    ordered, cycles = in_order(assets)
    for cycle in cycles:
        asset = assets[cycle[0]]
        path = " → ".join(assets[key].name for key in cycle)
        findings.append(
            Finding(
                code="cycle",
                message=f"These tables need one another: {path}.",
                hint="Take one of the references out, for example by splitting a table in two.",
                file=asset.file,
                line=asset.line,
                column=1,
            )
        )
    return Graph(
        assets=ordered, functions=functions, checks=checks, tests=tuple(drafts.tests), findings=tuple(findings)
    )


def _unique(found: dict[str, Draft], drafts: Drafts, findings: list[Finding]) -> dict[str, Draft]:
    for draft in drafts.assets:
        asset = draft.asset
        if asset is None:
            continue
        other = found.setdefault(asset.name.lower(), draft)
        if other is not draft and other.asset is not None:
            findings.append(
                Finding(
                    code="duplicate-table",
                    message=f"The table `{asset.name}` is already made by {other.asset.file}.",
                    hint="Rename or delete one of the two.",
                    file=asset.file,
                    line=asset.line,
                    column=1,
                )
            )
    return found


def _functions(drafts: Drafts, names: Mapping[str, Draft], findings: list[Finding]) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    for function in drafts.functions:
        other = functions.setdefault(function.name, function)
        if other is not function:
            findings.append(
                Finding(
                    code="duplicate-function",
                    message=f"The function `{function.name}` is already made by {other.file}.",
                    hint="Rename or delete one of the two.",
                    file=function.file,
                    line=function.line,
                    column=1,
                )
            )
        findings.extend(
            _unknown_table(table, names, function.file, function.line, 1)
            for table in function.tables
            if table.lower() not in names
        )
    return functions


def _reach(name: str, functions: Mapping[str, Function]) -> tuple[str, ...]:
    """``name`` and the project's functions it calls, through one another; callees first."""
    seen: dict[str, None] = {}

    def visit(each: str) -> None:
        if each in seen:
            return
        seen[each] = None
        for call in functions[each].calls:
            if call in functions:
                visit(call)

    visit(name)
    return tuple(reversed(seen))


def _used(statement: Statement, reach: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for call in statement.calls if call in reach for name in reach[call]))


def _sources(names: Mapping[str, Draft]) -> dict[str, dict[str, SourceTable]]:
    """For each file of a source its tables, by the names that they have there."""
    found: dict[str, dict[str, SourceTable]] = {}
    for draft in names.values():
        if draft.asset is not None and draft.asset.source is not None:
            found.setdefault(draft.asset.file, {})[draft.asset.source.table] = draft.asset.source
    return found


def _asset(
    draft: Draft,
    names: Mapping[str, Draft],
    files: Mapping[str, Mapping[str, SourceTable]],
    functions: Mapping[str, Function],
    reach: Mapping[str, tuple[str, ...]],
    findings: list[Finding],
) -> Asset:
    asset = draft.asset
    assert asset is not None
    if asset.kind == "source":
        return replace(asset, meaning=source_meaning(asset, files.get(asset.file, {})))
    if asset.kind == "python":
        inputs, _ = _resolve(list(draft.references), names, asset, findings)
        return replace(asset, inputs=inputs, meaning=digest(asset.meaning, str(asset.build)))
    if draft.statement is None:
        return asset
    inputs, used, found = _inputs(draft.statement, asset.file, names, functions, reach, asset, findings)
    if not found or not draft.sound:
        return replace(asset, inputs=inputs, functions=used)
    build = asset.build
    meaning = digest(
        draft.statement.meaning, str(build), build.grain, build.start, *(functions[name].meaning for name in used)
    )
    return replace(asset, inputs=inputs, functions=used, meaning=meaning)


def _check(
    draft: Draft,
    names: Mapping[str, Draft],
    functions: Mapping[str, Function],
    reach: Mapping[str, tuple[str, ...]],
    findings: list[Finding],
) -> SqlCheck:
    check = draft.check
    assert check is not None
    if draft.statement is None:
        return check
    inputs, used, found = _inputs(draft.statement, check.file, names, functions, reach, None, findings)
    if not found:
        return replace(check, inputs=inputs, functions=used)
    said = (check.severity, *([repr(sorted(check.levels.items()))] if check.levels else []))
    meaning = digest(draft.statement.meaning, *said, *(functions[name].meaning for name in used))
    return replace(check, inputs=inputs, functions=used, meaning=meaning)


def _inputs(
    statement: Statement,
    file: str,
    names: Mapping[str, Draft],
    functions: Mapping[str, Function],
    reach: Mapping[str, tuple[str, ...]],
    asset: Asset | None,
    findings: list[Finding],
) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The assets read, the functions used, and whether all that is read is there."""
    used = _used(statement, reach)
    references = [(reference.full_name, reference.line, reference.column) for reference in statement.tables]
    through = [table for name in used for table in functions[name].tables]
    # A table that a function reads and nobody makes is told at the function.
    references += [(table, 1, 1) for table in through if table.lower() in names]
    inputs, found = _resolve(references, names, asset or file, findings)
    return inputs, used, found and all(table.lower() in names for table in through)


def _resolve(
    references: list[tuple[str, int, int]], names: Mapping[str, Draft], reader: Asset | str, findings: list[Finding]
) -> tuple[tuple[str, ...], bool]:
    """The assets' own spelling of each reference, once each, and whether all are there; else a finding for each."""
    file = reader if isinstance(reader, str) else reader.file
    own = "" if isinstance(reader, str) else reader.name.lower()
    inputs: dict[str, None] = {}
    before = len(findings)
    for name, line, column in references:
        draft = names.get(name.lower())
        if draft is None or draft.asset is None:
            findings.append(_unknown_table(name, names, file, line, column))
        elif name.lower() == own:
            hint = "For rows that gather over time, use `build: merge on`, `history on` or `incremental by`."
            message = f"The table `{name}` reads itself: {name} → {name}."
            findings.append(Finding(code="cycle", message=message, hint=hint, file=file, line=line, column=column))
        else:
            inputs[draft.asset.name] = None
    return tuple(inputs), len(findings) == before


def _unknown_table(name: str, names: Mapping[str, Draft], file: str, line: int, column: int) -> Finding:
    choices = [draft.asset.name for draft in names.values() if draft.asset is not None]
    shown = name.removeprefix("main.")
    otherwise = f"Add tables/{name.replace('.', '/', 1)}.sql, or name it under `tables:` of a file in sources/."
    return Finding(
        code="unknown-table",
        message=f"There is no table `{shown}`.",
        hint=did_you_mean(name, choices, otherwise),
        file=file,
        line=line,
        column=column,
    )
