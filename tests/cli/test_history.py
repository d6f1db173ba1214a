"""Going back, reading the past, and publishing, as a person does it."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Files that arrive one after the other, and two tables over them."""
    folder = tmp_path / "events"
    for path, text in {
        "wherry.toml": 'name = "events"\n',
        "sources/drop.yml": (
            "connector: files\npath: data/\ntables:\n"
            '  "*.csv": {as: raw.events, mode: incremental, types: {n: bigint}}\n'
        ),
        "tables/marts/total.sql": "SELECT count(*) AS events, sum(n) AS n FROM raw.events\n",
        "tables/marts/seen.sql": "-- build: view\n\nSELECT n FROM raw.events\n",
        "data/a.csv": "n\n1\n2\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


class Shell:
    """Commands about one project."""

    def __init__(self, wherry: Wherry, folder: Path) -> None:
        self._wherry, self._folder = wherry, folder

    def __call__(self, *words: str, code: int = 0) -> Any:
        answer = self._wherry(*words, "--project", self._folder, "--json")
        assert answer.code == code, answer.out + answer.err
        return answer.json

    def told(self, *words: str) -> str:
        return self._wherry(*words, "--project", self._folder).out

    def run(self, *words: str) -> str:
        return str(self("run", *words)["commit"])

    def sql(self, query: str, *words: str) -> list[dict[str, Any]]:
        return list(self("sql", query, *words))

    def loaded(self, *words: str) -> list[int]:
        return [row["n"] for row in self.sql("SELECT n FROM raw.events ORDER BY n", *words)]


@pytest.fixture
def shell(wherry: Wherry, events: Path) -> Shell:
    return Shell(wherry, events)


@pytest.mark.parametrize("tables", [(), ("--table", "raw.events")], ids=["everything", "one table"])
def test_after_a_restore_what_came_later_is_loaded_again_once(shell: Shell, events: Path, tables: list[str]) -> None:
    first = shell.run()
    (events / "data/b.csv").write_text("n\n3\nbad\n")
    shell.run()
    (events / "data/c.csv").write_text("n\n4\n")
    shell.run()
    assert shell.loaded() == [1, 2, 3, 4]
    rejects = shell.sql("SELECT file, line FROM raw.events__rejects")
    tried = shell("restore", first, *tables, "--dry-run")
    assert tried["commit"] is None and shell.loaded() == [1, 2, 3, 4]
    moved = {change["name"]: (change["before"], change["after"]) for change in tried["changes"]}
    assert moved["raw.events"] == (4, 2)
    assert "raw.events__rejects" in moved
    shell("restore", first, *tables)
    assert shell.loaded() == [1, 2]
    shell.run()
    assert shell.loaded() == [1, 2, 3, 4]
    assert shell.sql("SELECT file, line FROM raw.events__rejects") == rejects
    assert shell.sql("SELECT events, n::INT AS n FROM marts.total") == [{"events": 4, "n": 10}]
    assert {step["action"] for step in shell("plan")["steps"]} == {"skip"}


def test_a_restore_on_a_branch_goes_back_with_the_branch(shell: Shell, events: Path) -> None:
    first = shell.run()
    shell("branch", "dev")
    (events / "data/b.csv").write_text("n\n3\n")
    shell.run("--branch", "dev")
    shell("restore", first, "--branch", "dev")
    assert shell.loaded("--branch", "dev") == [1, 2]
    shell.run("--branch", "dev")
    assert (shell.loaded("--branch", "dev"), shell.loaded()) == ([1, 2, 3], [1, 2])
    assert shell("merge", "dev")["fast_forward"]
    assert shell.loaded() == [1, 2, 3]
    assert {step["action"] for step in shell("plan")["steps"]} == {"skip"}


def test_a_dropped_table_is_pointed_to_and_comes_back(shell: Shell, events: Path) -> None:
    first = shell.run()
    text = (events / "tables/marts/total.sql").read_text()
    (events / "tables/marts/total.sql").unlink()
    shell.run("--prune")
    (finding,) = shell("sql", "FROM marts.total", code=2)["findings"]
    assert f"wherry restore {first} --table marts.total" in finding["hint"]
    assert shell.sql("SELECT events FROM marts.total", "--at", first) == [{"events": 2}]
    assert shell("restore", first, "--table", "marts.total")["tables"] == ["marts.total"]
    (events / "tables/marts/total.sql").write_text(text)
    assert shell.sql("SELECT events FROM marts.total") == [{"events": 2}]
    assert {step["action"] for step in shell("plan")["steps"]} == {"skip"}


def test_the_past_is_read_with_its_views_and_without_what_came_later(shell: Shell, events: Path) -> None:
    shell.run()
    (commit,) = shell("log")["commits"]
    (events / "data/b.csv").write_text("n\n3\n")
    (events / "tables/marts/seen.sql").write_text("-- build: view\n\nSELECT n, n * 2 AS twice FROM raw.events\n")
    (events / "tables/marts/later.sql").write_text("SELECT 1 AS i\n")
    shell.run()
    assert shell.sql("FROM marts.seen ORDER BY n", "--at", commit["id"]) == [{"n": 1}, {"n": 2}]
    assert shell.sql("SELECT max(twice) AS t FROM marts.seen") == [{"t": 6}]
    (finding,) = shell("sql", "FROM marts.later", "--at", commit["id"], code=2)["findings"]
    assert "at that time" in finding["message"]


def test_times_have_zones(shell: Shell, events: Path) -> None:
    shell.run()
    (commit,) = shell("log")["commits"]
    (events / "data/b.csv").write_text("n\n3\n")
    shell.run()
    at = datetime.fromisoformat(commit["at"])
    there = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    plain = at.replace(tzinfo=None).isoformat()
    for written in (commit["at"], plain, f"{plain} UTC", there.isoformat(), plain.replace("T", " ")):
        assert shell.loaded("--at", written) == [1, 2], written
    kolkata = there.replace(tzinfo=None).isoformat()
    assert shell.loaded("--at", f"{kolkata} Asia/Kolkata") == [1, 2]
    early = (at - timedelta(seconds=1)).isoformat()
    for written, fragment in {
        early: "nothing on `main`",
        "2020-01-31T10:00": f"nothing on `main`. Its first commit is {commit['id']}",
        f"{plain} Atlantis": "neither a commit nor a time",
        "noon": "neither a commit nor a time",
    }.items():
        (finding,) = shell("sql", "SELECT 1", "--at", written, code=2)["findings"]
        assert fragment.lower() in f"{finding['message']}. {finding['hint']}".lower()


def test_a_commit_of_another_branch_says_which(shell: Shell, events: Path) -> None:
    shell.run()
    shell("branch", "dev")
    (events / "data/b.csv").write_text("n\n3\n")
    there = shell.run("--branch", "dev")
    for words in (["sql", "SELECT 1", "--at", there], ["restore", there], ["branch", "x", "--at", there]):
        (finding,) = shell(*words, code=2)["findings"]
        assert "`dev`" in finding["message"]
    assert shell.loaded("--at", there, "--branch", "dev") == [1, 2, 3]
    shell("branch", "x", "--at", there, "--from", "dev")
    assert shell.loaded("--branch", "x") == [1, 2, 3]


def test_the_log_of_a_commit_and_its_filters(shell: Shell, events: Path) -> None:
    first = shell.run()
    (events / "data/b.csv").write_text("n\n3\n")
    second = shell.run()
    one = shell("log", second[:8])
    tables = {table["name"]: (table["change"], table["before"], table["rows"]) for table in one["tables"]}
    assert (one["id"], tables["raw.events"]) == (second, ("changed", 2, 3))
    assert {t["change"] for t in shell("log", first)["tables"]} == {"added"}
    assert "raw.events   changed  2 → 3 rows (+1)" in shell.told("log", second)
    told = {commit["id"]: commit for commit in shell("log")["commits"]}
    assert list(told) == [second, first]
    for words, wanted in (
        (("--until", told[second]["at"]), [first]),
        (("--since", told[second]["at"]), [second]),
        (("--since", "2999-01-01"), []),
        (("--run", told[first]["run"]), [first]),
        (("--author", "nobody at all"), []),
        (("--table", "RAW.events"), [second, first]),
        (("--limit", "1"), [second]),
    ):
        assert [commit["id"] for commit in shell("log", *words)["commits"]] == wanted, words
    assert len(shell("log", "--all")["commits"]) > 2


def change(events: Path, sql: str) -> None:
    (events / "tables/marts/total.sql").write_text(sql)


def test_a_conflict_is_a_report_and_a_side_settles_it(shell: Shell, events: Path) -> None:
    shell.run()
    shell("branch", "dev")
    change(events, "SELECT 7 AS events\n")
    ours = shell.run("--branch", "dev")
    change(events, "SELECT 8 AS events\n")
    theirs = shell.run()
    report = shell("merge", "dev", code=1)
    (conflict,) = report["conflicts"]
    assert (conflict["name"], report["commit"], len(report["findings"])) == ("marts.total", None, 2)
    assert {c["id"] for c in shell("log", "--all")["commits"]} >= {conflict["source"]["commit"], theirs}
    assert (conflict["source"]["branch"], conflict["target"]["commit"]) == ("dev", theirs) and ours
    tried = shell("merge", "dev", "--take", "marts.total=source", "--dry-run")
    assert tried["changes"][0] == {
        "name": "marts.total",
        "change": "changed",
        "kind": "table",
        "before": 1,
        "after": 1,
    }
    assert shell.sql("FROM marts.total") == [{"events": 8}]
    shell("merge", "dev", "--take", "source")
    assert shell.sql("FROM marts.total") == [{"events": 7}]
    # The file says 8: the next run sees that the table is not what it says.
    assert [s["name"] for s in shell("plan")["steps"] if s["action"] != "skip"] == ["marts.total"]


def test_a_branch_is_brought_up_to_date_and_the_run_rebuilds_what_no_longer_fits(shell: Shell, events: Path) -> None:
    shell.run()
    shell("branch", "dev")
    change(events, "SELECT count(*) AS many FROM raw.events\n")
    shell.run("--branch", "dev")
    (events / "data/b.csv").write_text("n\n3\n")
    shell.run("raw.events")
    (_, dev) = shell("branch")["branches"]
    assert (dev["tables"], dev["behind"], dev["changed"]) == (["marts.total"], ["raw.events"], 1)
    assert "1 table ahead: marts.total, 1 behind: raw.events" in shell.told("branch")
    assert shell("merge", "main", "--into", "dev")["tables"] == ["raw.events"]
    stale = [s["name"] for s in shell("plan", "--branch", "dev")["steps"] if s["action"] != "skip"]
    assert stale == ["marts.seen", "marts.total"]
    shell.run("--branch", "dev")
    assert shell.sql("FROM marts.total", "--branch", "dev") == [{"many": 3}]
    merged = shell("merge", "dev")
    assert (merged["tables"], merged["fast_forward"]) == (["marts.seen", "marts.total"], True)


def test_dropping_and_renaming(shell: Shell, events: Path) -> None:
    shell.run()
    shell("branch", "dev")
    change(events, "SELECT 7 AS events\n")
    shell.run("--branch", "dev")
    (finding,) = shell("branch", "dev", "--drop", code=1)["findings"]
    assert "marts.total" in finding["message"] and "--force" in finding["hint"]
    assert shell("branch", "dev", "--rename", "prices")["branch"] == "prices"
    assert "marts.total" in shell.told("branch", "prices", "--drop", "--force")
    assert [b["name"] for b in shell("branch")["branches"]] == ["main"]
    assert shell("branch", "main", "--drop", code=1)
    assert shell("branch", "run/mine", code=2)


@pytest.mark.parametrize(
    "words",
    [
        ["merge"],
        ["merge", "dev", "--take", "both"],
        ["merge", "dev", "--take", "source", "--take", "a.b=target"],
        ["merge", "dev", "--table", "raw.evnts"],
        ["merge", "dev", "--into", "nowhere"],
        ["restore", "2020-01-01"],
        ["restore", "2999-01-01", "--table", "raw.evnts"],
        ["branch", "--force", "--drop"],
        ["branch", "x", "--from", "nowhere"],
        ["branch", "x", "--at", "2020-01-01"],
        ["log", "deadbeef"],
        ["log", "--since", "yesterday"],
    ],
    ids=" ".join,
)
def test_misuse(words: list[str], shell: Shell) -> None:
    shell.run()
    shell("branch", "dev")
    assert shell(*words, code=2)["findings"]
