"""``wherry contract``"""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from fixtures.commands import Wherry, wherry
from fixtures.projects import read, write
from wherry.contracts.forms import problems
from wherry.contracts.standard import CONTRACT

__all__ = ["wherry"]

FILES = {
    "tables/staging/orders.sql": (
        "-- Orders.\n--\n-- owner: till\n-- tags: [core]\n-- fresh: within 2 hours\n-- columns:\n"
        "--   id: {checks: [not_null, unique], about: Number}\n"
        "--   status: {checks: ['in [paid, open]', {check: 'matches \"^[a-z]\"', mostly: 0.9}]}\n"
        "--   amount: {checks: ['>= 0', 'avg > 1', {check: not_null, severity: warn, where: id > 1}], tags: [money]}\n"
        "--   customer: {checks: [refers to staging.customers.id]}\n"
        "-- checks: [rows > 0, 'unique [id, status]', amount < 1000 OR id = 1]\n\n"
        "SELECT 1 AS id, 'paid' AS status, 2.5::DECIMAL(12,2) AS amount, 1 AS customer,\n"
        "    {'a': [1]} AS deep, TIMESTAMPTZ '2026-01-01' AS at, uuid() AS u, MAP {'k': 1} AS m\n"
    ),
    "tables/staging/customers.sql": "SELECT 1 AS id\n",
    "tables/marts/revenue.sql": (
        "-- build: view\n\nSELECT status, sum(amount) AS total FROM staging.orders GROUP BY ALL\n"
    ),
}


def test_every_table_is_exported_as_a_valid_contract(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", FILES)
    answer = wherry("contract", "export", "--all", "--to", tmp_path / "out", "--project", folder, "--json")
    assert answer.code == 0
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["marts.revenue.odcs.yaml", "staging.customers.odcs.yaml", "staging.orders.odcs.yaml"]
    for each in answer.json["contracts"]:
        assert problems(CONTRACT, each["contract"]) == ()
        assert yaml.safe_load((tmp_path / "out" / each["file"]).read_text()) == each["contract"]
    orders = next(each["contract"] for each in answer.json["contracts"] if each["file"].startswith("staging.orders"))
    assert orders["team"] == {"name": "till"}
    assert orders["slaProperties"] == [{"property": "latency", "value": 2, "unit": "h", "element": "orders"}]
    (table,) = orders["schema"]
    properties = {each["name"]: each for each in table["properties"]}
    assert (properties["id"]["required"], properties["id"]["unique"]) == (True, True)
    assert properties["amount"]["physicalType"] == "DECIMAL(12,2)"
    assert properties["customer"]["relationships"] == [{"to": "customers.id", "type": "foreignKey"}]
    assert properties["deep"]["properties"][0]["items"]["logicalType"] == "integer"


@pytest.mark.needs("reference")
def test_what_is_exported_is_valid_by_the_standards_schema(wherry: Wherry, tmp_path: Path, reference: Path) -> None:
    schema = json.loads((reference / "oracles/odcs/schema/odcs-json-schema-v3.1.0.json").read_text())
    judge = jsonschema.Draft201909Validator(schema)
    answer = wherry("contract", "export", "--all", "--project", write(tmp_path / "p", FILES), "--json")
    assert len(answer.json["contracts"]) == 3
    for each in answer.json["contracts"]:
        assert [error.message for error in judge.iter_errors(each["contract"])] == []


def test_an_exported_contract_comes_back_as_the_same_checks(wherry: Wherry, tmp_path: Path) -> None:
    before = read(tmp_path / "p", FILES).graph["staging.orders"]
    text = wherry("contract", "export", "staging.orders", "--project", tmp_path / "p").out
    bare = {**FILES, "tables/staging/orders.sql": FILES["tables/staging/orders.sql"].partition("\n\n")[2]}
    after = read(tmp_path / "q", {**bare, "contracts/orders.odcs.yaml": text})
    assert after.graph.findings == ()
    asset = after.graph["staging.orders"]

    def told(checks: object) -> set[str]:
        return {
            json.dumps(
                [c.kind, c.column, dict(c.arguments), c.severity, c.mostly, c.most, c.where],
                sort_keys=True,
                default=str,
            )
            for c in checks  # type: ignore[attr-defined]
        }

    assert told(asset.checks) == told(before.checks)
    assert (asset.owner, asset.fresh, asset.about) == ("till", "within 2 hours", "Orders.")
    again = wherry("contract", "export", "staging.orders", "--project", tmp_path / "q").out
    assert yaml.safe_load(again) == yaml.safe_load(text)


def test_check_outside_and_inside_a_project(wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "p", FILES)
    text = wherry("contract", "export", "staging.orders", "--project", folder).out
    (tmp_path / "c.yaml").write_text(text.replace("- name: amount", "- name: amont"))
    monkeypatch.chdir(tmp_path)
    assert wherry("contract", "check", "c.yaml").code == 0
    monkeypatch.chdir(folder)
    answer = wherry("contract", "check", tmp_path / "c.yaml", "--json")
    assert answer.code == 2
    assert [finding["code"] for finding in answer.json["findings"]] == ["broken-contract"]
    assert "amount" in answer.json["findings"][0]["hint"]
    (tmp_path / "c.yaml").write_text(text.replace("kind: DataContract", "kind: Contract"))
    answer = wherry("contract", "check", tmp_path / "c.yaml", "--json")
    assert (answer.code, answer.json["findings"][0]["line"]) == (2, 2)


def test_diff_of_a_file_against_the_project_tells_who_is_broken(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", FILES)
    wherry("contract", "export", "staging.orders", "--project", folder, "--to", tmp_path)
    file = tmp_path / "staging.orders.odcs.yaml"
    same = wherry("contract", "diff", file, "--project", folder)
    assert (same.code, same.out.strip()) == (0, "No difference.")
    smaller = FILES["tables/staging/orders.sql"].replace("DECIMAL(12,2)", "DECIMAL(8,2)").replace(", 1 AS customer", "")
    write(
        folder,
        {
            "tables/staging/orders.sql": smaller.replace(
                "--   customer: {checks: [refers to staging.customers.id]}\n", ""
            )
        },
    )
    answer = wherry("contract", "diff", file, "--project", folder, "--json")
    assert answer.code == 1
    told = {(each["column"], each["change"]): each["readers"] for each in answer.json["changes"]}
    assert told[("amount", "narrowed")] == ["marts.revenue.total"]
    assert told[("customer", "removed")] == []
    assert answer.json["breaking"] == len(told)


def test_diff_of_two_files_needs_no_project(wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: active\n"
    text += "schema: [{name: t, properties: [{name: x}]}]\n"
    (tmp_path / "a.yml").write_text(text)
    (tmp_path / "b.yml").write_text(text.replace("{name: x}", "{name: y}"))
    answer = wherry("contract", "diff", "a.yml", "b.yml")
    assert answer.code == 1
    assert "breaking   t: the column `x` is gone" in answer.out
    assert wherry("contract", "diff", "a.yml", "a.yml").code == 0
    assert wherry("contract", "diff", "a.yml", "gone.yml", "--json").code == 2
    (tmp_path / "b.yml").write_text("kind: DataContract\n")
    answer = wherry("contract", "diff", "a.yml", "b.yml", "--json")
    assert answer.code == 2
    assert {finding["code"] for finding in answer.json["findings"]} == {"bad-contract"}


def test_diff_of_two_branches_compares_their_columns(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"tables/a/one.sql": "SELECT 1 AS x, 2 AS y\n", "tables/a/two.sql": "SELECT x FROM a.one\n"}
    )
    assert wherry("run", "--project", folder).code == 0
    assert wherry("branch", "dev", "--project", folder).code == 0
    write(folder, {"tables/a/one.sql": "SELECT 1::BIGINT AS x\n"})
    assert wherry("run", "--project", folder, "--branch", "dev").code == 0
    answer = wherry("contract", "diff", "main", "dev", "--project", folder, "--json")
    assert answer.code == 1
    told = {(each["table"], each["column"], each["change"]): each["readers"] for each in answer.json["changes"]}
    assert told[("a.one", "x", "widened")] == ["a.two.x"]
    assert told[("a.one", "y", "removed")] == []
    assert wherry("contract", "diff", "dev", "dev", "--project", folder).code == 0


def test_mistakes_of_the_command_line(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("contract", "export", "--project", folder, "--json").code == 2
    answer = wherry("contract", "export", "staging.ordes", "--project", folder, "--json")
    assert "staging.orders" in answer.json["findings"][0]["hint"]
    assert wherry("contract", "diff", "gone.yaml", "--project", folder).code == 2
    assert wherry("contract", "diff", "nobranch", "--project", folder).code == 2
