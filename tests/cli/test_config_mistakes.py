"""Mistakes in wherry.toml and in what is called a project."""

from pathlib import Path

import pytest

from fixtures.commands import Wherry
from wherry.lake.address import parameters
from wherry.project.config import read_config
from wherry.run.lock import run_lock
from wherry.run.project import open_lake

MISTAKES = {
    "not toml": ("name = \n", "not-toml", 1, 8, "not TOML"),
    "not toml below": ('name = "x"\n\n[env.prod\n', "not-toml", 3, 10, "not TOML"),
    "no name": ('lake = "here"\n', "bad-value", 1, 1, "needs a `name`"),
    "empty": ("", "bad-value", 1, 1, "needs a `name`"),
    "unknown key": ('name = "x"\ndatabse = "y"\n', "unknown-key", 2, 1, "no key `databse`"),
    "wrong type": ('name = "x"\nlake = 1\n', "bad-value", 2, 1, "`lake` must be text"),
    "name is a number": ("name = 1\n", "bad-value", 1, 1, "`name` must be text"),
    "missing variable": ('name = "x"\n\nlake = "${NOBODY_SET_THIS}"\n', "missing-variable", 3, 1, "NOBODY_SET_THIS"),
    "unknown engine": ('name = "x"\nengine = "sparc"\n', "bad-value", 2, 1, "no engine `sparc`"),
    "database in a bucket": (
        'name = "x"\ndatabase = "s3://here"\n',
        "bad-value",
        2,
        1,
        "begins with postgresql://",
    ),
    "no bucket": ('name = "x"\nlake = "s3://"\n', "bad-value", 2, 1, "no address of a lake"),
    "unknown storage": ('name = "x"\nlake = "ftp://here/x"\n', "bad-value", 2, 1, "no address of a lake"),
    "another database": (
        'name = "x"\ndatabase = "mysql://me:hush@h/x"\n',
        "bad-value",
        2,
        1,
        "begins with postgresql://",
    ),
    "env is text": ('name = "x"\nenv = "prod"\n', "bad-value", 2, 1, "`env`"),
    "override of a wrong type": ('name = "x"\n[env.prod]\nlake = 1\n', "bad-value", 3, 1, "`lake` must be text"),
    "unknown key of an override": ('name = "x"\n[env.prod]\nlaek = "y"\n', "unknown-key", 3, 1, "no key `laek`"),
    "env holds a value": ('name = "x"\n[env]\nprod = "y"\n', "bad-value", 3, 1, "prod"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_configuration_is_told_with_its_line(name: str, wherry: Wherry, tmp_path: Path) -> None:
    text, code, line, column, fragment = MISTAKES[name]
    (tmp_path / "wherry.toml").write_text(text)
    answer = wherry("check", "--project", tmp_path, "--env", "prod" if "[env.prod]" in text else "", "--json")
    (finding,) = answer.json["findings"]
    where = finding["file"], finding["line"], finding["column"]
    assert (finding["code"], where) == (code, ("wherry.toml", line, column)), finding
    assert fragment in finding["message"]
    assert answer.code == 2
    assert "hush" not in answer.out + answer.err


def test_all_mistakes_of_the_configuration_are_told_at_once(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_text('nmae = "x"\nlake = 1\nengine = "sparc"\n')
    codes = [finding["code"] for finding in wherry("check", "--project", tmp_path, "--json").json["findings"]]
    assert sorted(codes) == ["bad-value", "bad-value", "bad-value", "unknown-key"]


def test_a_configuration_with_a_byte_order_mark_is_read(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_bytes(b'\xef\xbb\xbfname = "x"\r\n')
    assert wherry("check", "--project", tmp_path).code == 0


def test_an_environment_that_is_not_there_names_the_nearest(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_text('name = "x"\n[env.production]\nlake = "y"\n')
    (finding,) = wherry("check", "--project", tmp_path, "--env", "prodution", "--json").json["findings"]
    assert finding["code"] == "unknown-env"
    assert "production" in finding["hint"]


def test_a_variable_may_come_from_a_dotenv_file(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_text('name = "x"\nlake = "${WHERRY_CASE_FOLDER}/lake"\n')
    (tmp_path / ".env").write_text("# a comment\nexport WHERRY_CASE_FOLDER='here and there'\n")
    assert wherry("check", "--project", tmp_path).code == 0


def test_a_folder_that_is_no_project_says_what_to_do(wherry: Wherry, tmp_path: Path) -> None:
    answer = wherry("check", "--project", tmp_path, "--json")
    (finding,) = answer.json["findings"]
    assert "wherry.toml" in finding["message"]
    assert "wherry new" in finding["hint"]
    assert answer.code == 2


def test_a_project_is_found_from_a_folder_inside_it(
    wherry: Wherry, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop / "tables" / "marts")
    assert wherry("check", "--json").json == {"assets": 2, "findings": []}


def test_a_folder_that_is_not_there_says_so(wherry: Wherry, tmp_path: Path) -> None:
    answer = wherry("check", "--project", tmp_path / "nowhere", "--json")
    assert answer.code == 2
    assert answer.json["findings"]


def test_a_password_from_a_variable_is_encoded_and_never_shown(tmp_path: Path) -> None:
    address = "postgresql://me:${WHERRY_CASE_SECRET}@db:5432/lake?sslmode=require"
    (tmp_path / "wherry.toml").write_text(f'name = "x"\ndatabase = "{address}"\n')
    (tmp_path / ".env").write_text("WHERRY_CASE_SECRET=hu:sh@/#%?\n")
    config = read_config(tmp_path)
    assert parameters(config.database_address)[0]["password"] == "hu:sh@/#%?"
    assert "hu" not in repr(config)


@pytest.mark.needs("postgres")
def test_a_project_whose_lake_is_in_postgresql(wherry: Wherry, postgres: str, tmp_path: Path) -> None:
    (tmp_path / "wherry.toml").write_text(f'name = "My shop"\ndatabase = "{postgres}"\n')
    (tmp_path / "tables" / "s").mkdir(parents=True)
    (tmp_path / "tables" / "s" / "a.sql").write_text("SELECT 42 AS x")
    assert wherry("run", "--project", tmp_path).code == 0
    assert wherry("sql", "--project", tmp_path, "FROM s.a", "--json").json == [{"x": 42}]
    assert wherry("show", "--project", tmp_path, "--locks").out.strip() == "Nobody is at work."
    with open_lake(read_config(tmp_path)) as lake, run_lock(lake.database, "main", "ada"):
        (lock,) = wherry("show", "--project", tmp_path, "--locks", "--json").json["locks"]
        assert (lock["branch"], lock["owner"], lock["task"]) == ("main", "ada", "run")
        assert "ada, process" in wherry("show", "--project", tmp_path, "--locks").out
        refused = wherry("run", "--project", tmp_path)
        assert refused.code == 1 and "under way" in refused.err
        assert lake.database.schema == "my_shop"
