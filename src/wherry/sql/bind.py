"""Names and types of every table's columns, without running anything: DuckDB binds each statement to empty tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from wherry.model.asset import Asset, Column
from wherry.model.finding import Finding
from wherry.model.graph import Function, Graph
from wherry.sql.binder import Binder, BindError, did_you_mean
from wherry.sql.place import place_of_character
from wherry.sql.statement import lead

#: Columns that ``history on`` adds to those of its statement.
HISTORY_COLUMNS = (("valid_from", "TIMESTAMP"), ("valid_to", "TIMESTAMP"), ("is_current", "BOOLEAN"))


class Memory(Protocol):
    """What keeps JSON values by key."""

    def get(self, key: str) -> Any | None: ...
    def put(self, key: str, value: Any) -> None: ...


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
            work.held(key)
    finally:
        work.close()
    return replace(graph, assets=work.bound, findings=(*graph.findings, *dict.fromkeys(work.findings)))


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

    def held(self, key: str) -> None:
        """A table, held back where something is wrong with its columns."""
        before = len(self.findings)
        self.asset(key)
        if len(self.findings) > before:
            self.bound[key] = self.bound[key].held_by(self.findings[before:])

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
        bound = replace(
            asset,
            bound=True,
            columns=tuple(
                replace(declared.get(column.lower(), Column(name=column)), name=column, type=kept(kind) or kind)
                for column, kind in columns
            ),
        )
        self._expect_columns(asset, [column for column, _ in columns])
        self._expect_moments(bound)
        self.bound[key] = bound if self._can_be_made(bound) else asset

    def _sql_columns(self, asset: Asset) -> list[tuple[str, str]] | None:
        # An input that is part of a cycle comes later than its reader.
        inputs = [self.bound.get(name.lower(), asset) for name in asset.inputs]
        if not asset.meaning or not all(each.bound for each in inputs):
            return None
        functions = [self.graph.functions[name] for name in asset.functions]
        signature = json.dumps(
            [asset.file, asset.text, [(function.text, function.file, function.line) for function in functions]]
            + [[each.name.lower(), [(c.name, c.type) for c in each.columns]] for each in inputs]
        )
        stored = None if asset.files else self._recall("bind:", signature)
        if stored is None:
            stored = self._bind(asset, inputs, functions)
            if not asset.files:
                self._keep("bind:", signature, stored)
        if "error" in stored:
            self.findings.append(Finding(**stored["error"]))
            return None
        return [(column, kind) for column, kind in stored["columns"]]

    def _recall(self, kind: str, signature: str) -> Any:
        return self.memory.get(kind + blake2b(signature.encode(), digest_size=16).hexdigest())

    def _keep(self, kind: str, signature: str, value: Any) -> None:
        self.memory.put(kind + blake2b(signature.encode(), digest_size=16).hexdigest(), value)

    def _ready(self) -> Binder:
        if self._binder is None:
            self._binder = Binder(self.folder)
        return self._binder

    def _bind(self, asset: Asset, inputs: Sequence[Asset], functions: Sequence[Function]) -> dict[str, Any]:
        binder, file, line = self._ready(), asset.file, 1
        try:
            for each in inputs:
                binder.table(each)
            for function in functions:
                file, line = function.file, function.line
                binder.function(function.name, function.text)
            file, line = asset.file, 1
            return {"columns": binder.columns(asset.text)}
        except BindError as error:
            hint = error.hint
            if error.name and not hint and file == asset.file:
                columns = list(dict.fromkeys(column.name for each in inputs for column in each.columns))
                hint = did_you_mean(error.name, columns, f"There are: {', '.join(columns)}.")
            fields = {"code": error.code, "message": error.message, "hint": hint, "file": file}
            return {"error": {**fields, "line": line + error.line - 1, "column": error.column}}

    def _can_be_made(self, asset: Asset) -> bool:
        """Whether a table can have these columns; a finding for each that it cannot have."""
        first: dict[str, str] = {}
        for column in asset.columns:
            if column.name.lower() in first:
                message = f"`{asset.name}` returns the column `{column.name}` twice."
                hint = "Give one of them another name; upper and lower case are the same."
                if asset.build.word == "history" and column.name.lower() in dict(HISTORY_COLUMNS):
                    hint = f"`history on` adds {', '.join(dict(HISTORY_COLUMNS))}: give yours another name."
                line, across = place_of_character(asset.text, lead(asset.text)) if asset.text else (asset.line, 1)
                self._tell(asset, "duplicate-column", message, hint, (line, across))
                return False
            first[column.name.lower()] = column.name
        return asset.kind != "python" or self._types_are_known(asset)

    def _types_are_known(self, asset: Asset) -> bool:
        signature = json.dumps([column.type for column in asset.columns])
        unknown = self._recall("types:", signature)
        if unknown is None:
            unknown = {kind: why for kind in {c.type for c in asset.columns} if (why := self._type_problem(kind))}
            self._keep("types:", signature, unknown)
        for column in asset.columns:
            if column.type in unknown:
                message = f"The type `{column.type}` of column `{column.name}` is not known."
                self._tell(asset, "unknown-type", message, unknown[column.type], column.place)
        return not unknown

    def _type_problem(self, kind: str) -> str:
        try:
            self._ready().columns(f"SELECT CAST(NULL AS {kind})")
        except BindError as error:
            return error.hint or "It must be a type of DuckDB."
        return ""

    def _expect_columns(self, asset: Asset, columns: Sequence[str]) -> None:
        """A finding for every column that the table is built by and that is not there."""
        for column in dict.fromkeys(asset.build.columns):
            if column.lower() not in map(str.lower, columns):
                hint = did_you_mean(column, columns, f"Its columns are: {', '.join(columns)}.")
                message = f"`{asset.name}` has no column `{column}`."
                self._tell(asset, "unknown-column", message, hint, asset.build.place)

    def _expect_moments(self, asset: Asset) -> None:
        """A finding when the column of ``incremental by`` is none of time."""
        if asset.build.word != "incremental" or not asset.build.columns:
            return
        for column in asset.columns:
            if column.name.lower() == asset.build.columns[0].lower() and not column.type.startswith(
                ("DATE", "TIMESTAMP")
            ):
                message = f"`incremental by {column.name}` needs a date or timestamp, and it is {column.type}."
                self._tell(
                    asset, "bad-build", message, "Cast it in the SELECT, or name another column.", asset.build.place
                )

    def _tell(self, asset: Asset, code: str, message: str, hint: str, at: tuple[int, int]) -> None:
        line, column = at if at[0] else (asset.line, 1)
        self.findings.append(Finding(code=code, message=message, hint=hint, file=asset.file, line=line, column=column))
