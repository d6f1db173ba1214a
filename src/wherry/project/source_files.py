"""sources/*.yml: where data comes from, one file per system."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, get_args

from wherry.model.asset import OF_PROMISES, Asset, Mode, SourceTable
from wherry.model.finding import Finding
from wherry.model.graph import Unread
from wherry.project.config import variables_in
from wherry.project.draft import Draft, Drafts
from wherry.project.located import Located, read_yaml
from wherry.project.patterns import Listings, is_pattern, matches
from wherry.project.table_keys import COMMON_KEYS, TableKeys
from wherry.project.variables import Variables

SOURCE_KEYS = ("connector", "tables", "owner", "fresh", "tags", "about", "on_schema_change")
TABLE_KEYS = ("as", "mode", "cursor", "key", "on_schema_change", *COMMON_KEYS)
SCHEMA_CHANGES = ("evolve", "freeze", "quarantine")


def read_source_file(
    file: str,
    text: str,
    variables: Variables | None,
    drafts: Drafts,
    listings: Listings | None = None,
    unlisted: Mapping[str, Unread] | None = None,
) -> None:
    """Add every table that a source file names, and what is wrong with it.

    ``${VARIABLES}`` stay as written, so that no secret enters the graph; one that is not set is a finding, unless
    ``variables`` is None. ``listings`` are the tables that patterns stand for, as far as they are known; ``unlisted``
    says why a source could not be asked for them. What is wrong with one table holds back that table; what is wrong
    with the file holds back all of its tables; where a table's name cannot be read, it may be any.
    """
    told, made = len(drafts.findings), len(drafts.assets)
    _read_tables(file, text, variables, drafts, listings, unlisted)
    concerned = {each for draft in drafts.assets[made:] if draft.asset is not None for each in draft.asset.held}
    concerned |= {each.finding for each in drafts.unread}
    # What is wrong with a file and none of the tables that are known of it.
    beside = (each for each in drafts.findings[told:] if each not in concerned and each.code not in OF_PROMISES)
    drafts.unread += [Unread(finding=each) for each in beside if each.severity == "error"]


def _read_tables(
    file: str,
    text: str,
    variables: Variables | None,
    drafts: Drafts,
    listings: Listings | None,
    unlisted: Mapping[str, Unread] | None,
) -> None:
    located = read_yaml(text, file=file)
    reader = TableKeys(located=located, file=file)
    document = located.value
    if not isinstance(document, Mapping):
        if not located.findings:
            hint = "`wherry new source URL` writes one from what is there."
            reader.problem("bad-value", "", "A source file is a mapping with `connector` and `tables`.", hint)
        drafts.tell((*located.findings, *reader.findings))
        return
    # Of a key that is given twice the first value is lost: a table's name, it may be.
    drafts.tell(located.findings)
    missing = _missing(document, text, file, variables)
    own = set(missing) & variables_in({key: value for key, value in document.items() if key != "tables"})
    if not isinstance(document.get("connector"), str):
        reader.problem(
            "missing-key", "connector", "A source file needs `connector:`.", "For example `connector: files`."
        )
    drafts.findings.extend((*missing.values(), *reader.findings))
    wrong = (*located.findings, *(missing[name] for name in sorted(own)), *reader.findings)
    reader.findings = []
    tables = document.get("tables")
    if tables and not isinstance(tables, Mapping):
        hint = "For example `tables: {orders: {as: raw.orders}}`; `wherry new source URL` writes it from what is there."
        reader.problem("bad-value", "tables", "`tables:` must be a mapping: of each table, what is wanted.", hint)
    elif not tables:
        hint = "For example `tables: {orders: {as: raw.orders}}`."
        reader.problem("missing-key", "tables", "A source file needs `tables:`, at least one.", hint)
    drafts.tell(reader.findings)
    stem = PurePosixPath(file).stem
    silent = (unlisted or {}).get(file)
    tables = tables if isinstance(tables, Mapping) else {}
    for table, written in tables.items():
        held = (*wrong, *(missing[name] for name in sorted(set(missing) & variables_in(written)) if name not in own))
        if not is_pattern(written):
            _read_table(stem, file, str(table), written, document, located, drafts, held)
        elif listings is None or stem not in listings:
            message = f"Which tables `{table}` stands for is not known yet."
            hint = "`wherry plan` and `wherry run` ask the database."
            told = _of_pattern("not-listed", message, hint, file, located.at(f"tables/{table}"))
            drafts.findings.append(told if silent is None else silent.finding)
            names = str(written["as"]).replace("{table}", "*").replace("{schema}", "*").lower()
            lost = [silent] if silent is not None else [Unread(finding=each) for each in held or (told,)]
            drafts.unread += [replace(each, names=names) for each in lost]
        else:
            if silent is not None:
                message = f"{silent.finding.message} Its tables are those of the last time that it was asked."
                drafts.findings.append(replace(silent.finding, severity="warning", message=message))
            if not any(matches(str(table), listings[stem], (), str(written["as"]))):
                there = listings[stem]
                names = ", ".join(f"`{name}`" for name in there[:10]) + (", ..." if len(there) > 10 else "")
                hint = f"There are {names}." if there else "Check what the account may read."
                message = f"`{table}` matches no table of `{stem}`."
                drafts.findings.append(_of_pattern("no-match", message, hint, file, located.at(f"tables/{table}")))
            for name, called in matches(str(table), listings[stem], map(str, tables), str(written["as"])):
                each = {**written, "as": called}
                _read_table(stem, file, name, each, document, located, drafts, held, pattern=str(table))


def _missing(document: Any, text: str, file: str, variables: Variables | None) -> dict[str, Finding]:
    """The variables that a file names and that are not set, with a finding for each."""
    found: dict[str, Finding] = {}
    if variables is None:
        return found
    for name in sorted(variables_in(document)):
        if variables.get(name) is None:
            line = next((n for n, row in enumerate(text.splitlines(), 1) if f"${{{name}}}" in row), 1)
            message, hint = f"The variable {name} is not set.", variables.hint(name)
            found[name] = Finding(code="missing-variable", message=message, hint=hint, file=file, line=line, column=1)
    return found


def _of_pattern(code: str, message: str, hint: str, file: str, place: tuple[int, int]) -> Finding:
    line, column = place
    return Finding(code=code, message=message, hint=hint, severity="warning", file=file, line=line, column=column)


def _read_table(
    stem: str,
    file: str,
    table: str,
    written: Any,
    document: Mapping[str, Any],
    located: Located,
    drafts: Drafts,
    held: Iterable[Finding],
    *,
    pattern: str = "",
) -> None:
    """Add one table, ``held`` back by what is told already; ``pattern`` is what the file says instead of its name."""
    path = f"tables/{pattern or table}"
    reader = TableKeys(located=located, file=file, path=path, custom=drafts.custom)
    keys: Mapping[str, Any] = {} if written is None else written
    if not isinstance(keys, Mapping):
        reader.problem(
            "bad-value",
            "",
            f"What is said of `{table}` must be a mapping.",
            "For example {as: raw.orders, mode: full}.",
        )
        # It may be any table: what is published of it may not look as if it were gone.
        drafts.tell(reader.findings)
        return
    only = _only(keys, reader)
    fields = reader.read({key: keys[key] for key in COMMON_KEYS if key in keys and not (key == "columns" and only)})
    for name in ("owner", "fresh"):
        if name not in fields and isinstance(document.get(name), str):
            fields[name] = document[name]
    mode = keys.get("mode", "full")
    if mode not in get_args(Mode):
        reader.problem(
            "bad-value", "mode", f"`mode: {mode}` must be full or incremental.", "Without `mode` it is full."
        )
        mode = "full"
    elif mode in ("cdc", "follow"):
        reader.problem(
            "unsupported-mode", "mode", f"`mode: {mode}` is not read by this version.", "Use full or incremental."
        )
        mode = "full"
    change = keys.get("on_schema_change", document.get("on_schema_change", "evolve"))
    if change not in SCHEMA_CHANGES:
        reader.problem(
            "bad-value", "on_schema_change", f"`on_schema_change: {change}` must be one of {', '.join(SCHEMA_CHANGES)}."
        )
        change = "evolve"
    given = keys.get("as")
    name = f"{stem}.{_plain(table)}" if given in (None, "") else str(given)
    if not isinstance(given, str | None) or name.count(".") != 1 or not all(name.split(".")):
        problem = f"`as: {name}` must read schema.table."
    elif "{" in name:
        problem = f"`as: {name}` has other words in braces than {{table}} and {{schema}}."
    else:
        problem = ""
    if problem:
        drafts.findings.extend(reader.findings)
        reader.findings = []
        reader.problem("bad-name", "as", problem, "For example `as: raw.orders`.")
        drafts.tell(reader.findings)
        return
    key = keys.get("key", ())
    line, _ = located.at(path)
    options = {k: v for k, v in document.items() if k not in SOURCE_KEYS}
    table_options = {k: v for k, v in keys.items() if k not in TABLE_KEYS}
    lines = _lines(located, "", (*options, "connector"))
    lines |= {f"table.{option}": line for option, line in _lines(located, f"{path}/", table_options).items()}
    source = SourceTable(
        source=stem,
        connector=str(document.get("connector") or ""),
        table=table,
        mode=mode,
        cursor=str(keys.get("cursor") or ""),
        key=tuple(str(k) for k in key) if isinstance(key, list) else (str(key),) if key else (),
        on_schema_change=change,
        only=only,
        options=options,
        table_options=table_options,
        option_lines=lines,
    )
    drafts.findings.extend(reader.findings)
    asset = Asset(name=name, kind="source", file=file, line=line, source=source, **fields)
    drafts.assets.append(Draft(asset=asset.held_by((*held, *reader.findings))))


def _lines(located: Located, path: str, options: Iterable[str]) -> dict[str, int]:
    """The line of each option under ``path``, and of what is inside it: ``pages``, ``pages.size``."""
    known = set(options)
    below = ((place.removeprefix(path), at) for place, at in located.places.items() if place.startswith(path))
    return {place.replace("/", "."): at[0] for place, at in below if place.split("/")[0] in known}


def _only(keys: Mapping[str, Any], reader: TableKeys) -> tuple[str, ...]:
    """The columns to load, where ``columns:`` is a list of names and not a mapping of what is said of them."""
    columns = keys.get("columns")
    if not isinstance(columns, list):
        return ()
    if not columns or any(isinstance(column, Mapping | list) or column is None for column in columns):
        reader.problem("bad-value", "columns", "`columns: [...]` must be a list of the columns' names.")
        return ()
    return tuple(str(column) for column in columns)


def _plain(table: str) -> str:
    """A table name for a file, a glob or a dotted name: ``public.orders`` is orders, ``a/b c.csv`` is b_c."""
    last = table.rstrip("/").rpartition("/")[2]
    if re.fullmatch(r"[\w$]+(\.[\w$]+)*", table) and "/" not in table and last.rpartition(".")[2] not in _ENDINGS:
        return table.rpartition(".")[2]
    while last.rpartition(".")[2].lower() in _ENDINGS:
        last = last.rpartition(".")[0]
    return re.sub(r"\W+", "_", last).strip("_") or "rows"


_ENDINGS = frozenset(("csv", "tsv", "txt", "json", "jsonl", "ndjson", "parquet", "xlsx", "gz", "zst", "dat"))
