"""What changed between two contracts, and whether it breaks those who rely on the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from wherry.contracts.odcs import parts
from wherry.contracts.quality_changes import quality_changes
from wherry.contracts.service_levels import FRESHNESS, Level, levels
from wherry.contracts.types import family, width_change
from wherry.model.dataclass import dataclass

Effect = Literal["breaking", "compatible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference."""

    #: The table, as the contracts call it; empty for the contract as a whole.
    table: str = ""
    column: str = ""
    #: ``removed``, ``added``, ``retyped``, ``narrowed``, ``widened``, ``loosened``, ``tightened`` or ``changed``.
    change: str
    effect: Effect
    #: What it is about: ``table``, ``column``, ``type``, ``required``, ``quality``, ``sla``, ``key``...
    about: str
    message: str
    #: Who reads what it is about: ``schema.table.column``.
    readers: tuple[str, ...] = ()


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every difference that matters to a reader, breaking ones first."""
    changes = [*_tables(before, after), *_levels(before, after), *_contract(before, after)]
    return sorted(changes, key=lambda each: (each.effect != "breaking", each.table, each.column, each.about))


def _tables(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = _named(before, "schema"), _named(after, "schema")
    for key in old:
        if key not in new:
            yield _change(key, "", "removed", "table", f"the table `{key}` is gone")
            continue
        yield from _columns(key, old[key], new[key])
        yield from _rules(key, "", old[key], new[key])
    for key in new:
        if key not in old:
            yield _change(key, "", "added", "table", f"the table `{key}` is new")


def _columns(table: str, before: Mapping[str, Any], after: Mapping[str, Any], within: str = "") -> Iterator[Change]:
    old, new = _named(before, "properties"), _named(after, "properties")
    for key in old:
        name = f"{within}{key}"
        if key not in new:
            yield _change(table, name, "removed", "column", f"the column `{name}` is gone")
            continue
        yield from _column(table, name, old[key], new[key])
    for key in new:
        if key not in old:
            yield _change(table, f"{within}{key}", "added", "column", f"the column `{within}{key}` is new")
    if not within and (_key(before), _key(after)) != ((), ()) and _key(before) != _key(after):
        shown = f"the primary key is {', '.join(_key(after)) or 'no more'}, and was {', '.join(_key(before)) or 'none'}"
        word = "added" if not _key(before) else "changed"
        yield _change(table, "", word, "key", shown)


def _column(table: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    yield from _type(table, name, before, after)
    for key, promise in (("required", "has a value"), ("unique", "is there once")):
        old, new = before.get(key) is True, after.get(key) is True
        if old != new:
            word = "loosened" if old else "tightened"
            no_longer = f"it is no longer promised that `{name}` {promise}"
            yield _change(table, name, word, key, no_longer if old else f"`{name}` now always {promise}")
    yield from _options(table, name, before, after)
    yield from _rules(table, name, before, after)
    yield from _columns(table, before, after, within=f"{name}.")
    one, two = before.get("items"), after.get("items")
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        yield from _column(table, f"{name}[]", one, two)
    if before.get("classification") != after.get("classification"):
        said = (
            f"`{name}` is classified {after.get('classification') or 'as nothing'}, "
            f"and was {before.get('classification') or 'as nothing'}"
        )
        yield Change(
            table=table, column=name, change="changed", effect="compatible", about="classification", message=said
        )


def _type(table: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """The physical type where both say one, else the logical one."""
    old, new = (str(each.get("physicalType") or "") for each in (before, after))
    if old and new:
        how = width_change(old, new)
        if how == "other" and old.lower() != new.lower():
            # Types of other systems that are not known: the logical types decide.
            known = family(old) and family(new)
            same = not known and before.get("logicalType") == after.get("logicalType")
            how = "same" if same else "other"
    else:
        old, new = (str(each.get("logicalType") or "") for each in (before, after))
        how = (
            "same" if old == new or not old or not new else "wider" if (old, new) == ("integer", "number") else "other"
        )
    words = {"wider": "widened", "narrower": "narrowed", "other": "retyped"}
    if how in words:
        yield _change(table, name, words[how], "type", f"`{name}` is {new}, and was {old}")


def _options(table: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """``logicalTypeOptions``: bounds that values keep."""
    old, new = (each.get("logicalTypeOptions") or {} for each in (before, after))
    rising = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
    for key in dict.fromkeys([*old, *new]):
        one, two = old.get(key), new.get(key)
        if one == two:
            continue
        if one is None or two is None:
            word = "tightened" if one is None else "loosened"
        elif isinstance(one, int | float | str) and isinstance(two, type(one)) and (key in rising or "ax" in key):
            grows = bool(two > one)  # type: ignore[operator]
            word = "tightened" if grows == (key in rising) else "loosened"
        else:
            word = "changed"
        yield _change(table, name, word, "values", f"`{key}` of `{name}` is {_or_none(two)}, and was {_or_none(one)}")


def _rules(table: str, column: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for word, message in quality_changes(parts(before, "quality"), parts(after, "quality")):
        yield _change(table, column, word, "quality", f"{message} (`{column or table}`)")


def _levels(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = ({_level_key(level): level for level in levels(each)} for each in (before, after))
    for key, level in old.items():
        about, shown = "sla", level.name
        if key not in new:
            yield _change("", "", "removed", about, f"`{shown}` is promised no more")
            continue
        word = _level_change(level, new[key])
        if word:
            yield _change("", "", word, about, f"`{shown}` is {_said(new[key])}, and was {_said(level)}")
    for key, level in new.items():
        if key not in old:
            yield _change("", "", "added", "sla", f"`{level.name}` is promised: {_said(level)}")


#: Levels that are the better the less they are; of all others more is better.
_LESS_IS_BETTER = (
    *FRESHNESS, "frequency", "timeofavailability", "generalavailability",
    "timetodetect", "timetonotify", "timetorepair",
)  # fmt: skip


def _level_change(old: Level, new: Level) -> str:
    one: Any = old.seconds if old.seconds is not None else old.value
    two: Any = new.seconds if new.seconds is not None else new.value
    if one == two:
        return ""
    try:
        grows = bool(two > one)
    except TypeError:
        return "changed"
    shorter_is_better = (
        *FRESHNESS,
        "frequency",
        "fy",
        "timeofavailability",
        "timetodetect",
        "timetonotify",
        "timetorepair",
    )
    better = grows != (old.name.lower() in shorter_is_better or old.name.lower() == "generalavailability")
    return "tightened" if better else "loosened"


def _said(level: Level) -> str:
    return f"{level.value}{f' {level.unit}' if level.unit else ''}"


def _level_key(level: Level) -> tuple[str, tuple[str, ...]]:
    return level.name.lower(), level.elements


def _contract(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    if before.get("status") != after.get("status"):
        said = f"the status is {after.get('status')}, and was {before.get('status')}"
        ended = str(after.get("status")).lower() in ("deprecated", "retired")
        effect: Effect = "breaking" if str(after.get("status")).lower() == "retired" else "compatible"
        yield Change(change="removed" if ended else "changed", effect=effect, about="status", message=said)
    for key in ("price", "roles", "team", "servers"):
        if before.get(key) != after.get(key):
            yield Change(change="changed", effect="compatible", about=key, message=f"`{key}` is not what it was")


#: A promise less breaks those who relied on it; one more does not.
_BREAKING = ("removed", "retyped", "narrowed", "loosened", "changed")


def _change(table: str, column: str, change: str, about: str, message: str) -> Change:
    effect: Effect = "breaking" if change in _BREAKING else "compatible"
    return Change(table=table, column=column, change=change, effect=effect, about=about, message=message)


def _named(mapping: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """Parts by the name that does not change: the physical one, else the other."""
    named = {}
    for each in parts(mapping, key):
        name = each.get("name") if key == "schema" else each.get("physicalName") or each.get("name")
        if name or each.get("physicalName"):
            named[str(name or each.get("physicalName"))] = each
    return named


def _key(table: Mapping[str, Any]) -> tuple[str, ...]:
    keyed: Sequence[tuple[Any, str]] = [
        (each.get("primaryKeyPosition") or 0, str(each.get("name")))
        for each in parts(table, "properties")
        if each.get("primaryKey") is True
    ]
    return tuple(name for _, name in sorted(keyed, key=lambda pair: pair[0]))


def with_readers(changes: Sequence[Change], readers: Mapping[tuple[str, str], tuple[str, ...]]) -> list[Change]:
    """The changes, each with who reads what it is about."""
    return [replace(change, readers=readers.get((change.table, change.column), ())) for change in changes]


def _or_none(value: Any) -> Any:
    """A value as a person reads it."""
    return "not there" if value is None else value
