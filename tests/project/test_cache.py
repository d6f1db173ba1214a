"""What was read before is not read again, and losing the cache costs time only."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from fixtures.projects import read
from wherry.project import header
from wherry.project.cache import FORMAT
from wherry.run import remembered
from wherry.run.project import Project
from wherry.sql import binder, statement

FILES = {
    "functions/half.sql": "CREATE MACRO half(n) AS n / 2;\n",
    "tables/a.sql": "-- owner: x\n-- columns:\n--   id: {checks: [not_null, half(id) > 0]}\nSELECT 1 AS id\n",
    "tables/b.sql": "-- checks: [half(id) > 0]\nSELECT half(id) AS id FROM a\n",
    "tables/broken.sql": "-- The columns of b.\n\nSELECT nothing FROM b\n",
    "tables/worse.sql": "-- ownr: x\nSELEC 1\n",
    "tables/p.py": "from wherry import table\n\n@table(columns={'id': 'INTEGR'})\ndef p():\n    return []\n",
    "checks/none.sql": "-- severity: warn\nSELECT nothing FROM a\n",
    "tests/b.yml": "table: main.b\na: {given: {main.a: [{idd: 1}]}, expect: [{id: 1}]}\n",
}


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts what is parsed and bound; all of it is done for real."""
    done: Counter[str] = Counter()

    def count(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def counted(*given: object, **named: object) -> object:
            done[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, name, counted)

    count(statement.Parser, "read")
    count(statement.Parser, "split")
    count(statement.Parser, "_connect")
    count(binder.Binder, "__init__")
    count(binder.Binder, "columns")
    count(header, "read_yaml")
    count(remembered, "read_contract")
    count(remembered, "read_checks")
    yield done


def told(project: Project) -> str:
    graph = project.graph
    return json.dumps(
        [[asdict(each) for each in many] for many in (graph.assets.values(), graph.findings, graph.contracts)],
        default=str,
    )


def cache_file(folder: Path) -> Path:
    return folder / ".wherry" / "cache" / "project.json"


def test_an_unchanged_folder_is_neither_parsed_nor_bound_again(tmp_path: Path, work: Counter[str]) -> None:
    first = told(read(tmp_path, FILES))
    assert work["read"] and work["columns"] and work["read_yaml"]
    work.clear()
    assert told(read(tmp_path)) == first
    assert not work
    stored = cache_file(tmp_path).read_bytes()
    read(tmp_path)
    assert cache_file(tmp_path).read_bytes() == stored


#: What other tools and the contract standard say of the tables, some of it wrong.
PROMISES = {
    "contracts/a.yml": "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n"
    "  - name: a\n    properties:\n      - {name: id, logicalType: integer, required: true, uniqe: true}\n",
    "contracts/none.yml": "just text\n",
    "contracts/broken.yml": "a: [\n",
    "checks/soda.yml": "checks for a:\n  - row_count > 0\n  - invalid_count(id) = 0:\n      valid min: 0.5\n"
    "  - no_such_metric(id) > 1\n",
    "checks/dbt.yml": "models:\n  - name: a\n    columns:\n      - name: id\n        tests: [unique, nothing]\n",
    "checks/gx.json": '{"name": "s", "meta": {"table": "a"}, "expectations": ['
    '{"type": "expect_column_values_to_be_in_set", "kwargs": '
    '{"column": "id", "value_set": [1, null, 2.5], "mostly": 0.5}}]}',
}


def test_contracts_and_suites_are_read_once(tmp_path: Path, work: Counter[str]) -> None:
    project = read(tmp_path, {**FILES, **PROMISES})
    first = told(project)
    assert (work["read_contract"], work["read_checks"]) == (3, 3)
    assert len(project.graph["main.a"].checks) >= 7
    work.clear()
    assert told(read(tmp_path)) == first
    assert not work
    read(tmp_path, {"contracts/none.yml": "other text\n"})
    assert (work["read_contract"], work["read_checks"]) == (1, 0)


def test_a_suite_that_moves_is_told_there(tmp_path: Path) -> None:
    read(tmp_path, {**FILES, **PROMISES})
    (tmp_path / "checks" / "soda.yml").rename(tmp_path / "checks" / "moved.yml")
    files = {finding.file for finding in read(tmp_path).graph.findings}
    assert "checks/moved.yml" in files and "checks/soda.yml" not in files


def test_one_changed_file_is_read_and_what_rests_on_it_is_bound(tmp_path: Path, work: Counter[str]) -> None:
    read(tmp_path, FILES)
    work.clear()
    read(tmp_path, {"tables/worse.sql": "SELECT 1 AS id\n"})
    assert (work["read"], work["__init__"], work["columns"]) == (1, 1, 1)


def test_a_file_written_anew_with_the_same_text_is_not_read(tmp_path: Path, work: Counter[str]) -> None:
    read(tmp_path, FILES)
    work.clear()
    read(tmp_path, FILES)
    assert not work


def test_a_text_that_moves_to_another_file_is_told_there(tmp_path: Path) -> None:
    read(tmp_path, FILES)
    (tmp_path / "tables" / "broken.sql").rename(tmp_path / "tables" / "moved.sql")
    (tmp_path / "tables" / "worse.sql").rename(tmp_path / "tables" / "worst.sql")
    files = {finding.file for finding in read(tmp_path).graph.findings}
    assert {"tables/moved.sql", "tables/worst.sql"} <= files
    assert not {"tables/broken.sql", "tables/worse.sql"} & files


def test_a_function_that_changes_is_bound_again_where_it_is_used(tmp_path: Path) -> None:
    read(tmp_path, FILES)
    project = read(tmp_path, {"functions/half.sql": "-- Moved.\n\nCREATE MACRO half(n) AS CAST(n AS VARCHAR);\n"})
    assert project.graph["main.b"].columns[0].type == "VARCHAR"
    fresh = told(project)
    cache_file(tmp_path).unlink()
    assert told(read(tmp_path)) == fresh


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"format": 0, "entries": {}}',
        b'{"format": "x"}',
        b'{"format": %d}' % FORMAT,
        b'{"format": %d, "entries": null}' % FORMAT,
        b'{"format": %d, "entries": []}' % FORMAT,
        b"null",
        b"[" * 5000,
    ],
    ids=lambda spoiled: repr(spoiled[:24]),
)
def test_a_spoiled_or_old_cache_costs_time_only(tmp_path: Path, spoiled: bytes) -> None:
    first = told(read(tmp_path, FILES))
    cache_file(tmp_path).write_bytes(spoiled)
    assert told(read(tmp_path)) == first
    assert json.loads(cache_file(tmp_path).read_bytes())["entries"]


def test_a_cache_of_another_format_is_not_believed(tmp_path: Path, work: Counter[str]) -> None:
    first = told(read(tmp_path, FILES))
    stored = json.loads(cache_file(tmp_path).read_bytes())
    entries = {key: {"error": "old", "line": 1, "column": 1} for key in stored["entries"]}
    cache_file(tmp_path).write_text(json.dumps({"format": stored["format"] - 1, "entries": entries}))
    work.clear()
    assert told(read(tmp_path)) == first
    assert work["read"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_read(tmp_path: Path) -> None:
    first = told(read(tmp_path / "w", FILES))
    for file in (tmp_path / "w" / ".wherry").rglob("*"):
        file.unlink() if file.is_file() else None
    (tmp_path / "w").chmod(0o500)
    try:
        assert told(read(tmp_path / "w")) == first
    finally:
        (tmp_path / "w").chmod(0o700)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / ".wherry").write_text("in the way of the folder")
    first = told(read(tmp_path, FILES))
    assert told(read(tmp_path)) == first
    assert (tmp_path / ".wherry").read_text() == "in the way of the folder"


def test_what_is_no_longer_asked_for_is_forgotten(tmp_path: Path) -> None:
    read(tmp_path, FILES)
    before = len(json.loads(cache_file(tmp_path).read_bytes())["entries"])
    (tmp_path / "tables" / "broken.sql").unlink()
    read(tmp_path)
    assert len(json.loads(cache_file(tmp_path).read_bytes())["entries"]) < before
