"""``wherry new`` makes a folder that runs."""

from pathlib import Path

from fixtures.commands import Wherry


def test_the_new_folder_checks_runs_and_passes_its_tests(wherry: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "my shop"
    made = wherry("new", folder, "--json")
    assert made.code == 0
    assert "wherry.toml" in made.json["files"]
    assert wherry("check", "--project", folder, "--json").json["findings"] == []
    assert wherry("run", "--project", folder, "--json").json["state"] == "done"
    tests = wherry("test", "--project", folder, "--json")
    assert tests.code == 0
    assert {test["state"] for test in tests.json["tests"]} == {"passed"}
    assert wherry("run", "--project", folder).out.startswith("Nothing to do")


def test_a_folder_that_holds_something_is_left_as_it_is(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    answer = wherry("new", tmp_path, "--json")
    assert answer.code == 2
    assert "not empty" in answer.json["findings"][0]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_and_an_unknown_template_are_told(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert wherry("new", tmp_path / "file", "--json").code == 2
    assert wherry("new", tmp_path / "file" / "below", "--json").code == 2
    assert wherry("new", tmp_path / "x", "--template", "flihgts", "--json").code == 2
    assert not (tmp_path / "x").exists()


def test_the_name_of_the_folder_becomes_the_projects_name_whatever_it_is(wherry: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" \\1 name'
    assert wherry("new", folder).code == 0
    assert wherry("check", "--project", folder).code == 0


def test_folders_on_the_way_are_made(wherry: Wherry, tmp_path: Path) -> None:
    assert wherry("new", tmp_path / "deep" / "er" / "shop").code == 0
