"""Names and types of every table's columns, without running anything: DuckDB binds each statement to empty tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from wherry.model.asset import Asset, Column
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.quoting import full_name, name, text
from wherry.sql.place import place

#: Columns that ``history on`` adds to those of its statement.
HISTORY_COLUMNS = (("valid_from", "TIMESTAMP"), ("valid_to", "TIMESTAMP"), ("is_current", "BOOLEAN"))


class Memory(Protocol):
    """What keeps JSON values by key."""

    def get(self, key: str) -> Any | None: ...
    def put(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class BindError(Exception):
    """DuckDB refuses a statement."""

    code: str
    message: str
    hint: str
    line: int
    column: int


class Binder:
    """A scratch database with an empty table for every table whose columns are known."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._connection = duckdb.connect(":memory:", config={"threads": 1, "autoinstall_known_extensions": False})
        self._connection.execute("SET errors_as_json = true")
        self._connection.execute(f"SET file_search_path = {text(str(folder))}")
        self._made: set[str] = set()

    def close(self) -> None:
        self._connection.close()

    def table(self, asset: Asset) -> None:
        """Make the empty table of a bound asset, once."""
        key = asset.name.lower()
        if key in self._made:
            return
        self._made.add(key)
        schema = name(asset.name.partition(".")[0])
        columns = ", ".join(f"{name(column.name)} {column.type}" for column in asset.columns)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        self._connection.execute(f"CREATE TABLE {full_name(asset.name)} ({columns})")

    def function(self, key: str, create: str) -> None:
        """Make a SQL macro, once. Raises ``BindError``."""
        if f"function {key}" not in self._made:
            self.columns(create, describe=False)
            self._made.add(f"function {key}")

    def columns(self, sql: str, *, parameters: Sequence[str] = (), describe: bool = True) -> list[tuple[str, str]]:
        """Names and types of what ``sql`` returns. Raises ``BindError`` with the place in ``sql``."""
        import duckdb

        lead = "DESCRIBE\n" if describe else ""
        values = {parameter: datetime(2000, 1, 1) for parameter in parameters}
        try:
            rows = self._connection.execute(lead + sql, values or None).fetchall()
        except duckdb.Error as error:
            raise _bind_error(str(error), lead + sql, 1 if describe else 0) from None
        return [(str(row[0]), str(row[1])) for row in rows] if describe else []


def _bind_error(raised: str, sql: str, lines_before: int) -> BindError:
    _, _, body = raised.partition("{")
    try:
        details = json.loads("{" + body)
    except ValueError:
        details = {"exception_message": raised}
    message = str(details.get("exception_message") or raised)
    first, _, rest = message.partition("\n")
    line, column = place(sql, int(details["position"])) if "position" in details else (lines_before + 1, 1)
    subtype = str(details.get("error_subtype") or "")
    code = {"COLUMN_NOT_FOUND": "unknown-column", "MISSING_ENTRY": "unknown-function"}.get(subtype, "does-not-bind")
    hint = ""
    if candidates := str(details.get("candidates") or ""):
        best = candidates.split(",")[0].strip().strip('"')
        hint = f"Did you mean `{best}`?"
    elif "Did you mean" in rest:
        hint = rest.strip().splitlines()[0]
    if code == "unknown-column":
        first = f"There is no column `{details.get('name', '')}` in what it reads."
    return BindError(code, first.strip(), hint, line - lines_before, column)


def bind(
    graph: Graph,
    *,
    folder: Path,
    known: Mapping[str, Sequence[tuple[str, str]]],
    storable: Callable[[str], str],
    memory: Memory,
) -> Graph:
    """The graph with columns and types wherever they can be told.

    ``known`` gives the columns (name, DuckDB type) of sources and Python tables, by lower-case asset name;
    ``storable`` the type that the lake keeps a type as. What rests on a table of unknown columns stays unbound.
    Statements bound before are taken from ``memory``.
    """
    work = _Work(graph, folder, known, storable, memory)
    try:
        for key in graph.assets:
            work.asset(key)
    finally:
        work.close()
    return replace(graph, assets=work.bound, findings=(*graph.findings, *work.findings))


class _Work:
    def __init__(
        self,
        graph: Graph,
        folder: Path,
        known: Mapping[str, Sequence[tuple[str, str]]],
        storable: Callable[[str], str],
        memory: Memory,
    ) -> None:
        self.graph, self.folder, self.known, self.storable, self.memory = graph, folder, known, storable, memory
        self.bound: dict[str, Asset] = {}
        self.findings: list[Finding] = []
        self._binder: Binder | None = None

    def close(self) -> None:
        if self._binder is not None:
            self._binder.close()

    def asset(self, key: str) -> None:
        asset = self.graph.assets[key]
        columns: Sequence[tuple[str, str]] | None
        columns = self._sql_columns(asset) if asset.kind == "sql" else self.known.get(key)
        if columns is None:
            self.bound[key] = asset
            return
        if asset.build.word == "history" and asset.kind == "sql":
            columns = [*columns, *HISTORY_COLUMNS]
        declared = {column.name.lower(): column for column in asset.columns}
        kept = self.storable if asset.build.word != "view" else (lambda kind: "")
        self.bound[key] = replace(
            asset,
            bound=True,
            columns=tuple(
                replace(declared.get(column.lower(), Column(name=column)), name=column, type=kept(kind) or kind)
                for column, kind in columns
            ),
        )
        self._expect_columns(asset, {column.lower(): column for column, _ in columns})

    def _sql_columns(self, asset: Asset) -> list[tuple[str, str]] | None:
        inputs = [self.bound[name.lower()] for name in asset.inputs]
        if not asset.meaning or not all(each.bound for each in inputs):
            return None
        signature = json.dumps(
            [asset.text, [self.graph.functions[f].meaning for f in asset.functions]]
            + [[each.name.lower(), [(c.name, c.type) for c in each.columns]] for each in inputs]
        )
        key = "bind:" + blake2b(signature.encode(), digest_size=16).hexdigest()
        stored = None if asset.files else self.memory.get(key)
        if stored is None:
            stored = self._bind(asset, inputs)
            if not asset.files:
                self.memory.put(key, stored)
        if "error" in stored:
            self.findings.append(Finding(file=asset.file, **stored["error"]))
            return None
        return [(column, kind) for column, kind in stored["columns"]]

    def _bind(self, asset: Asset, inputs: Sequence[Asset]) -> dict[str, Any]:
        if self._binder is None:
            self._binder = Binder(self.folder)
        for each in inputs:
            self._binder.table(each)
        parameters = [p for p in ("start", "end") if f"${p}" in asset.text] if asset.build.word == "incremental" else []
        try:
            for function in asset.functions:
                self._binder.function(function, self.graph.functions[function].text)
            return {"columns": self._binder.columns(asset.text, parameters=parameters)}
        except BindError as error:
            fields = {"code": error.code, "message": error.message, "hint": error.hint}
            return {"error": {**fields, "line": error.line, "column": error.column}}

    def _expect_columns(self, asset: Asset, columns: Mapping[str, str]) -> None:
        """A finding for every column that is spoken of and not there."""
        spoken = [(column.name, "columns") for column in asset.columns]
        spoken += [(column, "build") for column in asset.build.columns]
        spoken += [(column, "checks") for check in asset.checks for column in check.arguments.get("columns", ())]
        for column in dict.fromkeys(each for each, _ in spoken if each.lower() not in columns):
            line = next((n for n, row in enumerate(asset.text.split("\n"), 1) if column in row), asset.line)
            close = [real for low, real in columns.items() if low[:3] == column.lower()[:3]]
            hint = f"Did you mean `{close[0]}`?" if close else f"Its columns are: {', '.join(columns.values())}."
            message = f"`{asset.name}` has no column `{column}`."
            self.findings.append(
                Finding(code="unknown-column", message=message, hint=hint, file=asset.file, line=line, column=1)
            )
