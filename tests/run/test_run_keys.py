"""What is kept of a table's keys between runs stays right, whatever happens to the table meanwhile."""

from hashlib import md5
from pathlib import Path

import duckdb
import pytest
from run_folder import Folder, result

from wherry.engines.duckdb import DuckDB
from wherry.lake.lake import Lake
from wherry.lake.upkeep.upkeep import Options, keep_up
from wherry.model.run import CheckResult
from wherry.run import check_slices, check_subject, inspecting
from wherry.run.session import Session

TABLE = "-- build: append\n-- columns:\n--   x: {checks: [unique]}\nSELECT k AS x FROM raw.o"


@pytest.fixture
def keyed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A table that grows by text keys in no order, where hashes of them are kept."""
    monkeypatch.setattr(inspecting, "WORTH", 1)
    monkeypatch.setattr("wherry.run.session.MIRRORED_VALUES", 0)
    monkeypatch.setattr(check_slices, "MOST", 100)
    monkeypatch.setattr(check_subject, "LARGE", 0)
    folder.write({"sources/d.yml": "connector: files\npath: d/\ntables: {o.csv: {as: raw.o}}\n"})
    folder.tables(t=TABLE)
    assert grown(folder, *range(50)).state == "passed"
    assert len(files(folder)) == 1
    return folder


def grown(folder: Folder, *keys: int, branch: str = "main") -> CheckResult:
    """What the check says when the table gets these keys."""
    listed = "".join(f"{md5(str(key).encode()).hexdigest()}\n" for key in keys)
    folder.write({"d/o.csv": f"k\n{listed}"})
    (check,) = result(folder.run(branch=branch), "s.t").checks
    return check


def files(folder: Folder) -> list[Path]:
    return sorted((folder.config.scratch / "keys").iterdir())


def told(check: CheckResult) -> tuple[str, int, str]:
    return check.state, check.failing, check.how


def test_after_upkeep(keyed: Folder) -> None:
    for key in range(50, 56):
        assert told(grown(keyed, key)) == ("passed", 0, "slice")
    (done,) = (each for each in keep_up(keyed.lake, Options(scratch=str(keyed.path))).tables if each.name == "s.t")
    assert done.state == "done"
    assert grown(keyed, 56).state == "passed"
    assert grown(keyed, 50).failing == 2
    assert grown(keyed, 57, 7).failing == 2


def test_after_a_restore(keyed: Folder) -> None:
    assert told(grown(keyed, 50)) == ("passed", 0, "slice")
    (last, *_) = keyed.lake.log("main")
    assert told(grown(keyed, 51)) == ("passed", 0, "slice")
    keyed.lake.restore(last.id, author="ada")
    # That key was there in between.
    assert told(grown(keyed, 51)) == ("passed", 0, "slice")
    assert told(grown(keyed, 50)) == ("failed", 2, "slice")


def test_on_another_branch_and_after_its_merge(keyed: Folder) -> None:
    keyed.lake.create_branch("dev")
    assert told(grown(keyed, 50, branch="dev")) == ("passed", 0, "slice")
    assert told(grown(keyed, 50, 60, branch="dev")) == ("failed", 2, "slice")
    keyed.lake.create_branch("other")
    assert told(grown(keyed, 50, branch="other")) == ("passed", 0, "slice")
    keyed.lake.merge("dev", author="ada", message="")
    assert told(grown(keyed, 51)) == ("passed", 0, "slice")
    assert told(grown(keyed, 50)) == ("failed", 2, "slice")


def test_when_they_are_gone(keyed: Folder) -> None:
    for path in files(keyed):
        path.unlink()
    assert told(grown(keyed, 50)) == ("passed", 0, "slice")
    assert len(files(keyed)) == 2
    assert told(grown(keyed, 7)) == ("failed", 2, "slice")


def test_an_error_of_a_kind_is_that_checks_alone(keyed: Folder) -> None:
    keyed.write({"plugins/moody.py": "def bad_row(check):\n    raise RuntimeError('not today')\n"})
    keyed.tables(t=TABLE.replace("[unique]", "[moody, unique]"))
    keyed.write({"d/o.csv": "k\nnew\n"})
    moody, unique = result(keyed.run(), "s.t").checks
    assert (moody.state, unique.state) == ("failed", "passed")
    assert "not today" in moody.error


def test_a_table_is_opened_by_its_name_when_a_check_reads_it_so(tmp_path: Path) -> None:
    """And a copy in memory of what it was is not read meanwhile."""
    with Lake.open(tmp_path / "lake.db", tmp_path / "lake") as lake:
        db = DuckDB(folder=tmp_path, scratch=tmp_path / "scratch")
        session = Session(lake, "main", db)
        session.attach()
        db.execute(
            "CREATE SCHEMA lake.s; CREATE TABLE lake.s.t AS SELECT 2 AS x; CREATE TABLE lake.s.u AS SELECT 3 AS x"
        )
        session.make_schema("s.t")
        db.execute("CREATE TABLE s.t AS SELECT 1 AS x")
        assert session.mirrored("s.t", 1)
        session.later("s.t")()
        assert db.execute("FROM s.t") == [(1,)]  # the copy is what the branch has
        session.built("s.t")
        session.later("s.t")
        assert db.execute("FROM s.t") == [(2,)]
        show = session.later("s.u")
        with pytest.raises(duckdb.CatalogException):
            db.execute("FROM s.u")
        show()
        assert db.execute("FROM s.u") == [(3,)]
        db.close()
