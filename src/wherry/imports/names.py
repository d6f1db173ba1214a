"""What other tools call a table, and which table of the project that is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from wherry.model.asset import Asset
from wherry.project.nearest import nearest


class Names:
    """The project's tables by every name that a file of another tool may use for them."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._full: dict[str, str] = {}
        self._last: dict[str, list[str]] = defaultdict(list)
        for asset in assets:
            self._full[asset.name.lower()] = asset.name
            self._last[asset.name.lower().rpartition(".")[2]].append(asset.name)
            if asset.source is not None:
                # What a source calls a table is another name of it.
                table = asset.source.table.lower()
                self._full.setdefault(f"{asset.source.source.lower()}.{table}", asset.name)
                self._full.setdefault(table, asset.name)

    def find(self, written: str) -> tuple[str, ...]:
        """The tables that are meant: one, none, or several when the name does not tell them apart.

        ``schema.table`` in full, or the table alone where only one schema has it; a database's or a data source's name
        before them is left out. ``%`` and ``*`` stand for any text.
        """
        parts = [
            part.strip().strip('"`[]') for part in re.split(r"[./](?=(?:[^\"]*\"[^\"]*\")*[^\"]*\Z)", written.lower())
        ]
        if "%" in written or "*" in written:
            pattern = ".".join(parts).replace("%", "*")
            names = self._full if "." in pattern else self._last
            return tuple(
                dict.fromkeys(
                    name
                    for key, value in names.items()
                    if fnmatchcase(key, pattern)
                    for name in (value if isinstance(value, list) else [value])
                )
            )
        if len(parts) > 1 and (found := self._full.get(".".join(parts[-2:]))):
            return (found,)
        if ".".join(parts) in self._full:
            return (self._full[".".join(parts)],)
        # A path names its schema as another system does; the table is still that of the name, where there is one.
        return tuple(self._last.get(parts[-1], ())) if len(parts) == 1 or "/" in written else ()

    def one(self, written: str, others: Mapping[str, str] | None = None) -> str:
        """The table that is meant, or the empty string. ``others`` are names that count before the project's own."""
        if others and (found := others.get(written.lower())):
            return found
        names = self.find(written)
        return names[0] if len(names) == 1 else ""

    def near(self, written: str, otherwise: str = "See `wherry show`.") -> str:
        """A hint that names the table most like what is written, by its full name or by its last part."""
        last = written.rpartition(".")[2].rpartition("/")[2]
        for word, choices in ((written, list(self._full)), (last, list(self._last))):
            if found := nearest(word, choices):
                name = self._full.get(found) or self._last[found][0]
                return f"Did you mean `{name}`?"
        return otherwise
