"""What a contract promises of tables and what they keep of it now, by the checks that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from typing import Any

from wherry.contracts.binding import attach_contracts, part
from wherry.contracts.odcs import parts
from wherry.contracts.quality_changes import same_rule
from wherry.model.asset import Check
from wherry.model.contract import Contract
from wherry.model.graph import Graph
from wherry.model.levels import LEVELS
from wherry.project.check_form import is_refused

#: Arguments of which the first kind is the stricter the more it is, the second the less.
_RISING, _FALLING = (">", ">=", "low"), ("<", "<=", "high", "seconds")


def promised(graph: Graph, contract: Contract) -> dict[str, list[tuple[str, Check]]]:
    """The checks that a bound contract is, by table (lower case), each with the part of the document that it is of."""
    paths = list(_paths(contract.document))
    # Each part of the document on a line of its own, so that a check tells by its line what it is of.
    lines = {path: (number, 1) for number, path in enumerate(paths, 1)}
    bare = {key: replace(asset, checks=()) for key, asset in graph.assets.items()}
    own = replace(graph, assets=bare, contracts=(), breaches=(), findings=())
    bound = attach_contracts(own, [replace(contract, places=lines)], lambda graph, table, column: ())
    return {
        key: [(paths[check.line - 1], check) for check in asset.checks if check.line and not is_refused(check)]
        for key, asset in bound.assets.items()
        if asset.checks
    }


def without_given_up(graph: Graph, contract: Contract, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document that grew out of the contract's, without what its tables no longer keep."""
    gone: set[str] = set()
    stricter: set[str] = set()
    for key, checks in promised(graph, contract).items():
        have = [each for each in graph.assets[key].checks if not is_refused(each)]
        for path, check in checks:
            if not any(_keeps(each, check) for each in have):
                gone.add(path)
            elif not any(_identity(each) == _identity(check) for each in have):
                stricter.add(path)
    left: dict[str, Any] = deepcopy(dict(document))
    # The last of a list first: the places of the others stay what they are.
    for path in sorted(gone | stricter, key=_by_place, reverse=True):
        if path in gone or _said_anew(left, path):
            _take_out(left, path)
    return left


def _said_anew(document: Mapping[str, Any], path: str) -> bool:
    """Whether a rule that is stricter now stands beside the one that was."""
    above, _, last = path.rpartition("/")
    rules = parts(part(document, above.rpartition("/")[0]), "quality") if above.rpartition("/")[2] == "quality" else ()
    return bool(rules) and same_rule(rules[int(last)], rules[int(last) + 1 :]) is not None


def without_promised(graph: Graph, contract: Contract) -> Graph:
    """The graph without those checks of tables that the contract is about and has by itself."""
    assets = dict(graph.assets)
    for key, checks in promised(graph, contract).items():
        said = [check for _, check in checks]
        kept = tuple(each for each in assets[key].checks if not any(_identity(each) == _identity(c) for c in said))
        assets[key] = replace(assets[key], checks=kept)
    return replace(graph, assets=assets)


def _paths(document: Any, path: str = "") -> Iterator[str]:
    if path:
        yield path
    items = document.items() if isinstance(document, Mapping) else enumerate(document)
    for key, value in items:
        below = f"{path}/{key}" if path else str(key)
        if isinstance(value, Mapping | list):
            yield from _paths(value, below)
        else:
            yield below


def _by_place(path: str) -> list[tuple[bool, int, str]]:
    return [(step.isdecimal(), int(step) if step.isdecimal() else 0, step) for step in path.split("/")]


def _take_out(document: dict[str, Any], path: str) -> None:
    """Take a promise out of a document: a rule, an option, or that it is required, unique or the key."""
    above, _, last = path.rpartition("/")
    if last == "properties":  # no key of several columns any more
        for each in part(document, above).get("properties", ()):
            each.pop("primaryKey", None)
    elif above.rpartition("/")[2] == "quality":
        holder: Any = part(document, above.rpartition("/")[0])
        del holder["quality"][int(last)]
    elif above == "slaProperties":
        del document[above][int(last)]
    elif above.rpartition("/")[2] == "logicalTypeOptions" or last in ("required", "unique", "primaryKey"):
        keys: Any = part(document, above)
        keys.pop(last, None)
        if last == "minLength":  # one check of both
            keys.pop("maxLength", None)


def _keeps(check: Check, other: Check) -> bool:
    """Whether what ``check`` lets pass, ``other`` does too."""
    if _identity(check) == _identity(other):
        return True
    check, other = _at_its_worst(check), _at_its_worst(other)
    if _identity(check, bounds=False) != _identity(other, bounds=False):
        return False
    if check.severity == "warn" and other.severity == "error":
        return False
    if (check.when != "before" and check.when != other.when) or (check.sample and check.sample != other.sample):
        return False
    strict = check.mostly >= other.mostly and check.most is None
    if not strict and (check.mostly, check.most) != (other.mostly, other.most):
        return False
    return _identity(check) == _identity(other) or _inside(check.arguments, other.arguments)


def _at_its_worst(check: Check) -> Check:
    """A check of several levels as one of its worst."""
    if not check.levels:
        return check
    severity = next(level for level in LEVELS if level in check.levels)
    must = check.levels[severity]
    check = replace(check, severity=severity, levels={})
    if "rows" in must:
        most = must["value"] - (must["rows"] == "<")
        return replace(check, most=most) if most > 0 else check
    if "share" in must:
        return replace(check, mostly=float(1 - Fraction(str(must["value"]))))
    return replace(check, arguments={**check.arguments, **must})


def _inside(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the bounds of ``one`` lie within those of ``other``; bounds that are no numbers must be the same."""
    for key in {**one, **other}:
        kind = str(other.get("operator")) if key == "value" else key
        a, b = _number(one.get(key)), _number(other.get(key))
        if one.get(key) == other.get(key) or (key in ("low", "high") and key not in other):
            continue
        if a is None or b is None or not ((kind in _RISING and a >= b) or (kind in _FALLING and a <= b)):
            return False
    return True


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _identity(check: Check, *, bounds: bool = True) -> str:
    """Two checks with the same ask the same of the same; without ``bounds``, but for how much."""
    left = () if bounds else ("value", "low", "high", "seconds")
    asked = {key: value for key, value in check.arguments.items() if key not in left}
    columns = [each.lower() for each in check.columns]
    levels = sorted((level, sorted(must.items())) for level, must in check.levels.items())
    how = [check.severity, check.mostly, check.most, check.when, check.sample, levels] if bounds else []
    return json.dumps(
        [check.kind, check.column.lower(), columns, asked, check.where, *how], sort_keys=True, default=str
    )
