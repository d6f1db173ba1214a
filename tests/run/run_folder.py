"""A project in a folder of its own, run in this process with a clock that the test chooses."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from wherry.lake.lake import Lake
from wherry.model.plan import Plan, Request
from wherry.model.run import AssetResult, Run
from wherry.project.config import Config, read_config
from wherry.run.planning import plan_for
from wherry.run.project import Project, open_lake, open_project
from wherry.run.reading import reading
from wherry.run.runner import RunOptions, nobody, run
from wherry.run.seen import see

#: The clock of a run that does not care.
NOON = datetime(2026, 1, 10, 12)


class Folder:
    """A project's folder and its lake."""

    def __init__(self, path: Path, *, lake: str = "") -> None:
        self.path = path
        self.write({"wherry.toml": 'name = "t"\n' + (f'lake = "{lake}"\n' if lake else "")})
        self.lake: Lake = open_lake(self.config)
        #: What the last run told, in order.
        self.told: list[tuple[str, dict[str, Any]]] = []

    @property
    def config(self) -> Config:
        return read_config(self.path)

    def close(self) -> None:
        self.lake.close()

    def write(self, files: Mapping[str, str]) -> None:
        """Files by their path in the project."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def tables(self, **texts: str) -> None:
        """Tables of schema ``s``: SQL, or Python when it holds the decorator."""
        for name, text in texts.items():
            self.write({f"tables/s/{name}.{'py' if '@table' in text else 'sql'}": text})

    def project(self, branch: str = "main") -> Project:
        return open_project(self.config, self.lake, branch)

    def plan(self, *words: str, now: datetime = NOON, branch: str = "main", **asked: Any) -> Plan:
        return plan_for(self.project(branch), see(self.lake, branch), words, Request(now=now, **asked))

    def run(
        self,
        *words: str,
        now: datetime = NOON,
        branch: str = "main",
        jobs: int = 2,
        each: bool = False,
        tell: Callable[..., None] = nobody,
        **asked: Any,
    ) -> Run:
        """Run the project; ``asked`` are fields of ``Request``."""
        self.told = []

        def listen(kind: str, **what: Any) -> None:
            self.told.append((kind, what))
            tell(kind, **what)

        options = RunOptions(branch=branch, words=words, jobs=jobs, publish_each=each, author="ada")
        return run(self.project(branch), self.lake, Request(now=now, **asked), options, listen)

    def done(self, *words: str, **how: Any) -> Run:
        """Run, and expect that nothing fails."""
        made = self.run(*words, **how)
        assert made.state == "done", problems(made)
        return made

    def rows(self, table: str, branch: str = "main", columns: str = "*") -> list[tuple[Any, ...]]:
        """All rows of a table of the lake, sorted."""
        with reading(self.config, self.lake, branch) as opened:
            opened.session.show([table])
            return opened.session.engine.execute(f"SELECT {columns} FROM {table} ORDER BY ALL")

    def contents(self, *tables: str, branch: str = "main") -> dict[str, list[tuple[Any, ...]] | None]:
        """The rows of several tables as one reader sees them; None for one that is not there."""
        with reading(self.config, self.lake, branch) as opened:
            session = opened.session
            there = [table for table in tables if table in session.pointers]
            session.show(there)
            query = "SELECT * FROM {} ORDER BY ALL"
            return {t: session.engine.execute(query.format(t)) if t in there else None for t in tables}

    def schema(self, table: str) -> dict[str, str]:
        with reading(self.config, self.lake, "main") as opened:
            opened.session.show([table])
            return dict(opened.session.engine.schema(f"FROM {table}"))

    def seqs(self, branch: str = "main") -> dict[str, int]:
        """For each table of a branch the number of the commit that set it."""
        return {key: pointer.seq for key, pointer in self.lake.pointers(branch).items()}

    def leftovers(self) -> list[str]:
        """Branches of runs that did not finish."""
        return [info.name for info in self.lake.branches() if info.name.startswith("run/")]


def states(made: Run) -> dict[str, str]:
    """The state of each table of a run, without the schema."""
    return {each.name.partition(".")[2]: each.state for each in made.assets}


def result(made: Run, name: str) -> AssetResult:
    return next(each for each in made.assets if each.name == name)


def problems(made: Run) -> list[tuple[str, str, str]]:
    return [(each.name, each.state, each.reason) for each in made.assets if each.state in ("failed", "blocked")]
