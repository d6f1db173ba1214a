"""Runs whose plan was once wrong, carried out."""

from pathlib import Path

import pytest

from fixtures.commands import Wherry
from fixtures.projects import write

BUILDS = ["replace", "history on id", "replace", "append", "view", "merge on id", "view", "replace"]


def test_a_table_without_a_folder_lives_in_main(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, {"tables/t.sql": "SELECT 1 AS id", "tables/u.sql": "SELECT id + 1 AS id FROM t"})
    assert wherry("run", "--project", folder, "--json").json["state"] == "done"
    for query in ("SELECT id FROM u", "SELECT id FROM main.u"):
        assert wherry("sql", query, "--project", folder, "--json").json == [{"id": 2}]
    assert wherry("show", "main.u", "--project", folder, "--json").json["columns"][0]["from"] == ["main.t.id"]


def test_a_table_may_change_from_one_build_word_to_another(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    for word in BUILDS:
        write(folder, {"tables/s/t.sql": f"-- build: {word}\nSELECT 1 AS id, 'x' AS name\n"})
        ran = wherry("run", "--project", folder, "--json")
        assert ran.json["state"] == "done", (word, ran.json)
        assert wherry("sql", "SELECT id, name FROM s.t", "--project", folder, "--json").json == [{"id": 1, "name": "x"}]


@pytest.mark.parametrize("words", [["--from", "2026-01-01"], ["--until", "2026-01-01"]])
def test_full_and_backfill_do_not_go_together(wherry: Wherry, shop: Path, words: list[str]) -> None:
    answer = wherry("run", "--project", shop, "--full", *words, "--json")
    assert answer.code == 2
    assert "--full" in answer.json["findings"][0]["message"]
