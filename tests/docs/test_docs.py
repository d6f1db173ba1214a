"""The commands that README.md and docs/ show are run as they stand, in a project made for each page."""

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from wherry.cli import VERBS, program

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Before the commands of a page: what the page's reader has done by then.
BEFORE = {
    "checks.md": "minimal",
    "checks-runs.md": "minimal",
    "checks-dbt.md": "minimal",
    "checks-soda.md": "minimal",
    "contracts.md": "minimal",
    "profiles.md": "minimal",
    "cli.md": "minimal",
    "import-export.md": "minimal",
    "engines.md": "minimal",
    "lake.md": "minimal",
    "sources.md": "minimal",
    "sources-files.md": "minimal",
    "sources-rest.md": "minimal",
    "tables.md": "flights",
    "upkeep.md": "minimal",
}
#: A page's example names that another project has, or that only exist once something was run.
INSTEAD = {
    "tables.md": {"marts.revenue": "marts.daily_punctuality"},
    "checks.md": {"marts.fact_departure": "marts.revenue"},
    "start.md": {"staging.customers": "staging.orders"},
}
#: Files that a page's reader has before its commands, and what they hold; ``yaml`` is the page's own first such block.
FILES = {
    "checks-soda.md": {"checks/orders.yml": "yaml"},
    "checks-dbt.md": {"checks/schema.yml": "yaml"},
    "contracts.md": {
        "old.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: active\n",
        "new.odcs.yaml": "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '2'\nstatus: active\n",
    },
}


def commands(page: Path) -> list[str]:
    """The lines after ``$`` of the page's console blocks, without their comments."""
    lines = [line for block in _BLOCK.findall(page.read_text()) for line in block.splitlines()]
    return [re.sub(r"\s+#.*$", "", line[2:]) for line in lines if line.startswith("$ ")]


def wherry(words: list[str]) -> str:
    """Run one command line in this process; what it prints."""
    outcome = CliRunner().invoke(program, words, catch_exceptions=False, standalone_mode=False)
    assert outcome.return_value in (None, 0), f"wherry {shlex.join(words)} ended with {outcome.return_value}"
    return outcome.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if template := BEFORE.get(page.name):
        wherry(["new", "before", "--template", template])
        monkeypatch.chdir(tmp_path / "before")
        if page.name == "sources-files.md":
            orders = Path("data/orders.csv")
            orders.write_text(orders.read_text() + "bad,row\n")
        if page.name == "sources.md":
            with closing(sqlite3.connect("data/legacy.db")) as legacy:
                legacy.executescript("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)")
        wherry(["run"])
    for path, text in FILES.get(page.name, {}).items():
        Path(path).parent.mkdir(exist_ok=True)
        block = re.search(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        Path(path).write_text(block[1] if text == "yaml" and block else text)
    for command in commands(page):
        for written, meant in INSTEAD.get(page.name, {}).items():
            command = command.replace(written, meant)
        for part in command.split("&&"):
            run_part(shlex.split(part), monkeypatch)


def run_part(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One command; only wherry's own and ``cd`` are run, the others are the reader's."""
    if words[0] == "cd":
        monkeypatch.chdir(words[1])
    if words[0] != "wherry":
        return
    words = words[1 : words.index(">")] if ">" in words else words[1:]
    if words[0] == "new" and words[1] not in ("checks", "source") and Path(words[1]).exists():
        words[1] += "_again"
    if words == ["sql"]:
        return  # the shell needs a terminal
    if words[0] == "serve":
        return  # it does not end by itself
    if "b2032ef56440" in words:
        newest = re.search(r"^\w{12}", wherry(["log"]))
        assert newest is not None
        words = [newest[0] if word == "b2032ef56440" else word for word in words]
    if "--at" in words and words[words.index("--at") + 1].startswith("20"):
        words[words.index("--at") + 1] = "2999-01-01"
    wherry(words)


def test_every_verb_and_page_is_told() -> None:
    told = (ROOT / "docs" / "cli.md").read_text()
    assert [verb for verb in VERBS if f"\n## {verb}\n" not in told] == []
    index = (ROOT / "docs" / "index.md").read_text()
    assert [page.name for page in PAGES[1:] if page.name != "index.md" and f"({page.name})" not in index] == []
