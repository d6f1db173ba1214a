"""Promises about rows, one file each.

A kind of check is a module with exactly one of these faces: pure functions of the ``Check`` that give DuckDB's SQL.
``table`` is always something that can stand after FROM; the plan has narrowed it to the rows looked at (``where``,
``sample``) already, and applies ``mostly``, ``most`` and ``severity`` to what comes out.

1. row: ``bad_row(check)``: a condition that is true for a bad row. Those of a table are counted in one pass.
2. aggregate: ``aggregates(check)``: a tuple of cheap aggregate expressions (count, sum, min, max, avg, stddev) without
   FILTER, to which the plan adds its own; they join that pass, unless the module says ``heavy = True``. Then
   ``judge(check, values)`` gives the ``Outcome``, with one value for each.
3. groups: ``group_by(check)``: expressions to group by; ``judge_groups(check)``: a tuple of aggregate expressions over
   the relation of the groups (columns ``k1``, ``k2``... and ``copies``, the rows in it; a null is a group too). Kinds
   with the same ``group_by`` over the same rows share one. Then ``judge(check, values)``.
4. rows: ``bad_rows(check, table)``: a SELECT of the bad rows; ``count(check, table)`` where counting is cheaper.
5. schema: ``judge_schema(check, columns)`` gives the ``Outcome`` from ``(name, DuckDB type)`` pairs; no rows are read.
6. query: ``query(check, table)``: a SELECT of one row; then ``judge(check, values)``. With ``before = True`` on the
   module it is ``query(check, table, before)``, where ``before`` is the published version of the table, or None.
   ``looked(values)`` says of how many things some are bad, where those are not rows.

An outcome that did not pass is held against ``mostly`` and ``most`` only when it counts rows (``failing`` > 0).
A kind of the faces 2, 3 and 6 may have ``bad_rows(check, table)`` too, for those who ask which rows. Row and rows kinds
may have ``unexpected(check)``: a SQL expression of the value shown for a bad row. Groups kinds may have
``counted(check)``: the condition of rows whose keys have to differ; when they do, all that the kind counts is 0.
``NOW`` in SQL stands for the moment of the run, a TIMESTAMP in UTC. ``decomposes = True`` says that the verdict on a
table follows from those on its slices. Other tables that a kind reads are named by the arguments ``table`` and
``tables`` (``Check.needs``).

``quarantine`` takes away what ``bad_row`` or ``bad_rows`` tells, where that gives rows of the table as they are. A kind
that means others has ``surplus(check, table, columns, place)``: a SELECT of them from a relation which has the columns
``place`` beside its own.
"""

from importlib import import_module
from types import ModuleType

from wherry.quoting import NOW

__all__ = ["KINDS", "NOW", "find"]

#: Kind of check -> module of this package.
KINDS = {
    # Row by row.
    "not_null": "not_null",
    "null": "null",
    "complete": "complete",
    "not_blank": "not_blank",
    "not_nan": "not_nan",
    "finite": "finite",
    "compare": "compare",
    "between": "between",
    "in": "one_of",
    "not_in": "not_in",
    "matches": "matches",
    "not_matches": "not_matches",
    "like": "like",
    "not_like": "not_like",
    "length": "length",
    "format": "format",
    "time_format": "time_format",
    "casts_to": "casts_to",
    "json_schema": "json_schema",
    "condition": "condition",
    "columns_compare": "columns_compare",
    "columns_sum": "columns_sum",
    "pairs_in": "pairs_in",
    "distinct_in_row": "distinct_in_row",
    # A row beside others.
    "unique": "unique",
    "duplicates": "duplicates",
    "refers": "refers",
    "increasing": "increasing",
    "decreasing": "increasing",
    "sequential": "sequential",
    "no_overlap": "no_overlap",
    "outliers": "outliers",
    # One number of all rows.
    "rows": "rows",
    "aggregate": "aggregate",
    "quantile": "quantile",
    "distinct": "distinct",
    "fresh": "fresh",
    "fresh_each": "fresh_each",
    "change": "change",
    "each_group": "each_group",
    # The set of values, and how they are spread.
    "values_in": "values",
    "values_cover": "values",
    "values_equal": "values",
    "values_same": "values_same",
    "most_common_in": "most_common_in",
    "distribution": "distribution",
    "association": "association",
    # The table as a whole.
    "type": "type",
    "columns_are": "columns_are",
    "columns_same": "columns_same",
    "rows_equal": "rows_equal",
    "table_equals": "table_equals",
    "aggregate_equals": "aggregate_equals",
    "sql": "sql",
}


def find(kind: str) -> ModuleType:
    """The module of a kind of check."""
    return import_module(f"wherry.checks.{KINDS[kind]}")
