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

An outcome that did not pass is held against ``mostly`` and ``most`` only when it counts rows (``failing`` > 0).
A kind of the faces 2, 3 and 6 may have ``bad_rows(check, table)`` too, for those who ask which rows. Row and rows kinds
may have ``unexpected(check)``: a SQL expression of the value shown for a bad row. ``NOW`` in SQL stands for the moment
of the run, a TIMESTAMP in UTC. ``decomposes = True`` says that the verdict on a table follows from those on its slices.
Other tables that a kind reads are named by the arguments ``table`` and ``tables`` (``Check.needs``).
"""

from importlib import import_module
from types import ModuleType

#: Stands in the SQL of a kind for the moment of the run.
NOW = "$wherry_now"

#: Kind of check -> module of this package.
KINDS = {
    "not_null": "not_null",
    "unique": "unique",
    "compare": "compare",
    "between": "between",
    "in": "one_of",
    "matches": "matches",
    "refers": "refers",
    "rows": "rows",
    "condition": "condition",
}


def find(kind: str) -> ModuleType:
    """The module of a kind of check."""
    return import_module(f"wherry.checks.{KINDS[kind]}")
