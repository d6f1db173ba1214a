"""Writes a dbt project of the checks: ``dbt_project.py FOLDER CUSTOMERS FILE...``."""

import sys
from pathlib import Path

from suite import SUITE, aggregate, bad

folder, customers, *files = Path(sys.argv[1]), *sys.argv[2:]
for part in ("models", "tests"):
    (folder / part).mkdir(parents=True, exist_ok=True)
(folder / "dbt_project.yml").write_text("name: b\nversion: '1.0'\nprofile: b\nmodels: {b: {+materialized: view}}\n")
(folder / "profiles.yml").write_text("b: {target: d, outputs: {d: {type: duckdb, path: b.duckdb, threads: 2}}}\n")
listed = ", ".join(repr(file) for file in files)
(folder / "models" / "t.sql").write_text(f"SELECT * FROM read_parquet([{listed}])")
(folder / "models" / "customers.sql").write_text(f"SELECT * FROM read_parquet('{customers}')")
tests: dict[str, list[str]] = {}
for number, (kind, column, given) in enumerate(SUITE):
    if kind in ("not_null", "unique"):
        tests.setdefault(column, []).append(kind)
    elif kind == "in":
        tests.setdefault(column, []).append(f"{{accepted_values: {{arguments: {{values: [{', '.join(given)}]}}}}}}")
    elif kind == "refers":
        said = "{relationships: {arguments: {to: ref('customers'), field: id}}}"
        tests.setdefault(column, []).append(said)
    elif condition := bad(kind, column, given):
        (folder / "tests" / f"c{number}.sql").write_text(f"SELECT * FROM {{{{ ref('t') }}}} WHERE {condition}")
    else:
        (folder / "tests" / f"c{number}.sql").write_text(
            f"SELECT * FROM (SELECT {aggregate(kind, column)} AS v FROM {{{{ ref('t') }}}}) "
            f"WHERE NOT (v BETWEEN {given[0]} AND {given[1]})"
        )
columns = "\n".join(
    f"      - name: {column}\n        data_tests: [{', '.join(said)}]" for column, said in tests.items()
)
(folder / "models" / "s.yml").write_text(f"version: 2\nmodels:\n  - name: t\n    columns:\n{columns}\n")
