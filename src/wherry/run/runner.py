"""Bring a branch of the lake up to date: plan, build in parallel on a branch of the run's own, publish at once."""

from __future__ import annotations

import getpass
import os
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wherry.engines.duckdb import DuckDB
from wherry.errors import Conflict
from wherry.lake.pointer import Put, as_put, same
from wherry.model.asset import Check
from wherry.model.dataclass import dataclass
from wherry.model.graph import Graph, SqlCheck
from wherry.model.plan import Plan, Request, Step
from wherry.model.run import AssetResult, AssetState, CheckResult, Event, Run, RunState
from wherry.plan.recipe import lineages, promises
from wherry.run.load import REJECTS
from wherry.run.lock import Held, run_lock
from wherry.run.owed import Owed
from wherry.run.planning import plan_for
from wherry.run.project import Project
from wherry.run.publishing import publishable, run_sql_checks
from wherry.run.rejected import REJECTED
from wherry.run.replace import NEW
from wherry.run.schedule import carry_out_all
from wherry.run.seen import WORK, Seen, see, see_work
from wherry.run.session import Session
from wherry.run.step import Attempt, check_reason
from wherry.run.undecided import undecided
from wherry.state.bad_rows import BAD_ROWS, crowd_out, event_body
from wherry.state.runs import add_events, close_killed, end_run, note_run, start_run

if TYPE_CHECKING:
    from wherry.lake.lake import Lake

#: How often a run builds again what others changed on the branch before it could publish.
REBASES = 2


def nobody(kind: str, **what: object) -> None:
    """Listen to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run, beside what."""

    branch: str = "main"
    #: SELECT words; empty: everything.
    words: Sequence[str] = ()
    jobs: int = 0
    #: Publish each table as it passes instead of all at the end.
    publish_each: bool = False
    author: str = field(default_factory=lambda: author())


def run(project: Project, lake: Lake, request: Request, options: RunOptions, tell: Callable[..., None] = nobody) -> Run:
    """Carry out what is to be done on ``options.branch``. What failed is in the result; nothing half is published.

    ``tell`` hears ``planned``, ``started``, ``progress``, ``finished``, ``published``, ``moved``. Raises ``LakeError``
    when another run is under way there, ``Conflict`` when others change again and again what it builds.
    """
    project.expect_buildable()
    lake.storage.check()
    with run_lock(lake.database, options.branch, options.author) as lock:
        return _Run(project, lake, request, options, tell, lock).go()


class _Run:
    def __init__(
        self,
        project: Project,
        lake: Lake,
        request: Request,
        options: RunOptions,
        tell: Callable[..., None],
        lock: Held,
    ) -> None:
        self.project, self.lake, self.request, self.options, self.tell = project, lake, request, options, tell
        self.lock = lock
        self.graph: Graph = project.graph
        self.id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.run = Run(
            id=self.id,
            branch=options.branch,
            work_branch=WORK + self.id,
            state="running",
            started_at=_stamp(),
            author=options.author,
            fault=0 if options.words else self.graph.fault,
        )
        self.results: dict[str, AssetResult] = {}
        self.events: list[Event] = []
        #: Whether the run's branch was made from that of a run that did not finish.
        self.continues = False
        self.commit = ""
        self.owed = Owed.of(self.graph, {})

    def go(self) -> Run:
        close_killed(self.lake.database, self.options.branch, _stamp())
        seen = see(self.lake, self.options.branch)
        if seen.unfinished:
            self._continue(seen)
            seen = see_work(self.lake, self.run.work_branch, self.options.branch)
        plan = plan_for(self.project, seen, self.options.words, self.request)
        self.tell("planned", plan=plan)
        self.owed = Owed.of(self.graph, seen.owed)
        self.run = replace(self.run, owed=self.owed.versions)
        start_run(self.lake.database, self.run, os.getpid())
        state: RunState = "killed"
        try:
            if self._settled(plan, seen):
                for step in plan.steps:
                    self._finish(AssetResult(name=step.name, state="skipped", reason=step.reason))
                state = "failed" if self.run.fault else "done"
                if self.continues:
                    self._close_branch()
            else:
                plan, state = self._until_published(plan, seen)
        except Exception:
            state = "failed"
            raise
        finally:
            self.run = replace(self._so_far(plan), state=state, ended_at=_stamp())
            self._write_events()
            end_run(self.lake.database, self.run)
        return self.run

    def _so_far(self, plan: Plan) -> Run:
        """What is known of the run by now."""
        ordered = [self.results[s.name.lower()] for s in plan.steps if s.name.lower() in self.results]
        return replace(self.run, commit=self.commit, assets=tuple(ordered), owed=self.owed.versions)

    def _until_published(self, plan: Plan, seen: Seen) -> tuple[Plan, RunState]:
        """Build and publish; what moved on the branch meanwhile is built again on what is there by then."""
        for _ in range(REBASES):
            try:
                return plan, self._carry_out(plan, seen)
            except Conflict as conflict:
                self.tell("moved", reason=str(conflict))
                self.events.append(Event(run=self.id, at=_stamp(), kind="moved", body={"reason": str(conflict)}))
            before, self.results = self.results, {}
            seen = self._start_again()
            plan = plan_for(self.project, seen, self.options.words, self.request)
            kept = {step.name.lower() for step in plan.steps if step.action == "skip" and not step.only_checks}
            self.results = {key: result for key, result in before.items() if key in kept and result.state == "built"}
        return plan, self._carry_out(plan, seen)

    def _start_again(self) -> Seen:
        """Go on from the newest state of the branch with what was built on ground that did not move."""
        old, self.run = self.run, replace(self.run, work_branch=f"{WORK}{self.id}-{secrets.token_hex(2)}")
        self._take_over(old.work_branch)
        return see_work(self.lake, self.run.work_branch, self.options.branch)

    @staticmethod
    def _settled(plan: Plan, seen: Seen) -> bool:
        """Whether nothing is to be built, checked or published."""
        return all(step.action == "skip" and not step.only_checks and not step.held for step in plan.steps) and not any(
            built.unpublished for built in seen.built.values()
        )

    def _carry_out(self, plan: Plan, seen: Seen) -> RunState:
        if not self.continues:
            work = self.run.work_branch
            self.lake.create_branch(work, parent=self.options.branch, author=self.options.author)
        engine = DuckDB(folder=self.project.config.folder, scratch=self.project.config.scratch)
        attempt = Attempt(
            project=self.project,
            lake=self.lake,
            session=Session(self.lake, self.run.work_branch, engine),
            request=self.request,
            tell=self.tell,
            lineages=lineages(self.graph),
            promises=promises(self.graph),
            built=dict(seen.built),
            onto=self.options.branch,
            owed=self.owed.versions,
        )
        try:
            self._drop(plan, attempt)
            self._build(plan, attempt)
            for check, verdict, keys in list(run_sql_checks(self.graph, attempt, self.results)):
                self._judge(attempt, check, verdict, keys)
            self._publish(attempt)
            self._check_published(plan, attempt)
        finally:
            engine.close()
        self._close_branch()
        bad = self.run.fault or any(result.state in ("failed", "blocked") for result in self.results.values())
        return "failed" if bad else "done"

    def _continue(self, seen: Seen) -> None:
        """Take over what an unfinished run left; it is as good as built here."""
        self._take_over(seen.unfinished[0])
        for other in seen.unfinished[1:]:
            self.lake.drop_branch(other)

    def _take_over(self, old: str) -> None:
        """Make this run's branch from the newest state of the branch with what stands on ground that did not move."""
        work, onto, author = self.run.work_branch, self.options.branch, self.options.author
        self.lake.continue_branch(old, work, onto=onto, author=author)
        own, base = self.lake.own_pointers(work), self.lake.base_pointers(work)
        # Whether a table is to go is for this run's files to say.
        gone = [as_put(base[k]) for k, p in own.items() if p.kind == "dropped" and k in base and base[k].state]
        if gone:
            self.lake.put(work, gone, author=author, message="what was dropped and not published", run=self.id)
        # Rows that were rejected from a table whose ground moved are given up with it.
        alone = [k for k in own if k.endswith(REJECTED) and k.removesuffix(REJECTED) not in own]
        if alone:
            puts = [as_put(base[k]) if k in base else Put(name=own[k].full_name, kind="dropped") for k in alone]
            self.lake.put(work, puts, author=author, message="rejected rows of tables that others changed", run=self.id)
        self.continues = True

    def _close_branch(self) -> None:
        """Drop the run's branch when it holds nothing that is still to be published."""
        work = self.run.work_branch
        base = self.lake.base_pointers(work)
        if all(same(pointer, base.get(key)) for key, pointer in self.lake.own_pointers(work).items()):
            self.lake.drop_branch(work)

    def _drop(self, plan: Plan, attempt: Attempt) -> None:
        for step in plan.steps:
            if step.name.lower() in self.graph.assets:
                continue
            if step.action == "drop":
                pointers = attempt.session.pointers
                for key in (step.name.lower() + end for end in ("", REJECTS, REJECTED)):
                    if key in pointers:
                        attempt.pending[key] = Put(name=pointers[key].full_name, kind="dropped")
            state: AssetState = "dropped" if step.action == "drop" else "failed" if step.held else "skipped"
            self._finish(AssetResult(name=step.name, state=state, reason=step.reason, fault=step.fault))

    def _build(self, plan: Plan, attempt: Attempt) -> None:
        steps = {s.name.lower(): s for s in plan.steps if s.name.lower() in self.graph.assets}
        # Files of SQL check their tables at the end.
        together = {name.lower() for check in self.graph.checks for name in check.inputs}

        def settled(key: str, result: AssetResult) -> None:
            self._finish(result)
            if result.state == "blocked":
                return
            self._keep_bad_rows(attempt, key)
            if self.options.publish_each and key not in together:
                self._publish(attempt, only=[key])

        carry_out_all(
            self.graph,
            steps,
            self.options.jobs or min(os.cpu_count() or 1, 8),
            attempt.carry_out,
            blocked=lambda step: self._blocked(step, attempt),
            settled=settled,
            interrupt=attempt.session.engine.interrupt,
        )

    def _blocked(self, step: Step, attempt: Attempt) -> AssetResult | None:
        if step.held:
            state: AssetState = "failed" if self.graph[step.name].held else "blocked"
            return AssetResult(name=step.name, state=state, reason=step.reason, fault=step.fault)
        for name in self.graph[step.name].inputs:
            result = self.results.get(name.lower())
            if result is not None and result.state in ("failed", "blocked"):
                reason = f"{name} {'failed' if result.state == 'failed' else 'is blocked'}"
                return AssetResult(name=step.name, state="blocked", reason=reason)
            if result is not None and result.state == "skipped" and name.lower() not in attempt.built:
                return AssetResult(name=step.name, state="skipped", reason=f"{name} has no rows yet")
        return None

    def _finish(self, result: AssetResult) -> None:
        if result.state == "skipped" and (before := self.results.get(result.name.lower())):
            result = before  # built before the branch moved, and still good
        self.results[result.name.lower()] = result
        if result.state != "skipped" or result.checks:
            body = {
                "reason": result.reason,
                "rows": result.rows,
                "seconds": result.seconds,
                "rejected": result.rejected,
                "gone": result.gone,
            }
            for drift in result.drifts:
                self.events.append(Event(run=self.id, at=_stamp(), kind="drift", asset=result.name, body=asdict(drift)))
            self.events.append(Event(run=self.id, at=_stamp(), kind=result.state, asset=result.name, body=body))
            if len(self.events) >= 100:
                self._write_events()
        self.tell("finished", result=result)

    def _write_events(self) -> None:
        add_events(self.lake.database, self.events)
        crowd_out(self.lake.database, self.options.branch, {e.asset for e in self.events if e.kind == BAD_ROWS})
        self.events = []

    def _keep_bad_rows(self, attempt: Attempt, key: str) -> None:
        """Rows that broke a check stay with the run, for when its branch is gone."""
        for place, rows in attempt.bad_rows.pop(key, {}).items():
            name, body = self.graph.assets[key].name, event_body(place, rows)
            self.events.append(Event(run=self.id, at=_stamp(), kind=BAD_ROWS, asset=name, body=body))

    def _check_published(self, plan: Plan, attempt: Attempt) -> None:
        """Ask the checks that are asked of what is published; what they find is told, and blocks nothing."""
        due = self.owed.due(self.lake, self.options.branch, self.results)
        if due:
            # Should this be killed, it is known what was published and what was not asked.
            self._write_events()
            note_run(self.lake.database, self._so_far(plan))
        for key, published in due.items():
            self.results[key], asked = attempt.ask_published(self.results[key], published)
            self._keep_bad_rows(attempt, key)
            if asked:
                self.owed.asked(key)

    def _judge(self, attempt: Attempt, check: SqlCheck, verdict: CheckResult, keys: Sequence[str]) -> None:
        """Add the verdict of a file of SQL to the tables it is about; when it failed, they are not to be published."""
        self.tell("checked", result=verdict, file=check.file)
        rows = attempt.bad_rows_of(check) if verdict.failing else []
        # Held against a table that failed by itself, the others are not at fault; they wait for it.
        failed = {key for key in keys if self.results[key].state == "failed"}
        if verdict.error:
            asked = Check(kind="sql", text=check.name, file=check.file, line=1)
            told = undecided(asked, verdict.error, self.graph.assets[keys[0]])
            self.results[keys[0]] = replace(self.results[keys[0]], findings=(*self.results[keys[0]].findings, told))
        for key in keys:
            if rows:
                attempt.bad_rows[key] = {len(self.results[key].checks): rows}
                self._keep_bad_rows(attempt, key)
            result = replace(self.results[key], checks=(*self.results[key].checks, verdict))
            self.results[key] = result
            if verdict.state == "failed" and not failed:
                attempt.remember_failed(result.name)
                reason = check_reason([replace(verdict, check=check.file)])
                self._finish(replace(result, state="failed", reason=reason, fault=1))

    def _publish(self, attempt: Attempt, only: Collection[str] | None = None) -> None:
        with attempt.lock:
            pending = {k: p for k, p in attempt.pending.items() if only is None or k in only}
            for key in pending:
                del attempt.pending[key]
        author, work = self.options.author, self.run.work_branch
        if pending:
            self.lake.put(work, list(pending.values()), author=author, message="states of the run", run=self.id)
        names, held = publishable(self.graph, self.lake, work, self.results, only)
        for name, reason in held.items():
            result = self.results.get(name.lower())
            if result is not None and result.state not in ("failed", "blocked") and only is None:
                self._finish(replace(result, state="blocked", reason=reason))
        if not names:
            return
        self.lock.expect()
        if self.owed.add(names, attempt.built):
            note_run(self.lake.database, replace(self.run, owed=self.owed.versions))
        message = f"run {self.id}: {_counted(names)}"
        commit = self.lake.merge(
            work, onto=self.options.branch, only=names, author=author, message=message, run=self.id
        )
        if commit is not None:
            self.commit = commit.id
            self.tell("published", commit=commit)


def _counted(names: Collection[str]) -> str:
    # A place that a load began at, and another took, is nobody's table.
    shown = sorted(name for name in names if not name.endswith(NEW)) or sorted(names)
    return ", ".join(shown) if len(shown) <= 3 else f"{', '.join(shown[:2])} and {len(shown) - 2} more"


def author() -> str:
    """Who commits: the name of the account."""
    with suppress(Exception):
        return getpass.getuser()
    return "unknown"


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exit_code(run: Run) -> int:
    """0 done, 1 the data is at fault, 2 the project is, 3 wherry is: the gravest of all tables."""
    faults = (result.fault or int(result.state in ("failed", "blocked")) for result in run.assets)
    return max((run.fault, *faults))
