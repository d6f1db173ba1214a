"""One table of a run: load or build it, check it, remember what it became."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wherry.engines.duckdb import DuckDB
from wherry.errors import ProjectError
from wherry.lake.pointer import Pointer, Put, as_put
from wherry.model.asset import Asset, Check
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import SqlCheck
from wherry.model.plan import Built, Request, Step
from wherry.model.run import AssetResult, AssetState, CheckResult
from wherry.plan.recipe import promise, recipe
from wherry.plan.steps import table_step
from wherry.quoting import full_name
from wherry.run.again import reader_of
from wherry.run.bad_rows import bad_rows
from wherry.run.build import Work, build
from wherry.run.direct_files import fingerprint
from wherry.run.failure import explain, placed
from wherry.run.load import Loaded, Loading, load
from wherry.run.project import Project, variables_of
from wherry.run.python_table import python_rows
from wherry.run.reading import reading
from wherry.run.record import from_state, new_version, to_state
from wherry.run.redact import redacted
from wherry.run.refusals import held_against
from wherry.run.rejected import rejected_name
from wherry.run.session import Session
from wherry.run.undecided import newly_undecided
from wherry.sql.statement import body

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.run.inspecting import Inspected, Inspection

Tell = Callable[..., None]


@dataclass(slots=True, kw_only=True)
class Attempt:
    """A run under way: what its threads share."""

    project: Project
    lake: Lake
    session: Session
    request: Request
    tell: Tell
    lineages: dict[str, str]
    promises: dict[str, str]
    #: What the run's branch holds, by lower-case name.
    built: dict[str, Built]
    #: Changes of pointers that need no rows written: views, passed checks. Losing them costs time only.
    pending: dict[str, Put] = field(default_factory=dict)
    #: The branch that it publishes to.
    onto: str = ""
    #: Tables (lower case) that were published by a run which did not ask its later checks.
    owed: Collection[str] = ()
    #: Table (lower case) -> place of a check's result -> rows that broke it.
    bad_rows: dict[str, Mapping[int, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    #: Every cursor that was made, and those of them that no step is using.
    free: list[DuckDB] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def carry_out(self, step: Step) -> AssetResult:
        """Do one step; what goes wrong is in the result."""
        asset = self.project.graph[step.name]
        began = time.perf_counter()
        cursor = self._cursor()
        self.tell("started", name=asset.name)
        try:
            result = self._carry_out(asset, step, cursor)
        except Exception as error:
            findings, fault = explain(error, asset)
            findings = self._placed(findings, asset)
            reason = findings[0].message
            result = AssetResult(name=asset.name, state="failed", reason=reason, findings=findings, fault=fault)
            self.tell("error", error=error)
        finally:
            self.free.append(cursor)
        return replace(result, seconds=round(time.perf_counter() - began, 3))

    def _cursor(self) -> DuckDB:
        with self.lock:
            return self.free.pop() if self.free else self.session.engine.cursor()

    def _carry_out(self, asset: Asset, step: Step, cursor: DuckDB) -> AssetResult:
        key = asset.name.lower()
        before = self.built.get(key)
        loaded: Loaded | None = None
        if asset.kind == "source":
            state, reason, loaded = self._source(asset, step, before, cursor)
            if key not in self.built:
                told = self._placed([without_rows(asset)], asset)
                return AssetResult(name=asset.name, state=state, reason=reason, findings=told)
        else:
            state, reason = self._table(asset, step, before, cursor)
        needed = self._needs_checks(key, state)
        inspected = self._inspect(asset, cursor) if needed else None
        checks, kept = (inspected.results, inspected.kept) if inspected is not None else ((), None)
        bad = [check for check in checks if check.state == "failed"]
        built = self.built[key]
        if any(check.quarantined for check in checks):
            built = replace(built, version=self.session.pointers[key].state["version"])
        if needed and (bad or not built.checked or built.checks != self._promise(key) or built.kept != kept):
            built = replace(built, checked=not bad, checks=self._promise(key), kept=kept)
            self._remember(asset, built)
        gave_nothing = asset.kind == "source" and step.refill and loaded is None
        result = AssetResult(
            name=asset.name,
            findings=self._placed([without_rows(asset)], asset) if gave_nothing else (),
            state=state,
            reason=reason,
            rows=self.session.row_count(asset.name),
            checks=checks,
        )
        if loaded is not None:
            result = replace(
                result,
                rejected=loaded.rejected,
                gone=loaded.gone,
                drifts=tuple(loaded.drifts),
                findings=self._placed(loaded.findings, asset),
            )
        if inspected is not None and inspected.findings:
            result = replace(result, findings=(*result.findings, *inspected.findings))
        return replace(result, state="failed", reason=check_reason(bad), fault=1) if bad else result

    def _placed(self, findings: Iterable[Finding], asset: Asset) -> tuple[Finding, ...]:
        """What a source tells, with the place in its file, and without what a variable of that file holds."""
        variables = variables_of(asset)
        return tuple(redacted(placed(each, asset), variables, self.project.config) for each in findings)

    def _promise(self, key: str) -> str:
        """What the checks of a table are held against now."""
        return promise(self.project.graph.assets[key], self.promises[key], self.built)

    def _needs_checks(self, key: str, state: AssetState) -> bool:
        built = self.built[key]
        return state == "built" or not built.checked or built.checks != self._promise(key) or key in self.owed

    def _inspect(self, asset: Asset, cursor: DuckDB) -> Inspected | None:
        """Hold a table against its checks, but those that are asked after publishing."""
        checks, findings = self._as_it_is(asset, cursor)
        before = [check for check in checks if check.when == "before"]
        if not before:
            return None
        from wherry.run.inspecting import inspect

        inspected = inspect(self._inspection(asset), cursor, before)
        inspected = replace(inspected, findings=(*findings, *self._told(asset, inspected)))
        if inspected.rows:
            with self.lock:
                self.bad_rows[asset.name.lower()] = inspected.rows
        return inspected

    def _told(self, asset: Asset, inspected: Inspected) -> tuple[Finding, ...]:
        """What is wrong with the checks themselves."""
        return (*inspected.findings, *self._placed(newly_undecided(self.project.errors, asset, inspected), asset))

    def _as_it_is(self, asset: Asset, cursor: DuckDB) -> tuple[tuple[Check, ...], tuple[Finding, ...]]:
        """The checks of a table held against the columns that it came to have, where those were not known before."""
        declared = [column for column in asset.columns if column.place[0]]
        if not declared or (asset.bound and asset.kind == "sql"):
            return asset.checks, ()
        self.session.show([asset.name])
        checks, findings = held_against(
            asset, declared, [name for name, _ in cursor.schema(f"FROM {full_name(asset.name)}")]
        )
        return checks, tuple(findings)

    def _inspection(self, asset: Asset) -> Inspection:
        from wherry.run.inspecting import Inspection, finder

        return Inspection(
            session=self.session,
            graph=self.project.graph,
            asset=asset,
            find=finder(self.project.config.folder),
            now=self.request.now,
            built=self.built,
            onto=self.onto,
            again=reader_of(self.project.sources.get(asset.name.lower())),
        )

    def ask_published(self, result: AssetResult, published: Pointer) -> tuple[AssetResult, bool]:
        """Ask of a table what is asked of it once it is published: its result with what was found, and whether the
        checks could be asked at all."""
        asset = self.project.graph[result.name]
        try:
            found = self._inspect_published(asset, published)
        except Exception as error:
            # It is published all the same.
            findings, _ = explain(error, asset)
            self.tell("error", error=error)
            return replace(result, findings=(*result.findings, *findings)), False
        start = len(result.checks)
        self.bad_rows[asset.name.lower()] = {start + place: rows for place, rows in found.rows.items()}
        told = tuple(replace(each, after=True) for each in found.results)
        for verdict in told:
            self.tell("checked", result=verdict, file="")
        findings = (*result.findings, *self._told(asset, found))
        return replace(result, checks=(*result.checks, *told), findings=findings), True

    def _inspect_published(self, asset: Asset, published: Pointer) -> Inspected:
        from wherry.run.inspecting import inspect

        here = self.session.pointers.get(asset.name.lower())
        if here is not None and (here.location, here.sql) == (published.location, published.sql):
            return inspect(self._inspection(asset), self.session.engine, asset.later_checks)
        # A newer one is on the run's branch, and did not pass.
        with reading(self.project.config, self.lake, self.onto) as read:
            states = {key: from_state(pointer.state) for key, pointer in read.session.pointers.items()}
            built = {key: state for key, state in states.items() if state is not None}
            work = replace(self._inspection(asset), session=read.session, built=built)
            return inspect(work, read.session.engine, asset.later_checks)

    def _remember(self, asset: Asset, built: Built) -> None:
        """Note a new state of a pointer whose rows stay as they are."""
        key = asset.name.lower()
        pointer = self.session.pointers[key]
        state = {**pointer.state, **to_state(built)}
        if not built.partial:
            state.pop("partial", None)
        with self.lock:
            self.built[key] = built
            put = self.pending.get(key) or Put(name=pointer.full_name, kind=pointer.kind)
            self.pending[key] = replace(put, state=state)

    def bad_rows_of(self, check: SqlCheck) -> list[dict[str, Any]]:
        """The first rows that a file of SQL returns."""
        return bad_rows(self.session.engine, body(check.text))

    def remember_failed(self, name: str) -> None:
        """A check that came later failed on this table."""
        self._remember(self.project.graph[name], replace(self.built[name.lower()], checked=False))

    def _source(
        self, asset: Asset, step: Step, before: Built | None, cursor: DuckDB
    ) -> tuple[AssetState, str, Loaded | None]:
        key = asset.name.lower()
        if step.action == "skip":
            return "skipped", step.reason, None
        ready = self.project.sources[key]
        built = Built(
            version=new_version(),
            recipe=asset.meaning,
            lineage=self.lineages[key],
            meaning=asset.meaning,
            word="source",
            checked=False,
            checks=self._promise(key),
            kept=before.kept if before is not None else None,
        )
        loading = Loading(
            asset=asset,
            step=step,
            source=ready.source,
            options=ready.options,
            request=ready.request,
            before=None if step.refill or (before is not None and before.word == "foreign") else before,
            built=built,
        )
        loaded = load(
            self.session,
            cursor,
            loading,
            lambda rows, size, all_rows, share: self.tell(
                "progress", name=asset.name, rows=rows, bytes=size, expected=all_rows, share=share
            ),
        )
        if loaded is None and before is None:
            return "skipped", "its source has no rows yet", None
        if loaded is None:
            if before is not None and before.partial:
                self._remember(asset, replace(before, partial=False))
            return "skipped", "there was nothing new after all", None
        self._remember(asset, replace(loaded.built, checked=not self._promise(key)))
        return "built", step.reason, loaded

    def _table(self, asset: Asset, planned: Step, before: Built | None, cursor: DuckDB) -> tuple[AssetState, str]:
        key = asset.name.lower()
        files = fingerprint(asset, self.project.config.folder)
        # Its inputs are settled now; what looked like a change may not have been one.
        step = table_step(asset, before, self.lineages[key], self.request, self.built, {}, files)
        if step.refused:
            finding = Finding(code="needs-full", message=f"`{asset.name}` is not built: {step.reason}.")
            raise ProjectError(findings=[finding])
        if step.give_up:
            before = self._give_up(asset)
        if step.action == "skip":
            return "skipped", planned.reason if planned.action == "skip" else "its inputs did not change after all"
        if missing := [name for name in asset.inputs if name.lower() not in self.built]:
            message = f"`{missing[0]}`, which `{asset.name}` reads, is not built yet."
            finding = Finding(code="not-built", message=message, hint=f"Run `wherry run +{asset.name}`.")
            raise ProjectError(findings=[finding])
        wanted = recipe(asset, {name.lower(): self.built[name.lower()].version for name in asset.inputs}, files)
        backfill = self.request.start or self.request.until
        built = Built(
            version=wanted if asset.build.word == "view" else new_version(),
            # A backfill fills what was asked for only: what changed elsewhere is still to be built.
            recipe=before.recipe if before is not None and backfill and not step.refill else wanted,
            lineage=self.lineages[key],
            meaning=asset.meaning,
            word=asset.build.word,
            filled=before.filled if before is not None and not step.refill else (),
            checks=self._promise(key),
            checked=not self._promise(key),
            kept=before.kept if before is not None else None,
            made_of={name.lower(): self.built[name.lower()].short for name in asset.inputs}
            if before is None or not backfill or step.refill
            else before.made_of,
        )
        if asset.build.word == "view":
            self._view(asset, built)
        elif not self._rows(asset, step, built, before, cursor):
            assert before is not None
            self._remember(asset, replace(built, version=before.version, filled=before.filled))
            return "skipped", "its rows did not change"
        else:
            state = self.session.pointers[key].state
            self.built[key] = from_state(state) or built
        return "built", step.reason if planned.action == "skip" else planned.reason

    def _give_up(self, asset: Asset) -> Built | None:
        """Take the run's branch back to what is published of a table; what is remembered of that."""
        key = asset.name.lower()
        ground = self.lake.base_pointers(self.session.branch).get(key)
        puts = [as_put(ground) if ground is not None else Put(name=asset.name, kind="dropped")]
        base, beside = self.lake.base_pointers(self.session.branch), rejected_name(asset.name)
        if beside.lower() in self.session.pointers or beside.lower() in base:
            # Rows that it rejected meanwhile were never published either.
            other = base.get(beside.lower())
            puts.append(as_put(other) if other is not None else Put(name=beside, kind="dropped"))
        self.lake.put(self.session.branch, puts, author="", message=f"give up what was gathered in {asset.name}")
        self.session.built(asset.name)
        self.session.built(beside)
        before = from_state(ground.state) if ground is not None else None
        with self.lock:
            self.built.pop(key)
            if before is not None:
                self.built[key] = before
        return before

    def _view(self, asset: Asset, built: Built) -> None:
        functions = [self.project.graph.functions[name].text for name in asset.functions]
        state = {**to_state(built), "inputs": list(asset.inputs), "functions": functions}
        schema, _, table = asset.name.partition(".")
        pointer = Pointer(namespace=schema, name=table, kind="view", sql=body(asset.text), state=state)
        self.session.set_view(pointer)
        with self.lock:
            self.built[asset.name.lower()] = built
            self.pending[asset.name.lower()] = Put(name=asset.name, kind="view", sql=pointer.sql, state=state)

    def _rows(self, asset: Asset, step: Step, built: Built, before: Built | None, cursor: DuckDB) -> bool:
        pointer = self.session.pointers.get(asset.name.lower())
        self.session.show(asset.inputs)
        for name in asset.functions:
            self.session.define(self.project.graph.functions[name].text)

        def work(select: str) -> Work:
            return Work(
                asset=asset,
                step=step,
                select=select,
                built=built,
                now=self.request.now,
                exists=pointer is not None and pointer.kind == "table",
            )

        if asset.kind == "sql":
            return build(self.session, cursor, work(body(asset.text)))
        with python_rows(self.session, cursor, asset, self.project.config.folder) as select:
            return build(self.session, cursor, work(select))


def without_rows(asset: Asset) -> Finding:
    """What is told where a source gave neither rows nor columns."""
    return Finding(
        code="no-rows",
        message=f"The source has no rows for `{asset.name}`, and does not tell its columns: the table is as it was.",
        hint="Its columns come with its first row. Where the source takes `types:`, those make them now.",
        severity="warning",
    )


def check_reason(bad: list[CheckResult]) -> str:
    """Why a table failed, from the checks that did."""
    first = bad[0]
    what = f"{first.column}: {first.check}" if first.column else first.check
    found = first.error or first.why or f"{first.failing} bad row{'' if first.failing == 1 else 's'}"
    more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"check failed: {what} ({found}){more}"
