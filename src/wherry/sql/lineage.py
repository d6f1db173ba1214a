"""Where each column of a statement comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def column_sources(sql: str, tables: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, list[str]]:
    """For each output column the columns (``schema.table.column``) that its value is computed from, sorted.

    ``tables`` gives the columns of each table read, by ``schema.table``. The statement is qualified once and all
    columns are traced in that one pass. Empty when sqlglot does not read the statement.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope
    from sqlglot.schema import MappingSchema

    schema: dict[str, Any] = {}
    for table, columns in tables.items():
        namespace, _, name = table.partition(".")
        schema.setdefault(namespace, {})[name] = {column: "VARCHAR" for column, _ in columns}
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        qualified = qualify(
            tree, schema=MappingSchema(schema, dialect="duckdb"), dialect="duckdb", validate_qualify_columns=False
        )
        scope = build_scope(qualified)
    except (SqlglotError, RecursionError, ValueError, KeyError):
        return {}
    if scope is None:
        return {}
    spelling = {table.lower(): table for table in tables}
    traced = _Traced(spelling)
    return {column: sorted(traced.output(scope, column)) for column in _names(scope)}


def _names(scope: Any) -> list[str]:
    return list(scope.expression.named_selects)


class _Traced:
    """Follows columns through scopes; each column of a scope is traced once."""

    def __init__(self, spelling: Mapping[str, str]) -> None:
        self._spelling = spelling
        self._known: dict[tuple[int, str], frozenset[str]] = {}

    def output(self, scope: Any, column: str) -> frozenset[str]:
        key = (id(scope), column.lower())
        if key not in self._known:
            self._known[key] = frozenset()  # a recursive expression reaches itself here
            self._known[key] = self._output(scope, column)
        return self._known[key]

    def _output(self, scope: Any, column: str) -> frozenset[str]:
        if scope.set_operation_scopes:
            names = _names(scope)
            index = next((i for i, n in enumerate(names) if n.lower() == column.lower()), None)
            found: frozenset[str] = frozenset()
            for branch in scope.set_operation_scopes:
                own = _names(branch)
                if index is not None and index < len(own):
                    found |= self.output(branch, own[index])
            return found
        for select in getattr(scope.expression, "selects", ()):
            if select.alias_or_name.lower() == column.lower():
                return self._read(scope, select)
        return frozenset()

    def _read(self, scope: Any, expression: Any) -> frozenset[str]:
        from sqlglot import exp

        found: frozenset[str] = frozenset()
        for column in expression.find_all(exp.Column):
            source = scope.sources.get(column.table) or self._outer(scope, column.table)
            if isinstance(source, exp.Table):
                name = f"{source.db or 'main'}.{source.name}"
                found |= {f"{self._spelling.get(name.lower(), name)}.{column.name}"}
            elif source is not None:
                found |= self.output(source, column.name)
        return found

    @staticmethod
    def _outer(scope: Any, table: str) -> Any:
        """A subquery inside the expression brings its own sources."""
        for inner in scope.subquery_scopes:
            if table in inner.sources:
                return inner.sources[table]
        return None
