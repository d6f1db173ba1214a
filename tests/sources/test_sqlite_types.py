"""SQLite's own typing: what a declaration promises, what is set aside, what stays as it is."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from sources.systems import SQLite
from wherry.errors import SourceError

PAGE = Path(__file__).parents[2] / "docs" / "sources-sqlite.md"
_ROW = re.compile(r"^\| (?:`(.*?)`)? *\| ([A-Z]\S*) \| `(.*?)` \| `(.*?)` \| (?:`(.*?)` )?\|$", re.MULTILINE)


@pytest.fixture
def file(tmp_path: Path) -> SQLite:
    return SQLite(str(tmp_path / "a file.db"))


def test_the_table_of_the_page(file: SQLite) -> None:
    promised = _ROW.findall(PAGE.read_text())
    assert len(promised) == 15
    file.run(
        f"CREATE TABLE t ({', '.join(f'c{n} {row[0]}' for n, row in enumerate(promised))})",
        f"INSERT INTO t VALUES ({', '.join(row[2] for row in promised)})",
        *(f"INSERT INTO t (c{n}) VALUES ({row[4]})" for n, row in enumerate(promised) if row[4]),
    )
    with_wrong = [n for n, row in enumerate(promised) if row[4]]
    looked = file.source.look(file.options())  # type: ignore[attr-defined]
    fields = looked.describe(file.request("t")).fields
    looked.close()
    assert [(row[0], field.type) for row, field in zip(promised, fields, strict=True)] == [row[:2] for row in promised]
    (row,), rejects, _ = file.batch(file.request("t"))
    assert [str(value) for value in row.values()] == [each[3] for each in promised]
    assert [(each["line"], each["reason"].split("`")[1]) for each in rejects] == [
        (line, f"c{n}") for line, n in enumerate(with_wrong, 2)
    ]


def test_values_of_several_types_become_text(file: SQLite) -> None:
    file.run("CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "INSERT INTO t (v) VALUES (1), (2.5), ('x'), (NULL)")
    assert [row["v"] for row in file.rows("t")] == ["1", "2.5", "x", None]
    file.run("INSERT INTO t (v) VALUES (x'ff')")
    rows, rejects, _ = file.batch(file.request("t"))
    assert len(rows) == 4 and rejects[0]["line"] == 5 and "0xff" in rejects[0]["row"]


def test_integers_that_a_double_cannot_hold_are_set_aside(file: SQLite) -> None:
    file.run("CREATE TABLE t (v)", "INSERT INTO t VALUES (1.5), (9007199254740992), (9007199254740993)")
    rows, rejects, _ = file.batch(file.request("t"))
    assert [row["v"] for row in rows] == [1.5, 9007199254740992.0] and len(rejects) == 1


def test_a_writer_in_wal_mode_disturbs_nothing(file: SQLite) -> None:
    file.run("PRAGMA journal_mode = wal", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    writer = sqlite3.connect(file.url, isolation_level=None)
    writer.execute("PRAGMA synchronous = off")
    writer.executemany("INSERT INTO t VALUES (?, 'x')", [(n,) for n in range(1, 2001)])
    table = file.request("t")
    batches = file.source.read(file.options(), table, None)
    batch = next(iter(batches))
    rows = 0
    for piece in batch.rows:
        rows += piece.num_rows
        writer.execute("INSERT INTO t (v) VALUES ('meanwhile')")
    cursor = batch.reached()
    batches.close()
    assert rows == 2000
    assert file.changed(table, cursor) == "the file was written"
    assert len(file.rows("t")) > 2000
    writer.close()


def test_nothing_is_written(file: SQLite, tmp_path: Path) -> None:
    file.run("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    Path(file.url).chmod(0o444)
    before = Path(file.url).read_bytes()
    assert file.rows("t") == [{"id": 1}]
    assert Path(file.url).read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["a file.db"]
    with pytest.raises(SourceError):
        file.rows("q", query="DELETE FROM t RETURNING id")


def test_attached_files_are_relative_to_the_project(tmp_path: Path) -> None:
    SQLite(str(tmp_path / "a.db")).run("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    other = SQLite(str(tmp_path / "b.db"))
    other.run("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (2)")
    both = SQLite("a.db")
    given = {"project": str(tmp_path), "attach": {"old": "b.db"}}
    assert both.rows("old.t", **given) == [{"id": 2}]
    assert both.rows("all", query="SELECT id FROM t UNION ALL SELECT id FROM old.t", **given) == [{"id": 1}, {"id": 2}]


def test_what_is_there(file: SQLite) -> None:
    file.run(
        'CREATE TABLE "we""ird" (id INTEGER PRIMARY KEY, updated_at TEXT, d DATE, g INTEGER AS (id * 2))',
        "CREATE VIEW seen AS SELECT 1 AS one",
        'INSERT INTO "we""ird" (id) VALUES (7)',
    )
    seen, weird = file.source.tables(file.options())  # type: ignore[attr-defined]
    assert (seen.name, seen.kind, weird.name, weird.key) == ("seen", "view", 'we"ird', ("id",))
    assert weird.cursors == ("updated_at", "id") and weird.rows == 7
    assert file.rows('we"ird') == [{"id": 7, "updated_at": None, "d": None, "g": 14}]


def test_a_table_without_rowid_tells_no_line(file: SQLite) -> None:
    file.run("CREATE TABLE t (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID", "INSERT INTO t VALUES ('a', 'x')")
    rows, (reject,), _ = file.batch(file.request("t"))
    assert rows == [] and reject["line"] is None and reject["row"] == '{"k": "a", "n": "x"}'


def test_a_cursor_skips_no_value_of_another_type(file: SQLite) -> None:
    file.run("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES (1, 10), (2, 'text'), (3, 30)")
    table = file.request("t", "incremental", cursor="n", key="id")
    loaded = file.read(table)
    file.run("INSERT INTO t VALUES (4, 40)")
    assert sorted(row["id"] for row in file.read(table, loaded).rows) == [1, 3, 4]
