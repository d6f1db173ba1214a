"""Where each column of a statement comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Sources = frozenset[str]
NOTHING: Sources = frozenset()


def column_sources(sql: str, tables: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, list[str]]:
    """For each output column the columns (``schema.table.column``) that its value is computed from, sorted.

    What only decides which rows there are (WHERE, the condition of a join, EXISTS) is not a source of their values.
    ``tables`` gives the columns of each table read, by ``schema.table``. The statement is qualified once and all
    columns are traced in that one pass. Empty when sqlglot does not read the statement.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope
    from sqlglot.schema import MappingSchema

    schema: dict[str, Any] = {}
    for table, columns in tables.items():
        namespace, _, name = table.partition(".")
        schema.setdefault(namespace, {})[name] = {column: "VARCHAR" for column, _ in columns}
    try:
        tree: Any = sqlglot.parse_one(sql, dialect="duckdb")
        tree = tree.unnest() if isinstance(tree, exp.Subquery) else tree
        qualified = qualify(
            tree,
            schema=MappingSchema(schema, dialect="duckdb"),
            dialect="duckdb",
            validate_qualify_columns=False,
            allow_partial_qualification=True,
        )
        scope = build_scope(qualified)
        if scope is None:
            return {}
        traced = _Traced(tables)
        return {column: sorted(traced.output(scope, column)) for column in _names(scope) if column != "*"}
    except (SqlglotError, RecursionError, ValueError, KeyError):
        return {}


def _names(scope: Any) -> list[str]:
    return list(getattr(scope.expression, "named_selects", ()))


class _Traced:
    """Follows columns through scopes; each column of a scope is traced once."""

    def __init__(self, tables: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        self._spelling = {table.lower(): table for table in tables}
        self._columns = {table.lower(): [column for column, _ in columns] for table, columns in tables.items()}
        self._known: dict[tuple[int, str], Sources] = {}
        #: Keeps the scopes made here alive, since they are known by their identity.
        self._laterals: dict[int, Any] = {}

    def output(self, scope: Any, column: str) -> Sources:
        key = (id(scope), column.lower())
        if key not in self._known:
            self._known[key] = NOTHING  # a recursive expression reaches itself here
            self._known[key] = self._output(scope, column)
        return self._known[key]

    def _output(self, scope: Any, column: str) -> Sources:
        from sqlglot import exp

        if scope.set_operation_scopes:
            return self._set_operation(scope, column)
        if isinstance(scope.expression, exp.UDTF):
            return self._table_function(scope, column)
        selects = getattr(scope.expression, "selects", ())
        for select in selects:
            if select.alias_or_name.lower() == column.lower():
                return self._read(scope, select)
        if any(select.is_star for select in selects) and len(scope.selected_sources) == 1:
            ((_, source),) = scope.selected_sources.values()  # a star over columns that nobody knows
            return self._from(source, column)
        return NOTHING

    def _set_operation(self, scope: Any, column: str) -> Sources:
        names = [name.lower() for name in _names(scope)]
        found = NOTHING
        for branch in scope.set_operation_scopes:
            own = _names(branch)
            if scope.expression.args.get("by_name"):
                found |= self.output(branch, column)
            elif column.lower() in names and names.index(column.lower()) < len(own):
                found |= self.output(branch, own[names.index(column.lower())])
        return found

    def _table_function(self, scope: Any, column: str) -> Sources:
        """A column of ``LATERAL (SELECT ...)``, or of a function such as unnest, made from all that it is given."""
        from sqlglot import exp
        from sqlglot.optimizer.scope import build_scope

        inner = scope.expression.this
        if isinstance(scope.expression, exp.Lateral) and isinstance(inner, exp.Subquery):
            if id(scope) not in self._laterals:
                self._laterals[id(scope)] = build_scope(inner.unnest())
                self._laterals[id(scope)].parent = scope.parent
            return self.output(self._laterals[id(scope)], column)
        return self._read(scope.parent or scope, scope.expression)

    def _read(self, scope: Any, expression: Any) -> Sources:
        """The sources of all columns in an expression; a subquery in it counts with what it returns."""
        from sqlglot import exp

        found, todo = NOTHING, [expression]
        while todo:
            node = todo.pop()
            if isinstance(node, exp.Exists):
                continue
            if isinstance(node, exp.Select | exp.SetOperation):
                for inner in scope.subquery_scopes:
                    if inner.expression is node:
                        found |= frozenset().union(*(self.output(inner, name) for name in _names(inner)))
            elif isinstance(node, exp.Column):
                found |= self._column(scope, node)
            else:
                todo.extend(node.iter_expressions())
        return found

    def _column(self, scope: Any, column: Any) -> Sources:
        selected = scope.selected_sources
        for node, source in selected.values():
            for pivot in node.args.get("pivots") or ():
                if pivot.alias == column.table:
                    return self._pivoted(source, pivot, column.name)
        if not column.table:
            # Only where its tables' columns are not known.
            return self._from(next(iter(selected.values()))[1], column.name) if len(selected) == 1 else NOTHING
        at = scope
        while at is not None and column.table not in at.sources:
            at = at.parent  # a correlated subquery reads the tables around it
        return NOTHING if at is None else self._from(at.sources[column.table], column.name)

    def _pivoted(self, source: Any, pivot: Any, column: str) -> Sources:
        from sqlglot import exp

        if own := self._from(source, column, only_known=True):
            return own
        return frozenset().union(*(self._from(source, each.name) for each in pivot.find_all(exp.Column)))

    def _from(self, source: Any, column: str, *, only_known: bool = False) -> Sources:
        from sqlglot import exp

        if not isinstance(source, exp.Table):
            return self.output(source, column)
        table = f"{source.db or 'main'}.{source.name}"
        columns = self._columns.get(table.lower(), [])
        renamed = [alias.lower() for alias in source.alias_column_names]
        if column.lower() in renamed[: len(columns)]:
            column = columns[renamed.index(column.lower())]
        if only_known and column.lower() not in map(str.lower, columns):
            return NOTHING
        return frozenset((f"{self._spelling.get(table.lower(), table)}.{column}",))
