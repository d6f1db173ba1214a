"""Verdicts that other tools gave, held against ours."""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from wherry.engines.duckdb import DuckDB
from wherry.imports.binding import attach
from wherry.imports.folder import read_checks
from wherry.model.asset import Asset, Column
from wherry.model.graph import Graph
from wherry.run.checking import run_checks

FOLDER = Path(__file__).parents[1] / "fixtures" / "verdicts"
#: How each tool says it -> how we do. What Soda does not evaluate counts as passed.
WORDS = {
    "pass": "passed", "fail": "failed", "warn": "warned",
    "PASSED": "passed", "FAILED": "failed", "WARN": "warned", "NOT_EVALUATED": "passed", "None": "passed",
}  # fmt: skip
_WORST = ("failed", "warned", "passed")


def recorded(tool: str, folder: Path = FOLDER) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / f"{tool}.json").read_text())
    return loaded


def ours(tables: dict[str, Any], text: str, now: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Our verdict on each check of a file, by its name; and what was not taken over."""
    engine = DuckDB(folder=folder, scratch=folder / "scratch")
    assets = {}
    try:
        engine.execute("CREATE SCHEMA shop")
        for name, table in tables.items():
            columns = ", ".join(f"{column} {kind}" for column, kind in table["columns"].items())
            engine.execute(f"CREATE TABLE shop.{name} ({columns})")
            marks = ", ".join("?" for _ in table["columns"])
            for row in table["rows"]:
                engine.connection.execute(f"INSERT INTO shop.{name} VALUES ({marks})", row)
            shown = tuple(Column(name=column, type=kind) for column, kind in table["columns"].items())
            assets[f"shop.{name}"] = Asset(
                name=f"shop.{name}", kind="sql", file=f"tables/shop/{name}.sql", columns=shown, bound=True
            )
        graph = attach(
            Graph(assets=assets), read_checks(text.replace("{source}", "shop/shop/main"), "checks/f.yml"), "f"
        )
        verdicts: dict[str, list[str]] = defaultdict(list)
        for asset in graph.assets.values():
            for result in run_checks(engine, asset.name, asset.checks, now=datetime.fromisoformat(now)):
                assert not result.error, (result.check, result.error)
                verdicts[result.check].append(result.state)
    finally:
        engine.close()
    worst = {name: min(states, key=_WORST.index) for name, states in verdicts.items()}
    return worst, [finding.message for finding in graph.findings]


def differing(record: dict[str, Any], folder: Path) -> tuple[int, list[str]]:
    """How many verdicts were held against ours, and those that differ."""
    held, wrong = 0, []
    for each in record["sets"]:
        mine, left = ours(each["tables"], each["file"], record["now"], folder)
        wrong += [f"seed {each['seed']}: {message}" for message in left]
        for name, verdict in each["verdicts"].items():
            held += 1
            if mine.get(name) != WORDS[str(verdict)]:
                wrong.append(f"seed {each['seed']}, {name}: {verdict} there, {mine.get(name)} here")
    return held, wrong
