"""A project with everything wrong in its sources: each problem is told with its place, and nothing stops the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.web import Reply, serving
from sources.database import Server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "wherry.toml").write_text('name = "t"\n')
    (tmp_path / "sources").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    yield tmp_path


DAMAGED = {
    "cut.csv.gz": b"\x1f\x8b\x08",
    "cut.jsonl.zst": b"\x28\xb5\x2f\xfd",
    "cut.csv.bz2": b"BZh9",
    "cut.csv.xz": b"\xfd7zXZ",
    "cut.parquet": b"PAR1xxxx",
    "cut.json": b'[{"id":1},{"id":2}',
    "page.xlsx": b"<html></html>",
    "cut.xlsx": b"PK\x03\x04",
    "cut.avro": b"Obj\x01",
    "cut.orc": b"ORC",
    "cut.xml": b"<r><o>",
    "odd.csv": b"id,name\n1,\xff\xfe\n",
    "cut.zip": b"PK",
    "empty.csv": b"",
}


def test_damaged_files_of_every_kind(project: Path, wherry: Wherry) -> None:
    for name, content in DAMAGED.items():
        (project / "data" / name).write_bytes(content)
    (project / "data/fine.csv").write_text("id\n1\n")
    tables = "".join(f"  {name}: {{as: drop.t{n}}}\n" for n, name in enumerate((*DAMAGED, "fine.csv")))
    text = f"connector: files\npath: data\ntables:\n{tables}"
    (project / "sources/drop.yml").write_text(text)
    rows = text.splitlines()
    assert wherry("check").code == 0  # what is in a file is a load's to tell
    ran = wherry("run", "--json")
    assert ran.code == 1
    states = {each["name"]: each["state"] for each in ran.json["assets"]}
    assert [name for name, state in states.items() if state != "failed"] == [f"drop.t{len(DAMAGED)}"]
    findings = [finding for each in ran.json["assets"] for finding in each.get("findings", ())]
    assert len(findings) == len(DAMAGED)
    for finding in findings:
        assert finding["hint"] and finding["code"] != "internal"
        if finding["file"] == "sources/drop.yml":
            named = rows[finding["line"] - 1].strip().partition(":")[0]
            assert f"`{named}`" in finding["message"]
        else:  # a line of the data, where it is known
            content = DAMAGED[finding["file"]]
            assert 0 <= finding["line"] <= content.count(b"\n") + 1
        assert ". Nothing was loaded: " in finding["message"]


def test_all_mistakes_of_a_source_file_at_once(project: Path, wherry: Wherry) -> None:
    (project / "sources/shop.yml").write_text(
        "connector: postgres\nurl: ${NOT_SET}\nownr: ann\ntables:\n"
        "  orders:\n    mode: incremental\n    cursr: updated_at\n    bach_rows: 3\n"
    )
    told = wherry("check", "--json")
    assert told.code == 2
    found = {(finding["line"], finding["hint"]) for finding in told.json["findings"]}
    assert (2, "Set it in the environment or in .env.") in found
    assert (3, "Did you mean `owner`?") in found
    assert (7, "Did you mean `cursor`?") in found
    assert (8, "Did you mean `batch_rows`?") in found


def test_an_option_in_the_wrong_place_of_a_file(project: Path, wherry: Wherry) -> None:
    (project / "sources/api.yml").write_text(
        "connector: rest\nurl: http://127.0.0.1:1\npages: link\nsiblings: {}\ntables:\n"
        "  a: {path: /a, attempts: 3}\n  b: {path: /b, owner: ann}\n"
    )
    told = wherry("check", "--json")
    hints = {finding["line"]: finding["hint"] for finding in told.json["findings"]}
    assert hints[3] == "`pages` is said of a table, under `tables:`."
    assert hints[6] == "`attempts` is said of the whole file, beside `connector:`."
    assert hints[4].startswith("Known are: ") and "siblings" not in hints[4]
    assert set(hints) == {3, 4, 6} and told.code == 2


def test_tables_as_a_list(project: Path, wherry: Wherry) -> None:
    (project / "sources/s.yml").write_text("connector: files\ntables: [a.csv]\n")
    (finding,) = wherry("check", "--json").json["findings"]
    assert finding["line"] == 2 and "must be a mapping" in finding["message"] and "{as: raw.orders}" in finding["hint"]


def test_what_is_ours_to_fill_in_is_no_option(project: Path, wherry: Wherry) -> None:
    (project / "sources/drop.yml").write_text(
        "connector: files\nproject: x\nproject_variables: {}\ntables: {a.csv: {}}\n"
    )
    told = wherry("check", "--json")
    assert {finding["line"] for finding in told.json["findings"]} == {2, 3} and told.code == 2


def test_a_key_that_is_not_unique_and_a_cursor_without_a_value(project: Path, wherry: Wherry) -> None:
    with closing(sqlite3.connect(project / "shop.db")) as database:
        database.executescript(
            "CREATE TABLE twice (id INTEGER, at INTEGER); INSERT INTO twice VALUES (1, 1), (1, 2);"
            "CREATE TABLE nulls (id INTEGER PRIMARY KEY, at INTEGER); INSERT INTO nulls VALUES (1, NULL), (2, 5);"
        )
    (project / "sources/shop.yml").write_text(
        "connector: sqlite\npath: shop.db\ntables:\n"
        "  twice: {mode: incremental, cursor: at, key: id}\n"
        "  nulls: {mode: incremental, cursor: at, key: id}\n"
    )
    ran = wherry("run")
    assert ran.code == 1
    (twice,) = [line for line in ran.err.splitlines() if line.startswith("sources/shop.yml:4: error")]
    assert "2 rows have id = 1. Nothing was loaded: the table is as it was." in twice and "kept" not in twice
    (nulls,) = [line for line in ran.err.splitlines() if line.startswith("sources/shop.yml:5: warning")]
    assert "1 row of `nulls` has no `at`" in nulls
    assert wherry("show", "shop.nulls").out.startswith("shop.nulls  source, incremental, sources/shop.yml")
    assert "  cursor: `at` = 5\n" in wherry("show", "shop.nulls").out
    told = wherry("show", "shop.nulls", "--json").json
    assert (told["build"], told["cursor"]["value"]) == ("incremental", "5")


def test_connect_counts_what_cannot_be_read(project: Path, wherry: Wherry) -> None:
    (project / "data/a.csv").write_text("id\n1\n")
    (project / "sources/drop.yml").write_text("connector: files\npath: data\ntables: {a.csv: {}, b.csv: {}}\n")
    assert wherry("check").out == "2 tables, nothing wrong.\n"
    told = wherry("check", "--connect")
    assert told.code == 1 and told.out == "2 tables, 1 cannot be read.\n"


def test_numbers_that_no_database_can_do(project: Path, wherry: Wherry) -> None:
    (project / "sources/shop.yml").write_text(
        "connector: sqlite\npath: shop.db\ntables:\n"
        "  a: {batch_rows: 0}\n"
        "  b: {parallel: -1}\n"
        "  c: {lookback: 2 fortnights}\n"
        "  d: {lookback: 2 hours, batch_rows: 1}\n"
        "  e: {lookback: '0.5'}\n"
        "  f: {lookback: 3}\n"
        "  g: {lookback: -3}\n"
    )
    told = wherry("check", "--json")
    assert told.code == 2
    assert [(each["line"], each["message"]) for each in told.json["findings"]] == [
        (4, "`batch_rows: 0` must be 1 or more."),
        (5, "`parallel: -1` must be 0 or more."),
        (6, "`lookback: 2 fortnights` is no length of time."),
        (10, "`lookback: -3` is no length of time."),
    ]


def test_where_the_cursor_of_an_api_and_of_files_stands(project: Path, wherry: Wherry) -> None:
    with serving(lambda r: Reply(body=[{"id": 1, "at": "2026-01-01T00:00:00Z"}])) as web:
        (project / "sources/web.yml").write_text(
            f"connector: rest\nurl: {web.url}\ntables:\n"
            "  orders: {path: /, mode: incremental, cursor: at, since: {param: since}, key: id}\n"
        )
        (project / "sources/drop.yml").write_text(
            "connector: files\npath: data\non_schema_change: freeze\ntables:\n"
            "  '*.csv': {as: drop.t, mode: incremental}\n"
        )
        for name in ("a", "b"):
            (project / f"data/{name}.csv").write_text("id\n1\n")
        assert wherry("run").code == 0
    assert "  cursor: `at` = 2026-01-01T00:00:00Z\n" in wherry("show", "web.orders").out
    assert "  cursor: `b.csv`, of 2 files\n" in wherry("show", "drop.t").out
    (project / "data/c.csv").write_text("id,more\n1,2\n")
    assert "what was loaded before stays. The cursor stands at `b.csv`, of 2 files." in wherry("run", "drop.t").err


@pytest.mark.needs("postgres")
def test_connect_tells_what_would_keep_a_table_from_being_loaded(project: Path, wherry: Wherry, postgres: str) -> None:
    Server(postgres).run(
        'CREATE TABLE "Odd.Name" (id int PRIMARY KEY)',
        "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
        "CREATE TABLE part PARTITION OF parts DEFAULT",
        "CREATE TABLE orders (id int PRIMARY KEY, at date, note json)",
    )
    (project / "sources/shop.yml").write_text(
        f"connector: postgres\nurl: {postgres}\ntables:\n"
        "  '\"Odd.Name\"': {as: raw.odd}\n"
        "  part: {as: raw.part}\n"
        "  pg_catalog.pg_class: {as: raw.system}\n"
        "  orders: {as: raw.orders, mode: incremental, cursor: at, key: id}\n"
        "  by_note: {as: raw.note, mode: incremental, cursor: note, query: SELECT * FROM orders}\n"
        "  no_cursor: {as: raw.cursor, mode: incremental, cursor: when, query: SELECT * FROM orders}\n"
        "  no_key: {as: raw.key, mode: incremental, cursor: at, key: nr, query: SELECT * FROM orders}\n"
        "  no_sql: {as: raw.sql, query: SELECT FROM orders WHERE}\n"
        "  no_where: {as: raw.where, query: SELECT * FROM orders, where: amount > 5}\n"
    )
    told = wherry("check", "--connect", "--json")
    assert told.code == 1
    reached = {each["table"]: each["reached"] for each in told.json["connect"]}
    good = {"raw.odd", "raw.part", "raw.system", "raw.orders"}
    assert {name for name, there in reached.items() if there} == good and len(reached) == 9
    found = {(each["line"], each["code"]) for each in told.json["findings"]}
    assert found == {
        (8, "bad-cursor"),
        (9, "unknown-column"),
        (10, "unknown-column"),
        (11, "bad-sql"),
        (12, "bad-sql"),
    }


def test_a_table_goes_on_from_its_cursor_when_it_is_fetched_in_another_way(project: Path, wherry: Wherry) -> None:
    with closing(sqlite3.connect("shop.db")) as database:
        database.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2);")
    text = "connector: sqlite\npath: shop.db\ntables: {t: {as: raw.t, mode: incremental, cursor: id, key: id%s}}\n"
    (project / "sources/s.yml").write_text(text % "")
    assert wherry("run").code == 0
    (project / "sources/s.yml").write_text(text % ", batch_rows: 1")
    assert wherry("run", "--json").json["assets"][0]["state"] == "skipped"
    with closing(sqlite3.connect("shop.db")) as database:
        database.executescript("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (3);")
    (project / "sources/s.yml").write_text(text % ", lookback: 1, deletes: compare")
    (loaded,) = wherry("run", "--json").json["assets"]
    assert (loaded["reason"], loaded["rows"], loaded["gone"]) == ("there are rows beyond `id` = 2", 2, 1)


SECRETS = (
    "connector: postgres\nurll: postgresql://ann:hush@hush@db/x\n",
    "connector: postgres\nurl: mysql://a:hush@b/x: y\n",
    "connector: rest\nurl: http://x\nauth: {baerer: hush}\n",
    "connector: rest\nurl: http://x\nauth: hush\n",
    "connector: rest\nurl: http://x\nheaders: {X-Key: hush, Y: 5}\n",
    "connector: rest\nurl: http://x\nauth: {basic: {user: ann, password: hush, x: 1}}\n",
    "connector: files\npassword: [hush]\n",
    "connector: files\npath: ftp://ann:hush@h/\npasword: hush\n",
    "connector: files\npath: sftp://h\npassphrase: hush\n",
    "connector: files\ntoken: {a: hush}\n",
    "connector: files\npath: {x: 'http://ann:hush@h'}\n",
)


@pytest.mark.parametrize("text", SECRETS)
def test_what_is_secret_in_a_file_with_mistakes_is_not_shown(project: Path, wherry: Wherry, text: str) -> None:
    (project / "sources/s.yml").write_text(text + "tables: {a: {as: raw.a}}\n")
    for words in (("check",), ("check", "--json"), ("run",), ("run", "--json"), ("plan", "--json")):
        answer = wherry(*words)
        assert answer.code == 2 and "hush" not in answer.out + answer.err and "s.yml" in answer.out + answer.err


def test_a_password_in_an_address_of_a_file_is_told(
    project: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "hush")
    file = project / "sources/s.yml"
    file.write_text("connector: mysql\nurl: mysql://ann:hush@127.0.0.1:1/x\ntables: {a: {as: raw.a}}\n")
    told = wherry("check", "--json")
    (finding,) = told.json["findings"]
    assert told.code == 0 and (finding["severity"], finding["line"]) == ("warning", 2) and "${NAME}" in finding["hint"]
    file.write_text(file.read_text().replace("hush", "${PW}"))
    assert wherry("check", "--json").json["findings"] == []


def test_a_secret_in_the_configuration_of_a_manifest_is_told(
    project: Path, wherry: Wherry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hush")
    (project / "m.yaml").write_text("version: 6.1.0\nstreams: []\n")
    file = project / "sources/s.yml"
    text = "connector: rest\nmanifest: m.yaml\nconfig: {api_token: %s, host: x}\ntables: {a: {as: raw.a}}\n"
    file.write_text(text % "hush")
    told = wherry("check", "--json")
    found = [each for each in told.json["findings"] if each["code"] == "secret-in-file"]
    assert [(each["line"], each["severity"]) for each in found] == [(3, "warning")] and "hush" not in told.out
    assert "`config.api_token`" in found[0]["message"]
    file.write_text(text % "${TOKEN}")
    assert "secret-in-file" not in wherry("check", "--json").out


def test_a_line_of_sql_is_shown_as_it_is(project: Path, wherry: Wherry) -> None:
    (project / "tables").mkdir()
    (project / "tables/a.sql").write_text("SELECT 1 AS token, 'password: x' AS auth, nothing\n")
    assert "SELECT 1 AS token, 'password: x' AS auth, nothing" in wherry("check").err


def test_what_is_said_of_files_without_effect_is_told(project: Path, wherry: Wherry) -> None:
    (project / "data/a.csv").write_text("id,email\n1,a\n")
    (project / "sources/drop.yml").write_text(
        "connector: files\npath: data\ntables:\n  a.csv: {as: raw.a, cursor: id, key: id, columns: [id]}\n"
    )
    (told,) = wherry("check", "--json").json["findings"]
    assert (told["code"], told["severity"], told["line"]) == ("unused-option", "warning", 4) and "cursor" in told[
        "hint"
    ]
    assert wherry("run").code == 0
    assert wherry("sql", "FROM raw.a", "--json").json == [{"id": 1}]
