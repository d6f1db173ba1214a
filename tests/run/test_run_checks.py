"""Checks of SQL tables, Python tables and tables of sources, through a run."""

import json
from datetime import datetime

from run_folder import Folder

from wherry.model.run import AssetResult


def verdicts(result: AssetResult) -> dict[str, tuple[str, object]]:
    return {check.check: (check.state, check.observed) for check in result.checks}


def test_every_kind_of_table_is_checked(folder: Folder) -> None:
    folder.write(
        {
            "data/orders.csv": "id,amount\n1,5\n2,7\n2,\n",
            "sources/drop.yml": "connector: files\npath: data/\ntables:\n"
            "  orders.csv:\n    as: raw.orders\n    columns:\n"
            "      id: {checks: [not_null, {check: unique, severity: warn}, type integer]}\n"
            "      amount: {checks: [null_share <= 50%, median between 5 and 7]}\n"
            "    checks: [rows between 1 and 10, 'columns [id, amount]']\n",
            "tables/s/scores.py": "from wherry import Table, table\n\n\n"
            '@table(columns={"score": {"checks": ["finite", "avg = 1.5"]}}, checks=["rows = rows of raw.orders"])\n'
            'def scores(orders: Table["raw.orders"]):\n'
            "    frame = orders.df()\n    frame['score'] = 1.5\n    return frame\n",
            "tables/s/totals.sql": "-- columns:\n--   id: {checks: [refers to raw.orders.id]}\n"
            "-- checks:\n--   - {check: aggregate_equals, sql: sum(amount), table: raw.orders}\n"
            "SELECT id, sum(amount) AS amount FROM raw.orders GROUP BY id",
        }
    )
    run = folder.run()
    assert run.state == "done", run
    source, scores, totals = sorted(run.assets, key=lambda result: result.name)
    assert verdicts(source) == {
        "not_null": ("passed", None),
        "unique": ("warned", None),
        "type integer": ("passed", "BIGINT"),
        "null_share <= 50%": ("passed", 1 / 3),
        "median between 5 and 7": ("passed", 6),
        "rows between 1 and 10": ("passed", 3),
        "columns [id, amount]": ("passed", ["id", "amount"]),
    }
    assert {state for state, _ in verdicts(scores).values()} == {"passed"} and len(scores.checks) == 3
    assert {state for state, _ in verdicts(totals).values()} == {"passed"} and len(totals.checks) == 2


def test_a_run_says_why_a_number_is_wrong(folder: Folder) -> None:
    header = "-- columns:\n--   x: {checks: [{check: avg > 5, name: high enough}]}\n"
    folder.write({"tables/s/t.sql": header + "SELECT 1 AS x"})
    (result,) = folder.run().assets
    assert result.reason == "check failed: x: high enough (avg is 1.0, not > 5)"


def test_fresh_goes_by_the_clock_of_the_run(folder: Folder) -> None:
    header = "-- columns:\n--   at: {checks: [fresh within 2 hours]}\n"
    folder.write({"tables/s/t.sql": header + "SELECT TIMESTAMP '2026-01-10 11:00:00' AS at"})
    (result,) = folder.run(now=datetime(2026, 1, 10, 12)).assets
    assert verdicts(result) == {"fresh within 2 hours": ("passed", 3600)}
    folder.write({"tables/s/t.sql": header + "SELECT TIMESTAMP '2026-01-10 11:00:00' AS at, 1 AS x"})
    (result,) = folder.run(now=datetime(2026, 1, 10, 14)).assets
    assert result.checks[0].why == "the newest value is 3.0 hours old, not within 2.0 hours"


def test_verdicts_are_kept_as_json(folder: Folder) -> None:
    folder.write({"tables/s/t.sql": "-- columns:\n--   x: {checks: [max < 2027-01-01]}\nSELECT DATE '2026-01-01' AS x"})
    (result,) = folder.run().assets
    assert json.loads(json.dumps(result.checks[0].observed)) == "2026-01-01"
