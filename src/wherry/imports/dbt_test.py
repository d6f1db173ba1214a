"""One test of dbt: its name, arguments and config, in every form that dbt accepts; and its verdict as checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from wherry.imports import Mistaken, NotUnderstood
from wherry.imports.making import Making
from wherry.imports.threshold import Threshold, parse
from wherry.model.asset import Check
from wherry.model.dataclass import dataclass

CONFIG_KEYS = (
    "severity", "where", "warn_if", "error_if", "limit", "fail_calc", "enabled", "store_failures", "store_failures_as",
    "tags", "meta", "group", "alias", "database", "schema", "sql_header",
)  # fmt: skip
_ABOUT = ("name", "description", "test_name", "config", "arguments")
_ANY = Threshold(operator="!=", value=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test as it is written under a column or a model."""

    __test__ = False  # not one of pytest's

    #: For example ``not_null`` or ``dbt_utils.accepted_range``.
    kind: str
    #: What people call it; empty when it has no name of its own.
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """What a test looks for."""

    #: A SELECT of what fails, with ``{table}`` where the model goes.
    sql: str
    #: The check of ours that fails exactly when the SELECT has a row.
    native: Callable[[Making], Check] | None = None
    #: Whether it counts as many bad rows as the SELECT has.
    counts: bool = False
    #: Other tables that the SELECT reads.
    tables: tuple[str, ...] = ()
    #: SQL aggregate over the SELECT that is the number of failures.
    calc: str = "count(*)"


def read_test(item: Any) -> Test:
    """A test out of the list of a column or model. Raises ``NotUnderstood``."""
    if isinstance(item, str):
        return Test(kind=item)
    if not isinstance(item, Mapping) or not item:
        raise Mistaken("it is neither a name nor a mapping")
    if "test_name" in item:
        kind, keys = str(item["test_name"]), item
    elif len(item) == 1:
        ((kind, keys),) = item.items()
    else:
        # A name with its config beside it, rather than below.
        kind = next((key for key in item if key not in (*CONFIG_KEYS, *_ABOUT)), "")
        inside = item.get(kind)
        keys = {**{key: item[key] for key in item if key != kind}, **(inside if isinstance(inside, Mapping) else {})}
    if not isinstance(keys, Mapping | None) or not kind:
        raise Mistaken("its arguments are no mapping")
    keys = dict(keys or {})
    nested = keys.get("arguments")
    given = {key: value for key, value in keys.items() if key not in (*CONFIG_KEYS, *_ABOUT)}
    config = {key: keys[key] for key in CONFIG_KEYS if key in keys}
    if isinstance(keys.get("config"), Mapping):
        config.update(keys["config"])
    return Test(
        kind=kind,
        name=str(keys.get("name") or ""),
        arguments={**given, **(nested if isinstance(nested, Mapping) else {})},
        config=config,
    )


def checks_of(test: Test, failing: Failing, making: Making) -> list[Check]:
    """The checks whose verdicts are those of dbt: an error when ``error_if`` holds, else a warning when ``warn_if``."""
    config = test.config
    errors, warnings = _condition(config, "error_if"), _condition(config, "warn_if")
    if str(config.get("severity") or "error").lower() == "warn":
        return [_check(failing, warnings, config, replace(making, severity="warn"))]
    made = [_check(failing, errors, config, making)]
    if warnings != errors:
        made.append(_check(failing, warnings, config, replace(making, severity="warn")))
    return made


def _condition(config: Mapping[str, Any], key: str) -> Threshold:
    written = config.get(key)
    if written is None:
        return _ANY
    parsed = parse(str(written))
    if parsed is None or parsed[1]:
        raise Mistaken(f"`{key}: {written}` is no comparison with a number")
    return parsed[0]


def _check(failing: Failing, bad: Threshold, config: Mapping[str, Any], making: Making) -> Check:
    """A check that fails when the number of failures is ``bad``."""
    must = bad.inverse()
    limit, calc = config.get("limit"), str(config.get("fail_calc") or failing.calc)
    tolerated = must.rows_at_most()
    plain = calc.replace(" ", "") == "count(*)" and tolerated is not None
    if plain and limit is None and failing.native is not None and (tolerated == 0 or failing.counts):
        return failing.native(replace(making, most=tolerated or None))
    if not failing.sql:
        raise NotUnderstood("it has one verdict, and no failures to count")
    if plain and limit is None:
        return replace(making, most=tolerated or None).query(failing.sql, making.text, tables=failing.tables)
    rows = f"({failing.sql})" if limit is None else f"(SELECT * FROM ({failing.sql}) LIMIT {int(limit)})"
    # No failures at all is 0, whatever is calculated from them.
    measured = f"SELECT coalesce({calc}, 0) FROM {rows}"
    check = making.number(measured, must, making.text)
    return replace(check, arguments={**check.arguments, **({"tables": list(failing.tables)} if failing.tables else {})})


def listed(value: Any) -> Sequence[Any]:
    """A list, or one value as a list; none for nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
