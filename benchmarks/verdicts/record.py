"""Ask dbt and Soda themselves, and keep what they said as fixtures of the tests.

    python benchmarks/verdicts/record.py [dbt] [soda3] [soda4] [--seeds N] [--check]

Each tool runs in an environment of its own under .bench, which this makes. ``--check`` writes nothing: it says how many
verdicts of new cases differ from wherry's.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BENCH = ROOT / ".bench"
FIXTURES = ROOT / "tests" / "fixtures" / "verdicts"
TOOLS = {
    "dbt": ["dbt-core==1.11.16", "dbt-duckdb==1.10.1"],
    "soda3": ["soda-core-duckdb==3.5.6"],
    "soda4": ["soda-duckdb==4.28.0"],
}


def environment(tool: str) -> Path:
    """The Python of the tool's environment; made when it is not there."""
    python = BENCH / tool / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(BENCH / tool)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *TOOLS[tool]], check=True)
    return python


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def statements(tables: dict[str, Any]) -> list[str]:
    """SQL that makes the tables."""
    made = []
    for name, table in tables.items():
        columns = ", ".join(f"{column} {kind}" for column, kind in table["columns"].items())
        made.append(f"CREATE TABLE {name} ({columns})")
        for row in table["rows"]:
            made.append(f"INSERT INTO {name} VALUES ({', '.join(map(literal, row))})")
    return made


def file_of(tool: str, seed: int) -> str:
    """The file of checks; each is called ``case_N``."""
    if tool == "dbt":
        columns: dict[str, list[Any]] = {}
        for number, (column, test) in enumerate(cases.dbt_tests(seed)):
            if isinstance(test, str):
                test = {test: {}}
            if "test_name" in test:
                named: Any = {"name": f"case_{number}", **test}
            else:
                ((kind, keys),) = test.items()
                named = {kind: {"name": f"case_{number}", **{k: v for k, v in keys.items() if v != {}}}}
            columns.setdefault(column, []).append(named)
        listed = [{"name": column, "data_tests": tests} for column, tests in columns.items()]
        orders = {"name": "orders", "columns": listed}
        source = {"name": "shop", "schema": "main", "tables": [orders, {"name": "customers"}]}
        return str(yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False))
    if tool == "soda3":
        checks = [{check: {"name": f"case_{n}", **keys}} for n, (check, keys) in enumerate(cases.sodacl_checks(seed))]
        return str(yaml.safe_dump({"checks for orders": checks}, sort_keys=False, width=1000))
    contract, number = cases.soda_contract(seed), 0
    for holder in [*contract["columns"], contract]:
        for check in holder.get("checks", ()):
            ((_, keys),) = check.items()
            keys["name"] = keys["qualifier"] = f"case_{number}"
            number += 1
    return str(yaml.safe_dump(contract, sort_keys=False))


def ask(tool: str, seed: int) -> dict[str, Any]:
    """One set of tables and checks with the tool's verdicts."""
    tables, text, answer = cases.tables(seed), file_of(tool, seed), BENCH / f"{tool}.answer.json"
    job = {"sql": statements(tables), "file": text, "now": cases.NOW + "+00:00", "answer": str(answer)}
    answer.unlink(missing_ok=True)
    done = subprocess.run(
        [str(environment(tool)), str(HERE / f"with_{tool}.py")], input=json.dumps(job), text=True, capture_output=True
    )
    if not answer.exists():
        sys.exit(f"{tool}, seed {seed}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    if done.stderr.strip():
        print(f"{tool}, seed {seed}: {done.stderr.strip()[:400]}", file=sys.stderr)
    return {"seed": seed, "tables": tables, "file": text, "verdicts": json.loads(answer.read_text())}


def main() -> None:
    words = sys.argv[1:]
    seeds = int(words[words.index("--seeds") + 1]) if "--seeds" in words else len(cases.SHAPES)
    first = 1_000 if "--check" in words else 0
    for tool in [word for word in words if word in TOOLS] or list(TOOLS):
        sets = [ask(tool, first + seed) for seed in range(seeds)]
        recorded = {"tool": tool, "packages": TOOLS[tool], "now": cases.NOW, "sets": sets}
        target = (BENCH if "--check" in words else FIXTURES) / f"{tool}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(recorded, ensure_ascii=False, separators=(",", ":")) + "\n")
        print(f"{tool}: {sum(len(each['verdicts']) for each in sets)} verdicts into {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
