"""What a statement reads, told from its text alone."""

import pytest

from wherry.sql.statement import Parser, SqlError

#: SQL -> the tables it reads, in order of appearance.
READS = {
    "SELECT * FROM a.x": ["a.x"],
    "SELECT * FROM x": ["main.x"],
    "FROM a.x SELECT 1": ["a.x"],
    "FROM a.x": ["a.x"],
    "SELECT * FROM a.x, b.y, a.x AS again": ["a.x", "b.y"],
    "SELECT * FROM a.X JOIN A.x USING (i)": ["a.X"],
    'SELECT * FROM "My Schema"."My ""Table"""': ['My Schema.My "Table"'],
    "SELECT * FROM a.x JOIN b.y ON true LEFT JOIN c.z USING (i)": ["a.x", "b.y", "c.z"],
    "SELECT * FROM a.x POSITIONAL JOIN b.y": ["a.x", "b.y"],
    "SELECT * FROM a.x ASOF JOIN b.y USING (t)": ["a.x", "b.y"],
    "SELECT * FROM a.x SEMI JOIN b.y USING (t)": ["a.x", "b.y"],
    # Common table expressions
    "WITH c AS (SELECT * FROM a.x) SELECT * FROM c": ["a.x"],
    "WITH x AS (SELECT * FROM x) SELECT * FROM x": ["main.x"],
    "WITH x AS (SELECT * FROM a.x) SELECT * FROM x, a.x": ["a.x"],
    "WITH C AS (SELECT 1), d AS (SELECT * FROM c, b.y) SELECT * FROM D": ["b.y"],
    "WITH d AS (SELECT * FROM c), c AS (SELECT 1) SELECT * FROM d": ["main.c"],
    "WITH c AS (WITH d AS (SELECT * FROM a.x) SELECT * FROM d) SELECT * FROM c, d": ["a.x", "main.d"],
    "WITH c AS (SELECT 1) SELECT * FROM (SELECT * FROM c, a.x)": ["a.x"],
    "SELECT * FROM (WITH c AS (SELECT 1) SELECT * FROM c), c": ["main.c"],
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, a.x WHERE n < 5) SELECT * FROM r": ["a.x"],
    "WITH RECURSIVE r AS (SELECT i FROM a.x UNION SELECT r.i FROM r JOIN b.y USING (i)) FROM r": ["a.x", "b.y"],
    "WITH c AS MATERIALIZED (SELECT * FROM a.x) SELECT * FROM c": ["a.x"],
    "WITH c(i) AS (VALUES (1)) SELECT * FROM c": [],
    "WITH c AS (SELECT 1) SELECT * FROM a.c": ["a.c"],
    # Subqueries
    "SELECT (SELECT max(i) FROM a.x) FROM b.y": ["a.x", "b.y"],
    "SELECT * FROM b.y WHERE i IN (SELECT i FROM a.x)": ["b.y", "a.x"],
    "SELECT * FROM b.y WHERE EXISTS (FROM a.x WHERE x.i = y.i)": ["b.y", "a.x"],
    "SELECT * FROM b.y WHERE i > ALL (SELECT i FROM a.x)": ["b.y", "a.x"],
    "SELECT * FROM b.y ORDER BY (SELECT max(i) FROM a.x)": ["b.y", "a.x"],
    "SELECT * FROM b.y LIMIT (SELECT max(i) FROM a.x)": ["b.y", "a.x"],
    "SELECT i FROM b.y GROUP BY ALL HAVING count(*) > (SELECT 1 FROM a.x)": ["b.y", "a.x"],
    "SELECT row_number() OVER (ORDER BY i) AS n FROM b.y QUALIFY n < (SELECT 5 FROM a.x)": ["b.y", "a.x"],
    "SELECT ARRAY(SELECT i FROM a.x)": ["a.x"],
    "SELECT CASE WHEN (SELECT true FROM a.x) THEN 1 END": ["a.x"],
    "SELECT list_transform([1], lambda v: v + (SELECT 1 FROM a.x))": ["a.x"],
    # Set operations
    "SELECT 1 FROM a.x UNION ALL BY NAME SELECT 1 FROM b.y EXCEPT SELECT 1 FROM c.z": ["a.x", "b.y", "c.z"],
    "(FROM a.x) INTERSECT (FROM b.y)": ["a.x", "b.y"],
    # Laterals, pivots, samples
    "SELECT * FROM a.x, LATERAL (SELECT * FROM b.y WHERE y.i = x.i)": ["a.x", "b.y"],
    "SELECT * FROM a.x, unnest(x.items)": ["a.x"],
    "SELECT * FROM (PIVOT a.x ON k IN ('p', 'q') USING sum(v))": ["a.x"],
    "SELECT * FROM a.x PIVOT (sum(v) FOR k IN ('p', 'q'))": ["a.x"],
    "SELECT * FROM (UNPIVOT a.x ON p, q INTO NAME k VALUE v)": ["a.x"],
    "SELECT * FROM a.x TABLESAMPLE 10%": ["a.x"],
    "SELECT * FROM range(10)": [],
    "VALUES (1)": [],
    "FROM a.x AS t(i, j) SELECT COLUMNS('i')": ["a.x"],
    # What only looks like SQL
    "SELECT 'FROM a.x' AS t": [],
    "SELECT $$ FROM a.x $$ AS t": [],
    "SELECT 1 -- FROM a.x": [],
    "SELECT 1 /* FROM a.x */ FROM b.y": ["b.y"],
    'SELECT 1 AS "FROM a.x" FROM b.y;': ["b.y"],
}


@pytest.mark.parametrize("sql", READS)
def test_inputs_are_read_from_the_sql(sql: str) -> None:
    assert [reference.full_name for reference in Parser().read(sql).tables] == READS[sql]


#: SQL -> the files it reads directly.
FILES = {
    "FROM 'data/orders.parquet'": ["data/orders.parquet"],
    "FROM 'orders.csv' JOIN b.y USING (i)": ["orders.csv"],
    'FROM "s3://bucket/x.parquet"': ["s3://bucket/x.parquet"],
    "FROM read_csv('a.csv')": ["a.csv"],
    "FROM read_csv(['a.csv', 'b.csv'], header = true)": ["a.csv", "b.csv"],
    "FROM READ_PARQUET('x/*.parquet')": ["x/*.parquet"],
    "SELECT (SELECT count(*) FROM read_json('a.json'))": ["a.json"],
    "WITH c AS (FROM read_csv('a.csv')) FROM c, read_csv('a.csv')": ["a.csv"],
    "SELECT 'orders.csv' AS name": [],
}


@pytest.mark.parametrize("sql", FILES)
def test_files_are_read_from_the_sql(sql: str) -> None:
    statement = Parser().read(sql)
    assert list(statement.files) == FILES[sql]
    assert [reference.full_name for reference in statement.tables] in ([], ["b.y"])


def test_a_reference_knows_its_place_behind_any_letters() -> None:
    sql = "-- größe 東京 🚀\nSELECT 'é', '🚀' FROM\n  a.x, 'ü' || b.y"
    with pytest.raises(SqlError) as problem:
        Parser().read(sql)
    assert (problem.value.line, problem.value.column) == (3, 12)
    places = [(r.line, r.column) for r in Parser().read("SELECT 'é', '🚀' FROM a.x,\n /* ü */ b.y").tables]
    assert places == [(1, 22), (2, 10)]


def test_parameters_and_calls_are_told() -> None:
    statement = Parser().read("SELECT UPPER(a), my_macro(b) FROM t WHERE c >= $start AND d < $end AND '$other' = e")
    assert statement.parameters == ("end", "start")
    assert {"upper", "my_macro"} <= set(statement.calls)


@pytest.mark.parametrize("sql", ["", " ", "-- nothing", "/* nothing", ";;", "\0", "SELECT '\0'", "SELECT", "💥", "("])
def test_what_is_no_statement_is_an_sql_error_and_nothing_else(sql: str) -> None:
    parser = Parser()
    try:
        parser.read(sql)
    except SqlError as problem:
        assert str(problem)
        assert problem.line >= 1
    assert parser.read("SELECT 1").tables == ()


def test_a_deep_expression_is_read_or_told_to_be_too_deep() -> None:
    assert Parser().read("SELECT " + "(" * 200 + "1" + ")" * 200 + " FROM t").tables
    assert Parser().read("SELECT " + " + ".join(["a"] * 150) + " FROM t").tables
    with pytest.raises(SqlError, match="too deeply"):
        Parser().read("SELECT " + " + ".join(["a"] * 900) + " FROM t")
