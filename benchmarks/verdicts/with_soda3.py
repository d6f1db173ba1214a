"""Runs in an environment of its own: Soda 3's verdicts on a SodaCL file."""

import json
import sys
from pathlib import Path

import duckdb
from soda.scan import Scan

job = json.load(sys.stdin)
database = duckdb.connect()
for statement in job["sql"]:
    database.execute(statement)
scan = Scan()
scan.disable_telemetry()
scan.add_duckdb_connection(database, data_source_name="shop")
scan.set_data_source_name("shop")
scan.add_variables({"NOW": job["now"]})
scan.add_sodacl_yaml_str(job["file"])
scan.execute()
verdicts = {}
for check in scan.get_scan_results()["checks"]:
    verdicts[check["name"]] = check["outcome"]
sys.stderr.write(scan.get_error_logs_text() or "")
Path(job["answer"]).write_text(json.dumps(verdicts))
