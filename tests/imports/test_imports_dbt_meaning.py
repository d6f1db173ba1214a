"""dbt's four generic tests mean what their definition says, on any data."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.engines.duckdb import DuckDB
from wherry.imports.binding import attach
from wherry.imports.dbt import read
from wherry.model.asset import Asset, Column
from wherry.model.graph import Graph
from wherry.run.checking import run_checks

SCHEMA = """\
models:
  - name: child
    columns:
      - name: v
        data_tests: [not_null, unique, {accepted_values: {values: [0, 1, 2], quote: false}}]
      - name: t
        data_tests:
          - not_null: {where: "v > 1"}
          - unique
          - accepted_values: {values: [a, b]}
          - relationships: {to: ref('parent'), field: t}
"""
VALUES = st.one_of(st.none(), st.integers(0, 4))
TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "", "A", " a"]))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder = tmp_path_factory.mktemp("dbt")
    made = DuckDB(folder=folder, scratch=folder / "scratch")
    made.execute("CREATE SCHEMA s")
    made.execute("CREATE TABLE s.child (v INTEGER, t VARCHAR)")
    made.execute("CREATE TABLE s.parent (t VARCHAR)")
    yield made
    made.close()


def meaning(rows: list[tuple[Any, Any]], parents: list[Any]) -> list[bool]:
    """Whether each test of SCHEMA passes, by dbt's documentation."""
    v, t = [row[0] for row in rows], [row[1] for row in rows]
    return [
        all(value is not None for value in v),
        all(count == 1 for count in Counter(value for value in v if value is not None).values()),
        all(value in (0, 1, 2) for value in v if value is not None),
        all(row[1] is not None for row in rows if row[0] is not None and row[0] > 1),
        all(count == 1 for count in Counter(value for value in t if value is not None).values()),
        all(value in ("a", "b") for value in t if value is not None),
        all(value in parents for value in t if value is not None),
    ]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(VALUES, TEXTS), max_size=8), parents=st.lists(TEXTS, max_size=5))
def test_the_four_generic_tests(engine: DuckDB, rows: list[tuple[Any, Any]], parents: list[Any]) -> None:
    for table, values in (("child", rows), ("parent", [(parent,) for parent in parents])):
        engine.execute(f"DELETE FROM s.{table}")
        for row in values:
            engine.connection.execute(f"INSERT INTO s.{table} VALUES ({', '.join('?' for _ in row)})", row)
    graph = attach(graph_of(), read(SCHEMA, "checks/schema.yml"), "checks/schema.yml")
    assert not graph.findings
    results = run_checks(engine, "s.child", graph["s.child"].checks)
    assert [result.state == "passed" for result in results] == meaning(rows, parents)


def graph_of() -> Graph:
    child = Asset(
        name="s.child",
        kind="sql",
        file="tables/s/child.sql",
        columns=(Column(name="v", type="INTEGER"), Column(name="t", type="VARCHAR")),
        bound=True,
    )
    parent = Asset(
        name="s.parent", kind="sql", file="tables/s/parent.sql", columns=(Column(name="t", type="VARCHAR"),), bound=True
    )
    return Graph(assets={"s.child": child, "s.parent": parent})


def test_the_number_of_failures_counts_as_dbt_counts_it(tmp_path: Path) -> None:
    """Duplicates are counted by value, values out of a set by value, nulls by row."""
    made = DuckDB(folder=tmp_path, scratch=tmp_path / "scratch")
    made.execute("CREATE SCHEMA s")
    made.execute(
        "CREATE TABLE s.child AS SELECT unnest([1, 1, 1, 2, 2, NULL, NULL]) AS v, unnest(['x', 'x', 'y']) AS t"
    )
    values = "{accepted_values: {values: [a], error_if: '> 2'}}"
    text = f"models: [{{name: child, columns: [{{name: v, tests: [TESTS]}}, {{name: t, tests: [{values}]}}]}}]"
    for kind, enough, too_few in (("unique", 2, 1), ("not_null", 2, 1)):
        for most, state in ((enough, "passed"), (too_few, "failed")):
            tests = text.replace("TESTS", f"{{{kind}: {{error_if: '> {most}', warn_if: '> 99'}}}}")
            graph = attach(graph_of(), read(tests, "f.yml"), "f.yml")
            first, *_ = run_checks(made, "s.child", graph["s.child"].checks)
            assert first.state == state, (kind, most)
    of_set = [result for result in run_checks(made, "s.child", graph["s.child"].checks) if result.column != "v"]
    assert {result.state for result in of_set} == {"passed", "warned"}  # two values, four rows
    made.close()
