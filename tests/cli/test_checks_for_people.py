"""What a person is told who makes checks, looks at what broke them, and writes contracts."""

from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

PEOPLE = (
    "-- columns: {x: {checks: ['> 0', 'in [1, 2]', {check: '!= 7', severity: warn}]}}\n-- checks: [no duplicates]\n"
    "-- quarantine: true\nSELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, 'a'), (-1, 'b'), (2, 'c')) AS v(x, y)\n"
)


@pytest.fixture
def shop(tmp_path: Path, wherry: Wherry) -> Path:
    """A project whose table split three rows off."""
    write(
        tmp_path,
        {"wherry.toml": 'name = "t"\n', "tables/s/t.sql": PEOPLE, "tables/s/none.sql": "SELECT 1 AS x LIMIT 0\n"},
    )
    assert wherry("run", "--project", tmp_path).code == 0
    return tmp_path


def test_rejected_rows_are_told_and_where_they_are(shop: Path, wherry: Wherry) -> None:
    assert "rejected: 3 rows in s.t__rejected" in wherry("show", "s.t", "--project", shop).out
    assert wherry("show", "s.t", "--project", shop, "--json").json["rejected"] == 3
    assert wherry("show", "s.none", "--project", shop, "--json").json["rejected"] is None
    failing = wherry("show", "s.t", "--failing", "--project", shop).out
    assert "x: > 0  1 bad row, 1 moved to s.t__rejected" in failing
    # One row is shown for the copies, and no further ones are meant.
    assert "no duplicates  3 bad rows, 2 moved to s.t__rejected\n" in failing
    other = wherry("show", "s.t__rejected", "--project", shop)
    assert other.code == 2 and 'wherry sql "FROM s.t__rejected"' in other.err


def test_bad_rows_that_are_more_than_are_shown(shop: Path, wherry: Wherry) -> None:
    write(shop, {"tables/s/t.sql": "-- checks: [x > 5]\nSELECT range AS x FROM range(9)\n"})
    assert wherry("run", "--project", shop).code == 1
    assert "6 bad rows, the first 2" in wherry("show", "s.t", "--failing", "--limit", "2", "--project", shop).out
    assert "6 bad rows\n" in wherry("show", "s.t", "--failing", "--project", shop).out


def test_proposing_checks_says_what_comes_next(shop: Path, wherry: Wherry) -> None:
    empty = wherry("new", "checks", "--for", "s.none", "--project", shop)
    assert (empty.code, empty.out) == (0, "") and "s.none has no rows" in empty.err
    write(shop, {"tables/s/t.sql": "SELECT range + 1 AS x FROM range(30)\n"})
    assert wherry("run", "--project", shop).code == 0
    printed = wherry("new", "checks", "--for", "s.t", "--project", shop)
    assert "not_null" in printed.out and "--write" in printed.err
    assert "Next:  wherry run" in wherry("new", "checks", "--for", "s.t", "--write", "--project", shop).out
    again = wherry("new", "checks", "--for", "s.t", "--project", shop)
    assert again.out == "" and "has each check already" in again.err


def test_one_contract_goes_into_the_file_that_is_named(shop: Path, wherry: Wherry) -> None:
    target = shop / "contracts" / "t.odcs.yaml"
    assert f"into {target}" in wherry("contract", "export", "s.t", "--to", target, "--project", shop).out
    assert target.is_file() and wherry("check", "--project", shop).code == 0
    several = wherry("contract", "export", "--all", "--to", target, "--project", shop)
    assert several.code == 2 and "is one file, and there are 2 contracts" in several.err
    assert str(shop / "all") in wherry("contract", "export", "--all", "--to", shop / "all", "--project", shop).out
    wrong = wherry("contract", "s.t", "--project", shop)
    assert wrong.code == 2 and "wherry contract export s.t" in wrong.err


def test_a_folder_of_the_name_of_a_file_is_looked_into(shop: Path, wherry: Wherry) -> None:
    inside = shop / "contracts" / "all.yaml" / "t.odcs.yaml"
    inside.parent.mkdir(parents=True)
    assert wherry("contract", "export", "s.t", "--to", inside, "--project", shop).code == 0
    assert wherry("check", "--project", shop, "--json").json["findings"] == []
