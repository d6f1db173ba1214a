"""``partition`` and ``sort`` of a table: read, checked, had by a run, changed by upkeep alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from wherry.cli import main
from wherry.model.asset import Partition, Sort
from wherry.project.layout_form import LayoutFormError, read_partition, read_sort


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("region", ["region"]),
        (["day(at)", "bucket(16", "id)"], ["day(at)", "bucket(16, id)"]),  # as YAML cuts it
        (["day(at)", "bucket(16, id)"], ["day(at)", "bucket(16, id)"]),
        ("DAY( at ), truncate(4,name)", ["day(at)", "truncate(4, name)"]),
        (['"a, b"', 'month("x (y)")'], ["a, b", "month(x (y))"]),
        ([], []),
    ],
)
def test_partitions_are_read(written: Any, expected: list[str]) -> None:
    assert [str(part) for part in read_partition(written)] == expected


@pytest.mark.parametrize(
    "written", ["dayly(at)", "bucket(id)", "bucket(0, id)", "day(4, at)", "day(at", "a b", {"a": 1}, "bucket(-1, id)"]
)
def test_what_is_no_partition_is_told(written: Any) -> None:
    with pytest.raises(LayoutFormError):
        read_partition(written)


def test_orders_are_read() -> None:
    assert read_sort("a, b DESC") == (Sort(column="a"), Sort(column="b", descending=True))
    assert read_sort(['"we ird" asc']) == (Sort(column="we ird"),)
    with pytest.raises(LayoutFormError):
        read_sort("a downwards")
    assert Partition(column="i", transform="bucket", width=4).iceberg == "bucket[4]"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for path, text in {
        "wherry.toml": 'name = "shop"\n',
        "tables/raw/orders.sql": (
            "-- partition: [day(h), bucket(2, id)]\n-- sort: [h desc]\n"
            "SELECT range AS id, TIMESTAMP '2026-01-01' + (hash(range) % 48)::INTEGER * INTERVAL 1 HOUR AS h "
            "FROM range(500); -- the end\n"
        ),
        "tables/marts/days.sql": (
            "-- build: incremental by h\n-- start: 2026-01-01\n-- partition: month(h)\n-- sort: id\n"
            "SELECT id, h FROM raw.orders WHERE h >= $start AND h < $end\n"
        ),
        "tables/marts/copy.py": (
            "from wherry import Table, table\n\n\n"
            '@table(partition=["bucket(3, id)"], sort="id desc")\n'
            'def copy(orders: Table["raw.orders"]):\n    return orders.arrow()\n'
        ),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def call(capfd: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    capfd.readouterr()
    with pytest.raises(SystemExit):
        main([*map(str, words), "--json"])
    return json.loads(capfd.readouterr().out)


def parts(shop: Path, table: str) -> list[Path]:
    """The folders of a table's files below its data folder."""
    (folder,) = (shop / ".wherry" / "lake").glob(f"{table.replace('.', '/')}-*")
    return sorted({path.parent.relative_to(folder / "data") for path in folder.glob("data/**/*.parquet")})


def test_a_run_lays_tables_out(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import pyarrow.parquet as parquet

    run = call(capfd, "run", "--project", shop)
    assert run["state"] == "done"
    assert len(parts(shop, "raw.orders")) == 4
    assert len(parts(shop, "marts.days")) == 1
    assert len(parts(shop, "marts.copy")) == 3
    for path in (shop / ".wherry" / "lake" / "raw").rglob("*.parquet"):
        found = parquet.ParquetFile(path).read()["h"].to_pylist()
        assert found == sorted(found, reverse=True)
    plan = call(capfd, "plan", "--project", shop)
    assert {step["action"] for step in plan["steps"]} == {"skip"}


def test_another_layout_builds_nothing_and_upkeep_brings_it(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(capfd, "run", "--project", shop)
    query = ("sql", "SELECT count(*) AS n, sum(id) AS total FROM marts.days", "--project", shop)
    before = call(capfd, *query)
    days = shop / "tables" / "marts" / "days.sql"
    days.write_text(days.read_text().replace("month(h)", "[day(h)]").replace("sort: id", "sort: id desc"))
    plan = call(capfd, "plan", "--project", shop)
    assert {step["action"] for step in plan["steps"]} == {"skip"}
    upkeep = call(capfd, "upkeep", "--project", shop)
    assert {t["name"]: t["state"] for t in upkeep["tables"]}["marts.days"] == "done"
    assert len(parts(shop, "marts.days")) == 3  # the old file is still kept by a commit
    assert call(capfd, *query) == before
    plan = call(capfd, "plan", "--project", shop)
    assert {step["action"] for step in plan["steps"]} == {"skip"}
    again = call(capfd, "upkeep", "--project", shop)
    assert {t["state"] for t in again["tables"]} == {"unchanged"}


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ("partition: region", "unknown-column", "not there"),
        ("sort: hh", "unknown-column", "not there"),
        ("partition: weekly(h)", "bad-layout", "no way to partition"),
        ("partition: day(id)", "bad-layout", "BIGINT"),
        ("build: view\n-- sort: id", "bad-layout", "no rows"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(
    shop: Path, capfd: pytest.CaptureFixture[str], said: str, code: str, told: str
) -> None:
    (shop / "tables" / "raw" / "orders.sql").write_text(f"-- {said}\nSELECT 1::BIGINT AS id, now()::TIMESTAMP AS h\n")
    (finding,) = call(capfd, "check", "--project", shop)["findings"]
    assert (finding["code"], finding["line"]) == (code, said.count("\n") + 1)
    assert told in finding["message"]


def test_what_is_wrong_in_the_upkeep_section_is_told(shop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (shop / "wherry.toml").write_text('name = "shop"\n\n[upkeep]\nkeep = "a while"\ngrce = "1 hour"\n')
    findings = call(capfd, "check", "--project", shop)["findings"]
    assert [(f["code"], f["line"]) for f in findings] == [("bad-value", 4), ("unknown-key", 5)]
