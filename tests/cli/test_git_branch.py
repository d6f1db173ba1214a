"""The branch of the lake follows the git branch of the project's folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.commands import Wherry
from wherry.project.git import Checkout, checkout, lake_branch

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same git whatever the machine's settings."""
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(tmp_path / "no-such-file"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WHERRY_BRANCH", raising=False)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, branch: str = "main") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")


def branch(folder: Path) -> Checkout | None:
    return checkout(folder, "wherry.toml")


def test_the_branch_is_read_without_git(shop: Path) -> None:
    assert branch(shop) is None
    repository(shop)
    assert branch(shop) is None, "not added yet"
    git(shop, "add", "wherry.toml")
    assert branch(shop) == Checkout(branch="main")
    commit(shop)
    git(shop, "checkout", "--quiet", "-b", "feature/prices")
    assert branch(shop) == Checkout(branch="feature/prices")
    git(shop, "checkout", "--quiet", "--detach")
    assert branch(shop) == Checkout(branch=None)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_every_version_of_the_index_is_read(version: int, shop: Path) -> None:
    repository(shop.parent)
    (shop.parent / "shop.toml").write_text("")
    commit(shop.parent)
    if version == 3:
        (shop / "later.txt").write_text("")
        git(shop.parent, "add", "--intent-to-add", "shop/later.txt")
        git(shop.parent, "update-index", "--skip-worktree", "shop/wherry.toml")
    else:
        git(shop.parent, "update-index", "--index-version", str(version))
    assert (shop.parent / ".git" / "index").read_bytes()[7] == version
    assert branch(shop) == Checkout(branch="main")
    assert checkout(shop, "erry.toml") is None
    assert checkout(shop, "wherry.tom") is None
    git(shop.parent, "update-index", "--force-remove", "shop/wherry.toml")
    assert branch(shop) is None


def test_a_split_index_is_read(shop: Path) -> None:
    repository(shop)
    commit(shop)
    git(shop, "update-index", "--split-index")
    assert branch(shop) == Checkout(branch="main")


def test_a_project_that_the_repository_around_it_ignores_is_not_its(shop: Path) -> None:
    around = repository(shop.parent, "work")
    (around / ".gitignore").write_text("shop/\n")
    commit(around)
    assert branch(shop) is None
    repository(shop, "own")
    git(shop, "add", "wherry.toml")
    assert branch(shop) == Checkout(branch="own")


def test_worktrees_and_submodules_have_branches_of_their_own(shop: Path, tmp_path: Path) -> None:
    repository(shop)
    commit(shop)
    git(shop, "worktree", "add", "--quiet", "-b", "beside", str(tmp_path / "beside"))
    assert branch(tmp_path / "beside") == Checkout(branch="beside")
    outer = repository(tmp_path / "outer", "whole")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(shop), "part")
    git(outer / "part", "checkout", "--quiet", "-b", "inner")
    assert branch(outer / "part") == Checkout(branch="inner")


def test_a_rebase_under_way_is_on_its_branch(shop: Path) -> None:
    repository(shop)
    commit(shop)
    git(shop, "checkout", "--quiet", "--detach")
    (shop / ".git" / "rebase-merge").mkdir()
    (shop / ".git" / "rebase-merge" / "head-name").write_text("refs/heads/feature\n")
    assert branch(shop) == Checkout(branch="feature")


def test_names_that_the_lake_cannot_have() -> None:
    assert [lake_branch(name) for name in ("main", "master", "a/b", "fix#12", "run/now", "höhe", ".x")] == [
        "main",
        "main",
        "a/b",
        "fix-12",
        "git-run/now",
        "h-he",
        "_.x",
    ]


@pytest.fixture
def kept(shop: Path, wherry: Wherry) -> Path:
    """The shop in git, run on ``main``, then on a git branch ``dev``."""
    repository(shop)
    (shop / ".gitignore").write_text(".wherry/\n")
    commit(shop)
    assert wherry("run", "--project", shop, "--json").json["branch"] == "main"
    git(shop, "checkout", "--quiet", "-b", "dev")
    return shop


def amount(wherry: Wherry, shop: Path, *words: str) -> str:
    return str(
        wherry("sql", "SELECT revenue FROM marts.revenue", "--project", shop, "--json", *words).json[0]["revenue"]
    )


def change(shop: Path) -> None:
    (shop / "tables/staging/orders.sql").write_text("SELECT 1 AS order_id, DATE '2026-01-01' AS day, 9.5 AS amount\n")


def test_a_run_makes_the_branch_and_merge_publishes_it(wherry: Wherry, kept: Path) -> None:
    change(kept)
    read = wherry("sql", "SELECT revenue FROM marts.revenue", "--project", kept, "--json")
    assert read.json == [{"revenue": 2.5}]
    assert "no branch `dev` yet" in read.err
    assert {s["action"] for s in wherry("plan", "--project", kept, "--json").json["steps"]} == {"build"}
    ran = wherry("run", "--project", kept, "--json")
    assert (ran.code, ran.json["branch"]) == (0, "dev")
    assert "Made branch dev from main" in ran.err
    assert (amount(wherry, kept), amount(wherry, kept, "--branch", "main")) == ("9.5", "2.5")
    assert "Made" not in wherry("run", "--project", kept).err
    merged = wherry("merge", "--project", kept, "--json")
    assert merged.json["tables"] == ["marts.revenue", "staging.orders"]
    git(kept, "checkout", "--quiet", "main")
    assert amount(wherry, kept) == "9.5"


def test_a_restore_never_falls_back_to_main(wherry: Wherry, kept: Path) -> None:
    (newest,) = wherry("log", "--project", kept, "--branch", "main", "--json").json["commits"]
    answer = wherry("restore", newest["id"], "--project", kept, "--json")
    (finding,) = answer.json["findings"]
    assert (answer.code, finding["code"]) == (2, "no-such-branch")
    assert "wherry branch dev" in finding["hint"]


def test_the_option_and_the_variable_come_first(wherry: Wherry, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wherry("run", "--project", kept, "--branch", "main", "--json").json["branch"] == "main"
    monkeypatch.setenv("WHERRY_BRANCH", "pr-7")
    assert wherry("run", "--project", kept, "--json").json["branch"] == "pr-7"
    assert wherry("run", "--project", kept, "--branch", "main", "--json").json["branch"] == "main"
    monkeypatch.setenv("WHERRY_BRANCH", "")
    assert wherry("run", "--project", kept, "--json").json["branch"] == "dev"
    monkeypatch.delenv("WHERRY_BRANCH")
    (kept / ".env").write_text("WHERRY_BRANCH=main\n")
    assert wherry("run", "--project", kept, "--json").json["branch"] == "main"
    (kept / ".env").unlink()
    assert wherry("run", "--project", kept, "--json").json["branch"] == "dev"


def test_a_detached_head_is_main_with_a_word_about_it(wherry: Wherry, kept: Path) -> None:
    git(kept, "checkout", "--quiet", "--detach")
    ran = wherry("run", "--project", kept, "--json")
    assert ran.json["branch"] == "main"
    assert "detached" in ran.err and "WHERRY_BRANCH" in ran.err


def test_a_new_branch_starts_from_the_git_branch(wherry: Wherry, kept: Path) -> None:
    assert wherry("branch", "early", "--project", kept, "--json").json["parent"] == "main"
    wherry("run", "--project", kept)
    assert wherry("branch", "later", "--project", kept, "--json").json["parent"] == "dev"
    listed = wherry("branch", "--project", kept).out
    assert "* dev" in listed and "* main" not in listed
