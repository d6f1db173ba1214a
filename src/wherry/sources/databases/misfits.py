"""Rows that hold a value which cannot be kept as its column's type: set aside or told of, never changed unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wherry.model.finding import Finding
from wherry.ports import REJECT_COLUMNS
from wherry.sources.databases.problems import warning

if TYPE_CHECKING:
    import pyarrow as pa

#: A value of a row set aside is shown up to this many characters.
_SHOWN = 10_000


class Misfits:
    """What of a table could not be kept as it is."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._rejects: list[dict[str, Any]] = []
        self._emptied: dict[str, tuple[int, str]] = {}

    def reject(self, reason: str, row: Mapping[str, Any], line: int | None = None) -> None:
        """Set a row aside; ``line`` is where the database has it, if it tells."""
        shown = json.dumps({name: _shown(value) for name, value in row.items()}, ensure_ascii=False)
        self._rejects.append(dict(zip(REJECT_COLUMNS, (self._table, line, reason, shown), strict=True)))

    def empty(self, column: str, value: str, count: int) -> None:
        """Tell that so many values, such as ``value``, became null."""
        before, example = self._emptied.get(column, (0, value))
        self._emptied[column] = (before + count, example)

    def rejects(self) -> pa.Table | None:
        """Rows set aside since this was last asked."""
        import pyarrow as pa

        if not self._rejects:
            return None
        rows, self._rejects = self._rejects, []
        schema = pa.schema([(name, pa.int64() if name == "line" else pa.string()) for name in REJECT_COLUMNS])
        return pa.Table.from_pylist(rows, schema=schema)

    def findings(self) -> list[Finding]:
        """What was loaded as null although the database has something there."""
        return [
            warning(
                "emptied",
                f"`{self._table}`: {count} value{'s' if count != 1 else ''} of `{column}`, such as {example}, "
                f"{'are' if count != 1 else 'is'} no date and {'were' if count != 1 else 'was'} loaded as null.",
                "Set `zero_dates: reject` to put such rows aside, or `zero_dates: text` to keep the column as text.",
            )
            for column, (count, example) in self._emptied.items()
        ]


def _shown(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = f"0x{raw[: _SHOWN // 2].hex()}"
    elif value is None or isinstance(value, bool | int | float):
        return value
    else:
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
