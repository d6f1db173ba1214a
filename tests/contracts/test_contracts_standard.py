"""The examples of the standard validate, come in, and go out again as they were."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.projects import read
from wherry.contracts.odcs import parts, read_contract
from wherry.project.located import read_yaml
from wherry.run.contracts import exported

#: A DuckDB type that is what the standard's logical type means.
TYPES = {
    "string": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMP", "time": "TIME", "number": "DOUBLE",
    "integer": "INTEGER", "object": "STRUCT(a INTEGER)", "array": "INTEGER[]", "boolean": "BOOLEAN",
}  # fmt: skip
#: The same of types of databases, by how they begin.
PHYSICAL = {
    "timestamp": "TIMESTAMP", "time": "TIME", "date": "DATE", "serial": "INTEGER", "int": "INTEGER", "bool": "BOOLEAN",
    "numeric": "DOUBLE", "float": "DOUBLE", "double": "DOUBLE", "decimal": "DOUBLE", "uuid": "UUID", "bytea": "BLOB",
    "array": "INTEGER[]", "list": "INTEGER[]", "object": "STRUCT(a INTEGER)", "struct": "STRUCT(a INTEGER)",
}  # fmt: skip


def examples(reference: Path) -> list[Path]:
    found = sorted((reference / "oracles" / "odcs" / "examples").rglob("*.yaml"))
    assert len(found) == 18
    return found


def tables(document: dict[str, Any]) -> dict[str, str]:
    """A project whose tables are what a contract says."""
    files = {}
    for table in parts(document, "schema"):
        name = str(table.get("physicalName") or table["name"]).replace(".", "_")
        columns = []
        for prop in parts(table, "properties"):
            physical = str(prop.get("physicalType") or "").lower()
            kind = next((kind for word, kind in PHYSICAL.items() if physical.startswith(word)), "")
            kind = kind or ("VARCHAR" if physical else TYPES.get(str(prop.get("logicalType")), "VARCHAR"))
            columns.append(f'CAST(NULL AS {kind}) AS "{prop.get("physicalName") or prop["name"]}"')
        files[f"tables/any/{name}.sql"] = f"SELECT {', '.join(columns) or '1 AS one'}\n"
    return files


@pytest.mark.needs("reference")
def test_the_examples_validate(reference: Path) -> None:
    for path in examples(reference):
        contract, findings = read_contract(path.read_text(), path.name)
        assert contract is not None and not findings, path


@pytest.mark.needs("reference")
def test_an_imported_contract_is_exported_as_it_was(reference: Path, tmp_path: Path) -> None:
    for number, path in enumerate(examples(reference)):
        text = path.read_text()
        document = read_yaml(text, file=path.name).value
        project = read(tmp_path / str(number), {f"contracts/{path.name}": text, **tables(document)})
        assert [f.message for f in project.graph.findings if f.code in ("bad-contract", "broken-contract")] == [], path
        (contract,) = project.graph.contracts
        bound = [table for table in contract.tables if table.asset]
        dotted = [each for each in parts(document, "schema") if "." in str(each.get("physicalName", ""))]
        assert len(bound) == len(parts(document, "schema")) - len(dotted), path
        for table in bound:
            assert exported(project, project.graph[table.asset]) == document, path
