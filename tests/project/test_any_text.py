"""Whatever a person writes, reading ends in findings with a place, never in an exception."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.projects import read
from wherry.project.table_keys import HEADER_KEYS

WORDS = st.sampled_from(
    """|x|id|true|1|>= 0|not_null|in [1]|merge on id|incremental by id|view|2026-01-01|main.t|rows > 0|a/b|ü|--|'|"
$start|within 2 hours|${HOME}|unique []|refers to a.b.c|files|full|incremental|matches "["|between 1 and""".replace(
        "\n", "|"
    ).split("|")
)
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.floats(0, 2) | WORDS | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def keys(*known: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(known) | WORDS, VALUES, max_size=4)


def reads(files: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        for finding in read(Path(folder), {"tables/t.sql": "SELECT 1 AS id\n", **files}).graph.findings:
            assert finding.code and finding.message
            assert finding.file in files or finding.file == "tables/t.sql"
            lines = files.get(finding.file, "").splitlines() or [""]
            assert 1 <= finding.line <= len(lines) + 1, finding
            assert finding.column >= 0


FUZZ = settings(max_examples=25, deadline=None)


def dumped(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False)


@FUZZ
@given(keys(*HEADER_KEYS))
def test_any_header(header: dict[str, Any]) -> None:
    reads(
        {"tables/x.sql": "".join(f"-- {line}\n" for line in dumped(header).splitlines()) + "SELECT 1 AS id, 2 AS x\n"}
    )


@FUZZ
@given(keys(*HEADER_KEYS))
def test_any_decorator(arguments: dict[str, Any]) -> None:
    given_ = ", ".join(f"{key}={value!r}" for key, value in arguments.items() if key.isidentifier())
    reads({"tables/p.py": f"from wherry import Table, table\n\n@table({given_})\ndef p():\n    return []\n"})


@FUZZ
@given(
    keys("connector", "tables", "owner", "path", "on_schema_change"),
    keys("as", "mode", "cursor", "key", "columns", "types"),
)
def test_any_source_file(document: dict[str, Any], table: dict[str, Any]) -> None:
    reads({"sources/s.yml": dumped({"connector": "files", "tables": {"x.csv": table}, **document})})


@FUZZ
@given(VALUES, keys("given", "expect", "start", "end"))
def test_any_unit_test(name: Any, case: dict[str, Any]) -> None:
    reads({"tests/t.yml": dumped({"table": "main.t", str(name): case})})


@FUZZ
@given(
    st.sampled_from(["sources/s.yml", "tests/t.yml", "functions/f.sql", "checks/c.sql", "tables/x.sql", "tables/p.py"]),
    st.data(),
)
def test_any_text(file: str, data: st.DataObject) -> None:
    parts = [
        "SELECT ",
        "FROM t",
        "-- ",
        "\n",
        "id",
        "(",
        ")",
        "'",
        ";",
        "CREATE MACRO f(a) AS ",
        "table: ",
        "{",
        "}",
        "[",
        ": ",
        "@table()",
        "def p():",
        "\\",
        "$",
        "/*",
        "é",
        "\t",
    ]
    text = "".join(data.draw(st.lists(st.sampled_from(parts) | st.text(max_size=3), max_size=12)))
    reads({file: text.encode("utf-8", "replace").decode()})


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: *nothing",
        "!!python/object:os.system x",
        "? [a]: b",
        "a: !mine 1",
        "%YAML 9\n---\na",
        "- a\n---\n- b",
    ],
)
def test_odd_yaml(text: str) -> None:
    reads({"sources/s.yml": text, "tests/t.yml": text, "tables/x.sql": f"-- owner: x\n-- {text}\nSELECT 1 AS id"})


@pytest.mark.parametrize(
    "arguments",
    [
        "columns={'x': {1: 2}}, tags={1, 2}",
        "columns={1: 'INTEGER'}",
        "checks=('rows > 0', 'unique [id]')",
        "owner=b'x', fresh=1j, about=...",
        "columns={'id': {'checks': ('unique',)}}, build=None",
        "tags=[[1]], checks={'a': 1}",
    ],
)
def test_literals_that_only_python_has(arguments: str) -> None:
    reads({"tables/p.py": f"from wherry import Table, table\n\n@table({arguments})\ndef p():\n    return []\n"})
