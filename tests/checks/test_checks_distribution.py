"""Distributions: probabilities against published tables, statistics against the sums they are defined by."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wherry.checks.distribution.probability import chi_square_tail, kolmogorov_p, kolmogorov_tail
from wherry.engines.duckdb import DuckDB
from wherry.model.asset import Check
from wherry.model.run import CheckResult
from wherry.run.checking import run_checks


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("distribution")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    yield engine
    engine.close()


def fill(db: DuckDB, values: list[Any], table: str = "s.t", type_: str = "DOUBLE") -> None:
    db.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT unnest($v::{type_}[]) AS x", {"v": values})


def judge(db: DuckDB, method: str, **arguments: Any) -> CheckResult:
    arguments = {"operator": "<", "value": 0.1, **arguments}
    check = Check(kind="distribution", column="x", arguments={"method": method, **arguments}, text=method)
    (verdict,) = run_checks(db, "s.t", [check])
    return verdict


#: NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.4: degrees of freedom, tail, critical value.
CHI_SQUARE = [
    (1, 0.10, 2.706), (1, 0.05, 3.841), (1, 0.001, 10.828), (2, 0.05, 5.991), (5, 0.01, 15.086), (10, 0.05, 18.307),
    (10, 0.95, 3.940), (30, 0.01, 50.892), (50, 0.99, 29.707), (100, 0.05, 124.342), (100, 0.975, 74.222),
]  # fmt: skip


@pytest.mark.parametrize(("freedom", "tail", "critical"), CHI_SQUARE)
def test_chi_square_against_the_table(freedom: int, tail: float, critical: float) -> None:
    assert chi_square_tail(critical, freedom) == pytest.approx(tail, rel=2e-3)


def test_chi_square_where_it_is_known_exactly() -> None:
    for x in (0.01, 0.5, 3.0, 40.0, 500.0):
        assert chi_square_tail(x, 2) == pytest.approx(math.exp(-x / 2), rel=1e-12)
        assert chi_square_tail(x, 4) == pytest.approx(math.exp(-x / 2) * (1 + x / 2), rel=1e-12)
        assert chi_square_tail(x, 1) == pytest.approx(math.erfc(math.sqrt(x / 2)), rel=1e-11)
    assert (chi_square_tail(0, 3), chi_square_tail(math.inf, 3), chi_square_tail(5, 0)) == (1, 0, 1)


#: Smirnov (1948), Table for estimating the goodness of fit of empirical distributions: lambda, 1 - L(lambda).
KOLMOGOROV = [(0.50, 0.963945), (0.83, 0.496), (1.00, 0.270000), (1.22, 0.1019), (1.36, 0.0495), (1.63, 0.0098)]


@pytest.mark.parametrize(("value", "tail"), KOLMOGOROV)
def test_kolmogorov_against_the_table(value: float, tail: float) -> None:
    assert kolmogorov_tail(value) == pytest.approx(tail, abs=5e-4)


def test_kolmogorov_of_small_samples() -> None:
    # Massey (1951): critical distances at 5% of n = 5, 10, 20, 30.
    for size, distance in ((5, 0.565), (10, 0.410), (20, 0.294), (30, 0.242)):
        assert kolmogorov_p(distance, size) == pytest.approx(0.05, abs=0.006)
    assert (kolmogorov_p(0, 10), kolmogorov_p(1, 1000)) == (1, 0)
    assert abs(kolmogorov_tail(1.18 - 1e-9) - kolmogorov_tail(1.18)) < 1e-8


def test_psi_is_its_sum(db: DuckDB) -> None:
    fill(db, ["a"] * 50 + ["b"] * 30 + ["c"] * 20 + [None] * 7, type_="VARCHAR")
    weights = [0.4, 0.4, 0.2]
    verdict = judge(db, "psi", values=["a", "b", "c"], weights=weights)
    shares = [0.5, 0.3, 0.2]
    expected = sum((p - q) * math.log(p / q) for p, q in zip(shares, weights, strict=True))
    assert verdict.observed == pytest.approx(expected, rel=1e-12) and verdict.state == "passed"
    assert judge(db, "psi", values=["a", "b", "c"], weights=weights, value=0.01).state == "failed"
    # What one side lacks counts as 0.0001 of it.
    verdict = judge(db, "psi", values=["a", "b"], weights=[0.5, 0.5])
    expected = 0.2 * math.log(0.3 / 0.5) * -1 + (0.2 - 0.0001) * math.log(0.2 / 0.0001)
    assert verdict.observed == pytest.approx(expected, rel=1e-9)


def test_kl_is_its_sum(db: DuckDB) -> None:
    fill(db, ["a"] * 5 + ["b"] * 3 + ["c"] * 2, type_="VARCHAR")
    expected = 0.5 * math.log(0.5 / 0.4) + 0.3 * math.log(0.3 / 0.4)
    assert judge(db, "kl", values=["a", "b", "c"], weights=[4, 4, 2]).observed == pytest.approx(expected, rel=1e-12)
    assert judge(db, "kl", values=["a", "b"], weights=[0.5, 0.5]).observed == "inf"
    tailed = judge(db, "kl", values=["a", "b"], weights=[0.5, 0.5], tail_weight=0.1)
    expected = 0.5 * math.log(0.5 / 0.45) + 0.3 * math.log(0.3 / 0.45) + 0.2 * math.log(0.2 / 0.1)
    assert tailed.observed == pytest.approx(expected, rel=1e-12)


def test_chi_square_is_its_sum(db: DuckDB) -> None:
    # Mendel's peas: 315, 108, 101, 32 against 9:3:3:1; chi-square 0.470, p 0.925 with three degrees of freedom.
    peas = {"ry": 315, "rg": 108, "wy": 101, "wg": 32}
    fill(db, [kind for kind, count in peas.items() for _ in range(count)], type_="VARCHAR")
    given = {"values": list(peas), "weights": [9, 3, 3, 1]}
    verdict = judge(db, "chi_square", **given, operator=">", value=0.05)
    assert (verdict.state, verdict.observed) == ("passed", pytest.approx(0.9254, abs=1e-4))
    statistic = judge(db, "chi_square", **given, of="statistic", value=1)
    assert statistic.observed == pytest.approx(0.470024, abs=1e-6)
    strange = judge(db, "chi_square", values=["ry", "rg", "wy"], weights=[9, 3, 3], operator=">", value=0.05)
    assert (strange.state, strange.observed) == ("failed", 0)


def test_bins_hold_their_lower_edge_and_the_last_one_both(db: DuckDB) -> None:
    fill(db, [0, 1, 1.5, 2])
    even = judge(db, "kl", bins=[0, 1, 2], weights=[0.25, 0.75])
    assert even.observed == pytest.approx(0, abs=1e-12)
    fill(db, [-1, 0.5, 1.5, 3])
    assert judge(db, "kl", bins=[0, 1, 2], weights=[0.5, 0.5]).observed == "inf"
    expected = 0.5 * math.log(0.25 / 0.4) + 0.5 * math.log(0.25 / 0.1)
    tailed = judge(db, "kl", bins=[0, 1, 2], weights=[0.5, 0.5], tail_weight=0.2)
    assert tailed.observed == pytest.approx(expected, rel=1e-12)


def test_ks_is_the_largest_distance(db: DuckDB) -> None:
    chance = random.Random(7)
    here = [chance.gauss(0, 1) for _ in range(200)] + [0.5, 0.5, 0.5]
    there = [chance.gauss(0.3, 1) for _ in range(150)] + [0.5]
    fill(db, [*here, None])
    fill(db, [*there, None], table="s.o")

    def below(values: list[float], x: float) -> float:
        return sum(v <= x for v in values) / len(values)

    expected = max(abs(below(here, x) - below(there, x)) for x in (*here, *there))
    verdict = judge(db, "ks", table="s.o", column="x")
    assert verdict.observed == pytest.approx(expected, rel=1e-12)
    size = len(here) * len(there) / (len(here) + len(there))
    p = judge(db, "ks", table="s.o", column="x", of="p", operator=">", value=0.05)
    assert p.observed == pytest.approx(kolmogorov_p(expected, size), rel=1e-12)
    # Against an even spread over 0 to 1, as in the definition: before and at each step.
    fill(db, [0.1, 0.2, 0.9])
    given = judge(db, "ks", bins=[0, 1], weights=[1], value=1)
    assert given.observed == pytest.approx(2 / 3 - 0.2, rel=1e-12)


def test_a_table_as_reference(db: DuckDB) -> None:
    chance = random.Random(3)
    there = [chance.gauss(10, 2) for _ in range(2000)]
    fill(db, there, table="s.o")
    fill(db, there)
    assert judge(db, "psi", table="s.o", column="x", bins=10).observed == pytest.approx(0, abs=1e-12)
    fill(db, [value + 3 for value in there])
    moved = judge(db, "psi", table="s.o", column="x", bins=10, value=0.25)
    assert moved.state == "failed" and float(moved.observed or 0) > 0.5
    fill(db, ["a", "b", "b"], type_="VARCHAR")
    fill(db, ["a", "b", "b", "a", "b", "b"], table="s.o", type_="VARCHAR")
    assert judge(db, "psi", table="s.o", column="x").observed == pytest.approx(0, abs=1e-12)
    assert judge(db, "chi_square", table="s.o", column="x", operator=">", value=0.5).observed == pytest.approx(1)
    assert judge(db, "kl", table="s.o", column="x", there="x = 'a'").observed == "inf"


def test_nothing_has_no_distribution(db: DuckDB) -> None:
    fill(db, [None], type_="VARCHAR")
    for method in ("psi", "kl", "chi_square"):
        verdict = judge(db, method, values=["a"], weights=[1])
        assert (verdict.state, verdict.why, verdict.error) == ("failed", "there are no values", "")
    fill(db, [None])
    assert judge(db, "ks", bins=[0, 1], weights=[1]).why == "there are no values"


def test_wrong_references_fail_their_check_alone(db: DuckDB) -> None:
    fill(db, [1])
    assert "2 weights need 3 bins" in judge(db, "psi", bins=[0, 1], weights=[1, 2]).error
    assert "needs `bins`" in judge(db, "ks", values=["a"], weights=[1]).error


def association(db: DuckDB, rows: list[tuple[Any, Any]]) -> CheckResult:
    db.execute("CREATE OR REPLACE TABLE s.t (a VARCHAR, b VARCHAR)")
    if rows:
        db.connection.executemany("INSERT INTO s.t VALUES (?, ?)", rows)
    arguments = {"measure": "cramers_phi", "operator": "<", "value": 0.5}
    (verdict,) = run_checks(db, "s.t", [Check(kind="association", columns=("a", "b"), arguments=arguments, text="")])
    return verdict


def test_association(db: DuckDB) -> None:
    assert association(db, [(a, b) for a in "xyz" for b in "pq"]).observed == pytest.approx(0, abs=1e-7)
    assert association(db, [(a, a) for a in "xyz"]).observed == pytest.approx(1)
    # Cramér's V of [[10, 20], [30, 40]]: chi-square 0.79365 of 100 rows.
    rows = [("x", "p")] * 10 + [("x", "q")] * 20 + [("y", "p")] * 30 + [("y", "q")] * 40 + [(None, "p"), ("x", None)]
    assert association(db, rows).observed == pytest.approx(math.sqrt(0.7936507936 / 100), rel=1e-9)
    assert association(db, [("x", "p"), ("x", "q")]).observed == 0
    assert association(db, []).why == "there are no values"
