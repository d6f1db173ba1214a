"""DuckDB by hand: ``plain.py one|fifty CUSTOMERS FILE...``."""

import sys

import duckdb
from suite import SUITE, aggregate, bad

form, customers, *files = sys.argv[1:]
table = f"read_parquet([{', '.join(repr(file) for file in files)}])"
refers = f"NOT EXISTS (SELECT 1 FROM read_parquet('{customers}') AS c WHERE c.id = {{}})"
connection = duckdb.connect()
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
    joined = f"{table} AS t LEFT JOIN (SELECT id FROM read_parquet('{customers}')) AS c ON c.id = t.customer_id"
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
