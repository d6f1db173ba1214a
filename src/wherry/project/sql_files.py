"""tables/**/*.sql, checks/*.sql and functions/*.sql."""

import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any

from wherry.model.asset import Asset
from wherry.model.finding import Finding
from wherry.model.graph import Function, SqlCheck
from wherry.project.bounds_form import CheckFormError
from wherry.project.cache import Cache, digest
from wherry.project.draft import Draft, Drafts
from wherry.project.header import Header, read_header
from wherry.project.levels_form import read_levels
from wherry.project.located import Located
from wherry.project.table_keys import HEADER_KEYS, TableKeys
from wherry.sql.place import place_of_character
from wherry.sql.statement import Parser, SqlError, Statement, lead

CHECK_KEYS = ("about", "owner", "severity", "warn", "error")
_MACRO = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:macro|function)\s+(?:if\s+not\s+exists\s+)?"
    r"(\"(?:[^\"]|\"\")+\"|[A-Za-z_][\w.]*)\s*\(",
    re.IGNORECASE,
)
#: What looks like it, though one of its words may be misspelt.
_DEFINES = re.compile(
    r"(?:\b(?:macro|function)|\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?\w+)\s+(?:if\s+not\s+exists\s+)?"
    r"(\"(?:[^\"]|\"\")+\"|[A-Za-z_][\w.]*)\s*\(",
    re.IGNORECASE,
)
#: Text in quotes and comments.
_NO_CODE = re.compile(r"'[^'\n]*'|--[^\n]*|/\*[\s\S]*?\*/")


class SqlFiles:
    """Reads SQL files, each text once as long as the cache remembers it."""

    def __init__(self, cache: Cache, drafts: Drafts) -> None:
        self._cache, self._drafts, self._parser = cache, drafts, Parser()

    def table(self, name: str, file: str, text: str) -> None:
        """A table: its header says how, its SELECT says what."""
        before = len(self._drafts.findings)
        header = self._header(text, file, HEADER_KEYS)
        reader = TableKeys(located=header.keys, file=file, custom=self._drafts.custom)
        reader.unknown(header.keys.value, HEADER_KEYS)
        fields = reader.read(header.keys.value)
        self._drafts.findings.extend(reader.findings)
        fields.setdefault("about", header.about)
        asset = Asset(name=name, kind="sql", file=file, text=text, **fields).held_by(self._drafts.findings[before:])
        statement = self._statement(text, file)
        if statement is not None:
            asset = replace(asset, files=statement.files)
        # Which parameters it may have, and which columns it comes to have, is for its build word to say.
        sound = statement is not None and not asset.held and self._check_parameters(asset, statement)
        asset = asset.held_by(self._drafts.findings[before:])
        self._drafts.assets.append(Draft(asset=asset, statement=statement, sound=sound))

    def check(self, file: str, text: str, *, name: str = "", severity: str = "") -> None:
        """A check: a SELECT of bad rows. ``name`` and ``severity`` are those of a file that says them elsewhere."""
        header = self._header(text, file, CHECK_KEYS)
        keys = header.keys.value
        reader = TableKeys(located=header.keys, file=file, custom=self._drafts.custom)
        reader.unknown(keys, CHECK_KEYS)
        severity = keys.get("severity", severity or "error")
        if severity not in ("error", "warn"):
            reader.problem("bad-value", "severity", f"`severity: {severity}` must be error or warn.")
        levels: dict[str, dict[str, Any]] = {}
        try:
            levels = read_levels(keys, "sql", counts=True)
            if any("share" in must for must in levels.values()):
                raise CheckFormError(
                    "A file of SQL returns bad rows, and does not say of how many.", "Write `10 rows`."
                )
        except CheckFormError as error:
            reader.problem("bad-value", next(key for key in ("error", "warn") if key in keys), str(error), error.hint)
        self._drafts.findings.extend(reader.findings)
        statement = self._statement(text, file)
        check = SqlCheck(
            name=name or PurePosixPath(file).stem,
            file=file,
            text=text,
            about=str(keys.get("about") or header.about),
            owner=str(keys.get("owner") or ""),
            severity=severity,
            levels=levels,
        )
        self._drafts.checks.append(Draft(check=check, statement=statement))

    def functions(self, file: str, text: str) -> None:
        """SQL macros: CREATE MACRO name(parameters) AS expression, or AS TABLE query."""
        key = "functions:" + digest(text)
        stored = self._cache.get(key)
        if stored is None:
            stored = self._read_functions(text)
            self._cache.put(key, stored)
        self._lost(file, stored["findings"])
        for function in stored["functions"]:
            lists = {name: tuple(function[name]) for name in ("tables", "calls")}
            self._drafts.functions.append(Function(**{**function, **lists, "file": file}))

    def lost_functions(self, file: str, finding: Finding, text: str) -> None:
        """A file of macros that cannot be read: those that it names are not understood; any, when it names none."""
        self._lost(file, [{**asdict(finding), "names": _names(text)}])

    def _lost(self, file: str, stored: Iterable[dict[str, Any]]) -> None:
        for each in stored:
            finding = Finding(**{**{key: value for key, value in each.items() if key != "names"}, "file": file})
            self._drafts.findings.append(finding)
            for name in each["names"]:
                self._drafts.broken.setdefault(name, []).append(finding)

    def _header(self, text: str, file: str, known: tuple[str, ...]) -> Header:
        if not text.startswith("--"):
            return Header(about="", keys=Located(value={}))
        key = "header:" + digest(file, text)
        stored = self._cache.get(key)
        if stored is None:
            header = read_header(text, file=file, known=known)
            stored = {
                "about": header.about,
                "value": header.keys.value,
                "places": dict(header.keys.places),
                "findings": [asdict(finding) for finding in header.keys.findings],
            }
            self._cache.put(key, stored)
        self._drafts.findings.extend(Finding(**finding) for finding in stored["findings"])
        return Header(about=stored["about"], keys=Located(value=stored["value"], places=stored["places"]))

    def _statement(self, text: str, file: str) -> Statement | None:
        key = "sql:" + digest(text)
        stored = self._cache.get(key)
        if stored is None:
            try:
                stored = self._parser.read(text).to_json()
            except SqlError as error:
                stored = {"error": str(error), "line": error.line, "column": error.column}
            self._cache.put(key, stored)
        if "error" not in stored:
            return Statement.from_json(stored)
        self._drafts.findings.append(
            Finding(
                code="not-sql",
                message=f"This SQL does not parse: {stored['error']}.",
                hint="A file is one SELECT as DuckDB reads it.",
                file=file,
                line=stored["line"],
                column=stored["column"],
            )
        )
        return None

    def _check_parameters(self, asset: Asset, statement: Statement) -> bool:
        """Whether every parameter is given a value; a finding for each that is not."""
        allowed = ("start", "end") if asset.build.word == "incremental" else ()
        unknown = [name for name in statement.parameters if name not in allowed]
        for name in unknown:
            line, column = _parameter_place(asset.text, name)
            hint = "`$start` and `$end` go with `build: incremental by <column>`; there are no others."
            self._drafts.findings.append(
                Finding(
                    code="unknown-parameter",
                    message=f"Nothing gives `${name}` a value.",
                    hint=hint,
                    file=asset.file,
                    line=line,
                    column=column,
                )
            )
        return not unknown

    def _read_functions(self, text: str) -> dict[str, Any]:
        functions: list[dict[str, Any]] = []
        findings: list[dict[str, Any]] = []
        try:
            statements = self._parser.split(text)
        except SqlError as error:
            return {
                "functions": [],
                "findings": [_broken(_names(text), f"This SQL does not parse: {error}.", error.line, error.column)],
            }
        at = 0
        for statement in statements:
            found = text.find(statement, at)
            at = (found if found >= 0 else at) + len(statement)
            body = statement[lead(statement) :]
            line = text.count("\n", 0, max(found, 0)) + statement[: lead(statement)].count("\n") + 1
            try:
                functions.append({**self._macro(body), "line": line, "text": body})
            except SqlError as error:
                findings.append(_broken(_names(body), str(error), line))
        return {"functions": functions, "findings": findings}

    def _macro(self, text: str) -> dict[str, Any]:
        match = _MACRO.match(text)
        if match is None:
            raise SqlError("Only CREATE MACRO name(...) AS ... goes into functions/.")
        close = _closing(text, match.end() - 1)
        rest = re.match(r"\s*as\s+(table\b)?", text[close + 1 :], re.IGNORECASE)
        if rest is None:
            raise SqlError("A macro needs AS after its parameters.")
        body = text[close + 1 + rest.end() :].rstrip().rstrip(";")
        try:
            statement = self._parser.read(body if rest[1] else f"SELECT ({body})")
        except SqlError as error:
            raise SqlError(f"The macro's body does not parse: {error}.") from None
        parameters = re.sub(r"\s+", " ", text[match.end() : close]).strip()
        return {
            "name": match[1].strip('"').lower(),
            "tables": [reference.full_name for reference in statement.tables],
            "calls": list(statement.calls),
            "meaning": digest(match[1].lower(), parameters, statement.meaning, str(bool(rest[1]))),
        }


def _broken(names: list[str], message: str, line: int, column: int = 1) -> dict[str, Any]:
    hint = "A file in functions/ holds macros: CREATE MACRO name(parameters) AS expression;"
    return {"code": "not-sql", "message": message, "hint": hint, "line": line, "column": column, "names": names}


def _names(text: str) -> list[str]:
    """The functions that a text seems to define which is not understood, lower case; "" where a statement of it names
    none, and may define any."""
    pieces = [piece for piece in _NO_CODE.sub(" ", text).split(";") if piece.strip()]
    found = [{match[1].strip('"').lower() for match in _DEFINES.finditer(piece)} for piece in pieces]
    return sorted(set().union(*found) | ({""} if not all(found) or not found else set()))


def _parameter_place(sql: str, name: str) -> tuple[int, int]:
    """Where a parameter first stands; DuckDB's tree does not say. One without a name (`?`) goes by its number."""
    start = lead(sql)
    found = re.compile(rf"\${name}\b|\?").search(sql, start)
    return place_of_character(sql, found.start() if found else start)


def _closing(text: str, opening: int) -> int:
    """Index of the bracket that closes the one at ``opening``; quotes are skipped."""
    depth, quote = 0, ""
    for index in range(opening, len(text)):
        letter = text[index]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
            if not depth:
                return index
    raise SqlError("A bracket is not closed.")
