"""The meaning of a statement: what it does, blind to how it is written."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.sql.statement import Parser

PARSER = Parser()
BASE = "SELECT o.id, sum(o.amount * 2) AS total FROM raw.orders AS o WHERE o.status = 'paid' GROUP BY o.id"


def meaning(sql: str) -> str:
    return PARSER.read(sql).meaning


SAME = {
    "layout": BASE.replace(" ", "\n\t "),
    "comments": "-- Revenue.\n/* and */ " + BASE.replace(" FROM", " -- from\nFROM") + " -- end",
    "case of keywords": re.sub("SELECT|FROM|WHERE|GROUP BY|AS", lambda m: m[0].lower(), BASE),
    "case of tables": BASE.replace("raw.orders", "RAW.Orders"),
    "case of functions": BASE.replace("sum", "SUM"),
    "semicolon": BASE + " ;",
    "quotes that change nothing": BASE.replace("raw.orders", '"raw"."orders"'),
    "brackets that change nothing": BASE.replace("o.amount * 2", "(o.amount * 2)"),
}
OTHER = {
    "a literal": BASE.replace("2", "3"),
    "a text": BASE.replace("'paid'", "'Paid'"),
    "an operator": BASE.replace("*", "+"),
    "a comparison": BASE.replace("= 'paid'", "!= 'paid'"),
    "a column": BASE.replace("o.amount", "o.price"),
    "an alias": BASE.replace("AS total", "AS sum"),
    "a table": BASE.replace("raw.orders", "raw.refunds"),
    "a schema": BASE.replace("raw.orders", "old.orders"),
    "a function": BASE.replace("sum(", "max("),
    "a condition": BASE + " HAVING sum(o.amount) > 0",
    "distinct": BASE.replace("sum(", "sum(DISTINCT "),
    "an order": BASE + " ORDER BY o.id",
    "its direction": BASE + " ORDER BY o.id DESC",
    "a limit": BASE + " LIMIT 1",
    "a type": BASE.replace("o.amount", "CAST(o.amount AS INTEGER)"),
    "a larger type": BASE.replace("o.amount", "CAST(o.amount AS BIGINT)"),
    "a join": BASE.replace(" WHERE", " JOIN raw.lines USING (id) WHERE"),
    "the kind of a join": BASE.replace(" WHERE", " LEFT JOIN raw.lines USING (id) WHERE"),
    "a filter": BASE.replace("sum(o.amount * 2)", "sum(o.amount * 2) FILTER (WHERE o.id > 1)"),
    "an interval": BASE.replace("o.amount * 2", "epoch(o.at + INTERVAL 2 DAY)"),
    "another interval": BASE.replace("o.amount * 2", "epoch(o.at + INTERVAL 2 MONTH)"),
    "a date": BASE.replace("'paid'", "DATE '2026-01-01'"),
    "another date": BASE.replace("'paid'", "DATE '2026-01-02'"),
    "a parameter": BASE.replace("'paid'", "$start"),
    "another parameter": BASE.replace("'paid'", "$end"),
    "a decimal": BASE.replace("2", "2.0"),
    "a longer decimal": BASE.replace("2", "2.00"),
    "a number and its text": BASE.replace("2", "'2'"),
    "null": BASE.replace("2", "NULL"),
    "a window": BASE.replace("sum(o.amount * 2)", "sum(o.amount * 2) OVER (ROWS 2 PRECEDING)"),
    "a longer window": BASE.replace("sum(o.amount * 2)", "sum(o.amount * 2) OVER (ROWS 3 PRECEDING)"),
    "a star": "SELECT * FROM raw.orders",
    "a star without a column": "SELECT * EXCLUDE (id) FROM raw.orders",
    "a star without another": "SELECT * EXCLUDE (amount) FROM raw.orders",
    "a star with a column replaced": "SELECT * REPLACE (1 AS id) FROM raw.orders",
    "union": "SELECT 1 UNION SELECT 2",
    "union all": "SELECT 1 UNION ALL SELECT 2",
    "text that looks like a place": """SELECT '"query_location":1,' AS t""",
    "text that looks like another place": """SELECT '"query_location":2,' AS t""",
    "text that looks like a name": """SELECT '"table_name":"A"' AS t""",
    "text that looks like another name": """SELECT '"table_name":"a"' AS t""",
    "column names in quotes": 'SELECT "table_name" FROM raw.orders',
}


@pytest.mark.parametrize("what", SAME)
def test_writing_it_otherwise_keeps_the_meaning(what: str) -> None:
    assert SAME[what] != BASE
    assert meaning(SAME[what]) == meaning(BASE)


def test_every_change_of_substance_has_a_meaning_of_its_own() -> None:
    meanings: dict[str, str] = {meaning(BASE): "the original"}
    for what, sql in OTHER.items():
        other = meanings.setdefault(meaning(sql), what)
        assert other == what, f"{what} means the same as {other}"


blanks = st.lists(st.sampled_from([" ", "\n", "\t", "/* x */", "-- y\n"]), min_size=1, max_size=3).map("".join)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_blanks_and_comments_between_words_keep_the_meaning(data: st.DataObject) -> None:
    words = re.findall(r"'[^']*'|\S+", BASE)
    assert meaning("".join(word + data.draw(blanks) for word in words)) == meaning(BASE)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_two_texts_mean_the_same_only_when_they_are_the_same(one: str, other: str) -> None:
    def sql(text: str) -> str:
        return "SELECT '" + text.replace("'", "''").replace("\0", "") + "' AS t"

    assert (meaning(sql(one)) == meaning(sql(other))) == (one.replace("\0", "") == other.replace("\0", ""))


@settings(max_examples=60, deadline=None)
@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_two_numbers_mean_the_same_only_when_they_are_the_same(one: int, other: int) -> None:
    assert (meaning(f"SELECT {one}") == meaning(f"SELECT {other}")) == (one == other)
