"""Write tables as contracts of the Open Data Contract Standard, 3.1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from wherry.contracts.binding import TABLE, part
from wherry.contracts.odcs import API_VERSION
from wherry.contracts.types import agrees, described
from wherry.model.asset import Asset, Check, Column
from wherry.model.contract import Contract
from wherry.model.graph import Graph
from wherry.model.levels import written
from wherry.project.check_form import is_refused

#: A check and its table -> a SELECT of its bad rows; empty for a check that has none.
BadRows = Callable[[Check, str], str]
#: The custom property that keeps a check as wherry has it.
CHECK = "wherry.check"

_FRESH = re.compile(r"within\s+(?:(\d+)\s+)?(second|minute|hour|day|week|month)s?\Z", re.IGNORECASE)
_UNITS = {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "w", "month": "m"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def export_asset(graph: Graph, asset: Asset, project: str, bad_rows: BadRows) -> dict[str, Any]:
    """The contract of a table: the one in ``contracts/`` with what the project says beside it, or a new one."""
    for contract in graph.contracts:
        if any(table.asset.lower() == asset.name.lower() for table in contract.tables):
            return export_contract(graph, contract, bad_rows)
    sound = tuple(check for check in asset.checks if not is_refused(check))
    return _new(replace(asset, checks=sound), project, bad_rows)


def export_contract(graph: Graph, contract: Contract, bad_rows: BadRows) -> dict[str, Any]:
    """A contract's document, whole, with the columns, descriptions and checks that its tables have beside it."""
    document: dict[str, Any] = deepcopy(dict(contract.document))
    for table in contract.tables:
        if not table.asset:
            continue
        asset = graph[table.asset]
        keys: dict[str, Any] = part(document, table.path)  # type: ignore[assignment]
        own = [check for check in asset.checks if check.file != contract.file and not is_refused(check)]
        properties: list[dict[str, Any]] = keys.get("properties") or []
        known = {column.lower(): properties[n] for n, column in enumerate(table.columns) if column and properties}
        # A contract that names no properties promises none.
        for column in asset.columns if properties else ():
            if column.name.lower() not in known:
                properties.append(_property(asset, column, own, bad_rows))
                continue
            _updated(known[column.name.lower()], asset, column, own, bad_rows, str(document.get("apiVersion", "")))
        _add(keys, [_rule(check, asset, bad_rows) for check in own if not check.column and _is_rule(check)])
    return document


def _updated(
    keys: dict[str, Any], asset: Asset, column: Column, own: Sequence[Check], bad_rows: BadRows, version: str
) -> None:
    """Bring a property up to date with its column."""
    logical, physical = str(keys.get("logicalType") or ""), str(keys.get("physicalType") or "")
    if column.type and not agrees(logical, physical, column.type, old=version < "v3.1"):
        for key in ("logicalType", "physicalType", "logicalTypeOptions", "properties", "items"):
            keys.pop(key, None)
        keys.update(described(column.type))
    if column.about and not keys.get("description"):
        keys["description"] = column.about
    mine = [check for check in own if check.column.lower() == column.name.lower()]
    if any(_is_plain(check, "not_null") for check in mine):
        keys["required"] = True
    if any(_is_plain(check, "unique") for check in mine):
        keys["unique"] = True
    _add(keys, [_rule(check, asset, bad_rows) for check in mine if _is_rule(check)])


def _add(keys: dict[str, Any], rules: Iterable[Mapping[str, Any]]) -> None:
    rules = [rule for rule in rules if rule not in keys.get("quality", [])]
    if rules:
        keys["quality"] = [*keys.get("quality", []), *rules]


def _new(asset: Asset, project: str, bad_rows: BadRows) -> dict[str, Any]:
    schema, _, table = asset.name.partition(".")
    about = asset.about.strip()
    keys: dict[str, Any] = {
        "name": table,
        "physicalName": asset.name,
        "logicalType": "object",
        "physicalType": "view" if asset.build.word == "view" and asset.kind == "sql" else "table",
        **({"description": about} if about else {}),
        **({"tags": list(asset.tags)} if asset.tags else {}),
        "properties": [_property(asset, column, asset.checks, bad_rows) for column in asset.columns],
        "customProperties": [{"property": TABLE, "value": asset.name}],
    }
    _add(keys, [_rule(check, asset, bad_rows) for check in asset.checks if not check.column and _is_rule(check)])
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": str(uuid5(NAMESPACE_URL, f"wherry:{project}:{asset.name}")),
        "name": asset.name,
        "version": "1.0.0",
        "status": "active",
        "domain": schema,
    }
    if about:
        document["description"] = {"purpose": about}
    document["schema"] = [keys]
    if asset.owner:
        document["team"] = {"name": asset.owner}
    if (fresh := _FRESH.match(asset.fresh.strip())) is not None:
        level = {"property": "latency", "value": int(fresh[1] or 1), "unit": _UNITS[fresh[2].lower()], "element": table}
        document["slaProperties"] = [level]
    return document


def _property(asset: Asset, column: Column, checks: Sequence[Check], bad_rows: BadRows) -> dict[str, Any]:
    mine = [check for check in checks if check.column.lower() == column.name.lower()]
    key = [each.lower() for each in _key(asset)]
    keys: dict[str, Any] = {"name": column.name, **(described(column.type) if column.type else {})}
    if column.about:
        keys["description"] = column.about
    if column.name.lower() in key:
        keys |= {"primaryKey": True, "primaryKeyPosition": key.index(column.name.lower()) + 1}
    if any(_is_plain(check, "not_null") for check in mine):
        keys["required"] = True
    if any(_is_plain(check, "unique") for check in mine):
        keys["unique"] = True
    if column.tags:
        keys["tags"] = list(column.tags)
    if relations := [each for check in mine if (each := _relation(check))]:
        keys["relationships"] = relations
    _add(keys, [_rule(check, asset, bad_rows) for check in mine if _is_rule(check)])
    return keys


def _key(asset: Asset) -> tuple[str, ...]:
    if asset.build.word == "merge":
        return asset.build.columns
    return asset.source.key if asset.source is not None else ()


def _is_plain(check: Check, kind: str) -> bool:
    """Whether a check holds for every row without exception."""
    whole = check.mostly >= 1 and not check.most and not check.where and not check.sample and not check.levels
    return check.kind == kind and whole and check.severity == "error" and check.when == "before"


def _is_rule(check: Check) -> bool:
    """Whether a check is written as a quality rule, and not as a key of its column."""
    key_of_column = _is_plain(check, "not_null") or (_is_plain(check, "unique") and bool(check.column))
    return not key_of_column and not (_is_plain(check, "refers") and _relation(check))


def _relation(check: Check) -> dict[str, Any]:
    """A foreign key, where its names fit the standard's shorthand."""
    if check.kind != "refers" or not check.column or not _is_plain(check, "refers") or check.arguments.get("there"):
        return {}
    table = str(check.arguments["table"]).rpartition(".")[2]
    column = str((check.arguments.get("columns") or [check.arguments.get("column")])[0])
    if not (_PLAIN.match(table) and _PLAIN.match(column)):
        return {}
    return {"to": f"{table}.{column}", "type": "foreignKey"}


def _rule(check: Check, asset: Asset, bad_rows: BadRows) -> dict[str, Any]:
    """A check as a quality rule: of the standard's library, as SQL, or (when neither can say it) as wherry's own."""
    rule: dict[str, Any] = {"name": check.text}
    if check.severity == "warn":
        rule["severity"] = "warning"
    if check.levels:
        # The standard has one level a rule.
        return {**rule, "type": "custom", "engine": "wherry", "implementation": as_document(check)}
    bound = _bound(check)
    library = _library(check)
    if library and not check.where and not check.sample:
        return {**rule, "type": "library", **library, **(bound if check.kind != "rows" else {})}
    kept = {"property": CHECK, "value": as_document(check)}
    if sql := bad_rows(check, asset.name):
        query = f"SELECT count(*) FROM ({sql})"
        if "unit" in bound:
            query = f"SELECT coalesce(100.0 * ({query}) / nullif((SELECT count(*) FROM {asset.name}), 0), 0)"
        return {**rule, "type": "sql", "query": query, **bound, "customProperties": [kept]}
    return {**rule, "type": "custom", "engine": "wherry", "implementation": as_document(check)}


def _bound(check: Check) -> dict[str, Any]:
    if check.most is not None and check.most > 0:
        return {"mustBeLessOrEqualTo": check.most}
    if check.mostly < 1:
        return {"mustBeLessOrEqualTo": round((1 - check.mostly) * 100, 10), "unit": "percent"}
    return {"mustBe": 0}


def _library(check: Check) -> dict[str, Any]:
    if check.kind == "rows" and "operator" in check.arguments:
        words = {
            "=": "mustBe", "!=": "mustNotBe", "<>": "mustNotBe", ">": "mustBeGreaterThan",
            ">=": "mustBeGreaterOrEqualTo", "<": "mustBeLessThan", "<=": "mustBeLessOrEqualTo",
        }  # fmt: skip
        return {"metric": "rowCount", words[check.arguments["operator"]]: check.arguments["value"]}
    if check.kind == "not_null":
        return {"metric": "nullValues"}
    if check.kind == "in":
        return {"metric": "invalidValues", "arguments": {"validValues": list(check.arguments["values"])}}
    if check.kind == "matches" and isinstance(check.arguments.get("pattern"), str):
        return {"metric": "invalidValues", "arguments": {"pattern": check.arguments["pattern"]}}
    if check.kind == "unique" and check.mostly >= 1 and not check.most and set(check.arguments) == {"columns"}:
        columns = list(check.arguments["columns"])
        return {"metric": "duplicateValues", **({} if check.column else {"arguments": {"properties": columns}})}
    return {}


def as_document(check: Check) -> dict[str, Any]:
    """A check as plain values, without its place."""
    document: dict[str, Any] = {"kind": check.kind, "text": check.text}
    if check.column:
        document["column"] = check.column
    if check.columns:
        document["columns"] = list(check.columns)
    if check.arguments:
        document["arguments"] = deepcopy(dict(check.arguments))
    for key, default in (("mostly", 1.0), ("most", None), ("where", ""), ("when", "before"), ("sample", 0)):
        if (value := getattr(check, key)) != default:
            document[key] = value
    document |= {level: written(must) for level, must in check.levels.items()}
    if check.quarantine:
        document["quarantine"] = True
    return document


def to_yaml(document: Mapping[str, Any]) -> str:
    """A document as text that reads back equal."""
    import yaml

    return str(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100))
