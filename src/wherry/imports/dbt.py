"""Files of dbt: ``schema.yml`` with generic tests, and singular tests, with the verdicts that dbt gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wherry.imports import Imported, Mistaken, NotUnderstood, not_imported
from wherry.imports.dbt_generic import meaning
from wherry.imports.dbt_jinja import has_jinja, rendered
from wherry.imports.dbt_test import CONFIG_KEYS, Failing, Test, checks_of, listed, read_test
from wherry.imports.levels import with_levels
from wherry.imports.making import Making
from wherry.model.asset import Check
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml
from wherry.project.nearest import nearest
from wherry.sql.statement import body

_KINDS = ("models", "seeds", "snapshots")
#: Keys with lists in which tests stand, and others with lists that look like them.
_HOLDING = ("columns", "tests", "data_tests", "versions")
_OTHERS = ("unit_tests", "dimensions", "exposures")


def recognises(document: Any) -> bool:
    """Whether a document is a ``schema.yml``."""
    if not isinstance(document, Mapping) or "connector" in document:
        return False
    return any(isinstance(document.get(kind), list) for kind in (*_KINDS, "sources"))


def read(text: str, file: str) -> list[Imported]:
    """The tests of a ``schema.yml``, by table."""
    return read_located(read_yaml(text, file=file), file)


def read_located(located: Located, file: str) -> list[Imported]:
    """``read`` for a document that was read already; what is wrong with its YAML comes along."""
    broken = [Imported(table="", findings=located.findings)] if located.findings else []
    document = located.value if isinstance(located.value, Mapping) else {}
    reading = _Reading(located, file)
    reading.misspelt("", document, "", (*_KINDS, "sources"))
    for kind in _KINDS:
        for index, model in _mappings(document.get(kind)):
            reading.model(str(model.get("name") or ""), model, f"{kind}/{index}")
    for index, source in _mappings(document.get("sources")):
        reading.misspelt("", source, f"sources/{index}", ("tables",))
        for number, table in _mappings(source.get("tables")):
            name = f"{source.get('name')}.{table['name']}" if table.get("name") else ""
            reading.model(name, table, f"sources/{index}/tables/{number}")
    for kind in ("unit_tests", "metrics", "exposures", "semantic_models", "macros"):
        if kind == "unit_tests" and document.get(kind):
            reading.refuse("", kind, "`unit_tests` were not taken over: write them in tests/.")
    return broken + reading.imported()


class _Reading:
    def __init__(self, located: Located, file: str) -> None:
        self.located, self.file = located, file
        self.checks: dict[str, list[Check]] = {}
        self.findings: dict[str, list[Finding]] = {}

    def imported(self) -> list[Imported]:
        tables = dict.fromkeys([*self.checks, *self.findings])
        return [
            Imported(
                table=table, checks=tuple(self.checks.get(table, ())), findings=tuple(self.findings.get(table, ()))
            )
            for table in tables
        ]

    def model(self, name: str, model: Mapping[str, Any], path: str) -> None:
        if not name:
            self.refuse("", path, "Tests were not taken over: they have no `name` of a table.", Mistaken("no name"))
            return
        versions = list(_mappings(model.get("versions")))
        if not versions:
            self.tests(name, model, path, "")
            self.columns(name, model, path)
            return
        for index, version in versions:
            here, at = f"{name}_v{version.get('v')}", f"{path}/versions/{index}"
            own = any(key in version for key in ("tests", "data_tests"))
            self.tests(here, version if own else model, at if own else path, "")
            self.version_columns(here, model, version, path, at)

    def version_columns(
        self, name: str, model: Mapping[str, Any], version: Mapping[str, Any], path: str, at: str
    ) -> None:
        """A version has the columns it names, and those of the model that it includes (all, when it says nothing)."""
        own = {
            str(column.get("name")): index for index, column in _mappings(version.get("columns")) if "name" in column
        }
        rule = next((each for _, each in _mappings(version.get("columns")) if "include" in each), {"include": "all"})
        include, exclude = rule.get("include", "all"), [str(each) for each in listed(rule.get("exclude"))]
        for index, column in _mappings(model.get("columns")):
            column_name = str(column.get("name"))
            included = include in ("all", "*") or column_name in listed(include)
            if included and column_name not in exclude and column_name not in own:
                self.tests(name, column, f"{path}/columns/{index}", column_name)
        for column_name, index in own.items():
            self.tests(name, version["columns"][index], f"{at}/columns/{index}", column_name)

    def columns(self, name: str, model: Mapping[str, Any], path: str) -> None:
        for index, column in _mappings(model.get("columns")):
            self.tests(name, column, f"{path}/columns/{index}", str(column.get("name") or ""))

    def misspelt(self, table: str, holder: Mapping[str, Any], path: str, known: tuple[str, ...]) -> None:
        """Tell of keys that dbt passes over, with the tests below them."""
        for key, value in holder.items():
            like = nearest(str(key), known) if isinstance(value, list) and key not in (*known, *_OTHERS) else ""
            if like:
                problem = Mistaken("there is no such key", f"Did you mean `{like}`?")
                self.refuse(table, f"{path}/{key}".lstrip("/"), f"`{key}` was not taken over: {problem}.", problem)

    def tests(self, table: str, holder: Mapping[str, Any], path: str, column: str) -> None:
        self.misspelt(table, holder, path, _HOLDING)
        if holder.get("constraints"):
            why = "in dbt it is the database that keeps them; write them as tests"
            self.refuse(table, f"{path}/constraints", f"`constraints` were not taken over: {why}.")
        for key in ("tests", "data_tests"):
            for index, item in enumerate(listed(holder.get(key))):
                at = f"{path}/{key}/{index}"
                try:
                    self.checks.setdefault(table, []).extend(self._made(item, at, column))
                except NotUnderstood as problem:
                    shown = item if isinstance(item, str) else next(iter(item), "") if item else ""
                    self.refuse(table, at, f"`{shown}` was not taken over: {problem}.", problem)

    def _made(self, item: Any, path: str, column: str) -> list[Check]:
        test = read_test(item)
        if test.config.get("enabled") is False:
            raise NotUnderstood("it is not enabled")
        failing = meaning(test, column)
        where = str(test.config.get("where") or "")
        if has_jinja(where):
            raise NotUnderstood("its `where` has Jinja in it")
        shown = test.name or test.kind
        making = Making(file=self.file, line=self.located.at(path)[0], text=shown, where=where)
        return with_levels(checks_of(test, failing, making))

    def refuse(self, table: str, path: str, message: str, problem: NotUnderstood | None = None) -> None:
        told = not_imported(message, self.file, *self.located.at(path), problem)
        self.findings.setdefault(table, []).append(told)


def read_singular(text: str, file: str) -> list[tuple[str, str, str]]:
    """Name, SQL of bad rows and severity of each check that a singular test is: two when it warns before it fails.

    Its tables stand in the SQL as dbt calls them. Raises ``NotUnderstood`` for Jinja that needs dbt.
    """
    sql, config = rendered(text)
    config = {key: value for key, value in config.items() if key in CONFIG_KEYS}
    if str(config.get("enabled", "true")).lower() == "false":
        raise NotUnderstood("it is not enabled")
    name = file.rpartition("/")[2].rpartition(".")[0]
    if not any(key in config for key in ("error_if", "warn_if", "limit", "fail_calc")):
        warns = str(config.get("severity", "error")).lower() == "warn"
        return [(name, sql, "warn" if warns else "error")]
    made = checks_of(Test(kind=name, config=config), Failing(sql=body(sql)), Making(file=file, line=1, text=name))
    return [
        (f"{name} (warning)" if check.severity == "warn" and len(made) > 1 else name, _with_most(check), check.severity)
        for check in made
    ]


def _with_most(check: Check) -> str:
    """The SELECT of a check, which has rows only where there are more than may be."""
    sql = str(check.arguments["sql"])
    return f"SELECT * FROM ({sql}) QUALIFY count(*) OVER () > {check.most}" if check.most else sql


def _mappings(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, item in enumerate(value if isinstance(value, list) else []):
        if isinstance(item, Mapping):
            yield index, item
