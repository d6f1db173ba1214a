"""Files that were read one by one become one graph: names are resolved, cycles found."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from wherry.model.asset import Asset, SourceTable
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import Function, Graph, SqlCheck, in_order
from wherry.project.cache import digest
from wherry.project.draft import Draft, Drafts
from wherry.project.nearest import did_you_mean
from wherry.project.possible import possible
from wherry.project.source_meaning import source_meaning, through
from wherry.sql.statement import Statement

_WORD = re.compile(r"[a-z_]\w*")
_CALL = re.compile(r"([a-z_]\w*)\s*\(")


def join(drafts: Drafts, published: Iterable[str] = ()) -> Graph:
    """Resolve every reference. O(files + references).

    Where a file may make tables that are not known, those that are spoken of and those that are ``published`` stand in
    the graph for it, held back.
    """
    findings = list(drafts.findings)
    names = _unique(drafts, findings)
    if drafts.unread:
        names |= possible(drafts, names, published)
    broken = {name: list(told) for name, told in drafts.broken.items()}
    functions = _functions(drafts, names, findings, broken)
    known = _Known(
        names=names,
        files=_sources(names),
        functions=functions,
        reach={name: _reach(name, functions) for name in functions},
        broken=broken,
        unread={each.finding.file: each.finding for each in drafts.unread},
        findings=findings,
    )
    assets = {key: _asset(draft, known) for key, draft in names.items()}
    checks = tuple(_check(draft, known) for draft in drafts.checks if draft.check)
    for table, file, line, column in dict.fromkeys(drafts.tested):
        if table.lower() not in names:
            findings.append(_unknown_table(table, names, file, line, column))
    ordered, cycles = in_order(assets)
    for cycle in cycles:
        asset = assets[cycle[0]]
        path = " → ".join(assets[key].name for key in cycle)
        finding = Finding(
            code="cycle",
            message=f"These tables need one another: {path}.",
            hint="Take one of the references out, for example by splitting a table in two.",
            file=asset.file,
            line=asset.line,
            column=1,
        )
        findings.append(finding)
        ordered |= {key: ordered[key].held_by([finding]) for key in cycle}
    return Graph(
        assets=ordered,
        functions=functions,
        checks=checks,
        tests=tuple(drafts.tests),
        unread=tuple(drafts.unread),
        findings=tuple(dict.fromkeys(findings)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """All that a reference may mean."""

    names: Mapping[str, Draft]
    #: For each file of a source its tables, by the names that they have there.
    files: Mapping[str, Mapping[str, SourceTable]]
    functions: Mapping[str, Function]
    #: Of each function those that it calls, through one another, and itself.
    reach: Mapping[str, tuple[str, ...]]
    #: Functions that are not understood, and why.
    broken: Mapping[str, list[Finding]]
    #: Files of which it is not known which tables they make, and why.
    unread: Mapping[str, Finding]
    #: Everything wrong so far.
    findings: list[Finding]


def _unique(drafts: Drafts, findings: list[Finding]) -> dict[str, Draft]:
    found: dict[str, Draft] = {}
    for draft in drafts.assets:
        asset = draft.asset
        if asset is None:
            continue
        other = found.setdefault(asset.name.lower(), draft)
        if other is not draft and other.asset is not None:
            finding = Finding(
                code="duplicate-table",
                message=f"The table `{asset.name}` is already made by {other.asset.file}.",
                hint="Rename or delete one of the two.",
                file=asset.file,
                line=asset.line,
                column=1,
            )
            findings.append(finding)
            # Which of the two is meant is not known: neither is made.
            both = other.asset.held_by((*asset.held, finding))
            found[asset.name.lower()] = replace(other, asset=both, sound=False)
    return found


def _functions(
    drafts: Drafts, names: Mapping[str, Draft], findings: list[Finding], broken: dict[str, list[Finding]]
) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    for function in drafts.functions:
        other = functions.setdefault(function.name, function)
        told = []
        if other is not function:
            told.append(
                Finding(
                    code="duplicate-function",
                    message=f"The function `{function.name}` is already made by {other.file}.",
                    hint="Rename or delete one of the two.",
                    file=function.file,
                    line=function.line,
                    column=1,
                )
            )
        told += [
            _unknown_table(table, names, function.file, function.line, 1)
            for table in function.tables
            if table.lower() not in names
        ]
        findings += told
        if told:
            broken.setdefault(function.name, []).extend(told)
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
        if draft.asset is not None and draft.asset.source is not None and draft.asset.source.connector:
            found.setdefault(draft.asset.file, {})[draft.asset.source.table] = draft.asset.source
    return found


def _asset(draft: Draft, known: _Known) -> Asset:
    before = len(known.findings)
    asset = _joined(draft, known)
    told = known.findings[before:]
    if broken := list(_not_understood(draft, known)):
        unknown = (
            draft.statement is not None and not known.broken.keys() & set(draft.statement.calls) <= known.reach.keys()
        )
        asset = replace(asset, meaning="") if unknown else asset  # that it is not there is told where it is made
    return asset.held_by((*told, *broken)) if told or broken else asset


def _joined(draft: Draft, known: _Known) -> Asset:
    asset = draft.asset
    assert asset is not None
    if draft.guess:
        return asset
    if asset.kind == "source":
        siblings = known.files.get(asset.file, {})
        if asset.file in known.unread and asset.source is not None and through(asset.source):
            # What the rows of another table lead to has another meaning where that one cannot be read.
            asset = asset.held_by([known.unread[asset.file]])
        return replace(asset, meaning=source_meaning(asset, siblings))
    if asset.kind == "python":
        inputs, _ = _resolve(list(draft.references), known, asset)
        return replace(asset, inputs=inputs, meaning=digest(asset.meaning, str(asset.build)))
    if draft.statement is None:
        return asset
    inputs, used, found = _inputs(draft.statement, asset.file, known, asset)
    if not found or not draft.sound:
        return replace(asset, inputs=inputs, functions=used)
    build = asset.build
    meaning = digest(
        draft.statement.meaning,
        str(build),
        build.grain,
        build.start,
        *(known.functions[name].meaning for name in used),
    )
    return replace(asset, inputs=inputs, functions=used, meaning=meaning)


def _not_understood(draft: Draft, known: _Known) -> Iterator[Finding]:
    """What is wrong with the functions that a statement, or a check of a table, calls."""
    if not known.broken:
        return
    words = set(draft.statement.calls) if draft.statement is not None else set()
    if draft.asset is not None:
        words |= {word for c in draft.asset.checks for word in _CALL.findall(f"{c.arguments} {c.where}".lower())}
    words |= {call for word in words for name in known.reach.get(word, ()) for call in known.functions[name].calls}
    if any(map(_WORD.fullmatch, words)):
        words.add("")
    for word in sorted(words & known.broken.keys()):
        yield from known.broken[word]


def _check(draft: Draft, known: _Known) -> SqlCheck:
    check = draft.check
    assert check is not None
    if draft.statement is None:
        return check
    inputs, used, found = _inputs(draft.statement, check.file, known, None)
    for broken in _not_understood(draft, known):
        message = f"It calls a function that is not understood: {broken.file}:{broken.line}: {broken.message}"
        known.findings.append(
            Finding(code="broken-function", message=message, hint=broken.hint, file=check.file, line=1, column=1)
        )
        found = False
    if not found:
        return replace(check, inputs=inputs, functions=used)
    said = (check.severity, *([repr(sorted(check.levels.items()))] if check.levels else []))
    meaning = digest(draft.statement.meaning, *said, *(known.functions[name].meaning for name in used))
    return replace(check, inputs=inputs, functions=used, meaning=meaning)


def _inputs(
    statement: Statement, file: str, known: _Known, asset: Asset | None
) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """The assets read, the functions used, and whether all that is read is there."""
    used = _used(statement, known.reach)
    references = [(reference.full_name, reference.line, reference.column) for reference in statement.tables]
    through = [table for name in used for table in known.functions[name].tables]
    # A table that a function reads and nobody makes is told at the function.
    references += [(table, 1, 1) for table in through if table.lower() in known.names]
    inputs, found = _resolve(references, known, asset or file)
    return inputs, used, found and all(table.lower() in known.names for table in through)


def _resolve(
    references: list[tuple[str, int, int]], known: _Known, reader: Asset | str
) -> tuple[tuple[str, ...], bool]:
    """The assets' own spelling of each reference, once each, and whether all are there; else a finding for each."""
    file = reader if isinstance(reader, str) else reader.file
    own = "" if isinstance(reader, str) else reader.name.lower()
    inputs: dict[str, None] = {}
    names, findings, found = known.names, known.findings, True
    for name, line, column in references:
        draft = names.get(name.lower())
        if draft is None or draft.asset is None:
            findings.append(_unknown_table(name, names, file, line, column))
            found = False
        elif name.lower() == own:
            hint = "For rows that gather over time, use `build: merge on`, `history on` or `incremental by`."
            found = False
            message = f"The table `{name}` reads itself: {name} → {name}."
            findings.append(Finding(code="cycle", message=message, hint=hint, file=file, line=line, column=column))
        else:
            inputs[draft.asset.name] = None
            if draft.guess and draft.asset.held:
                findings.append(_guessed(name, draft.asset, names, file, line, column))
    return tuple(inputs), found


def _guessed(name: str, asset: Asset, names: Mapping[str, Draft], file: str, line: int, column: int) -> Finding:
    """Nobody is known to make a table; somebody may."""
    sure = {key: draft for key, draft in names.items() if not draft.guess}
    told = _unknown_table(name, sure, file, line, column)
    end = "" if told.hint.endswith((".", "?")) else "."
    hint = f"{told.hint}{end} Or does {asset.file} make it? Which tables that makes is not known."
    return replace(told, severity="warning", hint=hint)


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
