"""What a load does with each kind of batch: rows that take others' place, keys that are gone, columns that change."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from run_folder import Folder, problems, result

from wherry.model.run import Drift
from wherry.state.runs import last_runs

#: A source whose batches lie in a file: what a database or a service would give, said in full.
PLUGIN = '''
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from wherry.ports import Batch, Replaced


@dataclass(frozen=True, kw_only=True)
class Options:
    """Batches from a file."""

    project: str = ""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """One table."""


class Scripted:
    Options, TableOptions = Options, TableOptions

    def script(self, options: Any, table: Any) -> list[dict[str, Any]]:
        return json.loads(Path(options.project, "script.json").read_text())[table.name]

    def changed(self, options: Any, table: Any, cursor: Any) -> str | None:
        left = self.script(options, table)[(cursor or {}).get("at", 0):]
        return f"{len(left)} batches" if left else None

    def columns(self, options: Any, table: Any) -> None:
        return None

    def read(self, options: Any, table: Any, cursor: Any):
        script = self.script(options, table)
        for number in range((cursor or {}).get("at", 0), len(script)):
            said = script[number]
            if said == "break":
                raise RuntimeError("the source broke")
            kinds = {name: pa.type_for_alias(kind) for name, kind in said.get("types", {}).items()}
            rows = pa.Table.from_pylist(said["rows"])
            for name, kind in kinds.items():
                rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].cast(kind))
            present = said.get("present")
            yield Batch(
                rows=rows.to_reader() if said.get("stream", True) else rows,
                cursor={"at": number + 1},
                replaces=Replaced(**said["replaces"]) if "replaces" in said else None,
                upsert=tuple(said.get("upsert", ())),
                present=pa.table(present).to_reader() if present else None,
                expected=said.get("expected"),
            )


source = Scripted()
'''


class Script:
    """A project with one scripted table, ``raw.t``."""

    def __init__(self, folder: Folder, policy: str = "evolve", mode: str = "incremental") -> None:
        self.folder, self.batches = folder, list[Any]()
        tables = f"tables:\n  t: {{as: raw.t, mode: {mode}, key: id}}\n"
        folder.write({"plugins/scripted.py": PLUGIN})
        folder.write({"sources/s.yml": f"connector: scripted\non_schema_change: {policy}\n{tables}"})

    def give(self, *rows: dict[str, Any], **said: Any) -> None:
        """One more batch."""
        self.batches.append({"rows": list(rows), **said})
        self.folder.write({"script.json": json.dumps({"t": self.batches})})

    def load(self, *rows: dict[str, Any], **said: Any) -> Any:
        self.give(*rows, **said)
        return result(self.folder.done(), "raw.t")

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return self.folder.rows("raw.t")

    @property
    def rejects(self) -> list[tuple[Any, ...]]:
        return self.folder.rows("raw.t__rejects", columns="file, reason, row")


@pytest.fixture
def script(folder: Folder) -> Script:
    return Script(folder)


def test_a_row_takes_the_place_of_the_one_with_its_key(script: Script) -> None:
    script.load({"id": 1, "x": "a"}, {"id": 2, "x": "b"})
    made = script.load({"id": 2, "x": "B"}, {"id": 3, "x": "c"}, upsert=["id"])
    assert script.rows == [(1, "a"), (2, "B"), (3, "c")]
    assert (made.state, made.rows) == ("built", 3)


def test_rows_that_are_read_again_are_there_once(script: Script) -> None:
    script.load({"id": 1, "at": "2026-01-01"}, {"id": 2, "at": "2026-01-02"}, {"id": 3, "at": None})
    reach = {"column": "at", "value": "2026-01-02", "onward": True, "nulls": True}
    script.load(
        {"id": 2, "at": "2026-01-02"}, {"id": 4, "at": "2026-01-02"}, {"id": 3, "at": "2026-01-03"}, replaces=reach
    )
    assert script.rows == [(1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-03"), (4, "2026-01-02")]


def test_a_value_reached_back_to_is_read_as_the_columns_type(script: Script) -> None:
    script.load(
        {"id": 1, "at": "2026-01-01 00:00:00.000001"}, {"id": 2, "at": "2026-01-02"}, types={"at": "timestamp[us]"}
    )
    reach = {"column": "at", "value": "2026-01-01T00:00:00.000001", "onward": True}
    script.load({"id": 5, "at": "2026-01-03"}, types={"at": "timestamp[us]"}, replaces=reach)
    assert script.rows == [(5, datetime(2026, 1, 3))]


def test_rows_whose_key_is_gone_go(script: Script) -> None:
    script.load({"id": 1, "x": "a"}, {"id": 2, "x": "b"}, {"id": 3, "x": "c"})
    made = script.load({"id": 4, "x": "d"}, upsert=["id"], present={"id": [1, 3, 4]})
    assert script.rows == [(1, "a"), (3, "c"), (4, "d")]
    assert made.gone == 1


def test_two_rows_of_one_key_change_nothing(script: Script) -> None:
    script.load({"id": 1, "x": "a"})
    script.give({"id": 1, "x": "b"}, {"id": 1, "x": "c"}, upsert=["id"])
    made = script.folder.run()
    (finding,) = result(made, "raw.t").findings
    assert (finding.code, made.state) == ("bad-key", "failed")
    assert "2 rows have id = 1" in finding.message and "so does the cursor" in finding.message
    assert script.rows == [(1, "a")]


def test_a_key_of_several_columns(script: Script) -> None:
    script.load({"id": 1, "line": 1, "x": "a"}, {"id": 1, "line": 2, "x": "b"}, {"id": 2, "line": 1, "x": "c"})
    script.load({"id": 1, "line": 2, "x": "B"}, {"id": 2, "line": 2, "x": "d"}, upsert=["id", "line"])
    assert script.rows == [(1, 1, "a"), (1, 2, "B"), (2, 1, "c"), (2, 2, "d")]


def test_a_key_without_a_value_changes_nothing(script: Script) -> None:
    script.load({"id": 1, "x": "a"})
    script.give({"id": None, "x": "b"}, {"id": 2, "x": "c"}, upsert=["id"])
    (finding,) = result(script.folder.run(), "raw.t").findings
    assert (finding.code, script.rows) == ("bad-key", [(1, "a")])


def test_what_came_before_a_source_broke_is_not_read_again(script: Script) -> None:
    script.give({"id": 1, "x": "a"})
    script.batches.append("break")
    script.give({"id": 2, "x": "b"})
    assert script.folder.run().state == "failed"
    with pytest.raises(Exception, match="not in branch"):
        script.rows  # noqa: B018
    # The first batch is committed: another one in its place is not looked at.
    script.batches[:2] = [{"rows": [{"id": 7, "x": "never"}]}, {"rows": [{"id": 3, "x": "c"}]}]
    script.load({"id": 4, "x": "d"})
    assert script.rows == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_a_commit_names_no_place_of_a_load_that_failed(folder: Folder) -> None:
    script = Script(folder, mode="full")
    script.give({"id": 1})
    script.batches.append("break")
    script.give({"id": 2})
    assert folder.run().state == "failed"
    script.batches[:] = [{"rows": [{"id": 3}]}]
    script.load({"id": 4})
    assert script.rows == [(3,), (4,)]
    assert folder.lake.log()[0].message.partition(": ")[2] == "raw.t"


def test_columns_that_come_go_and_widen_are_told_once(script: Script) -> None:
    script.load({"id": 1, "a": 1, "b": "x"}, types={"a": "int32"})
    made = script.load({"id": 2, "a": 2**40, "c": True})
    assert [str(drift) for drift in made.drifts] == [
        "column `a` widened from INTEGER to BIGINT",
        "column `c` (BOOLEAN) is new",
        "column `b` (VARCHAR) is gone",
    ]
    assert script.rows == [(1, 1, "x", None), (2, 2**40, None, True)]
    assert script.load({"id": 3, "a": 1, "c": False}).drifts == ()
    again = script.load({"id": 4, "a": 1, "b": "back", "c": False})
    assert again.drifts == (Drift(kind="added", column="b", after="VARCHAR"),)
    events = last_runs(script.folder.lake.database)[0].assets[0].drifts
    assert events == again.drifts


def test_a_column_of_the_same_type_in_anothers_place_looks_like_a_rename(script: Script) -> None:
    script.load({"id": 1, "mail": "x"})
    made = script.load({"id": 2, "email": "y"})
    assert [drift.kind for drift in made.drifts] == ["added", "renamed"]
    assert "`mail` is gone and `email`" in str(made.drifts[1])
    assert script.rows == [(1, "x", None), (2, None, "y")]


def test_a_type_that_would_lose_values_loads_nothing(script: Script) -> None:
    script.load({"id": 1, "x": 1})
    script.give({"id": 2, "x": "one"})
    made = script.folder.run()
    assert result(made, "raw.t").findings[0].code == "schema-changed"
    assert script.rows == [(1, 1)]


@pytest.mark.parametrize("change", [{"id": 2, "x": 1, "y": 1}, {"id": 2, "x": "one"}])
@pytest.mark.parametrize("mode", ["incremental", "full"])
def test_frozen_columns_stay_as_they_are(folder: Folder, change: dict[str, Any], mode: str) -> None:
    script = Script(folder, "freeze", mode)
    script.load({"id": 1, "x": 1})
    script.give(change)
    made = folder.run()
    assert result(made, "raw.t").findings[0].code == "schema-changed", problems(made)
    assert script.rows == [(1, 1)]


def test_rows_that_do_not_fit_are_held_back(folder: Folder) -> None:
    script = Script(folder, "quarantine")
    script.load({"id": 1, "x": 1})
    made = script.load({"id": 2, "x": "2", "y": None}, {"id": 3, "x": "three", "y": None}, {"id": 4, "x": "4", "y": 4})
    assert (made.rejected, made.state) == (2, "built")
    assert script.rows == [(1, 1), (2, 2)]
    assert [(file, reason, json.loads(row)) for file, reason, row in script.rejects] == [
        ("t", "column `x`: not exactly BIGINT", {"id": 3, "x": "three", "y": None}),
        ("t", "column `y` (BIGINT) is new", {"id": 4, "x": "4", "y": 4}),
    ]
    assert [drift.kind for drift in made.drifts] == ["widened", "added"]
    assert folder.schema("raw.t") == {"id": "BIGINT", "x": "BIGINT"}


def test_a_whole_table_keeps_its_columns_in_quarantine(folder: Folder) -> None:
    script = Script(folder, "quarantine", "full")
    script.load({"id": 1, "x": 1})
    script.give({"id": 1, "x": "1"}, {"id": 2, "x": "two"})
    made = script.load({"id": 3, "x": 3})
    assert made.rejected == 1
    assert script.rows == [(1, 1), (3, 3)]
    assert folder.schema("raw.t") == {"id": "BIGINT", "x": "BIGINT"}


def test_a_row_that_is_refused_again_is_stored_once(folder: Folder) -> None:
    script = Script(folder, "quarantine")
    script.load({"id": 1, "x": 1})
    script.load({"id": 2, "x": "two"}, upsert=["id"])
    assert script.load({"id": 2, "x": "two"}, upsert=["id"]).rejected == 0
    assert len(script.rejects) == 1


@pytest.mark.parametrize("key", [["id"], ["id", "shop"]])
def test_the_version_before_one_that_is_held_back_stays(folder: Folder, key: list[str]) -> None:
    script = Script(folder, "quarantine")
    script.load({"id": 1, "shop": "a", "x": 1}, {"id": 2, "shop": "a", "x": 2}, {"id": 3, "shop": "a", "x": 3})
    script.give({"id": 1, "shop": "a", "x": 10, "y": None}, {"id": 2, "shop": "a", "x": 20, "y": 5}, upsert=key)
    script.give({"id": 3, "shop": "a", "x": 30, "y": 6}, upsert=key)
    present = {"id": [1, 2, 3], "shop": ["a"] * 3}
    made = script.load({"id": 4, "shop": "a", "x": 4, "y": 7}, upsert=key, present={k: present[k] for k in key})
    assert script.rows == [(1, "a", 10), (2, "a", 2), (3, "a", 3)]
    assert [json.loads(row)["x"] for _, _, row in script.rejects] == [20, 30, 4]
    assert [str(drift) for drift in made.drifts] == ["column `y` (BIGINT) is new"]


def test_how_many_rows_there_are_is_known_until_the_end(script: Script) -> None:
    script.give({"id": 1}, {"id": 2}, expected=5)
    script.give({"id": 3}, {"id": 4})
    script.give({"id": 5}, expected=2)
    told: list[tuple[int, int | None]] = []

    def tell(kind: str, **what: Any) -> None:
        if kind == "progress":
            told.append((what["rows"], what["expected"]))

    script.folder.done(tell=tell)
    assert list(dict.fromkeys(told)) == [(2, 5), (4, 5), (5, 6)]


def test_hostile_names_are_only_names(folder: Folder, tmp_path: Path) -> None:
    script = Script(folder, "quarantine")
    column = 'a"; DROP TABLE x; --'
    script.load({"id": 1, column: 1})
    made = script.load({"id": 2, column: "it's", "b'\"": 1}, upsert=["id"])
    assert made.rejected == 1
    assert script.rows == [(1, 1)]
