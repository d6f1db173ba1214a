"""Types, jobs and branches: the same tables whichever way they are made."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from run_folder import Folder, states

from wherry.cli import program
from wherry.errors import Conflict, NewerLake
from wherry.lake import database as db
from wherry.lake.types import storable
from wherry.run.project import open_lake

#: A value of every DuckDB type, and what comes back where that is not the same value.
VALUES = {
    "bool": ("true", None),
    "tiny": ("(-128)::TINYINT", None),
    "small": ("(-32768)::SMALLINT", None),
    "int": ("(-2147483648)::INTEGER", None),
    "big": ("(-9223372036854775808)::BIGINT", None),
    "huge": ("99999999999999999999999999999999999999::HUGEINT", None),
    "utiny": ("255::UTINYINT", None),
    "usmall": ("65535::USMALLINT", None),
    "uint": ("4294967295::UINTEGER", None),
    "ubig": ("18446744073709551615::UBIGINT", None),
    "uhuge": ("99999999999999999999999999999999999999::UHUGEINT", None),
    "bignum": ("12345678901234567890123456789::BIGNUM", "12345678901234567890123456789::DECIMAL(38,0)"),
    "float": ("1.5::FLOAT", None),
    "double": ("1e300::DOUBLE", None),
    "dec": ("12345678901234567.89::DECIMAL(19,2)", None),
    "dec38": ("0.00000000000000000000000000000000000001::DECIMAL(38,38)", None),
    "text": ("'grüße ''\"; --'", None),
    "empty": ("''", None),
    "blob": ("'\\x00\\xFF'::BLOB", None),
    "bits": ("'0101'::BIT", "'0101'"),
    "day": ("DATE '0001-01-01'", None),
    "time": ("TIME '23:59:59.999999'", None),
    "timetz": ("TIMETZ '10:00:00+02'", "'10:00:00+02'"),
    "moment": ("TIMESTAMP '9999-12-31 23:59:59.999999'", None),
    "moment_s": ("TIMESTAMP_S '2026-01-01 10:00:01'", None),
    "moment_ms": ("TIMESTAMP_MS '2026-01-01 10:00:01.123'", None),
    "moment_ns": ("TIMESTAMP_NS '2026-01-01 10:00:01.123456'", None),
    "instant": ("TIMESTAMPTZ '2026-01-01 10:00:00+02'", None),
    "span": ("INTERVAL 1 MONTH", "'1 month'"),
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", None),
    "enum": ("'b'::ENUM('a', 'b')", "'b'"),
    "json": ("'{\"a\": [1, null]}'::JSON", "'{\"a\": [1, null]}'"),
    "list": ("[1, NULL, 3]", None),
    "nested": ("[[1], [], NULL]", None),
    "array": ("[1, 2]::INTEGER[2]", "[1, 2]"),
    "struct": ("{'a': 1, 'B c': [{'d': NULL::DATE}]}", None),
    "map": ("MAP {'k': [1::UTINYINT]}", "MAP {'k': [1]}"),
    "union": ("union_value(n := 1)", "'{\"n\":1}'"),
    "nothing": ("NULL", "NULL::INTEGER"),
}


def test_every_type_goes_to_the_lake_and_back(folder: Folder) -> None:
    columns = ", ".join(f'{value} AS "{name}"' for name, (value, _) in VALUES.items())
    nulls = ", ".join(f'NULL AS "{name}"' for name in VALUES)
    same = ", ".join(
        f'"{name}" IS NOT DISTINCT FROM {back or value} AS "{name}"' for name, (value, back) in VALUES.items()
    )
    none = " AND ".join(f'"{name}" IS NULL' for name in VALUES)
    folder.tables(
        src=f"SELECT {columns}",
        t=f"SELECT * FROM s.src UNION ALL BY NAME SELECT {nulls}",
        v="-- build: view\nSELECT * FROM s.t",
        back=f"SELECT {same} FROM s.v WHERE bool",
        none=f"SELECT {none} AS none FROM s.v WHERE bool IS NULL",
        m="-- build: merge on big\nSELECT * FROM s.src",
        a="-- build: append\nSELECT * FROM s.v",
    )
    folder.done()
    (row,) = folder.rows("s.back")
    assert [name for name, is_same in zip(VALUES, row, strict=True) if not is_same] == []
    assert folder.rows("s.none") == [(True,)]
    told = {column.name: column.type for column in folder.project().graph["s.t"].columns}
    assert told == folder.schema("s.v") == folder.schema("s.m") == folder.schema("s.a")
    assert all(storable(kind) == kind for kind in told.values())
    assert set(states(folder.done()).values()) == {"skipped"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("TIMESTAMP_NS '2026-01-01 10:00:01.123456789'", "nanosecond"),
        ("170141183460469231731687303715884105727::HUGEINT", "DECIMAL(38,0)"),
        ("'infinity'::DATE", "infinit"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(folder: Folder, value: str, said: str) -> None:
    folder.tables(t=f"SELECT {value} AS x")
    (failed,) = folder.run().assets
    assert (failed.state, failed.fault) == ("failed", 1)
    assert said.lower() in failed.reason.lower()


def wide(folder: Folder) -> list[str]:
    """Forty tables: a wide layer over a view, and diamonds over that."""
    folder.tables(base="SELECT i FROM range(100) AS t(i)", v="-- build: view\nSELECT i FROM s.base")
    for n in range(18):
        folder.tables(**{f"w{n}": f"-- checks: [i >= 0]\nSELECT i * {n} AS i FROM s.{'v' if n % 2 else 'base'}"})
    for n in range(18):
        sides = f"s.w{n} UNION ALL FROM s.w{(n + 1) % 18} UNION ALL FROM s.w{(n + 7) % 18}"
        folder.tables(**{f"d{n}": f"SELECT sum(i) AS total FROM (FROM {sides})"})
    folder.tables(top=" UNION ALL ".join(f"SELECT total FROM s.d{n}" for n in range(18)))
    return ["s.base", "s.v", "s.top", *(f"s.{kind}{n}" for kind in "wd" for n in range(18))]


def test_one_job_or_eight(tmp_path: Path) -> None:
    found = []
    for jobs in (1, 8):
        path = tmp_path / str(jobs)
        path.mkdir()
        folder = Folder(path)
        names = wide(folder)
        made = folder.done(jobs=jobs)
        started = [what["name"] for kind, what in folder.told if kind == "started"]
        assert sorted(started) == sorted(names)
        for asset in folder.project().graph.assets.values():
            assert all(started.index(name) < started.index(asset.name) for name in asset.inputs)
        assert set(states(made).values()) == {"built"}
        found.append(folder.contents(*names))
        folder.tables(base="SELECT i FROM range(101) AS t(i)")
        folder.done(jobs=jobs)
        found.append(folder.contents(*names))
        folder.close()
    assert found[:2] == found[2:] and found[0] != found[1]


def test_two_branches_change_two_tables_and_are_merged(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x", b="SELECT 1 AS x", ab="SELECT a.x AS a, b.x AS b FROM s.a, s.b")
    folder.done()
    folder.lake.create_branch("dev")
    folder.tables(a="SELECT 2 AS x")
    folder.done("s.a", branch="dev")
    assert (folder.rows("s.a"), folder.rows("s.a", "dev")) == ([(1,)], [(2,)])
    folder.tables(a="SELECT 1 AS x", b="SELECT 3 AS x")
    folder.done("s.b")
    assert folder.contents("s.a", "s.b", branch="dev") == {"s.a": [(2,)], "s.b": [(1,)]}
    assert folder.lake.merge("dev", author="ada", message="dev") is not None
    assert folder.contents("s.a", "s.b", "s.ab") == {"s.a": [(2,)], "s.b": [(3,)], "s.ab": [(1, 1)]}
    folder.tables(a="SELECT 2 AS x")
    assert states(folder.done()) == {"a": "skipped", "b": "skipped", "ab": "built"}
    assert folder.rows("s.ab") == [(2, 3)]


def test_a_table_that_both_branches_changed_is_not_merged(folder: Folder) -> None:
    folder.tables(a="SELECT 1 AS x")
    folder.done()
    folder.lake.create_branch("dev")
    folder.tables(a="SELECT 2 AS x")
    folder.done(branch="dev")
    folder.tables(a="SELECT 3 AS x")
    folder.done()
    with pytest.raises(Conflict, match=r"`s\.a`"):
        folder.lake.merge("dev", author="ada", message="dev")
    assert (folder.rows("s.a"), folder.rows("s.a", "dev")) == ([(3,)], [(2,)])


def test_a_run_of_a_branch_leaves_the_unfinished_run_of_another_alone(folder: Folder) -> None:
    folder.tables(a="-- checks: [x > 1]\nSELECT 1 AS x")
    folder.run()
    left = folder.leftovers()
    folder.lake.create_branch("dev")
    folder.tables(a="SELECT 5 AS x")
    folder.done(branch="dev")
    assert folder.leftovers() == left
    folder.done()
    assert folder.leftovers() == []
    assert (folder.rows("s.a"), folder.rows("s.a", "dev")) == ([(5,)], [(5,)])


def test_a_lake_of_a_newer_version_is_refused(folder: Folder) -> None:
    with db.writing(folder.lake.database) as connection:
        connection.change("UPDATE meta SET value = '999' WHERE name = 'version'")
    with pytest.raises(NewerLake) as caught:
        open_lake(folder.config)
    assert (caught.value.findings[0].code, caught.value.exit_code) == ("newer-lake", 2)
    assert "update wherry" in caught.value.findings[0].hint
    told = CliRunner().invoke(program, ["run", "--project", str(folder.path)])
    assert isinstance(told.exception, NewerLake)


def test_a_view_becomes_a_table_and_a_view_again(folder: Folder) -> None:
    for build in ("view", "replace", "view", "merge on x"):
        folder.tables(a=f"-- build: {build}\nSELECT 1 AS x", b="SELECT x FROM s.a")
        folder.done()
        assert folder.contents("s.a", "s.b") == {"s.a": [(1,)], "s.b": [(1,)]}
        assert folder.lake.pointers("main")["s.a"].kind == ("view" if build == "view" else "table")
    # What was gathered is thrown away only when that is asked for.
    folder.tables(a="-- build: view\nSELECT 2 AS x")
    assert states(folder.run()) == {"a": "failed", "b": "blocked"}
    assert folder.contents("s.a", "s.b") == {"s.a": [(1,)], "s.b": [(1,)]}
    folder.done(full=True)
    assert folder.contents("s.a", "s.b") == {"s.a": [(2,)], "s.b": [(2,)]}
