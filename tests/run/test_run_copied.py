"""Large tables that a query of DuckDB reads: COPY writes their files, and whatever fails leaves the table as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_folder import NOON, Folder, states
from test_run_disk_full import LIMITED, MIB, fill_up, small
from test_run_killed import Scene

from sources.database import Server
from wherry import quoting
from wherry.errors import SourceError
from wherry.lake.lake import Lake
from wherry.sources.databases.postgres_pages import Pages

__all__ = ["small"]

pytestmark = pytest.mark.needs("postgres")
DEEP = bool(os.environ.get("WHERRY_DEEP"))
#: More than a group has.
ROWS = 42_000
MADE = f"""
CREATE TABLE big (id int PRIMARY KEY, amount numeric(9,2), rate float8, moment timestamptz, note text, tags text[]);
INSERT INTO big SELECT i, i / 4.0, CASE WHEN i % 10 = 0 THEN '-0' ELSE i / 7.0 END,
  timestamptz '2026-01-01' + i * interval '1 second', md5(i::text), ARRAY['t' || i % 3, NULL]
  FROM generate_series(1, {ROWS}) AS i;
ANALYZE big
"""


@pytest.fixture
def server(postgres: str) -> Server:
    server = Server(postgres)
    server.run(*MADE.split(";"))
    return server


def source(folder: Folder, server: Server, more: str = "") -> None:
    source = f"connector: postgres\nurl: {server.url}\ntables:\n  public.big: {{as: raw.big{more}}}\n"
    folder.write({"sources/shop.yml": source})


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The tables whose rows came by COPY, and how many each time."""
    seen: list[tuple[str, int]] = []
    fill = Lake.fill

    def noted(self: Lake, branch: str, name: str, metadata: Any, files: Any, connection: Any) -> None:
        seen.append((name, sum(each.rows for each in files)))
        fill(self, branch, name, metadata, files, connection)

    monkeypatch.setattr(Lake, "fill", noted)
    return seen


def digest(folder: Folder) -> list[tuple[Any, ...]]:
    zeros = "count(*) FILTER (rate::VARCHAR = '-0.0')"
    columns = f"count(*), sum(hash(id, amount, rate, moment, note, tags)), min(moment), max(moment), {zeros}"
    return folder.rows("raw.big", columns=columns)


def data(folder: Folder) -> set[Path]:
    return set(folder.path.glob(".wherry/lake/raw/*/data/*"))


def test_it_holds_what_the_extension_would_have_written(
    folder: Folder, server: Server, committed: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = ", columns: {id: {checks: [unique, not_null, '> 0']}, amount: {checks: ['>= 0.25']}}"
    source(folder, server, checks)
    folder.done()
    assert committed == [("raw.big", ROWS)]
    there = digest(folder)
    assert there[0][0] == ROWS
    assert states(folder.done()) == {"big": "skipped"}
    # The whole table anew, in the old one's place.
    server.run("UPDATE big SET amount = 7 WHERE id = 41999")
    folder.done()
    assert [rows for _, rows in committed] == [ROWS, ROWS]
    assert folder.rows("raw.big", columns="max(id) FILTER (amount = 7)") == [(41_999,)]
    changed = digest(folder)
    assert changed != there
    # Of fewer rows than a group has, the extension writes the files.
    monkeypatch.setattr("wherry.lake.filling.group_of", lambda storage: ROWS * 2)
    folder.done(full=True)
    assert len(committed) == 2 and digest(folder) == changed


def test_partitions_are_the_extensions(folder: Folder, server: Server, committed: list[tuple[str, int]]) -> None:
    source(folder, server, ", partition: [month(moment)]")
    folder.done()
    assert committed == [] and digest(folder)[0][0] == ROWS


@pytest.fixture
def pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is large enough to be read by ranges of its pages, and has no list, which is not read so."""
    server.run("ALTER TABLE big ALTER tags TYPE text USING tags::text", "ANALYZE big")
    monkeypatch.setattr("wherry.sources.databases.postgres.LARGE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def test_what_the_rows_tell_is_told_before_they_count(
    folder: Folder, server: Server, pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(folder, server)
    folder.done()
    old, files = digest(folder), data(folder)
    server.run("UPDATE big SET note = 'x' WHERE id = 40000")
    asked: list[Any] = []

    def refuse(self: Pages, connection: Any, relation: str) -> None:
        asked.extend(connection.execute(f"SELECT count(*), max(note) FROM {relation}").fetchall())
        raise SourceError("the rows say so")

    monkeypatch.setattr(Pages, "_written", refuse)
    [finding] = folder.run().assets[0].findings
    assert finding.message.startswith("the rows say so.") and asked == [(ROWS, "x")]
    assert digest(folder) == old
    # What was written for nothing is gone.
    assert data(folder) == files


def test_a_nan_is_found_in_the_files(folder: Folder, server: Server, pages: None) -> None:
    """DuckDB's scanner reads it as 0."""
    source(folder, server)
    folder.done()
    old = digest(folder)
    server.run("UPDATE big SET amount = 'NaN' WHERE id = 40000")
    [finding] = folder.run().assets[0].findings
    assert finding.code == "value-not-kept" and "NaN" in finding.message
    assert digest(folder) == old
    server.run("UPDATE big SET amount = 0 WHERE id = 40000")
    folder.done()
    assert digest(folder)[0][0] == ROWS and digest(folder) != old


def test_an_infinite_moment_is_refused(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever source it comes; of PostgreSQL it is refused in the query already."""
    source(folder, server)
    folder.done()
    old, files = digest(folder), data(folder)
    monkeypatch.setattr("wherry.sources.databases.postgres_query.kept", lambda of: quoting.name(of.name))
    server.run("UPDATE big SET moment = 'infinity' WHERE id = 40000")
    [finding] = folder.run().assets[0].findings
    assert finding.message.startswith("`moment` has an infinite time"), finding
    assert digest(folder) == old and data(folder) == files


def test_a_conflict_is_told(folder: Folder, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source(folder, server)
    fill = Lake.fill

    def late(self: Lake, branch: str, name: str, metadata: Any, files: Any, connection: Any) -> None:
        connection.execute("INSERT INTO lake.raw.big (SELECT 1, 1, 1, now(), '', ['x'])")
        fill(self, branch, name, metadata, files, connection)

    monkeypatch.setattr(Lake, "fill", late)
    made = folder.run()
    [finding] = made.assets[0].findings
    assert (finding.code, made.state) == ("conflict", "failed"), finding
    monkeypatch.undo()
    folder.done()
    assert digest(folder)[0][0] == ROWS


def test_a_full_disk(small: Path, tmp_path: Path, server: Server) -> None:
    path = tmp_path / "project"
    path.mkdir()
    folder = Folder(path, lake=str(small / "lake"))
    source(folder, server)
    folder.done()
    old = digest(folder)
    server.run("UPDATE big SET note = md5(note || 1) WHERE id % 2 = 0")
    ballast = fill_up(small, 400_000)
    command = [sys.executable, "-m", "wherry", "run", "--json", "--project", str(path)]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 1, (told.stdout, told.stderr)
    assert "The disk is full" in told.stderr and "Traceback" not in told.stderr, (told.stdout, told.stderr)
    ballast.unlink()
    assert digest(folder) == old
    folder.done()
    assert digest(folder)[0][0] == ROWS and digest(folder) != old
    folder.close()


def test_a_file_that_may_not_grow(folder: Folder, server: Server) -> None:
    source(folder, server)
    told = subprocess.run([sys.executable, "-c", LIMITED, str(MIB), str(folder.path)], capture_output=True, text=True)
    assert told.returncode == 1 and "Traceback" not in told.stderr, (told.stdout, told.stderr)
    assert folder.contents("raw.big") == {"raw.big": None}
    folder.done()
    assert digest(folder)[0][0] == ROWS


@pytest.mark.parametrize("what", ["statement", "commit"])
def test_killed_at_any_moment(tmp_path: Path, server: Server, what: str) -> None:
    path = tmp_path / "project"
    path.mkdir()
    folder = Folder(path)
    source(folder, server)
    folder.done(jobs=1)
    folder.close()
    server.run("UPDATE big SET note = note || 'x' WHERE id % 100 = 0", "DELETE FROM big WHERE id = 7")
    Copied(path, tmp_path / "kept", NOON).killed_times(what, 0 if DEEP else 3)


class Copied(Scene):
    tables = ("raw.big",)
