"""Soda over DuckDB: ``soda_scan.py CUSTOMERS FILE...``."""

import sys

import duckdb
from soda.scan import Scan
from suite import SUITE

customers, *files = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"CREATE VIEW customers AS FROM read_parquet('{customers}')")
connection.execute(f"CREATE VIEW t AS FROM read_parquet([{', '.join(repr(file) for file in files)}])")
lines = ["checks for t:"]
for kind, column, given in SUITE:
    if kind == "not_null":
        lines.append(f"  - missing_count({column}) = 0")
    elif kind == "unique":
        lines.append(f"  - duplicate_count({column}) = 0")
    elif kind == "in":
        lines.append(f"  - invalid_count({column}) = 0:\n      valid values: [{', '.join(given)}]")
    elif kind == "between":
        lines.append(f"  - invalid_count({column}) = 0:\n      valid min: {given[0]}\n      valid max: {given[1]}")
    elif kind == "matches":
        lines.append(f"  - invalid_count({column}) = 0:\n      valid regex: '{given[0]}'")
    elif kind == "length":
        lines.append(
            f"  - invalid_count({column}) = 0:\n      valid min length: {given[0]}\n      valid max length: {given[1]}"
        )
    elif kind == "after":
        lines.append(f"  - failed rows:\n      fail condition: {column} <= {given[0]}")
    elif kind == "refers":
        lines.append("  - values in (customer_id) must exist in customers (id)")
    elif kind == "rows":
        lines.append(f"  - row_count between {given[0]} and {given[1]}")
    else:
        word = {"distinct": "duplicate_count"}.get(kind, kind)
        if kind == "distinct":
            lines.append(
                f"  - d_{column} between {given[0]} and {given[1]}:\n"
                f"      d_{column} expression: COUNT(DISTINCT {column})"
            )
        else:
            lines.append(f"  - {word}({column}) between {given[0]} and {given[1]}")
scan = Scan()
scan.disable_telemetry()
scan.add_duckdb_connection(connection)
scan.set_data_source_name("duckdb")
scan.add_sodacl_yaml_str("\n".join(lines))
scan.execute()
assert not scan.has_error_logs() and not scan.has_check_fails(), scan.get_logs_text()[-3000:]
print(len(scan._checks))
