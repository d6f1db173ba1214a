"""``wherry new checks``: from a table's rows, and from files of other tools."""

from pathlib import Path

import pytest
import yaml

from fixtures.commands import Wherry
from fixtures.projects import read, write
from wherry.imports.header import with_checks
from wherry.imports.writing import as_keys, written
from wherry.model.asset import Check

SQL = """\
-- Orders.
--
-- owner: till   # who
-- columns:
--   id: {about: "Number, of the order"}
-- tags: [core]

SELECT i AS id, 'u' || i || '@example.com' AS mail, ['new', 'paid'][1 + i % 2] AS status, i * 0.5 AS amount,
    CASE WHEN i % 50 = 0 THEN NULL ELSE i END AS rare, i / 100 AS share, ['k1', 'k2', 'k3'][1 + i % 3] AS code
FROM range(100) t(i)
"""


@pytest.fixture
def shop(wherry: Wherry, tmp_path: Path) -> Path:
    folder = write(tmp_path / "shop", {"tables/a/orders.sql": SQL, "tables/a/view.sql": "SELECT id FROM a.orders\n"})
    assert wherry("run", "--project", folder).code == 0
    return folder


def test_checks_are_proposed_with_their_evidence(wherry: Wherry, shop: Path) -> None:
    answer = wherry("new", "checks", "--for", "a.orders", "--project", shop)
    assert answer.code == 0
    assert "# status: in [new, paid]: 2 different values" in answer.out
    proposed = yaml.safe_load(answer.out)
    assert proposed["table"] == "a.orders"
    assert proposed["columns"]["id"]["checks"] == ["not_null", "unique"]
    assert proposed["columns"]["mail"]["checks"] == ["not_null", "unique"]
    assert proposed["columns"]["status"]["checks"] == ["not_null", "in [new, paid]"]
    assert proposed["columns"]["amount"]["checks"] == ["not_null", ">= 0"]
    assert proposed["columns"]["rare"]["checks"][0] == {"check": "not_null", "mostly": 0.95}
    assert proposed["columns"]["share"]["checks"] == ["not_null", "between 0 and 1"]
    assert proposed["checks"] == ["rows > 0"]


def test_what_is_proposed_is_written_into_the_header_and_holds(wherry: Wherry, shop: Path) -> None:
    assert wherry("new", "checks", "--for", "a.orders", "--write", "--project", shop).code == 0
    text = (shop / "tables/a/orders.sql").read_text()
    assert text.startswith("-- Orders.\n--\n-- owner: till   # who\n-- columns:\n")
    assert text.endswith(SQL.partition("-- tags: [core]")[2].partition("\n\n")[2])
    assert "-- tags: [core]" in text
    asset = read(shop).graph["a.orders"]
    assert asset.columns[0].about == "Number, of the order" and asset.owner == "till"
    answer = wherry("run", "--project", shop, "--json")
    assert answer.code == 0
    checks = next(each["checks"] for each in answer.json["assets"] if each["name"] == "a.orders")
    assert len(checks) > 10 and {check["state"] for check in checks} == {"passed"}
    again = wherry("new", "checks", "--for", "a.orders", "--project", shop, "--json").json
    assert again["tables"] == []


def test_a_file_of_another_tool_is_converted(wherry: Wherry, shop: Path, tmp_path: Path) -> None:
    suite = tmp_path / "soda.yml"
    suite.write_text(
        "checks for orders:\n  - missing_count(id) = 0\n  - row_count between 10 and 1000\n  - max(amount) < 60\n"
        "  - anomaly score for row_count < default\n"
    )
    answer = wherry("new", "checks", "--from", suite, "--project", shop)
    assert answer.code == 0
    assert "soda.yml:5:5" in answer.err and "needs a history" in answer.err
    made = yaml.safe_load(answer.out)
    assert made["columns"]["id"]["checks"] == [{"check": "not_null", "name": "missing_count(id) = 0"}]
    assert wherry("new", "checks", "--from", suite, "--to", shop / "checks/own.yml", "--project", shop).code == 0
    found = read(shop).graph["a.orders"].checks
    assert [(check.kind, check.file) for check in found] == [
        ("not_null", "checks/own.yml"),
        ("aggregate", "checks/own.yml"),
        ("rows", "checks/own.yml"),
    ]
    assert wherry("run", "--project", shop).code == 0


def test_a_file_about_several_tables_is_converted_and_read(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", {"tables/s/a.sql": "SELECT 1 AS id\n", "tables/s/b.sql": "SELECT 2 AS id\n"})
    suite = tmp_path / "soda.yml"
    suite.write_text("checks for a:\n  - row_count > 0\nchecks for b:\n  - max(id) < 2\n  - missing_count(id) = 0\n")
    assert wherry("new", "checks", "--from", suite, "--to", folder / "checks/own.yml", "--project", folder).code == 0
    assert wherry("check", "--project", folder).code == 0
    run = wherry("run", "--project", folder, "--json")
    checks = {each["name"]: [(c["check"], c["state"]) for c in each["checks"]] for each in run.json["assets"]}
    assert checks == {
        "s.a": [("row_count > 0", "passed")],
        "s.b": [("max(id) < 2", "failed"), ("missing_count(id) = 0", "passed")],
    }


def test_documents_of_one_file_are_told_with_their_lines(wherry: Wherry, tmp_path: Path) -> None:
    """Documents of several tools may stand in one file; a kind of the project's own is known in each."""
    own = "---\n# first\ntable: s.a\nchecks: [rows > 0, nonsense >]\n--- # second\ntable: s.b\ncolumns:\n"
    own += "  id: {checks: [even, uniqe]}\n---\nchecks for b:\n  - row_count > 0\n  - averge(id) > 0\n---\n# nothing\n"
    files = {"checks/x.yml": own, "plugins/even.py": "def bad_row(check):\n    return f'{check.column} % 2 = 1'\n"}
    folder = write(tmp_path, {"tables/s/a.sql": "SELECT 1 AS id\n", "tables/s/b.sql": "SELECT 2 AS id\n"} | files)
    told = wherry("check", "--project", folder, "--json")
    assert [(each["line"], each["severity"]) for each in told.json["findings"]] == [
        (4, "error"),
        (8, "error"),
        (12, "error"),
    ]
    run = wherry("run", "--project", folder, "--json")
    checks = {each["name"]: {c["check"]: c["state"] for c in each["checks"]} for each in run.json["assets"]}
    assert checks == {
        "s.a": {"rows > 0": "passed", "nonsense >": "failed"},
        "s.b": {"even": "passed", "uniqe": "failed", "row_count > 0": "passed", "averge(id) > 0": "failed"},
    }


def test_a_singular_test_of_dbt_is_converted_to_sql(wherry: Wherry, shop: Path, tmp_path: Path) -> None:
    """With the names of this project, its severity, and the verdict that it has as it is."""
    given = tmp_path / "not_large.sql"
    text = "-- limit: what is meant\nselect * from {{ ref('orders') }}\nwhere amount >= 0\n"
    given.write_text("{{ config(severity='warn', warn_if='>3') }}\n" + text)
    printed = wherry("new", "checks", "--from", given, "--project", shop)
    assert printed.code == 0 and printed.out.startswith("-- severity: warn\n\n") and '"a"."orders"' in printed.out
    assert "{" not in printed.out and not (shop / "checks").exists()
    for options in (("--write",), ("--to", shop / "checks/x.yml")):
        told = wherry("new", "checks", "--from", given, "--project", shop, *options)
        assert told.code == 2 and "--to checks/not_large.sql" in told.err
    given.write_text("{{ config(error_if='>1000', warn_if='>3') }}\n" + text)
    target = shop / "checks" / "large.sql"
    made = wherry("new", "checks", "--from", given, "--to", target, "--project", shop, "--json")
    assert made.json["written"] == [str(target), str(target.with_stem("large_warning"))]
    assert wherry("check", "--project", shop).code == 0
    given.write_text(given.read_text().replace("1000", "1"))
    assert wherry("new", "checks", "--from", given, "--to", shop / "checks/strict.sql", "--project", shop).code == 0
    run = wherry("run", "--project", shop, "--json")
    checks = next(each["checks"] for each in run.json["assets"] if each["name"] == "a.orders")
    assert {each["check"]: each["state"] for each in checks} == {
        "large": "passed",
        "large_warning": "warned",
        "strict": "failed",
        "strict_warning": "warned",
    }


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("select 1 from {{ my_macro('orders') }}", 0, "needs dbt"),
        ("{% for x in [1] %} select 1 {% endfor %}", 0, "a program"),
        ("selec 1 from {{ ref('orders') }}", 2, "does not parse"),
    ],
)
def test_a_singular_test_that_cannot_be_converted_is_told(
    wherry: Wherry, shop: Path, tmp_path: Path, text: str, code: int, told: str
) -> None:
    given = tmp_path / "given.sql"
    given.write_text(text)
    target = shop / "checks" / "x.sql"
    answer = wherry("new", "checks", "--from", given, "--to", target, "--project", shop)
    assert answer.code == code and told in answer.err and "given.sql:1:" in answer.err and not target.exists()


def test_of_a_file_with_a_mistake_the_rest_is_converted(wherry: Wherry, shop: Path, tmp_path: Path) -> None:
    suite = tmp_path / "soda.yml"
    suite.write_text("checks for orders:\n  - mising_count(id) = 0\n  - row_count > 0\n  - missing_count(idd) = 0\n")
    answer = wherry("new", "checks", "--from", suite, "--project", shop)
    assert answer.code == 2
    assert "soda.yml:2:5: error" in answer.err and "soda.yml:4:1: error" in answer.err
    assert yaml.safe_load(answer.out) == {
        "table": "a.orders",
        "checks": [{"check": "rows > 0", "name": "row_count > 0"}],
    }


def test_a_folder_of_that_name_can_be_made_and_options_may_come_first(wherry: Wherry, tmp_path: Path) -> None:
    assert wherry("new", "--template", "minimal", tmp_path / "one").code == 0
    assert wherry("new", f"{tmp_path}/checks").code == 0
    assert (tmp_path / "checks" / "wherry.toml").exists()
    assert wherry("new").code == 2
    assert wherry("new", "checks", "--json").code == 2
    assert "wherry new checks ..." in wherry("new", "--help").out


def test_a_view_or_a_source_cannot_take_a_header_it_does_not_have(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "sources/f.yml": "connector: files\npath: data/\ntables:\n  o.csv: {as: raw.o}\n",
            "data/o.csv": "id\n" + "\n".join(map(str, range(30))) + "\n",
        },
    )
    assert wherry("run", "--project", folder).code == 0
    answer = wherry("new", "checks", "--for", "raw.o", "--write", "--project", folder, "--json")
    assert answer.code == 2 and "--to" in answer.json["findings"][0]["hint"]
    assert wherry("new", "checks", "--for", "raw.o", "--to", folder / "checks/o.yml", "--project", folder).code == 0
    assert {check.kind for check in read(folder).graph["raw.o"].checks} >= {"rows", "not_null", "unique"}
    assert wherry("new", "checks", "--for", "raw.oo", "--project", folder).code == 2


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", []),
        ("-- Prose only.\n", ["Prose only."]),
        ("-- checks: [rows > 0]\n", ["rows > 0"]),
        ("-- checks:\n--   - rows > 0\n--   - a > 1\n-- owner: me\n", ["owner: me"]),
        ("-- columns:\n--   a: INTEGER\n-- owner: me\n", ["owner: me", "type: INTEGER"]),
        ("-- columns: {a: {checks: not_null}, b: {about: x}}\n", ["about: x", "not_null"]),
    ],
)
def test_a_header_takes_checks_and_keeps_what_it_has(header: str, says: list[str], tmp_path: Path) -> None:
    text = header + ("\n" if header else "") + "SELECT 1 AS a, 2 AS b\n"
    keys = {"columns": {"a": {"checks": ["unique"]}}, "checks": ["rows > 0", "a < b"]}
    changed = with_checks(text, keys)
    for each in says:
        assert each in changed
    assert changed.endswith("\nSELECT 1 AS a, 2 AS b\n")
    assert with_checks(changed, keys) == changed
    asset = read(tmp_path, {"tables/x/t.sql": changed}).graph["x.t"]
    kinds = [(check.kind, check.column) for check in asset.checks]
    assert ("unique", "a") in kinds and ("condition", "") in kinds and kinds.count(("rows", "")) == 1


@pytest.mark.parametrize(
    ("check", "form"),
    [
        (Check(kind="in", column="a", arguments={"values": ["x, y", "no", 1]}, text="in ['x, y', 'no', 1]"), None),
        (Check(kind="matches", column="a", arguments={"pattern": '"q" # \\d'}, text="m"), None),
        (Check(kind="rows", arguments={"operator": ">", "value": 3}, text="rows > 3"), "rows > 3"),
        (Check(kind="sql", arguments={"sql": "SELECT 1 FROM {table}"}, text="named", most=3, severity="warn"), None),
        (Check(kind="fresh", column="a", arguments={"seconds": 90.0}, text="f"), None),
        (Check(kind="refers", column="a", arguments={"table": "s.t", "columns": ["b"]}, text="r"), None),
        (Check(kind="refers", columns=("a", "b"), arguments={"table": "s.t", "columns": ["c", "d"]}, text="r"), None),
        (Check(kind="columns_are", columns=("a",), arguments={"how": "contains"}, text="c"), None),
    ],
)
def test_a_check_is_written_so_that_it_reads_back(check: Check, form: str | None) -> None:
    found = written(check)  # refuses what does not read back
    assert form is None or found == form
    keys, left = as_keys([check])
    assert not left and yaml.safe_load(yaml.safe_dump(keys)) == keys
