"""DuckDB by hand: ``plain.py one|fifty CUSTOMERS FILE...``, or over a lake's tables: ``plain.py one|fifty FOLDER``."""

import os
import sys

import duckdb
from suite import SUITE, aggregate, bad

form, customers, *files = sys.argv[1:]
if files:
    connection = duckdb.connect()
    table, known = f"read_parquet([{', '.join(map(repr, files))}])", f"read_parquet('{customers}')"
else:
    from pathlib import Path

    from wherry.lake.attach import connect
    from wherry.lake.lake import Lake

    root = Path(customers) / ".wherry"
    connection = connect()
    Lake.open(root / "wherry.db", root / "lake").attach(connection, "main", "lake")
    table, known = "lake.s.orders", "lake.s.customers"
refers = f"NOT EXISTS (SELECT 1 FROM {known} AS c WHERE c.id = {{}})"
if form == "one":
    parts = []
    for kind, column, given in SUITE:
        if condition := bad(kind, column, given):
            parts.append(f"count(*) FILTER (WHERE {condition})")
        elif number := aggregate(kind, column):
            parts.append(number)
        elif kind == "unique":
            parts.append(f"count({column}) - count(DISTINCT {column})")
        else:
            parts.append("count(*) FILTER (WHERE customer_id IS NOT NULL AND c.id IS NULL)")
    joined = f"{table} AS t LEFT JOIN (SELECT id FROM {known}) AS c ON c.id = t.customer_id"
    sql = ", ".join(parts)
    for column in ["id", "code"]:
        sql = sql.replace(f"({column} ", f"(t.{column} ").replace(f"{column})", f"t.{column})")
    sql = sql.replace("WHERE id ", "WHERE t.id ").replace("c.t.id", "c.id").replace("(id ", "(t.id ")
    print(len(connection.execute(f"SELECT {sql} FROM {joined}").fetchall()[0]))
else:
    for kind, column, given in SUITE:
        if condition := bad(kind, column, given):
            sql = f"SELECT count(*) FROM {table} WHERE {condition}"
        elif number := aggregate(kind, column):
            sql = f"SELECT {number} FROM {table}"
        elif kind == "unique":
            sql = f"SELECT count(*) FROM (SELECT {column} FROM {table} GROUP BY {column} HAVING count(*) > 1)"
        else:
            sql = f"SELECT count(*) FROM {table} AS t WHERE {refers.format('t.customer_id')}"
        connection.execute(sql).fetchall()
    print(50)
sys.stdout.flush()
os._exit(0)  # the lake's server has a thread
