"""What a person sees of a mistake: where, the line with a caret, what, what next; never a traceback."""

from pathlib import Path

import pytest

from fixtures.commands import Wherry


def test_a_finding_shows_its_line_and_a_caret_below_the_place(wherry: Wherry, shop: Path) -> None:
    (shop / "tables" / "marts" / "revenue.sql").write_text(
        "-- Revenue.\n\nSELECT 'größe' AS x,\n\tamuont FROM staging.orders\n"
    )
    answer = wherry("check", "--project", shop)
    assert answer.code == 2
    where, line, caret, hint = answer.err.splitlines()
    assert where.startswith("tables/marts/revenue.sql:4:2: error: There is no column `amuont`")
    assert line == "    4 │  amuont FROM staging.orders"
    assert caret.index("^") == line.index("amuont")
    assert hint == "      → Did you mean `amount`?"
    assert answer.out == "2 tables, 1 error.\n"


PLACES = {
    "sources/drop.yml": "connector: files\npth: x\ntables: {a.csv: {as: raw.a}}\n",
    "functions/f.sql": "CREATE MACRO f(a) AS a +;\n",
    "tests/revenue.yml": "table: marts.revenues\na: {expect: []}\n",
    "checks/c.sql": "SELECT nothing FROM staging.orders\n",
    "tables/p.py": "def p(): return []\n",
    "wherry.toml": 'name = "x"\nlaek = "y"\n',
}


@pytest.mark.parametrize("file", PLACES)
def test_every_kind_of_file_shows_its_line(file: str, wherry: Wherry, shop: Path) -> None:
    (shop / file).parent.mkdir(exist_ok=True)
    (shop / file).write_text(PLACES[file])
    answer = wherry("check", "--project", shop)
    where, line, *_ = answer.err.splitlines()
    assert where.startswith(f"{file}:")
    number, _, text = line.partition(" │ ")
    assert text == PLACES[file].splitlines()[int(number) - 1]


def test_findings_of_all_files_come_in_the_order_of_files_and_lines(wherry: Wherry, shop: Path) -> None:
    for file, text in PLACES.items():
        (shop / file).parent.mkdir(exist_ok=True)
        if file != "wherry.toml":
            (shop / file).write_text(text)
    files = [finding["file"] for finding in wherry("check", "--project", shop, "--json").json["findings"]]
    assert files == sorted(set(PLACES) - {"wherry.toml"})


def test_a_secret_in_a_variable_is_never_shown(wherry: Wherry, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", "hunter2")
    text = 'connector: files\npath: ["${SHOP_SECRET}"]\ntables:\n  a.csv: {as: raw.a, skip: "${SHOP_SECRET}"}\n'
    (shop / "sources").mkdir()
    (shop / "sources" / "drop.yml").write_text(text)
    answer = wherry("check", "--project", shop, "--json")
    assert answer.code == 2
    assert "hunter2" not in answer.out + answer.err
    assert "${SHOP_SECRET}" in answer.json["findings"][0]["message"]
    (shop / "sources" / "drop.yml").write_text(
        'connector: files\ntables:\n  a.csv: {as: raw.a, encoding: "${SHOP_SECRET}"}\n'
    )
    answer = wherry("check", "--project", shop, "--json")
    assert [finding["code"] for finding in answer.json["findings"]] == ["bad-option"]
    assert "hunter2" not in answer.out + answer.err


def test_show_and_sql_work_beside_what_is_broken(wherry: Wherry, shop: Path) -> None:
    assert wherry("run", "--project", shop).code == 0
    (shop / "tables" / "marts" / "revenue.sql").write_text("SELEC 1")
    assert wherry("show", "marts.revenue", "--project", shop, "--json").json["rows"] == 1
    assert wherry("sql", "SELECT count(*) AS n FROM marts.revenue", "--project", shop, "--json").json == [{"n": 1}]


def test_a_project_without_tables_is_nothing_wrong(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_text('name = "empty"\n')
    assert wherry("check", "--project", tmp_path, "--json").json == {"assets": 0, "findings": []}
    assert wherry("plan", "--project", tmp_path, "--json").json == {"steps": []}
    assert wherry("run", "--project", tmp_path).code == 0
    assert wherry("test", "--project", tmp_path).code == 0


def test_check_makes_no_lake(wherry: Wherry, shop: Path) -> None:
    assert wherry("check", "--project", shop).code == 0
    assert not (shop / ".wherry" / "wherry.db").exists()
    assert not (shop / ".wherry" / "lake").exists()


def test_of_a_long_line_the_part_around_the_place_is_shown(wherry: Wherry, shop: Path) -> None:
    first = '{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "day"}}, ' * 20
    text = f'{{"name": "marts.revenue", "expectations": [{first}{{"type": "expect_nothing", "kwargs": {{}}}}]}}'
    (shop / "checks").mkdir()
    (shop / "checks" / "suite.json").write_text(text)
    shown = wherry("check", "--project", shop).err.splitlines()
    line, caret = shown[1], shown[2]
    assert len(line) < 180 and "…" in line
    assert line[caret.index("^") :].startswith('{"type": "expect_nothing"')
