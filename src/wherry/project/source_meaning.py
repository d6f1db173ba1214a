"""What decides which rows a source's table has, in one word: when it is another, the table is loaded anew.

How its rows are fetched (a password, a time to wait, the size of a batch) decides nothing of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wherry.model.asset import Asset, SourceTable
from wherry.project.cache import digest

#: The password of an address. Not to the last @ of the word: what is behind the host says which rows.
_PASSWORD = re.compile(r"""(://[^\s/?#'":@]*:)(?!\$\{)[^\s/?#'"]*@""")

_DATABASE = frozenset(("connect_timeout", "batch_rows", "parallel", "lookback", "deletes"))
#: By connector, the options of a file or a table that say only how.
_HOW = {
    **dict.fromkeys(("postgres", "mysql", "mariadb", "sqlite", "sql"), _DATABASE),
    "rest": frozenset(("auth", "rate", "attempts", "patience", "timeout", "hosts", "longest", "commit_every")),
    "files": frozenset(
        (
            *("password", "private_key", "passphrase", "host_key", "token", "certificate", "expands_to"),
            *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
            *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_KEY"),
            *("GOOGLE_ACCESS_KEY_ID", "GOOGLE_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"),
        )
    ),
}


def source_meaning(asset: Asset, siblings: Mapping[str, SourceTable]) -> str:
    """The meaning of a source's table; ``siblings`` are the tables of its file, by the names that they have there."""
    source = asset.source
    assert source is not None
    if source.connector == "lake":
        return "lake"  # it is what was imported, whatever is said of it
    how = _HOW.get(source.connector, frozenset())
    options = {key: value for key, value in sorted(source.options.items()) if key not in how}
    of_table = {key: _asked(key, value) for key, value in sorted(source.table_options.items()) if key not in how}
    return digest(
        source.connector,
        source.table,
        source.mode,
        source.cursor,
        *source.key,
        *(f"only={column}" for column in source.only),
        *(f"{key}={_told(value)}" for key, value in options.items()),
        *(f"table.{key}={value!r}" for key, value in of_table.items()),
        *(f"{column.name}:{column.type}" for column in asset.columns if column.type),
        *_goes_through(source, siblings),
    )


def through(source: SourceTable) -> bool:
    """Whether rows of another table of the same file lead to those of this one."""
    return source.connector == "rest" and any(source.table_options.get(key) for key in ("each", "unnest"))


def parent(siblings: Mapping[str, SourceTable], source: SourceTable | None) -> str:
    """The table of the same file whose rows lead to those of ``source``; empty for none that is known."""
    return _parent(source, siblings) if source is not None and through(source) else ""


def _goes_through(source: SourceTable, siblings: Mapping[str, SourceTable]) -> Iterator[str]:
    """Of an API's table that goes on from a cursor: what is asked for of the tables whose rows lead to its own.

    One that is read whole is compared with what it was, and needs none of it.
    """
    if source.connector != "rest" or source.mode == "full":
        return
    seen = {source.table}
    while (name := _parent(source, siblings)) and name not in seen:
        seen.add(name)
        source = siblings[name]
        yield f"through={name} {source.cursor} {source.key}"
        options = sorted(source.table_options.items())
        yield from (f"{key}={_asked(key, value)!r}" for key, value in options if key != "types")


def _parent(source: SourceTable, siblings: Mapping[str, SourceTable]) -> str:
    """The table of the same file whose rows this one goes through; empty for none."""
    each, unnest = source.table_options.get("each"), source.table_options.get("unnest")
    if isinstance(unnest, str) and unnest:
        return max((name for name in siblings if unnest.startswith(f"{name}.")), key=len, default="")
    name = each.get("table") if isinstance(each, Mapping) else each
    return name if isinstance(name, str) and name in siblings else ""


def _asked(option: str, value: Any) -> Any:
    """An option of a table without what it says of how far back to look again."""
    if option != "since" or not isinstance(value, Mapping):
        return value
    return {key: each for key, each in value.items() if key != "lookback"}


def _told(value: Any) -> str:
    return _PASSWORD.sub(r"\1***@", repr(value))
