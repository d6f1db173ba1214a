"""What decides which rows a source's table has, in one word: when it is another, the table is loaded anew.

How its rows are fetched (a password, a time to wait, the size of a batch) decides nothing of that.
"""

from __future__ import annotations

from typing import Any

from wherry.model.asset import Asset
from wherry.model.unshown import without_passwords
from wherry.project.cache import digest

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


def source_meaning(asset: Asset) -> str:
    """The meaning of a source's table."""
    source = asset.source
    assert source is not None
    if source.connector == "lake":
        return "lake"  # it is what was imported, whatever is said of it
    how = _HOW.get(source.connector, frozenset())
    options = {key: value for key, value in sorted(source.options.items()) if key not in how}
    of_table = {key: value for key, value in sorted(source.table_options.items()) if key not in how}
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
    )


def _told(value: Any) -> str:
    return without_passwords(repr(value))
