"""Runs in an environment of its own: Soda 4's verdicts on a contract."""

import json
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from soda_core.common.yaml import ContractYamlSource, DataSourceYamlSource
from soda_core.contracts.contract_verification import ContractVerificationSession

logging.disable(logging.WARNING)
job = json.load(sys.stdin)
with TemporaryDirectory() as made:
    path = Path(made) / "shop.duckdb"
    with duckdb.connect(str(path)) as database:
        for statement in job["sql"]:
            database.execute(statement)
    source = f"type: duckdb\nname: shop\nconnection:\n  database: {path}\n"
    session = ContractVerificationSession.execute(
        contract_yaml_sources=[ContractYamlSource.from_str(job["file"].replace("{source}", "shop/shop/main"))],
        data_source_yaml_sources=[DataSourceYamlSource.from_str(source)],
    )
verdicts = {}
for result in session.contract_verification_results:
    for check in result.check_results:
        verdicts[check.check.name] = check.outcome.value if hasattr(check.outcome, "value") else str(check.outcome)
    sys.stderr.write("\n".join(str(e) for e in result.get_errors()) if hasattr(result, "get_errors") else "")
Path(job["answer"]).write_text(json.dumps(verdicts))
