"""The plan for a project as the lake stands."""

from __future__ import annotations

from collections.abc import Sequence

from wherry.errors import WherryError
from wherry.model.asset import Asset
from wherry.model.plan import Built, Plan, Request
from wherry.plan.select import select
from wherry.plan.steps import make_plan
from wherry.plugins import of_plugin
from wherry.run.direct_files import fingerprint
from wherry.run.project import Project
from wherry.run.seen import Seen


def plan_for(project: Project, seen: Seen, words: Sequence[str], request: Request) -> Plan:
    """What a run with these SELECT words would do."""
    graph = project.graph

    def source_changes(asset: Asset, built: Built | None) -> str | None:
        ready = project.sources[asset.name.lower()]
        assert asset.source is not None
        try:
            with of_plugin(asset.source.connector, f"asked for `{asset.source.table}`"):
                return ready.source.changed(ready.options, ready.request, built.cursor if built else None)
        except WherryError:
            return "it could not be looked at"  # loading it says why

    def files(asset: Asset) -> str:
        return fingerprint(asset, project.config.folder)

    def make(selected: set[str]) -> Plan:
        return make_plan(
            graph, seen.built, selected, request, source_changes=source_changes, files=files, owed=seen.owed
        )

    changed: set[str] = set()
    if any("changed" in word.strip("+").lower() for word in words):
        plan = make(set(graph.assets))
        # Of what is held back nobody knows whether it changed.
        moving = (step.name.lower() for step in plan.steps if step.action != "skip" or step.held)
        changed = set(moving) & set(graph.assets)
    return make(select(graph, words, changed=changed))
