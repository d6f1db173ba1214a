"""fixtures/plan/*.md: a folder before, what of it is built, the folder after, and the plan.

What a case asks for stands in its ``ask`` block: ``select``, ``full``, ``from``, ``until``, ``prune``, ``now``; under
``built`` stands what is otherwise with a table than that it is built from the folder before and up to date; ``nothing``
there says that it is not built.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.cases import Case, cases
from fixtures.projects import read
from wherry.errors import UsageError
from wherry.model.plan import Built, Request, Step
from wherry.model.slice import Slice
from wherry.plan.recipe import lineages, promises, recipe
from wherry.run.direct_files import fingerprint
from wherry.run.planning import plan_for
from wherry.run.project import Project
from wherry.run.seen import Seen

#: A connector whose news is what stands in ``news/<table>``.
STEADY = '''"""Says what is new in a file."""
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    size: int = 1


class Steady:
    Options, TableOptions = Options, TableOptions

    def changed(self, options, table, cursor):
        news = Path(options.project, "news", table.name)
        return news.read_text().strip() if news.is_file() else None

    def columns(self, options, table):
        return {"id": "INTEGER", "ts": "TIMESTAMP"}

    def read(self, options, table, cursor):
        return iter(())


source = Steady()
'''


def moment(written: Any) -> datetime:
    return datetime.fromisoformat(str(written))


def everything(project: Project) -> dict[str, Built]:
    """Every table of a project, as a run that built them all would leave them."""
    project.expect_sound()
    found, promised = lineages(project.graph), promises(project.graph)
    built: dict[str, Built] = {}
    for key, asset in project.graph.assets.items():
        versions = {name.lower(): f"version of {name.lower()}" for name in asset.inputs}
        source = asset.kind == "source"
        built[key] = Built(
            version=f"version of {key}",
            recipe=asset.meaning if source else recipe(asset, versions, fingerprint(asset, project.config.folder)),
            lineage=found[key],
            meaning=asset.meaning,
            word="source" if source else asset.build.word,
            checks=promised[key],
        )
    return built


def amended(built: Built, said: dict[str, Any]) -> Built:
    said = {key: {"true": True, "false": False}.get(str(value), value) for key, value in said.items()}
    if "filled" in said:
        said["filled"] = tuple(Slice(start=moment(start), end=moment(end)) for start, end in said["filled"])
    if "reached" in said:
        said["reached"] = moment(said["reached"])
    return replace(built, **said)


def shown(step: Step) -> str:
    action = "check" if step.only_checks else step.action
    slices = f" [{'; '.join(map(str, step.slices))}]" if step.slices else ""
    return f"{action} {step.name}: {step.reason}{slices}{' (from scratch)' if step.refill else ''}"


@pytest.mark.parametrize("case", cases("plan"))
def test_the_plan_is_what_the_case_says(case: Case, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "steady.py").write_text(STEADY)
    ask: dict[str, Any] = yaml.load(case.said("ask"), yaml.BaseLoader) or {}
    built: dict[str, Built] = {}
    before = read(case.write(tmp_path, "before"))
    if ask.get("built") != "nothing":
        built = everything(before)
        for name, said in ask.get("built", {}).items():
            if said == "nothing":
                del built[name]
            else:
                built[name] = amended(built[name], yaml.safe_load(yaml.safe_dump(said)))
    project = read(case.write(tmp_path, "after"))
    project.expect_sound()
    request = Request(
        full=ask.get("full") == "true",
        start=moment(ask["from"]) if "from" in ask else None,
        until=moment(ask["until"]) if "until" in ask else None,
        prune=ask.get("prune") == "true",
        now=moment(ask.get("now", "2026-01-10 12:00")),
    )
    seen = Seen(pointers={}, built=built, unfinished=())
    try:
        plan = plan_for(project, seen, ask.get("select", "").split(), request)
        told = [shown(step) for step in plan.steps]
    except UsageError as error:
        told = [f"{finding.message} {finding.hint}" for finding in error.findings]
    assert told == case.said("plan").splitlines()
