"""Checks of a wide table that read few of its columns are tried on those alone: binding takes as long as it is wide."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from types import ModuleType

from wherry.checks import KINDS
from wherry.model.asset import Asset, Check, Column
from wherry.plan.recipe import digest
from wherry.project.cache import Cache
from wherry.quoting import full_name, name
from wherry.run.check_plan import at, bad_rows_sql
from wherry.run.trial import tried
from wherry.sql.binder import Binder

#: Tables of fewer columns are bound whole.
WIDE = 20
#: SQL that reads something else, or all columns.
_MORE = re.compile(r"\b(?:select|from|table)\b|\bcolumns\s*\(|\*", re.IGNORECASE)
_MOMENT = datetime(2000, 1, 1)


def holds_of_few(asset: Asset, check: Check, kind: ModuleType, cache: Cache, binder: Callable[[], Binder]) -> bool:
    """Whether a check can run, as few columns tell: only yes is an answer, the whole table tells what is wrong."""
    if len(asset.columns) < WIDE or check.kind not in KINDS or check.needs or check.quarantine:
        return False
    said = f"{check.column} {check.columns} {sorted(check.arguments.items())} {check.where}"
    few = [column for column in asset.columns if column.name.lower() in said.lower()]
    if _MORE.search(said) or not 0 < len(few) <= len(asset.columns) / 4:
        return False
    columns = json.dumps([(column.name, column.type) for column in few])
    key = "few:" + digest(check.kind, said, columns)
    stored = cache.get(key)
    if stored is None:
        stored = {"holds": _holds(replace(asset, name=f"few.t{digest(columns)}"), check, kind, few, binder())}
        cache.put(key, stored)
    return bool(stored["holds"])


def _holds(narrow: Asset, check: Check, kind: ModuleType, few: Sequence[Column], binder: Binder) -> bool:
    try:
        binder.table(replace(narrow, columns=tuple(few)))
        binder.columns(at(bad_rows_sql(check, kind, full_name(narrow.name)), _MOMENT))
        if hasattr(kind, "bad_row"):
            binder.columns(at(of_a_null_row(check, kind.bad_row(check), few), _MOMENT), describe=False)
        return not tried(check, kind, few, binder.row)
    except Exception:  # whatever it is, binding the whole table finds it again and tells it
        return False


def of_a_null_row(check: Check, condition: str, columns: Sequence[Column]) -> str:
    """A condition over one row of nulls: a bound of the wrong type binds, and is refused when it meets a row."""
    nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {name(column.name)}" for column in columns)
    condition = f"({check.where}) AND ({condition})" if check.where else condition
    return f"SELECT {condition} AS bad FROM (SELECT {nulls})"
