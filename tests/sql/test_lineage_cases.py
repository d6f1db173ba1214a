"""Column lineage against golden cases that others wrote, in DuckDB's SQL as sqlglot translates them."""

import json
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from services import REFERENCE
from wherry.sql.lineage import column_sources

CASES = REFERENCE / "oracles" / "lineage" / "cases.json"
#: So many are exact; a change that loses one is a step back.
FLOOR = 25

Edges = set[tuple[str, str, str]]


def query(case: dict[str, Any]) -> exp.Query | None:
    """The SELECT of a case with two-part table names; None where there is none that sqlglot reads."""
    dialect = {"mssql": "tsql"}.get(case["dialect"], case["dialect"])
    try:
        tree = sqlglot.parse_one(case["sql"], dialect=dialect)
    except SqlglotError:
        return None
    found = tree if isinstance(tree, exp.Query) else tree.args.get("expression")
    if not isinstance(found, exp.Query):
        return None
    if found is not tree and (ctes := tree.args.get("with_") or tree.args.get("with")) is not None:
        found.set(ctes.arg_key, ctes.copy())  # INSERT and CREATE hold those of their query
    for table in found.find_all(exp.Table):
        table.set("catalog", None)
    for column in found.find_all(exp.Column):
        column.set("catalog", None)
    return found


def golden(case: dict[str, Any]) -> Edges:
    return {
        (edge["downstream"]["column"].lower(), last(up["table"]), up["column"].lower())
        for edge in case["golden"]["column_lineage"]
        for up in edge["upstreams"]
    }


def last(urn: str) -> str:
    """``urn:li:dataset:(urn:li:dataPlatform:x,db.schema.table,PROD)`` is table."""
    return urn.split(",")[-2].split(".")[-1].lower()


def columns(case: dict[str, Any], tree: exp.Query) -> dict[str, list[tuple[str, str]]]:
    """The columns of the tables that the statement reads, by two-part name, where the case tells them."""
    told = {last(urn): list(schema) for urn, schema in case.get("schemas", {}).items()}
    tables = {(table.db or "main", table.name) for table in tree.find_all(exp.Table)}
    return {
        f"{schema}.{name}": [(column, "VARCHAR") for column in told[name.lower()]]
        for schema, name in tables
        if name.lower() in told
    }


def ours(case: dict[str, Any], tree: exp.Query) -> Edges:
    sources = column_sources(tree.sql("duckdb"), columns(case, tree))
    return {
        (column.lower(), *(part.lower() for part in origin.split(".")[-2:]))  # type: ignore[misc]
        for column, origins in sources.items()
        for origin in origins
    }


@pytest.mark.needs("reference")
@pytest.mark.skipif(not CASES.is_file(), reason="needs reference: oracles/lineage/cases.json")
def test_column_lineage_agrees_with_golden_cases() -> None:
    exact, different = [], []
    for case in json.loads(CASES.read_text()):
        if not case["golden"]["column_lineage"]:
            continue
        tree = query(case)
        if tree is None:
            continue
        expected, found = golden(case), ours(case, tree)
        if expected == found:
            exact.append(case["test"])
        else:
            different.append(f"{case['test']}: missing {expected - found}, too many {found - expected}")
    told = f"{len(exact)} are exact, {FLOOR} were before; these differ:\n" + "\n".join(different)
    assert len(exact) >= FLOOR, told
