"""What any check may say of itself, for every face a kind can have: each option has its effect, or is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wherry.checks import KINDS, find
from wherry.engines.duckdb import DuckDB
from wherry.model.run import CheckResult
from wherry.project.check_form import CheckFormError, read_check
from wherry.run.check_plan import Item
from wherry.run.checking import run_checks

#: A check of each face that fails on the table: four rows of x = 9, of which s.known has none.
FACES: dict[str, tuple[str, str]] = {
    "row": ("x", "< 5"),
    "aggregate": ("x", "max < 5"),
    "heavy": ("x", "median < 5"),
    "groups": ("x", "unique"),
    "rows": ("x", "refers to s.known.x"),
    "query": ("x", "same values as s.known.x"),
    "before": ("", "rows change between 0 and 0"),
    "schema": ("x", "type text"),
}
#: Faces whose checks count rows, so that some of them may be tolerated.
COUNTING = ("row", "groups", "rows")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDB]:
    folder: Path = tmp_path_factory.mktemp("options")
    engine = DuckDB(folder=folder, scratch=folder)
    engine.execute("CREATE SCHEMA s")
    engine.execute("CREATE TABLE s.t AS SELECT range AS k, 9 AS x, range % 2 AS half FROM range(4)")
    engine.execute("CREATE TABLE s.known AS SELECT 1 AS x")
    engine.execute("CREATE TABLE s.before AS SELECT 0 AS k, 9 AS x, 0 AS half FROM range(9)")
    yield engine
    engine.close()


def asked(db: DuckDB, face: str, **options: Any) -> CheckResult:
    column, short = FACES[face]
    check = read_check({"check": short, **options}, column=column, file="f", line=1)
    (verdict,) = run_checks(db, "s.t", [check], before="s.before")
    assert verdict.error == ""
    return verdict


def refusal(face: str, **options: Any) -> str:
    column, short = FACES[face]
    with pytest.raises(CheckFormError) as refused:
        read_check({"check": short, **options}, column=column, file="f", line=1)
    return str(refused.value)


def test_the_faces_are_all_there_are() -> None:
    named = {Item(index=0, check=None, kind=find(kind)).face for kind in KINDS}  # type: ignore[arg-type]
    assert named == {"row", "aggregate", "groups", "rows", "query", "schema"}
    for face in named:
        column, short = FACES[face]
        check = read_check(short, column=column, file="f", line=1)
        assert Item(index=0, check=check, kind=find(check.kind)).face == face


@pytest.mark.parametrize("face", FACES)
def test_severity(db: DuckDB, face: str) -> None:
    assert asked(db, face).state == "failed"
    assert asked(db, face, severity="warn").state == "warned"


@pytest.mark.parametrize("face", FACES)
def test_when(face: str) -> None:
    column, short = FACES[face]
    if face == "before":
        assert "published before" in refusal(face, when="after")
    else:
        assert read_check({"check": short, "when": "after"}, column=column, file="f", line=1).when == "after"


@pytest.mark.parametrize("face", FACES)
def test_where(db: DuckDB, face: str) -> None:
    if face == "schema":
        assert "not rows" in refusal(face, where="k < 0")
        return
    # Of no rows each of them is what it is of none.
    nothing = {"aggregate": "failed", "heavy": "failed", "query": "failed", "before": "passed"}.get(face, "passed")
    assert asked(db, face, where="k < 0").state == nothing
    one = {"groups": "passed"}.get(face, "failed")
    assert asked(db, face, where="k = 0").state == one
    assert asked(db, face, where="k = 0 OR half = 1").failing == {"row": 3, "groups": 3, "rows": 3}.get(face, 1)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("sample", "rows"), [("1 row", 1), (2, 2), ("100%", 4), ("50 rows", 4)])
def test_sample(db: DuckDB, face: str, sample: Any, rows: int) -> None:
    if face == "schema":
        assert "not rows" in refusal(face, sample=sample)
        return
    verdict = asked(db, face, sample=sample)
    if face in COUNTING:
        # A key that is looked at once is unique among what is looked at.
        assert verdict.failing == (0 if face == "groups" and rows == 1 else rows)
    elif face == "before":
        assert verdict.observed == rows - (9 if sample == "100%" else min(9, 50 if rows == 4 else rows))
    else:
        assert (verdict.state, verdict.failing) == ("failed", 1)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"most": 4}, "passed"),
        ({"most": "3 rows"}, "failed"),
        ({"most": "100%"}, "passed"),
        ({"most": "99%"}, "failed"),
        ({"mostly": 0}, "passed"),
        ({"mostly": "1%"}, "failed"),
        ({"mostly": "at most 4 rows"}, "passed"),
        ({"mostly": "at most 3 rows"}, "failed"),
        ({"most": 2, "where": "half = 1"}, "passed"),
        ({"most": 1, "where": "half = 1"}, "failed"),
    ],
)
def test_tolerance_as_a_number_and_as_a_share(db: DuckDB, face: str, options: dict[str, Any], state: str) -> None:
    if face in COUNTING:
        assert asked(db, face, **options).state == state
    else:
        assert "it takes neither" in refusal(face, **options)


def test_a_tolerance_is_a_share_of_the_rows_that_are_looked_at(db: DuckDB) -> None:
    check = {"check": "k < 1", "where": "half = 0", "mostly": 0.5}
    (verdict,) = run_checks(db, "s.t", [read_check(check, column="", file="f", line=1)])
    assert (verdict.state, verdict.failing, verdict.looked) == ("passed", 1, 2)


@pytest.mark.parametrize("short", ["distinct in row [x]", "cramers_phi [x] < 1"])
def test_too_few_columns_are_refused(short: str) -> None:
    with pytest.raises(CheckFormError, match="needs 2 columns"):
        read_check(short, column="", file="f", line=1)
