"""Where each column comes from, traced through one statement."""

import pytest

from wherry.sql.lineage import column_sources

TABLES = {
    "raw.Orders": [("id", "INTEGER"), ("Amount", "DOUBLE"), ("status", "VARCHAR"), ("tags", "VARCHAR[]")],
    "raw.lines": [("id", "INTEGER"), ("price", "DOUBLE"), ("at", "DATE")],
}
#: SQL -> for each column its sources, without ``raw.``.
TRACED = {
    "SELECT id, Amount FROM raw.orders": {"id": "Orders.id", "amount": "Orders.amount"},
    "SELECT amount * 2 + id AS x FROM raw.orders": {"x": "Orders.amount Orders.id"},
    "SELECT 1 AS one, 'id' AS text FROM raw.orders": {"one": "", "text": ""},
    "SELECT count(*) AS n FROM raw.orders": {"n": ""},
    "SELECT amount AS a, a * 2 AS b FROM raw.orders": {"a": "Orders.amount", "b": "Orders.amount"},
    "SELECT m: amount FROM raw.orders": {"m": "Orders.amount"},
    "FROM raw.lines": {"id": "lines.id", "price": "lines.price", "at": "lines.at"},
    "SELECT * EXCLUDE (at) REPLACE (price + id AS price) FROM raw.lines": {
        "id": "lines.id",
        "price": "lines.id lines.price",
    },
    "SELECT * EXCLUDE (at) RENAME (price AS cost) FROM raw.lines": {"id": "lines.id", "cost": "lines.price"},
    "SELECT o.id, l.price FROM raw.orders AS o JOIN raw.lines AS l ON l.id = o.id": {
        "id": "Orders.id",
        "price": "lines.price",
    },
    "SELECT id, price FROM raw.orders LEFT JOIN raw.lines USING (id)": {
        "id": "Orders.id lines.id",
        "price": "lines.price",
    },
    "SELECT id FROM raw.lines WHERE price > 0 ORDER BY at": {"id": "lines.id"},
    "WITH c AS (SELECT id, price AS p FROM raw.lines) SELECT p + 1 AS q FROM c": {"q": "lines.price"},
    "WITH lines AS (SELECT status AS id FROM raw.orders) SELECT id FROM lines": {"id": "Orders.status"},
    "WITH c AS (WITH d AS (FROM raw.lines) FROM d) SELECT at FROM c": {"at": "lines.at"},
    "WITH c(x) AS (SELECT price FROM raw.lines) SELECT x FROM c": {"x": "lines.price"},
    "WITH RECURSIVE r AS (SELECT id, price FROM raw.lines UNION ALL SELECT id + 1, price FROM r) SELECT * FROM r": {
        "id": "lines.id",
        "price": "lines.price",
    },
    "SELECT x FROM (SELECT amount AS x FROM raw.orders)": {"x": "Orders.amount"},
    "SELECT t.x FROM (SELECT amount FROM raw.orders) AS t(x)": {"x": "Orders.amount"},
    "SELECT t.b FROM raw.lines AS t(a, b, c)": {"b": "lines.price"},
    "SELECT id AS x FROM raw.orders UNION ALL SELECT price FROM raw.lines": {"x": "Orders.id lines.price"},
    "SELECT id, amount FROM raw.orders UNION BY NAME SELECT price AS amount, id FROM raw.lines": {
        "id": "Orders.id lines.id",
        "amount": "Orders.amount lines.price",
    },
    "(SELECT id FROM raw.orders)": {"id": "Orders.id"},
    "SELECT id, (SELECT max(price) FROM raw.lines AS l WHERE l.id = o.id) AS top FROM raw.orders AS o": {
        "id": "Orders.id",
        "top": "lines.price",
    },
    "SELECT (SELECT o.amount + max(price) FROM raw.lines) AS x FROM raw.orders AS o": {
        "x": "Orders.amount lines.price"
    },
    "SELECT EXISTS (SELECT price FROM raw.lines) AS e FROM raw.orders": {"e": ""},
    "SELECT id IN (SELECT id FROM raw.lines) AS e FROM raw.orders": {"e": "Orders.id lines.id"},
    "SELECT o.id, l.p FROM raw.orders AS o, LATERAL (SELECT price + o.amount AS p FROM raw.lines) AS l": {
        "id": "Orders.id",
        "p": "Orders.amount lines.price",
    },
    "SELECT id, tag FROM raw.orders, unnest(tags) AS u(tag)": {"id": "Orders.id", "tag": "Orders.tags"},
    "SELECT unnest(tags) AS tag FROM raw.orders": {"tag": "Orders.tags"},
    "SELECT paid FROM raw.orders PIVOT (sum(amount) FOR status IN ('paid'))": {"paid": "Orders.amount Orders.status"},
    "SELECT sum(price) OVER (PARTITION BY id ORDER BY at) AS s FROM raw.lines": {"s": "lines.at lines.id lines.price"},
    "SELECT sum(price) FILTER (WHERE at > DATE '2026-01-01') AS s FROM raw.lines": {"s": "lines.at lines.price"},
    "SELECT CASE WHEN id > 1 THEN price END AS x FROM raw.lines": {"x": "lines.id lines.price"},
    'SELECT "AMOUNT" AS "My Amount" FROM "RAW"."ORDERS"': {"my amount": "Orders.amount"},
    "SELECT id AS x FROM raw.lines WHERE at >= $start AND at < $end": {"x": "lines.id"},
}


@pytest.mark.parametrize("sql", TRACED)
def test_columns_are_traced_to_what_they_are_computed_from(sql: str) -> None:
    found = {
        column.lower(): {origin.lower() for origin in from_} for column, from_ in column_sources(sql, TABLES).items()
    }
    assert found == {
        column: {f"raw.{origin}".lower() for origin in expected.split()} for column, expected in TRACED[sql].items()
    }


def test_sources_are_spelled_as_their_table_is() -> None:
    assert column_sources("SELECT ID FROM RAW.ORDERS", TABLES)["id"] == ["raw.Orders.id"]


def test_columns_of_a_table_without_known_columns_are_traced_where_there_is_but_one() -> None:
    assert column_sources("SELECT a FROM x.t", {}) == {"a": ["x.t.a"]}
    assert column_sources("SELECT a FROM (SELECT * FROM x.t)", {}) == {"a": ["x.t.a"]}
    assert column_sources("SELECT a FROM x.t, x.u", {}) == {"a": []}


@pytest.mark.parametrize("sql", ["", "SELEC 1", "SELECT (((", "SELECT " + "(" * 3000])
def test_what_cannot_be_read_has_no_lineage_and_is_no_error(sql: str) -> None:
    assert column_sources(sql, TABLES) == {}


def test_a_wide_statement_is_traced_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlglot.optimizer import qualify as module

    calls = []
    real = module.qualify
    monkeypatch.setattr(module, "qualify", lambda *given, **named: calls.append(1) or real(*given, **named))
    wide = ", ".join(f"amount + {n} AS c{n}" for n in range(200))
    assert len(column_sources(f"SELECT {wide} FROM raw.orders", TABLES)) == 200
    assert calls == [1]
