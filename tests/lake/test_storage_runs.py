"""A project whose lake is in a bucket, from the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.buckets import SECRET, Objects, ObjectStore, azure, objects, scheme, server, store
from fixtures.commands import Wherry, wherry

__all__ = ["azure", "objects", "scheme", "server", "store", "wherry"]

_BLOCKS = """
import os
import threading

from wherry import Table, table


@table()
def last(orders: Table["staging.orders"]):
    if os.environ.get("WAIT_TO_BE_KILLED"):
        os.write(1, b"here\\n")
        threading.Event().wait()
    return orders.arrow()
"""

_RELATION = """
from wherry import Table, table


@table()
def counted(orders: Table["staging.orders"], shown: Table["staging.shown"]):
    assert len(shown.duckdb().filter("kind = 1")) == 3
    return orders.duckdb().aggregate("kind, count(*) AS n").order("kind")
"""


@pytest.fixture
def shop(tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    return made(tmp_path / "shop", monkeypatch)


def made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path, text in {
        "wherry.toml": 'name = "shop"\nlake = "s3://lake/shop"\n',
        "tables/staging/orders.sql": "SELECT range AS id, range % 3 AS kind FROM range(9)\n",
        "tables/marts/kinds.sql": "SELECT kind, count(*) AS orders FROM staging.orders GROUP BY ALL\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.chdir(folder)
    return folder


def test_every_verb(
    scheme: str, objects: Objects, wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = made(tmp_path / "shop", monkeypatch)
    (shop / "wherry.toml").write_text(f'name = "shop"\nlake = "{scheme}://lake/shop"\n')
    done = wherry("run", "--json").json
    assert done["state"] == "done" and wherry("run", "--json").json["commit"] is None
    assert wherry("sql", "SELECT sum(orders) AS n FROM marts.kinds", "--json").json == [{"n": 9}]
    assert {each["name"]: each["rows"] for each in wherry("show", "--json").json["assets"]} == {
        "marts.kinds": 3,
        "staging.orders": 9,
    }
    wherry("branch", "dev")
    (shop / "tables/marts/kinds.sql").write_text("SELECT kind FROM staging.orders\n")
    assert wherry("run", "--branch", "dev").code == 0
    assert wherry("merge", "dev").code == 0
    assert wherry("sql", "SELECT count(*) AS n FROM marts.kinds", "--json").json == [{"n": 9}]
    assert wherry("restore", done["commit"]).code == 0
    assert wherry("sql", "SELECT count(*) AS n FROM marts.kinds", "--json").json == [{"n": 3}]
    assert wherry("upkeep", "--keep", "0d").code == 0
    assert wherry("sql", "SELECT count(*) AS n FROM marts.kinds", "--json").json == [{"n": 3}]
    assert not (shop / ".wherry" / "lake").exists() and objects.objects("shop/")


def test_a_function_reads_relations_of_a_bucket(
    scheme: str, objects: Objects, wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = made(tmp_path / "shop", monkeypatch)
    (shop / "wherry.toml").write_text(f'name = "shop"\nlake = "{scheme}://lake/shop"\n')
    (shop / "tables/staging/shown.sql").write_text("-- build: view\nSELECT * FROM staging.orders\n")
    (shop / "tables/marts/counted.py").write_text(_RELATION)
    # The store is in this process, and methods of relations hold the lock that it needs to answer.
    done = subprocess.run([sys.executable, "-m", "wherry", "run"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert wherry("sql", "SELECT * FROM marts.counted ORDER BY kind", "--json").json == [
        {"kind": kind, "n": 3} for kind in range(3)
    ]


def test_a_killed_run_changes_nothing_and_is_gone_on_with(
    shop: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wherry("run").code == 0
    (shop / "tables/staging/orders.sql").write_text("SELECT range AS id, range % 3 AS kind FROM range(12)\n")
    (shop / "tables/marts/last.py").write_text(_BLOCKS)
    monkeypatch.setenv("WAIT_TO_BE_KILLED", "1")
    child = subprocess.Popen([sys.executable, "-m", "wherry", "run", "--jobs", "1"], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"here\n"
    child.kill()
    child.communicate(timeout=30)
    monkeypatch.delenv("WAIT_TO_BE_KILLED")
    assert wherry("sql", "SELECT count(*) AS n FROM staging.orders", "--json").json == [{"n": 9}]
    done = {each["name"]: each for each in wherry("run", "--json").json["assets"]}
    assert done["staging.orders"]["reason"] == "built by a run that did not finish"
    assert wherry("sql", "SELECT count(*) AS n FROM marts.last", "--json").json == [{"n": 12}]


def test_a_run_without_its_bucket_tells_one_finding(
    shop: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "wherry.toml").write_text('name = "shop"\nlake = "s3://nowhere/shop"\n')
    answer = wherry("run", "--json")
    (finding,) = answer.json["findings"]
    assert (answer.code, finding["code"]) == (1, "no-bucket") and finding["hint"]
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert wherry("run", "--json").json["findings"][0]["code"] == "no-credentials"
    (shop / "wherry.toml").write_text('name = "shop"\nlake = "s3://lake/shop"\n')
    (shop / ".env").write_text(f"AWS_SECRET_ACCESS_KEY={SECRET}\n")
    assert wherry("run").code == 0


def test_tables_stay_readable_when_the_lake_goes_elsewhere(shop: Path, wherry: Wherry) -> None:
    assert wherry("run").code == 0
    (shop / "wherry.toml").write_text('name = "shop"\n')
    assert wherry("sql", "SELECT sum(orders) AS n FROM marts.kinds", "--json").json == [{"n": 9}]
    assert wherry("run", "marts.kinds", "--full").code == 0
    assert list((shop / ".wherry/lake").rglob("*.parquet"))
    (shop / "wherry.toml").write_text('name = "shop"\nlake = "s3://lake/elsewhere"\n')
    assert wherry("sql", "SELECT sum(orders) AS n FROM marts.kinds", "--json").json == [{"n": 9}]
