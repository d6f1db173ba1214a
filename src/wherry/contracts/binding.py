"""Bind contracts to the project's tables: their checks, what they say of them, and where the tables are not so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from wherry.contracts.columns import column_checks, primary_key, relationships
from wherry.contracts.odcs import custom, parts, words
from wherry.contracts.quality import quality
from wherry.contracts.service_levels import FRESHNESS, about, levels
from wherry.contracts.types import agrees
from wherry.imports.binding import bind_checks
from wherry.imports.making import Making
from wherry.imports.names import Names
from wherry.model.asset import Asset, Check, Column
from wherry.model.contract import Breach, Contract, ContractTable
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.model.graph import Graph
from wherry.project.check_form import refused
from wherry.project.nearest import did_you_mean

#: Column -> the columns of other tables (``schema.table.column``) that are made from it.
Readers = Callable[[Graph, str, str], tuple[str, ...]]
#: The custom property that names the project's table.
TABLE = "wherry.table"


def attach_contracts(graph: Graph, contracts: Iterable[Contract], readers: Readers) -> Graph:
    """The graph with contracts bound: checks on their tables, owner, freshness and descriptions where the tables' own
    files say none, breaches and findings."""
    work = _Work(graph, readers)
    bound = [work.contract(contract) for contract in contracts]
    return replace(
        graph,
        assets=work.assets,
        contracts=(*graph.contracts, *bound),
        breaches=(*graph.breaches, *work.breaches),
        findings=(*graph.findings, *work.findings, *map(_told, work.breaches)),
    )


def _told(breach: Breach) -> Finding:
    hint = breach.hint
    if breach.readers:
        more = f" and {len(breach.readers) - 5} more" if len(breach.readers) > 5 else ""
        hint = f"{hint} Read by {', '.join(breach.readers[:5])}{more}.".strip()
    place = {"file": breach.file, "line": breach.line, "column": breach.column}
    return Finding(code="broken-contract", message=breach.message, hint=hint, **place)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Work:
    graph: Graph
    readers: Readers
    assets: dict[str, Asset] = field(init=False)
    names: Names = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assets, self.names = dict(self.graph.assets), Names(self.graph.assets.values())

    def contract(self, contract: Contract) -> Contract:
        objects = [self._bound(contract, table) for table in contract.tables]
        contract = replace(contract, tables=tuple(objects))
        # What the contract calls its tables counts before the project's own names.
        called = {alias.lower(): each.asset for each in objects if each.asset for alias in aliases(contract, each)}
        for table in objects:
            if table.asset:
                _Table(self, contract, table, called).read()
        return contract

    def _bound(self, contract: Contract, table: ContractTable) -> ContractTable:
        keys = part(contract.document, table.path)
        found = self._table(contract, keys)
        if len(found) != 1:
            self._unbound(contract, table, found)
            return table
        asset = self.assets[found[0].lower()]
        have = {column.name.lower(): column.name for column in asset.columns}
        columns = []
        for prop in parts(keys, "properties"):
            spoken = [str(prop[key]) for key in ("physicalName", "name") if prop.get(key)]
            columns.append(next((have[each.lower()] for each in spoken if each.lower() in have), ""))
        return replace(table, asset=asset.name, columns=tuple(columns))

    def _table(self, contract: Contract, keys: Mapping[str, Any]) -> tuple[str, ...]:
        if isinstance(named := custom(keys, TABLE), str):
            return self.names.find(named)
        schemas = [str(server["schema"]) for server in parts(contract.document, "servers") if server.get("schema")]
        found: tuple[str, ...] = ()
        for key in ("physicalName", "name"):
            if written := keys.get(key):
                tries = [written, *(f"{schema}.{written}" for schema in schemas)]
                for each in tries:
                    found = self.names.find(str(each).replace("%", "").replace("*", "")) or found
                    if len(found) == 1:
                        return found
        return found

    def _unbound(self, contract: Contract, table: ContractTable, found: Sequence[str]) -> None:
        line, column = contract.at(table.path + "/name")
        if found:
            message = f"`{table.name}` of this contract may be {' or '.join(f'`{name}`' for name in found)}."
            hint = f"Say which, in its customProperties: {{property: {TABLE}, value: {found[0]}}}."
        else:
            message = f"There is no table `{table.name}`: nothing that this contract says of it is checked."
            say = f"Name the table in its customProperties: {{property: {TABLE}, value: schema.table}}."
            hint = self.names.near(table.name, say)
        self.findings.append(
            Finding(
                code="unbound-contract",
                severity="warning",
                message=message,
                hint=hint,
                file=contract.file,
                line=line,
                column=column,
            )
        )


@dataclass(slots=True)
class _Table:
    """One table of a contract and the project's table it is about."""

    work: _Work
    contract: Contract
    table: ContractTable
    called: Mapping[str, str]
    #: Columns of another type than was promised: checks that are meant for that type say nothing of them.
    retyped: set[str] = field(default_factory=set)

    @property
    def asset(self) -> Asset:
        return self.work.assets[self.table.asset.lower()]

    def read(self) -> None:
        keys = part(self.contract.document, self.table.path)
        properties = parts(keys, "properties")
        columns = self._columns(properties)
        self._fill(keys, properties, columns)
        checks = [*self._checks(keys, properties, columns), *self._relationships(keys), *self._levels(columns)]
        bound, findings = bind_checks(self.asset, checks, self.work.names, self.called)
        self.work.findings.extend(findings)
        key = self.table.asset.lower()
        self.work.assets[key] = replace(self.asset, checks=(*self.asset.checks, *bound))

    def _columns(self, properties: Sequence[Mapping[str, Any]]) -> list[str]:
        """The column of each property; a breach for each that the table lacks, and for each of another type."""
        types = {column.name: column.type for column in self.asset.columns}
        columns = []
        for index, (prop, column) in enumerate(zip(properties, self.table.columns, strict=True)):
            path = f"{self.table.path}/properties/{index}"
            said = str(prop.get("physicalName") or prop.get("name") or "")
            if not column:
                # A table whose columns are not known yet may have it.
                columns.append("" if self.asset.bound else said)
                if self.asset.bound and said:
                    self._missing(path, said)
                continue
            logical, physical = str(prop.get("logicalType") or ""), str(prop.get("physicalType") or "")
            old = str(self.contract.document.get("apiVersion", "")) < "v3.1"
            if types[column] and not agrees(logical, physical, types[column], old=old):
                self._retyped(path, column, physical or logical, types[column])
                self.retyped.add(column)
            columns.append(column)
        return columns

    def _missing(self, path: str, column: str) -> None:
        have = [each.name for each in self.asset.columns]
        message = f"`{self.asset.name}` has no column `{column}`, which the contract `{self.contract.name}` promises."
        self._breach("missing-column", f"{path}/name", column, message, did_you_mean(column, have))

    def _retyped(self, path: str, column: str, promised: str, found: str) -> None:
        message = (
            f"`{self.asset.name}.{column}` is {found}, and the contract `{self.contract.name}` promises {promised}."
        )
        key = "physicalType" if f"{path}/physicalType" in self.contract.places else "logicalType"
        self._breach("retyped", f"{path}/{key}", column, message, "Cast it in the SELECT, or change the contract.")

    def _breach(self, change: str, path: str, column: str, message: str, hint: str) -> None:
        line, across = self.contract.at(path)
        self.work.breaches.append(
            Breach(
                contract=self.contract.name,
                file=self.contract.file,
                line=line,
                column=across,
                table=self.asset.name,
                table_column=column,
                change=change,
                message=message,
                hint=hint,
                readers=self.work.readers(self.work.graph, self.asset.name, column),
            )
        )
        broken = refused(f"contract {self.contract.name}", message, file=self.contract.file, line=line)
        key = self.table.asset.lower()
        self.work.assets[key] = replace(self.asset, checks=(*self.asset.checks, replace(broken, column=column)))

    def _fill(self, keys: Mapping[str, Any], properties: Sequence[Mapping[str, Any]], columns: list[str]) -> None:
        """What the table's own file leaves out."""
        asset = self.asset
        said = {column.lower(): prop for column, prop in zip(columns, properties, strict=True) if column}

        def filled(column: Column) -> Column:
            prop = said.get(column.name.lower())
            if prop is None:
                return column
            tags = [*column.tags, *words(prop, "tags")]
            if prop.get("classification"):
                tags.append(str(prop["classification"]))
            about = column.about or str(prop.get("description") or "")
            return replace(column, about=about, tags=tuple(dict.fromkeys(tags)))

        self.work.assets[asset.name.lower()] = replace(
            asset,
            about=asset.about or str(keys.get("description") or ""),
            owner=asset.owner or owner(self.contract.document),
            tags=tuple(dict.fromkeys([*asset.tags, *words(keys, "tags"), *words(self.contract.document, "tags")])),
            fresh=asset.fresh or self._fresh(),
            columns=tuple(filled(column) for column in asset.columns),
        )

    def _fresh(self) -> str:
        return next((level.within for level, _ in self._freshness() if level.within), "")

    def _freshness(self) -> list[tuple[Any, str]]:
        alone, names = len(self.contract.tables) == 1, aliases(self.contract, self.table)
        found = [(level, about(level, names, alone=alone)) for level in levels(self.contract.document)]
        return [(level, column) for level, (ours, column) in found if ours and level.name.lower() in FRESHNESS]

    def at(self, path: str) -> Making:
        return Making(file=self.contract.file, line=self.contract.at(path)[0])

    def _checks(
        self, keys: Mapping[str, Any], properties: Sequence[Mapping[str, Any]], columns: list[str]
    ) -> list[Check]:
        path, found = self.table.path, self.work.findings
        key, types = primary_key(properties, columns), {each.name: each.type for each in self.asset.columns}
        checks = [self.at(f"{path}/properties").unique(key)] if key else []
        for index, (prop, column) in enumerate(zip(properties, columns, strict=True)):
            below = f"{path}/properties/{index}"
            if column:
                made = list(quality(prop, below, column, self.table.name, self.at, found))
                made += column_checks(prop, below, column, self.at, key=key, kind=types.get(column, ""))
                checks.extend(made if column not in self.retyped else [])
                found.extend(self._within(prop, below))
        checks.extend(quality(keys, path, "", self.table.name, self.at, found))
        return checks

    def _within(self, prop: Mapping[str, Any], path: str) -> Iterator[Finding]:
        """A finding for each rule about a part of a column: what lies within a struct or list is not checked."""
        nested = [(part_, f"{path}/properties/{index}") for index, part_ in enumerate(parts(prop, "properties"))]
        nested += [(prop["items"], f"{path}/items")] if isinstance(prop.get("items"), Mapping) else []
        for keys, below in nested:
            if any(rule.get("type") != "text" for rule in parts(keys, "quality")):
                line, column = self.contract.at(f"{below}/quality")
                yield Finding(
                    code="not-imported",
                    severity="warning",
                    message="Rules about a part of a column are not checked.",
                    hint="Write them as `type: sql`, beside the column.",
                    file=self.contract.file,
                    line=line,
                    column=column,
                )
            yield from self._within(keys, below)

    def _relationships(self, keys: Mapping[str, Any]) -> list[Check]:
        """A foreign key to a table of the project; one to any other is only kept."""
        checks = []
        for path, start, to in relationships(keys, self.table.path):
            here = [self._column(self.table, name.rpartition(".")[2]) for name in start]
            there = [self._target(name) for name in to]
            tables = {table for table, _ in there}
            if all(here) and len(tables) == 1 and all(table and column for table, column in there):
                checks.append(self.at(path).refers(here, tables.pop(), [column for _, column in there]))
        return checks

    def _target(self, written: str) -> tuple[str, str]:
        """The table and column that a relationship is to; empty where it is not one of the project's."""
        if "/" in written:
            steps = written.strip("/").split("/")
            if "#" in written or len(steps) != 4 or steps[0] != "schema":
                return "", ""
            table, column = steps[1], steps[3]
        else:
            table, _, column = written.rpartition(".")
        for other in self.contract.tables:
            keys = part(self.contract.document, other.path)
            if other.asset and table in (keys.get("id"), keys.get("name"), keys.get("physicalName")):
                return other.asset, self._column(other, column)
        found = self.work.names.one(table)
        return found, column if found else ""

    def _column(self, table: ContractTable, written: str) -> str:
        """The column of a table that a property of that id or name is."""
        properties = parts(part(self.contract.document, table.path), "properties")
        for prop, column in zip(properties, table.columns, strict=True):
            if written in (prop.get("id"), prop.get("name"), prop.get("physicalName")):
                return column
        return "" if properties else written

    def _levels(self, columns: Sequence[str]) -> list[Check]:
        """Freshness of a column that the contract names; it warns, since old rows are better than none."""
        checks = []
        lower = {column.lower() for column in columns}
        for level, column in self._freshness():
            if column and column.lower() in lower and level.seconds:
                making = replace(self.at(level.path), severity="warn")
                text = f"fresh {level.within}"
                checks.append(making.check("fresh", {"seconds": level.seconds}, text, column=column))
        return checks


def aliases(contract: Contract, table: ContractTable) -> list[str]:
    """What the contract calls a table."""
    keys = part(contract.document, table.path)
    names = [table.asset, *(str(keys[key]) for key in ("name", "physicalName", "id") if keys.get(key))]
    return [name for name in dict.fromkeys(names) if name]


def owner(document: Mapping[str, Any]) -> str:
    """Who owns what the contract is about: the team's name, or the member whose role says so."""
    team = document.get("team")
    members = parts(document, "team") if isinstance(team, list) else parts(team, "members")
    if isinstance(team, Mapping) and team.get("name"):
        return str(team["name"])
    owners = [each for each in members if "owner" in str(each.get("role", "")).lower() and not each.get("dateOut")]
    return next((str(each.get("username") or each.get("name")) for each in owners), "")


def part(document: Any, path: str) -> Mapping[str, Any]:
    """The mapping at a path of the document; an empty one when there is none."""
    for step in path.split("/"):
        if isinstance(document, list):
            document = document[int(step)]
        elif isinstance(document, Mapping):
            document = document.get(step)
    return document if isinstance(document, Mapping) else {}
