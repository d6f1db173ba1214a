"""Runs in an environment of its own: dbt's verdicts on a file of tests. Job on standard input, answer as JSON."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from dbt.cli.main import dbtRunner

job = json.load(sys.stdin)
with TemporaryDirectory() as made:
    folder = Path(made)
    with duckdb.connect(str(folder / "shop.duckdb")) as database:
        for statement in job["sql"]:
            database.execute(statement)
    (folder / "models").mkdir()
    (folder / "models" / "schema.yml").write_text(job["file"])
    (folder / "dbt_project.yml").write_text(
        "name: shop\nversion: 1.0.0\nprofile: shop\nflags: {send_anonymous_usage_stats: false}\n"
    )
    (folder / "profiles.yml").write_text(
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 1}\n"
    )
    where = ["--project-dir", made, "--profiles-dir", made]
    import os

    os.chdir(made)
    answer = dbtRunner().invoke(["--quiet", "test", *where])
    results = json.loads((folder / "target" / "run_results.json").read_text())
    verdicts = {}
    for result in results["results"]:
        name = result["unique_id"].split(".")[2]
        verdicts[name] = result["status"]
    sys.stderr.write(str(answer.exception or ""))
    Path(job["answer"]).write_text(json.dumps(verdicts))
