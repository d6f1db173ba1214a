"""A column gets values wider than its type: the table is written again where nothing is lost, or nothing happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from run_folder import NOON, Folder, problems, result

#: A source whose batches are queries: values of any type.
PLUGIN = '''
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from wherry.ports import Batch


@dataclass(frozen=True, kw_only=True)
class Options:
    """Queries from a file."""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """One table."""


class Queries:
    Options, TableOptions = Options, TableOptions

    def queries(self) -> list[str]:
        return json.loads((Path(__file__).parents[1] / "queries.json").read_text())

    def changed(self, options: Any, table: Any, cursor: Any) -> str | None:
        return "more" if self.queries()[(cursor or {}).get("at", 0):] else None

    def columns(self, options: Any, table: Any) -> None:
        return None

    def read(self, options: Any, table: Any, cursor: Any):
        queries = self.queries()
        for number in range((cursor or {}).get("at", 0), len(queries)):
            rows = duckdb.sql(queries[number]).to_arrow_table()
            yield Batch(rows=rows, cursor={"at": number + 1}, upsert=("id",) if cursor else ())


source = Queries()
'''


class Widening:
    """A project with one table, ``raw.t``, loaded by key from queries, and one table made of it."""

    def __init__(self, folder: Folder, policy: str = "evolve") -> None:
        self.folder, self.queries = folder, list[str]()
        folder.write(
            {
                "plugins/queries.py": PLUGIN,
                "sources/s.yml": f"connector: queries\non_schema_change: {policy}\n"
                'tables:\n  t: {as: raw.t, mode: incremental, key: id, checks: [rows > 0, "unique [id]"]}\n',
                "tables/s/total.sql": "-- build: replace\nSELECT count(v) AS n, max(v) AS most FROM raw.t\n",
            }
        )

    def give(self, query: str) -> None:
        self.queries.append(query)
        self.folder.write({"queries.json": json.dumps(self.queries)})

    def load(self, query: str) -> Any:
        self.give(query)
        return result(self.folder.done(), "raw.t")

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return self.folder.rows("raw.t")


@pytest.fixture
def widening(folder: Folder) -> Widening:
    return Widening(folder)


MOST = 2**63 - 1


def test_whole_numbers_become_decimals_to_the_last_digit(widening: Widening) -> None:
    widening.load(f"SELECT * FROM (VALUES (1, {MOST}, 'a'), (2, -{MOST}, 'b'), (3, NULL, 'c')) AS t(id, v, x)")
    made = widening.load("SELECT 3 AS id, 1.5::DECIMAL(38,9) AS v, 'C' AS x UNION ALL SELECT 4, 7, 'd'")
    assert [str(drift) for drift in made.drifts] == ["column `v` widened from BIGINT to DECIMAL(38,9)"]
    assert widening.rows == [
        (1, Decimal(MOST), "a"), (2, Decimal(-MOST), "b"), (3, Decimal("1.5"), "C"), (4, Decimal(7), "d"),
    ]  # fmt: skip
    assert widening.folder.schema("raw.t") == {"id": "INTEGER", "v": "DECIMAL(38,9)", "x": "VARCHAR"}
    assert widening.folder.rows("s.total") == [(4, Decimal(MOST))]
    assert [check.state for check in made.checks] == ["passed", "passed"]
    assert widening.load("SELECT 5 AS id, 2.5::DECIMAL(38,9) AS v, 'e' AS x").drifts == ()
    assert widening.load("SELECT 6 AS id, 3::BIGINT AS v, 'f' AS x").drifts[0].kind == "narrowed"
    assert [row[0] for row in widening.rows] == [1, 2, 3, 4, 5, 6]
    assert widening.folder.leftovers() == []
    assert not [name for name in widening.folder.seqs() if "__wherry" in name]


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        ("9007199254740992::BIGINT", "1e300::DOUBLE", "DOUBLE"),
        ("7::INTEGER", "0.5::FLOAT", "FLOAT"),
        ("12::INTEGER", "1.25::DECIMAL(5,2)", "DECIMAL(12,2)"),
        ("1.25::DECIMAL(5,2)", f"{MOST}::BIGINT", "DECIMAL(21,2)"),
        ("1.25::DECIMAL(5,2)", "1.125::DECIMAL(5,3)", "DECIMAL(6,3)"),
        ("123.5::DECIMAL(38,9)", "1e-18::DECIMAL(38,18)", "DECIMAL(38,18)"),
        ("DATE '2026-01-31'", "TIMESTAMP '2026-01-31 10:00:00.5'", "TIMESTAMP"),
    ],
)
def test_what_holds_both(widening: Widening, first: str, then: str, kind: str) -> None:
    widening.load(f"SELECT 1 AS id, {first} AS v")
    assert widening.load(f"SELECT 2 AS id, {then} AS v").drifts[0].kind == "widened"
    assert widening.folder.schema("raw.t")["v"] == kind
    told = widening.folder.rows("raw.t", columns=f"id, if(id = 1, v = ({first})::{kind}, v = ({then})::{kind})")
    assert told == [(1, True), (2, True)]


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("9007199254740993::BIGINT", "1.5::DOUBLE", "DOUBLE, which 9007199254740993 is not exactly"),
        (f"{MOST}::BIGINT", "1.5::DOUBLE", f"which {MOST} is not exactly"),
        ("16777217::INTEGER", "1.5::FLOAT", "which 16777217 is not exactly"),
        (f"{10**28}::DECIMAL(38,9)", "1e-18::DECIMAL(38,18)", "is not exactly"),
        ("0.1::DECIMAL(5,2)", "0.1::DOUBLE", "is DECIMAL(5,2), and the new rows have DOUBLE. "),
        ("1::BIGINT", "'one'", "is BIGINT, and the new rows have VARCHAR. "),
        ("true", "2::BIGINT", "is BOOLEAN, and the new rows have BIGINT. "),
    ],
)
def test_nothing_is_rounded(widening: Widening, first: str, then: str, words: str) -> None:
    widening.load(f"SELECT 1 AS id, {first} AS v")
    before, kinds = widening.rows, widening.folder.schema("raw.t")
    widening.give(f"SELECT 2 AS id, {then} AS v, 'new' AS w")
    (finding,) = result(widening.folder.run(), "raw.t").findings
    assert finding.code == "schema-changed" and words in finding.message
    assert "Nothing of this batch was loaded" in finding.message and "--full" in finding.hint
    assert widening.rows == before and widening.folder.schema("raw.t") == kinds
    # Mended at the source, the next run goes on as if nothing had been.
    widening.queries.pop()
    widening.load(f"SELECT 2 AS id, {first} AS v")
    assert [row[0] for row in widening.rows] == [1, 2]


def test_frozen_columns_do_not_widen(folder: Folder) -> None:
    widening = Widening(folder, "freeze")
    widening.load("SELECT 1 AS id, 1::BIGINT AS v")
    widening.give("SELECT 2 AS id, 1.5::DECIMAL(38,9) AS v")
    (finding,) = result(folder.run(), "raw.t").findings
    assert finding.code == "schema-changed" and "frozen, and its column `v` would become DECIMAL" in finding.message
    assert widening.rows == [(1, 1)]


def test_fractions_are_held_back_in_quarantine(folder: Folder) -> None:
    widening = Widening(folder, "quarantine")
    widening.load("SELECT 1 AS id, 1::BIGINT AS v")
    made = widening.load("SELECT * FROM (VALUES (2, 1.5::DECIMAL(38,9)), (3, 2)) AS t(id, v)")
    assert made.rejected == 1 and widening.rows == [(1, 1), (3, 2)]
    [(reason, row)] = folder.rows("raw.t__rejects", columns="reason, row")
    assert reason == "column `v`: not exactly BIGINT" and json.loads(row) == {"id": 2, "v": 1.5}


def test_a_table_that_is_loaded_anew_widens_between_its_batches(widening: Widening) -> None:
    widening.give(f"SELECT 1 AS id, {MOST} AS v")
    widening.load("SELECT 2 AS id, 0.5::DECIMAL(38,9) AS v")
    done = result(widening.folder.done(full=True), "raw.t")
    assert done.state == "built" and widening.rows == [(1, Decimal(MOST)), (2, Decimal("0.5"))]


def test_rows_that_broke_a_check_widen_too(folder: Folder) -> None:
    widening = Widening(folder)
    source = (folder.path / "sources/s.yml").read_text()
    check = "columns: {v: {checks: [{check: '>= 0', quarantine: true}]}}"
    folder.write({"sources/s.yml": source.replace('checks: [rows > 0, "unique [id]"]', check)})
    widening.load("SELECT 1 AS id, 1::BIGINT AS v UNION ALL SELECT 2, -2")
    widening.load("SELECT 3 AS id, -1.5::DECIMAL(38,9) AS v")
    assert folder.rows("raw.t__rejected", columns="id, v") == [(2, Decimal(-2)), (3, Decimal("-1.5"))]
    assert widening.rows == [(1, Decimal(1))]


def test_the_layout_of_a_table_stays(folder: Folder) -> None:
    widening = Widening(folder)
    source = (folder.path / "sources/s.yml").read_text()
    folder.write({"sources/s.yml": source.replace("key: id,", "key: id, partition: [day(at)], sort: [v],")})
    widening.load("SELECT 1 AS id, 1::BIGINT AS v, TIMESTAMP '2026-01-01' AS at")
    layout = laid_out(folder)
    widening.load("SELECT 2 AS id, 1.5::DECIMAL(38,9) AS v, TIMESTAMP '2026-01-02' AS at")
    assert laid_out(folder) == layout and layout[0] and layout[1]


def laid_out(folder: Folder) -> tuple[list[Any], list[Any]]:
    """How a table is partitioned and sorted, by the names of its columns."""
    pointer = folder.lake.pointer("main", "raw.t")
    assert pointer is not None and pointer.location is not None
    metadata = folder.lake.storage.read(pointer.location)
    schema = next(each for each in metadata["schemas"] if each["schema-id"] == metadata["current-schema-id"])
    names = {field["id"]: field["name"] for field in schema["fields"]}
    specs = {each["spec-id"]: each["fields"] for each in metadata["partition-specs"]}
    orders = {each["order-id"]: each["fields"] for each in metadata["sort-orders"]}
    spec, order = specs[metadata["default-spec-id"]], orders[metadata["default-sort-order-id"]]
    return (
        [(names[each["source-id"]], each["transform"]) for each in spec],
        [(names[each["source-id"]], each["direction"]) for each in order],
    )


#: The commits at which it is killed: those around the one that moves the table; ``WHERRY_DEEP=1``: all.
KILLED = range(1, 18) if os.environ.get("WHERRY_DEEP") == "1" else range(7, 12)


def test_killed_at_every_commit(folder: Folder) -> None:
    """Each load widens the table once more, and is killed at another commit; the next one makes up for it."""
    widening = Widening(folder)
    widening.load("SELECT i AS id, i AS v FROM range(100) AS r(i)")
    folder.close()
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(folder.path), NOON.isoformat()]
    ended = 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdin is not None and driver.stdout is not None
        for number in KILLED:
            widening.give(f"SELECT {number} AS id, 0.{'1' * number}::DECIMAL(38,{number}) AS v")
            driver.stdin.write(f"commit {number}\n")
            driver.stdin.flush()
            told, *_ = driver.stdout.readline().split()
            assert told in ("killed", "ended"), told
            ended += told == "ended"
            driver.stdin.write("commit 1000\n")
            driver.stdin.flush()
            assert driver.stdout.readline().startswith("ended")
        driver.stdin.close()
    assert ended < len(KILLED)
    folder.lake = Folder(folder.path).lake
    expected = [(i, Decimal("0." + "1" * i) if i in KILLED else Decimal(i)) for i in range(100)]
    assert widening.rows == expected
    assert not problems(folder.done())
