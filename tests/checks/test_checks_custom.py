"""Kinds of checks of a project's own: a file in plugins/, with one of the faces."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))
from run_folder import Folder

from wherry.checks import KINDS, find
from wherry.errors import ProjectError
from wherry.plugins import find_check
from wherry.testing import check_check

PRICE = '''"""``ends_in``: every price ends in one of the digits; null passes."""

from wherry.quoting import name


def bad_row(check):
    digits = ", ".join(str(int(digit)) for digit in check.arguments.get("digits", [9]))
    return f"{name(check.column)} % 10 NOT IN ({digits})"
'''
SPREAD = """from wherry.model.run import Outcome


def aggregates(check):
    return (f"max({check.column}) - min({check.column})",)


def judge(check, values):
    (spread,) = values
    limit = check.arguments["limit"]
    return Outcome(passed=spread is None or spread <= limit, observed=spread, why=f"a spread of {spread}, not {limit}")
"""
TABLE = "-- columns:\n--   price: {{checks: [{check}]}}\nSELECT * FROM (VALUES (19), (NULL), (20)) AS v (price)"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.close()


def test_a_kind_of_the_projects_own(folder: Folder) -> None:
    folder.write({"plugins/ends_in.py": PRICE, "tables/s/t.sql": TABLE.format(check="ends_in")})
    (result,) = folder.run().assets
    assert [(check.check, check.state, check.failing) for check in result.checks] == [("ends_in", "failed", 1)]
    folder.write({"tables/s/t.sql": TABLE.format(check="{check: ends_in, digits: [9, 0]}")})
    assert folder.run().state == "done"
    folder.write({"plugins/spread.py": SPREAD, "tables/s/t.sql": TABLE.format(check="{check: spread, limit: 0}")})
    (result,) = folder.run().assets
    assert result.reason == "check failed: price: spread (a spread of 1, not 0)"


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("x = 1\n", "ends_in.py is no check"),
        ("import nowhere\n", "does not load: ModuleNotFoundError"),
        ("def bad_row(check):\n    return 'nonsense >'\n", "cannot run"),
        ("def bad_row(check):\n    return str(1 / 0)\n", "cannot run"),
    ],
)
def test_a_broken_kind_is_told(folder: Folder, plugin: str, told: str) -> None:
    folder.write({"plugins/ends_in.py": plugin, "tables/s/t.sql": TABLE.format(check="ends_in")})
    findings = folder.project().graph.findings
    assert any(told in f"{finding.file} {finding.message}" for finding in findings), findings
    assert all(finding.file and finding.line for finding in findings)


def test_finding_kinds(tmp_path: Path) -> None:
    assert all(find_check(kind, tmp_path) is find(kind) for kind in KINDS)
    with pytest.raises(ProjectError, match="no kind of check `nowhere`"):
        find_check("nowhere", tmp_path)
    with pytest.raises(ProjectError, match=r"no kind of check `\.\./x`"):
        find_check("../x", tmp_path)


def module(text: str) -> ModuleType:
    made = ModuleType("made")
    exec(text, made.__dict__)
    return made


def test_conformance_passes_what_conforms() -> None:
    rows = [(19,), (None,), (20,)]
    verdict = check_check(module(PRICE), column="price", columns={"price": "INT"}, rows=rows, failing=1)
    assert verdict.looked == 3
    given = {"column": "price", "columns": {"price": "INT"}, "rows": rows}
    assert check_check(module(SPREAD), **given, arguments={"limit": 1}, passes=True).observed == 1
    for kind in ("not_null", "not_blank", "null"):
        check_check(find(kind), column="x", columns={"x": "VARCHAR"}, rows=[("a",), (None,)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it has none of"),
        ("def aggregates(check): return ('count(*)',)", "needs `judge`"),
        ("def bad_row(check): return 'nowhere'", "cannot be decided"),
        ("def bad_row(check): return 'price > 19'", "1 rows break it, and 2 are expected"),
        ("def bad_row(check):\n    check.arguments['x'] = 1\n    return 'price > 18'", "changes the check"),
        ("def bad_rows(check, table): return f'SELECT * FROM {table} QUALIFY price > 19 OR row_number() OVER () = 1'",
         "depends on the order"),
        ("def bad_row(check): return 'price > 0'\ndef query(check, table): return 'SELECT 1'\ndef judge(c, v): ...",
         "several faces"),
    ],
)  # fmt: skip
def test_conformance_finds_what_does_not(text: str, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_check(module(text), column="price", columns={"price": "INT"}, rows=[(19,), (20,)], failing=2)
