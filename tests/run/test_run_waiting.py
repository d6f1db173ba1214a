"""Tables whose source has no rows yet, and those that are to be held against them."""

from __future__ import annotations

from typing import Any

import pytest
from run_folder import Folder, result, states

from fixtures.web import Reply, serving
from wherry.run.runner import exit_code


def test_lists_without_rows_wait_for_their_first(folder: Folder) -> None:
    rows: list[dict[str, Any]] = []
    with serving(lambda r: Reply(body=rows)) as web:
        tables = (
            "  a: {as: raw.a, path: /a}\n"
            "  a.lines: {as: raw.lines, unnest: a.lines}\n"
            "  b: {as: raw.b, path: /b, mode: incremental, cursor: at, since: {param: since}, key: id}\n"
            "  c: {as: raw.c, path: /c, types: {id: bigint}}\n"
        )
        folder.write({"sources/shop.yml": f"connector: rest\nurl: {web.url}\ntables:\n{tables}"})
        folder.write({"checks/c.sql": "SELECT * FROM raw.a WHERE id < 0"})
        folder.tables(t="SELECT sum(id) AS n FROM raw.a", u="SELECT n FROM s.t", other="SELECT 1 AS one")
        for state in ("built", "skipped"):
            made = folder.done()
            waiting = dict.fromkeys(["a", "lines", "b", "t", "u"], "skipped")
            assert states(made) == waiting | {"c": state, "other": state}
            for name in ("raw.a", "raw.lines", "raw.b"):
                [finding] = result(made, name).findings
                assert (finding.code, finding.severity, finding.file) == ("no-rows", "warning", "sources/shop.yml")
            assert result(made, "s.u").reason == "s.t has no rows yet"
        assert folder.rows("raw.c") == []
        rows.append({"id": 1, "at": "2026-01-01T00:00:00Z", "lines": [{"sku": "x"}]})
        made = folder.done()
        assert set(states(made).values()) == {"built", "skipped"} and states(made)["other"] == "skipped"
        assert folder.rows("s.u") == [(1,)] and folder.rows("raw.lines", columns="sku") == [("x",)]
        assert folder.schema("raw.b")["at"] == "TIMESTAMP WITH TIME ZONE"
        rows.clear()
        made = folder.done()
        assert (folder.rows("raw.a"), len(folder.rows("raw.b", columns="id"))) == ([], 1)
        assert not any(finding.code == "no-rows" for each in made.assets for finding in each.findings)
        made = folder.done("raw.b", full=True)
        assert (states(made)["b"], len(folder.rows("raw.b", columns="id"))) == ("skipped", 1)
        assert [finding.code for finding in result(made, "raw.b").findings] == ["no-rows"]


@pytest.mark.parametrize(
    ("check", "file", "state"),
    [
        ("", "SELECT * FROM raw.o WHERE a NOT IN (SELECT id FROM raw.a)", "blocked"),
        ("columns: {a: {checks: [refers to raw.a.id]}}, ", "", "failed"),
        ("checks: ['a in (select id from raw.a)'], ", "", "failed"),
    ],
)
def test_nothing_is_published_that_could_not_be_held_against_a_table_that_waits(
    folder: Folder, check: str, file: str, state: str
) -> None:
    rows: list[dict[str, int]] = []
    with serving(lambda r: Reply(body=rows if r.path == "/a" else [{"id": 1, "a": 5}])) as web:
        tables = f"  a: {{as: raw.a, path: /a}}\n  o: {{as: raw.o, {check}path: /o}}\n"
        folder.write({"sources/shop.yml": f"connector: rest\nurl: {web.url}\ntables:\n{tables}"})
        folder.write({"checks/x.sql": file} if file else {})
        for _ in range(2):
            made = folder.run()
            assert states(made) == {"a": "skipped", "o": state} and "raw.a" in result(made, "raw.o").reason
            assert "Catalog Error" not in result(made, "raw.o").reason and exit_code(made) == 1
            assert folder.contents("raw.o") == {"raw.o": None}
        rows.append({"id": 6})
        assert states(folder.run())["o"] == "failed" and folder.contents("raw.o") == {"raw.o": None}
        rows.append({"id": 5})
        folder.done()
        assert folder.rows("raw.o") == [(1, 5)] and len(folder.rows("raw.a")) == 2
