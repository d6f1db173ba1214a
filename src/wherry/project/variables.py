"""The environment that a project's files may name with ``${NAME}``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path


class Variables(Mapping[str, str]):
    """Variables by name; where only ``NAME_FILE`` is set, ``NAME`` is the text of that file, read when it is asked for.

    That is how containers are given secrets. The newline at the file's end is not part of it.
    """

    def __init__(self, given: Mapping[str, str], folder: Path) -> None:
        self._given, self._folder = dict(given), folder

    def __getitem__(self, name: str) -> str:
        if name not in self._given:
            try:
                self._given[name] = self._file(name).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError):
                raise KeyError(name) from None
        return self._given[name]

    def __contains__(self, name: object) -> bool:
        return name in self._given or (isinstance(name, str) and name in self._names_of_files())

    def __iter__(self) -> Iterator[str]:
        yield from self._given
        yield from (name for name in self._names_of_files() if name not in self._given)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def with_more(self, more: Mapping[str, str]) -> Variables:
        """The same and ``more``."""
        return Variables({**self._given, **more}, self._folder)

    def hint(self, name: str) -> str:
        """What to do about a variable that is not there."""
        if path := self._given.get(f"{name}_FILE"):
            return f"{name}_FILE is set, and there is no readable file at {path}."
        return "Set it in the environment or in .env."

    def _file(self, name: str) -> Path:
        path = self._given.get(f"{name}_FILE")
        if not path:
            raise KeyError(name)
        return self._folder / path

    def _names_of_files(self) -> list[str]:
        named = [name.removesuffix("_FILE") for name in self._given if name.endswith("_FILE") and len(name) > 5]
        return [name for name in named if self._is_file(name)]

    def _is_file(self, name: str) -> bool:
        try:
            return self._file(name).is_file()
        except (OSError, KeyError, ValueError):
            return False
