"""Files that DuckDB's COPY wrote are told of as DuckDB's Iceberg extension tells of its own, and committed safely."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from copying import copied, made, metadata_of

from wherry.errors import Conflict, DataError
from wherry.lake import iceberg, statistics
from wherry.lake.attach import connect
from wherry.lake.filling import expect_kept, same_types
from wherry.lake.lake import Lake
from wherry.lake.types import select_storable
from wherry.lake.upkeep import manifest
from wherry.lake.upkeep.upkeep import Options, keep_up

Rows = Callable[[str], list[tuple[Any, ...]]]

#: Columns by type, each with values that are hard to tell of.
VALUES: dict[str, list[str]] = {
    "BOOLEAN": ["true", "false", "NULL"],
    "TINYINT": ["-128", "127"],
    "SMALLINT": ["-32768", "32767"],
    "INTEGER": ["-2147483648", "2147483647", "NULL"],
    "BIGINT": ["'-9223372036854775808'", "'9223372036854775807'"],
    "UTINYINT": ["0", "255"],
    "USMALLINT": ["65535"],
    "UINTEGER": ["4294967295"],
    "UBIGINT": ["'18446744073709551615'", "0"],
    "HUGEINT": ["'-99999999999999999999999999999999999999'", "1"],
    "DECIMAL(4,1)": ["'-12.8'", "'25.5'", "NULL"],
    "DECIMAL(9,2)": ["'-0.01'", "'0.50'"],
    "DECIMAL(18,4)": ["'-99999999999999.9999'", "'-0.0001'"],
    "DECIMAL(18,18)": ["'-0.000000000000000128'", "'0.999999999999999999'"],
    "DECIMAL(38,0)": ["-128", "'99999999999999999999999999999999999999'"],
    "DECIMAL(38,10)": ["'-1234567890123456789012345678.0123456789'", "0"],
    "FLOAT": ["'-0.0'", "'1.1'", "'16777216'", "'1e-45'"],
    "FLOAT /* no number */": ["'nan'", "'-inf'", "'3.4028235e38'"],
    "DOUBLE": ["'-0.0'", "'0.1'", "'5e-324'", "'1.7976931348623157e308'"],
    "DOUBLE /* zeros */": ["'0.0'", "'1.0'", "'-0.0'"],
    "DOUBLE /* no number */": ["'nan'", "'inf'", "'1e17'"],
    "DOUBLE /* none at all */": ["'nan'", "'nan'", "NULL"],
    "DATE": ["'1969-12-31'", "'9999-12-31'", "NULL"],
    "DATE /* far */": ["'0044-03-15 (BC)'", "'5874897-12-31'"],
    "TIME": ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"],
    "TIMESTAMP": ["'1900-01-01 00:00:00.000001'", "'2262-04-12 12:00:00.5'", "NULL"],
    "TIMESTAMP /* far */": ["'0044-03-15 (BC) 12:00:00.25'", "'294247-01-10 04:00:54.775806'"],
    "TIMESTAMP_S": ["'2020-02-29 23:59:59'"],
    "TIMESTAMP_MS": ["'1969-12-31 23:59:59.999'"],
    "TIMESTAMP_NS": ["'2020-02-29 23:59:59.123456'"],
    "TIMESTAMP WITH TIME ZONE": ["'1900-01-01 00:00:00.000001+00'", "'2262-01-01 12:00:00.5+03:30'"],
    "TIMESTAMP WITH TIME ZONE /* far */": ["'0044-03-15 (BC) 12:00:00+00'", "'9999-12-31 23:59:59.999999+00'"],
    "TIME WITH TIME ZONE": ["'12:00:00+05:30'"],
    "INTERVAL": ["'1 month 2 days 00:00:03'"],
    "VARCHAR": ["''", "'zebra'", "NULL"],
    "VARCHAR /* sixteen */": ["'1234567890123456'", "'1234567890123457x'"],
    "VARCHAR /* long */": ["repeat('a', 1000)", "repeat('z', 100000)"],
    "VARCHAR /* long, of several bytes */": ["repeat('漢字', 500)", "repeat('é', 999)"],
    "VARCHAR /* longest */": ["repeat(chr(1114111), 20)", "repeat(chr(1114111), 21)"],
    "VARCHAR /* at the edges */": ["repeat(chr(55295), 20)", "repeat('~', 14) || 'é' || chr(1114111)"],
    "VARCHAR /* zero bytes */": ["chr(0) || 'x'", "'a' || chr(0)", "repeat(chr(0), 20)"],
    "VARCHAR /* quotes */": ["'it''s \"so\"'", "'\\x41'"],
    "JSON": ["'{\"a\": 1}'", "'null'"],
    "ENUM('b', 'a')": ["'a'", "'b'"],
    "BIT": ["'0101'"],
    "UUID": ["'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "BLOB": ["'\\x00\\xFFab'", "''", "'\\x5C\\x78'"],
    "BLOB /* long */": ["repeat('a', 1000)", "repeat('z', 300)"],
    "BLOB /* longest */": ["repeat('\\xFF', 300)", "repeat('\\xFF', 20)"],
    "INTEGER[]": ["[1, 2, NULL]", "[]", "NULL"],
    "VARCHAR[][]": ["[['b', NULL], []]", "NULL"],
    "INTEGER[2]": ["[7, 8]"],
    'STRUCT(a INTEGER, "b c" VARCHAR, "d.e" DATE, "f""g" DOUBLE, "select" BLOB)': [
        "{'a': 1, 'b c': 'x', 'd.e': DATE '2020-01-01', 'f\"g': 'nan', 'select': 'z'::BLOB}",
        "NULL",
    ],
    "MAP(VARCHAR, DECIMAL(5,2))": ["map {'a': 1.5, 'b': NULL}", "map {}"],
    "STRUCT(a STRUCT(b INTEGER[], c MAP(INTEGER, DATE))[])": ["{'a': [{'b': [1], 'c': map {1: DATE '2020-01-01'}}]}"],
    "INTEGER /* no value */": ["NULL", "NULL"],
    "VARCHAR[] /* no value */": ["NULL"],
}
NAMES = ('Mixed "q" Name', "a.b", "ß x", "select", "it's", "_1")
AT_ONCE = Options(keep=timedelta(0), grace=timedelta(0))


def select(columns: dict[str, tuple[str, list[str]]]) -> str:
    """A query with a column of each name, of a type and with values; those that have fewer end in nulls."""
    picked = []
    for name, (kind, values) in columns.items():
        quoted = name.replace('"', '""')
        picked.append([f'CAST({value} AS {kind}) AS "{quoted}"' for value in values])
    rows = itertools.zip_longest(*picked)
    empty = [each[0].split(" AS ")[-1] for each in picked]
    parts = [
        ", ".join(part if part is not None else f"NULL AS {empty[n]}" for n, part in enumerate(row)) for row in rows
    ]
    return " UNION ALL ".join(f"SELECT {part}" for part in parts)


def told(lake: Lake, table: str) -> list[dict[str, Any]]:
    """What the manifests say of a table's files, but for what differs from file to file."""
    metadata = metadata_of(lake, table)
    snapshot = iceberg.current_snapshot(metadata)
    assert snapshot is not None
    found = []
    for each in manifest.manifests(lake.storage.read_bytes(snapshot["manifest-list"])):
        for entry in manifest.entries(each, lake.storage.read_bytes(each.path)):
            data = entry.row["data_file"]
            facts = {key: statistics._pairs(data[key]) for key in ("lower_bounds", "upper_bounds", "null_value_counts")}
            found.append(
                facts | {"rows": data["record_count"], "partition": data["partition"], "content": entry.content}
            )
    return found


def right(lake: Lake, table: str) -> list[dict[str, Any]]:
    """What is told of the extension's files, with bounds that all values keep: NaN is above every number, and to some
    engines -0.0 is below 0.0."""
    files = told(lake, table)
    for each in iceberg.current_schema(metadata_of(lake, table))["fields"]:
        form = {"float": "<f", "double": "<d"}.get(str(each["type"]))
        for facts in files if form is not None else ():
            facts["upper_bounds"].pop(each["id"], None)
            if not any(facts["lower_bounds"].get(each["id"], b"x")):
                facts["lower_bounds"][each["id"]] = struct.pack(form, -0.0)
    return files


def storable(db: duckdb.DuckDBPyConnection, query: str) -> str:
    relation = db.sql(query)
    return select_storable(list(zip(relation.columns, map(str, relation.types), strict=True)), query)


@pytest.mark.parametrize("kind", VALUES)
def test_it_is_told_as_the_extension_tells_it(lake: Lake, db: duckdb.DuckDBPyConnection, kind: str) -> None:
    query = storable(db, select({"v": (kind, VALUES[kind])}))
    db.execute(f"CREATE TABLE m.s.one AS {query}")
    # Without a dictionary, as the extension's for so few rows: in one, -0.0 is the same as 0.0 to DuckDB.
    made(lake, db, "s.two", query, 20)
    assert told(lake, "s.two") == right(lake, "s.one")
    assert repr(db.execute("FROM m.s.two").fetchall()) == repr(db.execute("FROM m.s.one").fetchall())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("FLOAT", ["'7.038531e-26'", "'7.038532e-26'"]),
        ("FLOAT", ["'nan'", "'-0.0'", "'0.0'", "5"]),
        ("DOUBLE", ["'5'", "'nan'", "'-inf'", "'0'"]),
        ("DOUBLE", ["'0.0'", "'-0.0'", "'inf'"]),
        ("BLOB", [r"'\xFF'", "''", r"'\xFF\x01'", "'a'", r"repeat('\xFF'::BLOB, 400)"]),
        ("VARCHAR", ["repeat(chr(55295), 6)", "repeat(chr(1114111), 5)", "repeat('~', 15) || 'é'", "''"]),
        ("TIMESTAMP WITH TIME ZONE", ["'1800-01-01 00:00:00.000001+00'", "'1969-12-31 23:59:59.999999+00'"]),
        ("UUID", ["'00000000-0000-0000-0000-000000000001'", "'80000000-0000-0000-0000-000000000000'"]),
    ],
)
@pytest.mark.parametrize("rows", [1, 1500])
def test_every_value_is_found(
    lake: Lake, db: duckdb.DuckDBPyConnection, kind: str, values: list[str], rows: int
) -> None:
    """By files' bounds, by those of groups, and by what else DuckDB keeps of a column with few values."""
    db.execute("SET TimeZone = 'America/New_York'")
    db.execute(f"CREATE TABLE v AS SELECT unnest([{', '.join(f'({each})::{kind}' for each in values)}]) AS v")
    made(lake, db, "s.t", f"SELECT v FROM (SELECT rowid AS r, v FROM v), range({rows}) ORDER BY r", 2048)
    for value in values:
        for sign in ("=", "<", ">", "<=", ">="):
            asked = f"WHERE v {sign} ({value})::{kind}"
            want = db.execute(f"SELECT count(*) * {rows} FROM v {asked}").fetchall()
            assert db.execute(f"SELECT count(*) FROM m.s.t {asked}").fetchall() == want, asked


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE[]"])
@pytest.mark.parametrize("value", ["infinity", "-infinity"])
def test_what_is_infinite_is_refused(lake: Lake, db: duckdb.DuckDBPyConnection, kind: str, value: str) -> None:
    moment = kind.removesuffix("[]")
    query = f"SELECT unnest(['{value}', '2020-01-01']::{moment}[]) AS \"a b\""
    if moment != kind:
        query = f'SELECT ["a b"] AS "a b" FROM ({query})'
    metadata, files = copied(lake, db, "s.t", query)
    with pytest.raises(DataError, match="`a b` has an infinite"):
        expect_kept(files, metadata)


def test_text_is_cut_between_characters(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    """The extension cuts a lower bound within one, and pyiceberg then fails at a filter on the column."""
    made(lake, db, "s.t", "SELECT repeat('~', 15) || unnest(['é', '漢', chr(1114111)]) AS v")
    [facts] = told(lake, "s.t")
    assert (facts["lower_bounds"], facts["upper_bounds"]) == ({1: b"~" * 15}, {1: b"~" * 14 + b"\x7f"})


def test_every_type_and_name_at_once(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    """The numbers of fields are those of the table, in the files and in what is told of them."""
    columns = {f"c{n} {kind}": (kind, values) for n, (kind, values) in enumerate(VALUES.items()) if "c MAP" not in kind}
    columns |= {name: ("INTEGER", [str(n), "NULL"]) for n, name in enumerate(NAMES)}
    query = storable(db, select(columns))
    db.execute(f"CREATE TABLE m.s.one AS {query}")
    made(lake, db, "s.two", query)
    assert told(lake, "s.two") == right(lake, "s.one")
    files = {}
    for table in ("s.one", "s.two"):
        [path] = Path(metadata_of(lake, table)["location"]).glob("data/*.parquet")
        asked = "SELECT name, type, type_length, repetition_type, logical_type, field_id FROM parquet_schema(?)"
        files[table] = db.execute(asked, [str(path)]).fetchall()
    assert files["s.two"] == files["s.one"]
    assert len(files["s.two"]) > len(columns)


def test_other_readers_read_it(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    pytest.importorskip("pyiceberg")
    from pyiceberg.table import StaticTable

    # What Python and Arrow have no values for is left out.
    kinds = [kind for kind in VALUES if "far" not in kind and "c MAP" not in kind and kind != "TIME"]
    query = storable(db, select({f"c{n}": (kind, VALUES[kind]) for n, kind in enumerate(kinds)}))
    db.execute(f"CREATE TABLE m.s.one AS {query}")
    made(lake, db, "s.two", query, 20)
    read = {}
    for table in ("s.one", "s.two"):
        pointer = lake.pointer("main", table)
        assert pointer is not None and pointer.location is not None
        opened = StaticTable.from_metadata(pointer.location)
        read[table] = repr(opened.scan().to_arrow().to_pylist())
        number, amount = (f"c{kinds.index(kind)}" for kind in ("INTEGER", "DECIMAL(4,1)"))
        found = opened.scan(row_filter=f"{number} = 2147483647", selected_fields=(number, amount)).to_arrow()
        assert len(found) == 1
        # Out of bounds.
        assert list(opened.scan(row_filter=f"{number} <= 2147483647 and {amount} > 25.5").plan_files()) == []
        [task] = opened.scan().plan_files()
        assert task.file.file_format == "PARQUET" and task.file.record_count == len(opened.scan().to_arrow())
    assert read["s.two"] == read["s.one"]


def test_a_file_out_of_whose_bounds_a_value_lies_is_not_opened(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    made(lake, db, "s.t", "SELECT i, 'v' || i AS v FROM range(10) AS t(i)")
    [path] = Path(metadata_of(lake, "s.t")["location"]).glob("data/*.parquet")
    path.rename(path.with_suffix(".away"))
    assert db.execute("SELECT v FROM m.s.t WHERE i = 10").fetchall() == []
    assert db.execute("SELECT i FROM m.s.t WHERE v = 'w'").fetchall() == []
    with pytest.raises(duckdb.Error):
        db.execute("SELECT v FROM m.s.t WHERE i = 9").fetchall()


def test_groups_and_dictionaries(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT i AS id, i % 2000 AS few, 'k' || (i % 3000) AS more, (i % 2)::BOOLEAN AS b FROM range(100_000) AS t(i)"
    )
    made(lake, db, "s.t", query, 40_960)
    [path] = Path(metadata_of(lake, "s.t")["location"]).glob("data/*.parquet")
    asked = "SELECT path_in_schema, row_group_num_rows, encodings FROM parquet_metadata(?) WHERE row_group_id = 0"
    found = {name: (rows, encodings) for name, rows, encodings in db.execute(asked, [str(path)]).fetchall()}
    assert {rows for rows, _ in found.values()} == {40_960}
    encodings = {name: "DICTIONARY" in each for name, (_, each) in found.items()}
    assert encodings == {"id": False, "few": True, "more": False, "b": False}
    # Those that every reader of the first version of the format knows.
    assert not {each for _, each in found.values() if "DELTA" in each or "BYTE_STREAM" in each}


def test_several_files(lake: Lake, db: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.lake.filling.FILE_BYTES", 100_000)
    made(lake, db, "s.t", "SELECT i, i * 7919 % 1000003 AS h FROM range(200_000) AS t(i)", 2048)
    files = told(lake, "s.t")
    assert len(files) > 3 and sum(each["rows"] for each in files) == 200_000
    low = [int.from_bytes(each["lower_bounds"][1], "little") for each in files]
    high = [int.from_bytes(each["upper_bounds"][1], "little") for each in files]
    assert (min(low), max(high)) == (0, 199_999)
    assert db.execute("SELECT count(DISTINCT i), count(*) FILTER (h = i * 7919 % 1000003) FROM m.s.t").fetchall() == [
        (200_000, 200_000)
    ]
    for number in (0, 77_777, 199_999):
        assert db.execute("SELECT count(*) FROM m.s.t WHERE i = ?", [number]).fetchall() == [(1,)]


def test_nothing_is_written_where_there_is_no_row(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    assert copied(lake, db, "s.t", "SELECT 1 AS i WHERE false")[1] == ()
    assert list(Path(metadata_of(lake, "s.t")["location"]).glob("data/*")) == []


def test_casts_are_noticed(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    db.execute('CREATE TABLE m.s.t (i INTEGER, s STRUCT("a b" VARCHAR), d DECIMAL(9,2))')
    metadata = metadata_of(lake, "s.t")
    fits = [("i", "INTEGER"), ("s", 'STRUCT("a b" VARCHAR)'), ("d", "DECIMAL(9,2)")]
    assert same_types(metadata, fits)
    for n, (name, kind) in enumerate([("i", "BIGINT"), ("S", fits[1][1]), ("d", "DECIMAL(9,1)")]):
        assert not same_types(metadata, [*fits[:n], (name, kind), *fits[n + 1 :]])
    assert not same_types(metadata, fits[:2])


def test_what_comes_after(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    """Rows that the extension adds and deletes, what tidies after many commits, and upkeep: all in one table."""
    for table in ("s.one", "s.two"):
        query = "SELECT i, 'n' || i AS n FROM range(1000) AS t(i)"
        if table == "s.one":
            db.execute(f"CREATE TABLE m.{table} AS {query}")
        else:
            made(lake, db, table, query)
        for number in range(17):
            db.execute(f"INSERT INTO m.{table} VALUES ({1000 + number}, 'new')")
            db.execute(f"DELETE FROM m.{table} WHERE i = {number * 50}")
    one, two = (statistics.files(lake.storage, metadata_of(lake, table)) for table in ("s.one", "s.two"))
    assert one is not None and two is not None
    assert sorted((f.content, f.rows) for f in one) == sorted((f.content, f.rows) for f in two)
    rows = db.execute("FROM m.s.one ORDER BY ALL").fetchall()
    assert db.execute("FROM m.s.two ORDER BY ALL").fetchall() == rows and len(rows) == 1000
    assert [(each.name, each.state) for each in keep_up(lake, AT_ONCE).tables] == [("s.one", "done"), ("s.two", "done")]
    assert db.execute("FROM m.s.two ORDER BY ALL").fetchall() == rows
    facts = []
    for table in ("s.one", "s.two"):
        metadata = metadata_of(lake, table)
        listed = statistics.files(lake.storage, metadata)
        assert listed is not None
        facts.append(statistics.facts(metadata, listed))
    assert facts[0] == facts[1] and facts[0] is not None and facts[0].columns["i"].high == 1016


def test_what_was_carried_moves_with_the_rows(lake: Lake, db: duckdb.DuckDBPyConnection) -> None:
    metadata, files = copied(lake, db, "s.t", "SELECT 1 AS i")
    lake.carry("main", "s.t", {"v": 1})
    lake.fill("main", "s.t", metadata, files, db)
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.state == {"v": 1} and pointer.rows == 1
    db.execute("INSERT INTO m.s.t VALUES (2)")
    db.execute("UPDATE m.s.t SET i = 7 WHERE i = 1")
    assert db.execute("FROM m.s.t ORDER BY ALL").fetchall() == [(2,), (7,)]


@pytest.mark.parametrize(
    "meanwhile",
    [
        "INSERT INTO m.s.t VALUES (2)",
        "ALTER TABLE m.s.t ADD COLUMN j INTEGER",
        "DROP TABLE m.s.t; CREATE TABLE m.s.t (i INTEGER)",
        "DROP TABLE m.s.t",
    ],
)
def test_of_two_writers_one_comes_first(lake: Lake, db: duckdb.DuckDBPyConnection, meanwhile: str) -> None:
    metadata, files = copied(lake, db, "s.t", "SELECT 1 AS i")
    with connect() as other:
        lake.attach(other, "main", "m")
        for statement in meanwhile.split(";"):
            other.execute(statement)
        before = lake.pointer("main", "s.t")
        with pytest.raises(Conflict):
            lake.fill("main", "s.t", metadata, files, db)
        assert lake.pointer("main", "s.t") == before
        assert not Path(files[0].path).exists()
        if before is not None:
            assert other.execute("SELECT count(*) FROM m.s.t WHERE i = 1").fetchall() == [(0,)]
            assert len(told(lake, "s.t") if metadata_of(lake, "s.t")["snapshots"] else []) == ("INSERT" in meanwhile)
