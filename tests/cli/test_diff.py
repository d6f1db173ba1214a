"""What differs between two states of the lake, down to the rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Answer, Wherry


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Tables with a key from a merge, from a check, and without one; and a view."""
    folder = tmp_path / "shop"
    for path, text in {
        "wherry.toml": 'name = "shop"\n',
        "tables/s/keyed.sql": (
            "-- columns:\n--   id: {checks: [unique]}\n\n"
            "SELECT * FROM (VALUES (1, 'a', 1.5), (2, 'b', NULL), (3, 'c', 2)) AS v (id, name, price)\n"
        ),
        "tables/s/bag.sql": "SELECT unnest([1, 1, 2]) AS n\n",
        "tables/s/same.sql": "SELECT 1 AS one\n",
        "tables/s/going.sql": "SELECT 1 AS one\n",
        "tables/s/seen.sql": "-- build: view\n\nSELECT id, name FROM s.keyed\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def changed(project: Path, wherry: Wherry) -> Path:
    """Run on ``main``, then changed and run on ``dev``."""
    assert wherry("run", "--project", project).code == 0
    wherry("branch", "dev", "--project", project)
    (project / "tables/s/keyed.sql").write_text(
        "-- columns:\n--   id: {checks: [unique]}\n\nSELECT id, name, price::DOUBLE AS price, true AS fresh FROM "
        "(VALUES (1, 'a', 1.5), (2, 'B', NULL), (4, 'd', 3)) AS v (id, name, price)\n"
    )
    (project / "tables/s/bag.sql").write_text("SELECT unnest([1, 2, 2, 2]) AS n\n")
    (project / "tables/s/going.sql").unlink()
    (project / "tables/s/new.sql").write_text("SELECT unnest(range(50)) AS i\n")
    assert wherry("run", "--project", project, "--branch", "dev", "--prune").code == 0
    return project


def diff(wherry: Wherry, folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    answer = wherry("diff", "--project", folder, *words, "--json")
    assert answer.code == code, answer.err
    return dict(answer.json)


def tables(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for table in document["tables"]}


def test_tables_columns_and_row_counts(wherry: Wherry, changed: Path) -> None:
    found = tables(diff(wherry, changed, "--branch", "dev"))
    assert {name: (t["change"], t["before"], t["after"]) for name, t in found.items()} == {
        "s.bag": ("changed", 3, 4),
        "s.going": ("dropped", 1, None),
        "s.keyed": ("changed", 3, 3),
        "s.new": ("added", None, 50),
    }
    assert [(c["name"], c["change"], c["before"], c["after"]) for c in found["s.keyed"]["columns"]] == [
        ("price", "type", "DECIMAL(11,1)", "DOUBLE"),
        ("fresh", "added", "", "BOOLEAN"),
    ]
    assert all("rows" not in table for table in found.values())


def test_rows_by_the_key_of_a_check(wherry: Wherry, changed: Path) -> None:
    found = tables(diff(wherry, changed, "main", "dev", "--rows"))
    assert found["s.keyed"]["counts"] == {"added": 1, "removed": 1, "changed": 1}
    assert found["s.keyed"]["key"] == ["id"]
    assert found["s.keyed"]["rows"] == [
        {"change": "changed", "key": {"id": 2}, "before": {"name": "b"}, "after": {"name": "B"}},
        {"change": "removed", "row": {"id": 3, "name": "c", "price": "2.0"}},
        {"change": "added", "row": {"id": 4, "name": "d", "price": "3.0"}},
    ]
    assert "no key" in found["s.bag"]["note"]
    assert "counts" not in found["s.bag"]


def test_rows_without_a_key_count_every_copy(wherry: Wherry, changed: Path) -> None:
    found = tables(diff(wherry, changed, "main", "dev", "--rows", "s.bag"))
    assert set(found) == {"s.bag"}
    assert found["s.bag"]["counts"] == {"added": 2, "removed": 1, "changed": 0}
    assert found["s.bag"]["rows"] == [
        {"change": "added", "row": {"n": 2}},
        {"change": "added", "row": {"n": 2}},
        {"change": "removed", "row": {"n": 1}},
    ]


def test_rows_by_a_key_that_is_given(wherry: Wherry, changed: Path) -> None:
    found = tables(diff(wherry, changed, "main", "dev", "--rows", "S.keyed", "--key", "NAME"))["s.keyed"]
    assert (found["key"], found["counts"]) == (["name"], {"added": 2, "removed": 2, "changed": 0})
    wrong = diff(wherry, changed, "main", "dev", "--rows", "s.keyed", "--key", "nmae", code=2)
    assert "Did you mean `name`?" in wrong["findings"][0]["hint"]
    twice = diff(wherry, changed, "main", "dev", "--rows", "s.bag", "--key", "n", code=2)
    assert "not unique" in twice["findings"][0]["message"]


def test_shown_rows_are_bounded_and_counted_in_full(wherry: Wherry, changed: Path) -> None:
    found = tables(diff(wherry, changed, "main", "dev", "--rows", "s.new", "--limit", "3"))["s.new"]
    assert (found["counts"]["added"], len(found["rows"])) == (50, 3)
    assert len(tables(diff(wherry, changed, "main", "dev", "--rows", "s.new", "--limit", "0"))["s.new"]["rows"]) == 50
    told = wherry("diff", "main", "dev", "--rows", "s.new", "--limit", "3", "--project", changed).out
    assert "50 added" in told and "47 more rows" in told


def test_for_people(wherry: Wherry, changed: Path) -> None:
    told = wherry("diff", "main", "dev", "--rows", "--project", changed).out
    for line in (
        "~ s.keyed  3 rows",
        "    ~ column price DECIMAL(11,1) → DOUBLE",
        "    + column fresh BOOLEAN",
        "    by id: 1 added, 1 removed, 1 changed",
        "    ~ id: 2  name: b → B",
        "- s.going  1 row",
        "~ s.bag  3 → 4 rows (+1)",
        "4 tables from main to dev.",
    ):
        assert line in told.splitlines(), (line, told)


def test_a_view_is_compared_by_its_rows_on_each_side(wherry: Wherry, changed: Path) -> None:
    (changed / "tables/s/seen.sql").write_text("-- build: view\n\nSELECT id, upper(name) AS name FROM s.keyed\n")
    assert wherry("run", "--project", changed, "--branch", "dev").code == 0
    found = tables(diff(wherry, changed, "main", "dev", "--rows", "s.seen", "--key", "id"))["s.seen"]
    assert (found["kind"], found["counts"]) == ("view", {"added": 1, "removed": 1, "changed": 2})


def test_commits_and_times_and_a_branch_as_it_was(wherry: Wherry, changed: Path) -> None:
    (first,) = wherry("log", "--project", changed, "--json").json["commits"]
    assert tables(diff(wherry, changed, first["id"], "dev")).keys() == {"s.bag", "s.going", "s.keyed", "s.new"}
    assert diff(wherry, changed, first["at"])["tables"] == []
    assert diff(wherry, changed, f"dev@{first['id']}", "main")["tables"] == []
    backwards = tables(diff(wherry, changed, "dev", "main"))
    assert (backwards["s.new"]["change"], backwards["s.going"]["change"]) == ("dropped", "added")


def test_the_exit_code_tells_only_when_asked(wherry: Wherry, changed: Path) -> None:
    words = ("diff", "main", "dev", "--project", changed)
    assert wherry(*words).code == 0
    assert wherry(*words, "--exit-code").code == 1
    same = wherry("diff", "main", "main", "--exit-code", "--project", changed)
    assert (same.code, same.out.strip()) == (0, "main and main are the same.")


@pytest.mark.parametrize(
    "words, fragment",
    [
        ([], "came from no other"),
        (["nowhere"], "no branch, no commit and no time"),
        (["main@2020-01-01", "dev"], "nothing on `main`"),
        (["main", "dev", "--table", "s.keyd"], "no table `s.keyd`"),
        (["--rows", "main", "dev"], "write --rows last"),
    ],
)
def test_misuse(words: list[str], fragment: str, wherry: Wherry, changed: Path) -> None:
    answer: Answer = wherry("diff", "--project", changed, *words, "--json")
    assert answer.code == 2
    assert fragment in json.dumps(answer.json["findings"])


def test_a_table_that_only_got_another_schema_is_not_read(wherry: Wherry, changed: Path) -> None:
    from wherry.lake.attach import connect
    from wherry.lake.lake import Lake

    with Lake.open(str(changed / ".wherry/wherry.db"), changed / ".wherry/lake") as lake, connect() as db:
        lake.create_branch("wider")
        lake.attach(db, "wider", "w", author="ada")
        db.execute("ALTER TABLE w.s.same ADD COLUMN two INTEGER")
        db.execute("ALTER TABLE w.s.same RENAME COLUMN one TO uno")
        # Their rows cannot be read any more, and need not be.
        location = lake.pointers("main")["s.same"].location
        assert location is not None
        for file in Path(location).parents[1].rglob("*.parquet"):
            file.unlink()
    found = tables(diff(wherry, changed, "main", "wider", "--rows"))
    assert [(c["name"], c["change"]) for c in found["s.same"]["columns"]] == [("uno", "renamed"), ("two", "added")]
    assert "counts" not in found["s.same"]
