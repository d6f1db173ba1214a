"""Where a file that is broken may make any table: what speaks of a table that nobody is known to make waits for it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write
from fixtures.secret_store import TOKEN, secret_store
from fixtures.web import Reply, serving

DROP = "connector: files\npath: data/\ntables:\n  rows.csv: {as: raw.rows}\n"
BROKEN = "connector: files\npath: [\n"
FILES = {
    "data/rows.csv": "id\n1\n",
    "sources/drop.yml": DROP,
    "tables/s/of_rows.sql": "SELECT id FROM raw.rows\n",
    "tables/s/good.sql": "SELECT 1 AS id\n",
}


def states(wherry: Wherry, folder: Path, *words: str) -> tuple[int, dict[str, str]]:
    run = wherry("run", "--project", folder, "--json", *words)
    return run.code, {each["name"]: each["state"] for each in run.json["assets"]}


def rows(wherry: Wherry, folder: Path, query: str) -> list[str]:
    return wherry("sql", query, "--format", "csv", "--project", folder).out.splitlines()[1:]


def test_nothing_was_ever_run(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES | {"sources/drop.yml": BROKEN})
    told = wherry("check", "--project", folder, "--json")
    (error,) = [each for each in told.json["findings"] if each["severity"] == "error"]
    (warning,) = [each for each in told.json["findings"] if each["severity"] == "warning"]
    assert told.code == 2 and (error["file"], error["code"]) == ("sources/drop.yml", "not-yaml")
    assert warning["file"] == "tables/s/of_rows.sql" and warning["message"] == "There is no table `raw.rows`."
    assert "does sources/drop.yml make it?" in warning["hint"]
    wanted = {"raw.rows": "failed", "s.of_rows": "blocked", "s.good": "built"}
    assert states(wherry, folder) == (2, wanted)
    assert states(wherry, folder, "s.good") == (0, {"s.good": "skipped"})
    write(folder, FILES)
    assert states(wherry, folder) == (0, {"raw.rows": "built", "s.of_rows": "built", "s.good": "skipped"})


def test_it_ends_with_2_also_where_nothing_else_speaks_of_its_tables(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, {"sources/drop.yml": BROKEN, "tables/s/good.sql": "SELECT 1 AS id\n"})
    assert states(wherry, folder) == (2, {"s.good": "built"})
    assert wherry("plan", "--project", folder).code == 2
    again = wherry("run", "--project", folder, "--json")
    assert again.code == 2 and again.json["state"] == "failed" and again.json["commit"] is None
    assert states(wherry, folder, "s.good") == (0, {"s.good": "skipped"})
    assert wherry("test", "--project", folder).code == 2


def test_a_check_of_several_tables_waits_with_them(wherry: Wherry, tmp_path: Path) -> None:
    """What a check would be held against is not known: its tables are not published, and nothing fails as missing."""
    files = {
        "tables/s/joined.sql": "SELECT 1 AS id\n",
        "checks/both.sql": "SELECT id FROM s.joined WHERE id NOT IN (SELECT id FROM raw.rows)\n",
        "tables/s/referring.sql": "-- columns:\n--   id: {checks: [refers to raw.rows.id]}\nSELECT 1 AS id\n",
        "sources/drop.yml": BROKEN,
    }
    folder = write(tmp_path, FILES | files)
    run = wherry("run", "--project", folder, "--json")
    assets = {each["name"]: each for each in run.json["assets"]}
    assert (
        run.code == 2 and assets["s.joined"]["state"] == "blocked" and "checks/both.sql" in assets["s.joined"]["reason"]
    )
    assert assets["s.good"]["state"] == "built" and not assets["s.joined"]["checks"]
    assert assets["s.referring"]["state"] in ("failed", "blocked")
    assert wherry("sql", "FROM s.joined", "--project", folder).code == 2
    assert wherry("sql", "FROM s.referring", "--project", folder).code == 2
    write(folder, FILES)
    assert states(wherry, folder)[0] == 0
    assert rows(wherry, folder, "FROM s.joined") == rows(wherry, folder, "FROM s.referring") == ["1"]
    # Of what is published a check is asked as ever.
    write(folder, {"sources/drop.yml": BROKEN, "tables/s/joined.sql": "SELECT 7 AS id\n"})
    assert states(wherry, folder)[1]["s.joined"] == "failed"
    write(folder, {"tables/s/joined.sql": "SELECT 1.0 AS id\n"})
    assert states(wherry, folder)[1]["s.joined"] == "built"


def test_a_table_that_moved_to_another_file_is_not_made_over_what_was_loaded(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"sources/drop.yml": BROKEN, "tables/raw/rows.sql": "SELECT 9 AS id\n"})
    run = wherry("run", "--project", folder, "--json")
    (asset,) = [each for each in run.json["assets"] if each["name"] == "raw.rows"]
    assert run.code == 2 and asset["state"] == "blocked" and "sources/drop.yml:" in asset["reason"]
    assert rows(wherry, folder, "FROM raw.rows") == rows(wherry, folder, "FROM s.of_rows") == ["1"]
    (folder / "sources/drop.yml").unlink()
    assert states(wherry, folder)[0] == 0 and rows(wherry, folder, "FROM s.of_rows") == ["9"]


@pytest.mark.parametrize("said", ["sa: raw.rows", "AS: raw.rows", "as: [raw.rows]", "as: other.rows, mod: full"])
def test_a_name_that_is_misspelt_is_no_reason_to_drop_what_is_published(
    wherry: Wherry, tmp_path: Path, said: str
) -> None:
    folder = write(tmp_path, FILES)
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"sources/drop.yml": DROP.replace("as: raw.rows", said)})
    run = wherry("run", "--prune", "--project", folder, "--json")
    assert run.code == 2 and "dropped" not in {each["state"] for each in run.json["assets"]}
    assert rows(wherry, folder, "FROM raw.rows") == rows(wherry, folder, "FROM s.of_rows") == ["1"]
    write(folder, FILES)
    assert set(states(wherry, folder)[1].values()) == {"skipped"}


@pytest.mark.parametrize("file", ["sources/drop.yml", "tables/s/of_rows.sql", "tables/s/good.sql", "functions/f.sql"])
def test_a_file_that_leads_nowhere(wherry: Wherry, tmp_path: Path, file: str) -> None:
    files = {"tables/s/calls.sql": "SELECT upper('a') AS a\n", "functions/f.sql": "CREATE MACRO upper(x) AS 'mine';\n"}
    folder = write(tmp_path, FILES | files)
    assert wherry("run", "--project", folder).code == 0
    (folder / file).unlink()
    (folder / file).symlink_to(tmp_path / "nowhere")
    write(folder, {"tables/s/new.sql": "SELECT 1 AS id\n"})
    code, found = states(wherry, folder, "--prune")
    waiting = {
        "sources/drop.yml": {"raw.rows": "failed", "s.of_rows": "blocked"},
        "tables/s/of_rows.sql": {"s.of_rows": "failed"},
        "tables/s/good.sql": {"s.good": "failed"},
        # It may have been any function, one that DuckDB has too among them.
        "functions/f.sql": {"s.calls": "failed"},
    }[file]
    assert code == 2 and found["s.new"] == "built"
    assert {name: state for name, state in found.items() if state in ("failed", "blocked")} == waiting
    assert rows(wherry, folder, "FROM s.calls") == ["mine"]
    for command in ("check", "plan", "show", "test"):
        assert wherry(command, "--project", folder).code == (0 if command == "show" else 2)


def test_tables_of_an_api_that_go_through_one_that_is_wrong_wait(wherry: Wherry, tmp_path: Path) -> None:
    def answer(request: object) -> Reply:
        return Reply(body=[{"id": 1}])

    with serving(answer) as web:
        text = (
            f"connector: rest\nurl: {web.url}\ntables:\n"
            "  orders: {path: /orders, as: raw.orders}\n"
            '  lines: {path: "/orders/{id}/lines", each: orders, as: raw.lines}\n'
            "  items: {path: /items, as: raw.items}\n"
        )
        folder = write(tmp_path, {"sources/api.yml": text})
        before = wherry("run", "--project", folder)
        assert before.code == 0, before.err
        for wrong in (
            text.replace("as: raw.orders", "as: raw.orders, pags: link"),
            text.replace("{path: /orders, as: raw.orders}", "raw.orders"),
        ):
            write(folder, {"sources/api.yml": wrong})
            code, found = states(wherry, folder, "--prune")
            assert code == 2 and found.pop("raw.items") in ("built", "skipped")
            assert found == {"raw.orders": "failed", "raw.lines": "failed"}
        write(folder, {"sources/api.yml": text})
        mended = wherry("run", "--project", folder)
        assert mended.code == 0, mended.err


PATTERN = 'connector: sqlite\npath: shop.db\ntables:\n  "*": {as: "shop.{table}"}\n'


def test_a_database_that_does_not_answer(wherry: Wherry, tmp_path: Path) -> None:
    """Its tables are those of the last time; where there was none, they are not known, and alone wait."""
    files = {**FILES, "sources/shop.yml": PATTERN, "tables/s/of_shop.sql": "SELECT id FROM shop.orders\n"}
    folder = write(tmp_path, files)
    (folder / "shop.db").write_text("This is no database." * 100)
    rest = {"raw.rows": "built", "s.of_rows": "built", "s.good": "built"}
    run = wherry("run", "--project", folder, "--json")
    assert run.code == 1, run.err
    assert {each["name"]: each["state"] for each in run.json["assets"]} == rest | {
        "shop.orders": "failed",
        "s.of_shop": "blocked",
    }
    assert "sources/shop.yml:1:1" in run.err
    skipped = dict.fromkeys(rest, "skipped")
    assert states(wherry, folder, *rest) == (0, skipped)
    assert wherry("plan", "--project", folder).code == 1
    assert wherry("plan", "s.good", "--project", folder).code == 0
    # Nobody asks it when nothing is to be loaded; nobody is at fault.
    told = wherry("check", "--project", folder, "--json")
    assert told.code == 0 and {each["severity"] for each in told.json["findings"]} == {"warning"}
    assert wherry("check", "--connect", "--project", folder).code == 1
    # It answers, and is silent again: what it had is known.
    (folder / "shop.db").unlink()
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.executescript("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (5);")
    assert states(wherry, folder) == (0, skipped | {"shop.orders": "built", "s.of_shop": "built"})
    (folder / "shop.db").write_text("This is no database." * 100)
    write(folder, {"tables/s/good.sql": "SELECT 2 AS id\n"})
    code, found = states(wherry, folder, "--prune")
    assert code == 1 and found == skipped | {"s.good": "built", "shop.orders": "failed", "s.of_shop": "blocked"}
    assert rows(wherry, folder, "FROM s.of_shop") == ["5"] and rows(wherry, folder, "FROM s.good") == ["2"]
    # As on a machine that never asked it: what is published of it is not gone.
    (folder / ".wherry/tables.json").unlink()
    code, found = states(wherry, folder, "--prune")
    assert code == 1 and found == skipped | {"shop.orders": "failed", "s.of_shop": "blocked"}
    assert rows(wherry, folder, "FROM shop.orders") == ["5"]


@pytest.mark.parametrize(
    "said",
    [
        '"*": {as: "shop.{tabel}"}',
        '"*": {as: "shop.{table}", mod: full}',
        '"*": {as: ["shop.{table}"]}',
        '"*": {as: [}',
    ],
)
def test_a_pattern_that_is_broken_drops_nothing(wherry: Wherry, tmp_path: Path, said: str) -> None:
    folder = write(tmp_path, FILES | {"sources/shop.yml": PATTERN})
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.executescript("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (5);")
    assert wherry("run", "--project", folder).code == 0
    write(folder, {"sources/shop.yml": PATTERN.replace('"*": {as: "shop.{table}"}', said), "data/rows.csv": "id\n2\n"})
    code, found = states(wherry, folder, "--prune")
    assert code == 2 and found == {
        "raw.rows": "built",
        "s.of_rows": "built",
        "s.good": "skipped",
        "shop.orders": "failed",
    }
    assert rows(wherry, folder, "FROM shop.orders") == ["5"]


def test_a_secret_that_no_store_has_concerns_what_needs_it(
    wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    with secret_store() as store:
        store.secrets["secret/shop"] = {"FOLDER": "data/"}
        files = {
            "wherry.toml": f'name = "case"\nsecrets = "vault+http://{store.address}/secret/shop"\n',
            "sources/drop.yml": DROP.replace("data/", "${FOLDER}"),
            "sources/other.yml": "connector: files\npath: ${NOBODY_HAS_IT}\ntables: {o.csv: {as: raw.other}}\n",
            "sources/shop.yml": PATTERN.replace("shop.db", "${NOBODY_HAS_IT_EITHER}"),
        }
        folder = write(tmp_path, FILES | files)
        run = wherry("run", "--project", folder, "--json")
        assert {each["name"]: each["state"] for each in run.json["assets"]} == {
            "raw.rows": "built",
            "s.of_rows": "built",
            "s.good": "built",
            "raw.other": "failed",
        }
        assert run.code == 2 and "NOBODY_HAS_IT " in run.err and "NOBODY_HAS_IT_EITHER" in run.err
        assert "wherry.toml:2:1" in run.err
    # No store that could be asked.
    store_gone = wherry("run", "--project", folder, "--json")
    found = {each["name"]: each["state"] for each in store_gone.json["assets"]}
    assert store_gone.code == 2 and found == {
        "raw.rows": "failed",
        "s.of_rows": "blocked",
        "s.good": "skipped",
        "raw.other": "failed",
    }
    assert rows(wherry, folder, "FROM s.of_rows") == ["1"]


def test_a_secret_is_not_shown_where_a_table_is_held_back(
    wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "open-sesame")
    source = 'connector: files\npath: data/\ntables:\n  rows.csv: {as: raw.rows, header: "${SHOP}"}\n'
    folder = write(tmp_path, FILES | {"sources/drop.yml": source})
    for command in ("check", "plan", "run", "show", "test"):
        for more in ((), ("--json",)):
            told = wherry(command, "--project", folder, *more)
            assert "sesame" not in told.out + told.err and told.code == (0 if command == "show" else 2)


def test_a_plugin_that_raises_concerns_its_tables_alone(wherry: Wherry, tmp_path: Path) -> None:
    plugin = (
        "from dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Options:\n    where: str = ''\n\n\n"
        "class source:\n    Options = Options\n    TableOptions = Options\n\n"
        "    def changed(options, table, cursor):\n        raise KeyError('changed')\n\n"
        "    def columns(options, table):\n        %s\n\n"
        "    def read(options, table, cursor):\n        raise KeyError('read')\n"
    )
    files = {
        "sources/odd.yml": "connector: odd\ntables: {x: {as: raw.odd}}\n",
        "plugins/odd.py": plugin % "return None",
    }
    folder = write(tmp_path, FILES | files)
    code, found = states(wherry, folder)
    assert code and found == {"raw.rows": "built", "s.of_rows": "built", "s.good": "built", "raw.odd": "failed"}
    write(folder, {"sources/odd.yml": "connector: odder\ntables: {x: {as: raw.odd}}\n"})
    write(folder, {"plugins/odder.py": plugin % "raise KeyError('columns')"})
    told = wherry("check", "--project", folder, "--json")
    assert told.code == 2 and [each["file"] for each in told.json["findings"]] == ["sources/odd.yml"]
    skipped = {"raw.rows": "skipped", "s.of_rows": "skipped", "s.good": "skipped", "raw.odd": "failed"}
    assert states(wherry, folder) == (2, skipped)


def test_a_variable_whose_file_is_no_text(wherry: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, FILES | {"sources/drop.yml": DROP.replace("data/", "${FOLDER}")})
    (folder / "secret").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("FOLDER_FILE", "secret")
    assert states(wherry, folder) == (2, {"raw.rows": "failed", "s.of_rows": "blocked", "s.good": "built"})
