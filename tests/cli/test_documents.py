"""What --json answers: the keys that the documentation promises, and nothing else on standard output."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry

ASSET = {"name", "state", "reason", "rows", "seconds", "checks"}
CHECK = {"check", "column", "state", "failing"}
FINDING = {"code", "severity", "file", "line", "column", "message", "hint"}
SHOWN = {"name", "kind", "file", "about", "owner", "build", "inputs", "columns", "rows", "commits"}
COLUMN = {"name", "type", "about", "tags", "checks", "from"}


def has(document: dict[str, Any], keys: set[str]) -> None:
    assert keys <= set(document), keys - set(document)


def test_run_plan_show_and_log_answer_as_promised(wherry: Wherry, shop: Path) -> None:
    plan = wherry("plan", "--project", shop, "--json").json
    assert [step["action"] for step in plan["steps"]] == ["build", "build"]
    for step in plan["steps"]:
        has(step, {"name", "action", "reason", "slices"})

    ran = wherry("run", "--project", shop, "--json")
    assert ran.code == 0
    has(ran.json, {"run", "branch", "state", "commit", "assets"})
    assert (ran.json["branch"], ran.json["state"]) == ("main", "done")
    for asset in ran.json["assets"]:
        has(asset, ASSET)
    revenue = next(asset for asset in ran.json["assets"] if asset["name"] == "marts.revenue")
    assert (revenue["state"], revenue["rows"], len(revenue["checks"])) == ("built", 1, 3)
    for check in revenue["checks"]:
        has(check, CHECK)
        assert check["state"] == "passed"

    again = wherry("run", "--project", shop, "--json").json
    assert {asset["state"] for asset in again["assets"]} == {"skipped"}
    assert {step["action"] for step in wherry("plan", "--project", shop, "--json").json["steps"]} == {"skip"}

    shown = wherry("show", "MARTS.revenue", "--project", shop, "--json").json
    has(shown, SHOWN)
    for column in shown["columns"]:
        has(column, COLUMN)
    assert shown["columns"][1]["from"] == ["staging.orders.amount"]
    assert (shown["about"], shown["owner"], shown["inputs"]) == ("Revenue per day.", "finance", ["staging.orders"])
    assert shown["commits"][0]["id"] == ran.json["commit"]

    assert [commit["id"] for commit in wherry("log", "--project", shop, "--json").json["commits"]] == [
        ran.json["commit"]
    ]
    assert wherry("sql", "SELECT revenue FROM marts.revenue", "--project", shop, "--json").json == [{"revenue": 2.5}]


def test_check_answers_as_promised(wherry: Wherry, shop: Path) -> None:
    assert wherry("check", "--project", shop, "--json").json == {"assets": 2, "findings": []}
    (shop / "tables" / "marts" / "revenue.sql").write_text("SELECT dya FROM staging.orders")
    answer = wherry("check", "--project", shop, "--json")
    assert answer.code == 2
    for finding in answer.json["findings"]:
        assert set(finding) == FINDING


def test_test_answers_and_fails_with_1(wherry: Wherry, shop: Path) -> None:
    passed = wherry("test", "--project", shop, "--json")
    assert (passed.code, passed.json["tests"][0]["state"]) == (0, "passed")
    (shop / "tables" / "marts" / "revenue.sql").write_text("SELECT day, 1 AS revenue FROM staging.orders")
    failed = wherry("test", "--project", shop, "--json")
    assert (failed.code, failed.json["tests"][0]["state"]) == (1, "failed")


def test_data_at_fault_is_exit_code_1(wherry: Wherry, shop: Path) -> None:
    (shop / "tables" / "staging" / "orders.sql").write_text("SELECT 1 AS id, DATE '2026-01-01' AS day, -1 AS amount")
    answer = wherry("run", "--project", shop, "--json")
    assert (answer.code, answer.json["state"]) == (1, "failed")
    assert wherry("sql", "SELECT * FROM marts.revenue", "--project", shop, "--json").code == 2
    revenue = next(asset for asset in answer.json["assets"] if asset["name"] == "marts.revenue")
    assert {check["check"]: check["failing"] for check in revenue["checks"]}[">= 0"] == 1


BROKEN = {"marts/broken.sql": "SELECT nothing FROM staging.orders", "marts/bad.sql": "SELEC 1"}


@pytest.mark.parametrize("words", [["check"], ["plan"], ["run"], ["test"]], ids=lambda words: words[0])
def test_a_broken_project_is_one_document_and_exit_code_2(wherry: Wherry, shop: Path, words: list[str]) -> None:
    for path, text in BROKEN.items():
        (shop / "tables" / path).write_text(text)
    answer = wherry(*words, "--project", shop, "--json")
    assert answer.code == 2
    assert {finding["file"] for finding in answer.json["findings"]} == {f"tables/{path}" for path in BROKEN}


MISUSE = {
    "a selection of nothing": ["run", "marts.revenu"],
    "a table that is not there": ["show", "marts.revenu"],
    "SQL that does not bind": ["sql", "SELECT nothing FROM marts.revenue"],
    "SQL that does not parse": ["sql", "SELEC 1"],
    "a branch that is not there": ["log", "--branch", "nowhere"],
    "a run on a branch that is not there": ["run", "--branch", "nowhere"],
    "a commit that is not there": ["restore", "deadbeef"],
    "a merge of nothing": ["merge", "nowhere"],
    "a backfill backwards": ["run", "--from", "2026-01-02", "--until", "2026-01-01"],
    "a date that is none": ["run", "--from", "yesterday"],
    "a number that is none": ["run", "--jobs", "many"],
    "an option that is not there": ["check", "--colour"],
    "a moment that is not there": ["sql", "SELECT 1", "--at", "nonsense"],
    "failing without a name": ["show", "--failing"],
    "an argument too many": ["check", "everything"],
    "a branch without a name": ["branch", "--drop"],
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_one_document_on_standard_output_and_exit_code_2(name: str, wherry: Wherry, shop: Path) -> None:
    verb, *words = MISUSE[name]
    answer = wherry(verb, "--project", shop, *words, "--json")
    assert answer.code == 2
    findings = answer.json["findings"]
    assert findings
    for finding in findings:
        assert set(finding) == FINDING
        assert finding["message"]
