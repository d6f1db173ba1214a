"""A contract in the folder: its checks run, what it says fills what the table leaves out, its breach stops a run."""

import json
from pathlib import Path

import pytest

from fixtures.commands import Wherry, wherry
from fixtures.projects import read, write

__all__ = ["wherry"]

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
name: orders
version: 1.0.0
status: active
tags: [shop]
team: {name: sales}
slaProperties:
  - {property: latency, value: 4, unit: d, element: orders.day}
  - {property: retention, value: 3, unit: y}
schema:
  - name: orders
    description: One row per order.
    tags: [core]
    properties:
      - name: number
        physicalName: order_id
        logicalType: integer
        primaryKey: true
        description: Number of the order.
        classification: restricted
      - name: status
        logicalType: string
        required: true
        logicalTypeOptions: {maxLength: 8, pattern: "^[a-z]+$"}
        quality:
          - {metric: invalidValues, mustBe: 0, arguments: {validValues: [paid, open]}, name: known status}
          - {metric: invalidValues, mustBeLessOrEqualTo: 50, unit: percent, arguments: {validValues: [paid]}}
          - {type: text, description: Set by the till.}
      - name: amount
        logicalType: number
        logicalTypeOptions: {minimum: 0}
        quality:
          - {type: sql, query: "SELECT max(${column}) FROM orders", mustBeLessThan: 100, severity: warning}
          - {type: custom, engine: soda, implementation: "type: no_missing_values"}
          - {type: custom, engine: dbt, implementation: {dbt_utils.accepted_range: {max_value: 50}}}
          - type: custom
            engine: greatExpectations
            implementation: {type: expect_column_max_to_be_between, kwargs: {max_value: 90}}
      - name: customer
        relationships: [{to: customers.id}]
      - name: day
        logicalType: date
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [customer, day]}}
"""
ORDERS = """\
SELECT unnest([1, 2]) AS order_id, unnest(['paid', 'open']) AS status, unnest([3.5, 7.0]) AS amount,
    unnest([1, 2]) AS customer, CAST(current_date AS DATE) AS day
"""
FILES = {
    "contracts/orders.odcs.yaml": CONTRACT,
    "tables/shop/orders.sql": ORDERS,
    "tables/shop/customers.sql": "SELECT unnest([1, 2]) AS id\n",
    "tables/shop/totals.sql": "SELECT sum(amount) AS total FROM shop.orders WHERE status = 'paid'\n",
}


def test_everything_a_contract_says_is_there(tmp_path: Path) -> None:
    project = read(tmp_path, FILES)
    assert project.graph.findings == ()
    asset = project.graph["shop.orders"]
    assert (asset.about, asset.owner, asset.fresh, asset.tags) == (
        "One row per order.",
        "sales",
        "within 4 days",
        ("core", "shop"),
    )
    column = asset.columns[0]
    assert (column.name, column.about, column.tags) == ("order_id", "Number of the order.", ("restricted",))
    told = {(check.kind, check.column, check.line) for check in asset.checks}
    assert {("unique", "order_id", 16), ("not_null", "order_id", 20), ("not_null", "status", 25)} <= told
    assert {("length", "status", 26), ("matches", "status", 26), ("in", "status", 28)} <= told
    assert {("compare", "amount", 33), ("sql", "amount", 35), ("not_null", "amount", 36)} <= told
    assert {("condition", "amount", 37), ("refers", "customer", 42), ("rows", "", 46), ("unique", "", 47)} <= told
    assert ("fresh", "day", 10) in told
    assert {check.file for check in asset.checks} == {"contracts/orders.odcs.yaml"}
    by_name = {check.text: check for check in asset.checks}
    assert by_name["known status"].mostly == 1
    assert next(check for check in asset.checks if check.mostly < 1).mostly == 0.5


def test_what_the_tables_own_file_says_comes_first(tmp_path: Path) -> None:
    header = "-- Mine.\n--\n-- owner: me\n-- fresh: within 1 hour\n-- columns:\n--   order_id: {about: Own.}\n\n"
    project = read(tmp_path, {**FILES, "tables/shop/orders.sql": header + ORDERS})
    asset = project.graph["shop.orders"]
    assert (asset.about, asset.owner, asset.fresh) == ("Mine.", "me", "within 1 hour")
    assert asset.columns[0].about == "Own."


def test_the_checks_run_and_stop_bad_data(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", FILES)
    good = wherry("run", "--project", folder, "--json")
    assert good.code == 0
    (orders,) = [asset for asset in good.json["assets"] if asset["name"] == "shop.orders"]
    assert {check["state"] for check in orders["checks"]} == {"passed"}
    assert len(orders["checks"]) >= 14
    bad = (
        ORDERS.replace("'open'", "'Sent'").replace("7.0", "70.0").replace("[1, 2]) AS customer", "[1, 9]) AS customer")
    )
    write(folder, {"tables/shop/orders.sql": bad})
    answer = wherry("run", "--project", folder, "--json")
    assert answer.code == 1
    (orders,) = [asset for asset in answer.json["assets"] if asset["name"] == "shop.orders"]
    failed = {(check["column"], check["check"]) for check in orders["checks"] if check["state"] == "failed"}
    assert ("status", "known status") in failed
    assert {column for column, _ in failed} == {"status", "amount", "customer"}
    assert wherry(
        "sql", "SELECT max(amount) AS m FROM shop.orders", "--project", folder, "--format", "csv"
    ).out.split() == [
        "m",
        "7.0",
    ]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("{customProperties: [{property: wherry.table, value: shop.orders}], name: other}", "other"),
        ("{name: x, physicalName: shop.orders}", "x"),
        ("{name: ORDERS}", "ORDERS"),
    ],
)
def test_a_contract_finds_its_table(table: str, name: str, tmp_path: Path) -> None:
    text = f"apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: draft\nschema: [{table}]\n"
    project = read(tmp_path, {"tables/shop/orders.sql": ORDERS, "contracts/a.yml": text})
    (contract,) = project.graph.contracts
    assert [(each.name, each.asset) for each in contract.tables] == [(name, "shop.orders")]


def test_a_name_that_two_tables_have_is_told_apart_by_the_servers_schema(tmp_path: Path) -> None:
    text = (
        "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: draft\n"
        "schema: [{name: orders}]\n"
        "servers: [{server: s, type: postgres, host: h, port: 1, database: d, schema: shop}]\n"
    )
    files = {"tables/shop/orders.sql": ORDERS, "tables/old/orders.sql": ORDERS, "contracts/a.yml": text}
    project = read(tmp_path / "a", files)
    assert project.graph.contracts[0].tables[0].asset == "shop.orders"
    files["contracts/a.yml"] = text.replace("schema: shop", "schema: none")
    project = read(tmp_path / "b", files)
    (finding,) = project.graph.findings
    assert (finding.code, finding.severity) == ("unbound-contract", "warning")
    assert "`old.orders` or `shop.orders`" in finding.message


def test_a_plan_tells_what_breaks_a_contract_and_who_reads_it(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"tables/shop/orders.sql": ORDERS.replace("unnest([3.5, 7.0])", "'much'")})
    write(folder, {"tables/shop/totals.sql": "SELECT count(*) AS orders FROM shop.orders WHERE amount <> '0'\n"})
    plan = wherry("plan", "--project", folder, "--json")
    assert plan.code == 2
    assert {step["name"] for step in plan.json["steps"] if step["action"] == "build"} == {"shop.orders", "shop.totals"}
    (breach,) = plan.json["breaks"]
    assert (breach["table"], breach["table_column"], breach["change"]) == ("shop.orders", "amount", "retyped")
    assert breach["readers"] == ["shop.totals"]
    assert plan.json["findings"][0]["code"] == "broken-contract"
    # The table and its readers stay as they were; the others are made.
    write(folder, {"tables/shop/apart.sql": "SELECT 1 AS x\n"})
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1
    states = {asset["name"]: asset["state"] for asset in run.json["assets"]}
    assert (states["shop.orders"], states["shop.totals"], states["shop.apart"]) == ("failed", "blocked", "built")
    assert "3.5" in wherry("sql", "SELECT amount FROM shop.orders", "--project", folder).out
    assert "contracts broken" in wherry("plan", "--project", folder).err


def test_readers_are_found_through_every_table_between(tmp_path: Path) -> None:
    files = {
        **FILES,
        "tables/shop/orders.sql": ORDERS.replace("AS status", "AS state"),
        "tables/a/one.sql": "SELECT state AS s, amount FROM shop.orders\n",
        "tables/a/two.sql": "SELECT upper(s) AS u FROM a.one\n",
        "tables/a/three.sql": "SELECT count(*) AS n FROM a.two WHERE u = 'X'\n",
        "tables/a/other.sql": "SELECT amount FROM a.one\n",
        "tables/shop/totals.sql": "SELECT 1 AS x\n",
    }
    from wherry.run.readers import ColumnReaders

    project = read(tmp_path, files)
    (breach,) = project.graph.breaches
    assert (breach.change, breach.table_column) == ("missing-column", "status")
    found = ColumnReaders(tmp_path)(project.graph, "shop.orders", "state")
    assert found == ("a.one.s", "a.three", "a.two.u")


def test_a_promise_that_cannot_be_read_fails_alone_and_the_other_checks_run(wherry: Wherry, tmp_path: Path) -> None:
    files = {
        "contracts/orders.yml": CONTRACT.replace("metric: rowCount", "metric: rowCont"),
        "checks/orders.yml": "checks for customers:\n  - missing_count(idd) = 0\n  - row_count > 0\n",
        "tables/shop/more.sql": "-- checks: [{check: rows, must: 0}, rows > 0]\n\nSELECT 1 AS x\n",
    }
    folder = write(tmp_path, {**FILES, **files})
    told = wherry("check", "--project", folder, "--json")
    assert told.code == 2
    assert {(f["file"], f["code"]) for f in told.json["findings"]} == {
        ("contracts/orders.yml", "bad-contract"),
        ("checks/orders.yml", "bad-check"),
        ("tables/shop/more.sql", "bad-check"),
    }
    answer = wherry("run", "--project", folder, "--json")
    assert answer.code == 1
    assets = {asset["name"]: asset for asset in answer.json["assets"]}
    for name, check in (("shop.orders", "rowCont"), ("shop.customers", "missing_count(idd) = 0"), ("shop.more", "")):
        states = [each["state"] for each in assets[name]["checks"]]
        assert states.count("failed") == 1 and "passed" in states, name
        (failed,) = [each for each in assets[name]["checks"] if each["state"] == "failed"]
        assert check in failed["check"]
    assert assets["shop.totals"]["state"] == "blocked"  # it reads shop.orders
    assert wherry("sql", "SELECT 1 FROM shop.more", "--project", folder).code == 2  # not published


#: Whole checks of wherry's own: each has one verdict on all rows, and no levels.
WHOLE = {
    "type DATE": ("type", {"types": ["DATE"]}),
    "values cover [1, 9]": ("values_cover", {"values": [1, 9]}),
    "values equal [1]": ("values_equal", {"values": [1]}),
    "most common in [9]": ("most_common_in", {"values": [9]}),
    "same values as shop.customers.id": ("values_same", {"table": "shop.customers", "column": "id"}),
}


@pytest.mark.parametrize("written", WHOLE)
def test_a_check_of_wherrys_own_that_takes_no_levels_is_asked(wherry: Wherry, tmp_path: Path, written: str) -> None:
    header = f"-- columns: {{n: {{checks: ['{written}']}}}}\n"
    customers = {"tables/shop/customers.sql": FILES["tables/shop/customers.sql"].replace("1, 2", "8, 9")}
    folder = write(tmp_path / "p", {"tables/shop/o.sql": f"{header}SELECT unnest([1, 2]) AS n\n", **customers})
    file = folder / "contracts" / "o.odcs.yaml"
    file.parent.mkdir()
    assert wherry("contract", "export", "shop.o", "--to", file, "--project", folder).code == 0
    write(folder, {"tables/shop/o.sql": "SELECT unnest([1, 2]) AS n\n"})
    graph = read(folder).graph
    assert [(check.kind, check.arguments) for check in graph["shop.o"].checks] == [WHOLE[written]]
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1
    assert {each["name"]: each["state"] for each in run.json["assets"]}["shop.o"] == "failed"


@pytest.mark.parametrize(("severity", "state"), [("warning", "warned"), ("error", "failed")])
@pytest.mark.parametrize("engine", ["soda", "wherry"])
def test_a_rule_that_warns_only_holds_nothing_back_whatever_its_levels_say(
    wherry: Wherry, tmp_path: Path, engine: str, severity: str, state: str
) -> None:
    rule = {
        "soda": {"checks for o": [{"missing_count(n)": {"warn": "when > 0", "fail": "when > 1"}}]},
        "wherry": {"kind": "not_null", "column": "n", "warn": "from 1 row", "error": "from 2 rows"},
    }[engine]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "o",
        "version": "1",
        "status": "active",
        "schema": [
            {
                "name": "o",
                "quality": [{"type": "custom", "engine": engine, "severity": severity, "implementation": rule}],
            }
        ],
    }
    files = {"contracts/o.yaml": json.dumps(document), "tables/shop/o.sql": "SELECT NULL::INTEGER AS n FROM range(3)\n"}
    run = wherry("run", "--project", write(tmp_path, files), "--json")
    (asset,) = run.json["assets"]
    assert [check["state"] for check in asset["checks"]] == [state]
    assert run.code == (state == "failed")
