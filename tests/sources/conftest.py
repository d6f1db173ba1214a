"""A folder of files, and a short way to read a table from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wherry.ports import Replaced, TableRequest
from wherry.sources.files import source


@dataclass
class Result:
    """Everything that one read gave."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    replaces: list[Replaced | None] = field(default_factory=list)
    cursors: list[dict[str, Any]] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)

    @property
    def cursor(self) -> dict[str, Any] | None:
        return self.cursors[-1] if self.cursors else None


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: str | bytes) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def request(self, name: str, mode: str = "full", **options: Any) -> TableRequest:
        return TableRequest(name=name, mode=mode, options=source.TableOptions(**options))

    @property
    def options(self) -> Any:
        return source.Options(path=str(self.path))

    def read(
        self, name: str, mode: str = "full", cursor: Mapping[str, Any] | None = None, said: Any = None, **options: Any
    ) -> Result:
        result = Result()
        for batch in source.read(said or self.options, self.request(name, mode, **options), cursor):
            table = batch.rows.read_all()
            result.rows += table.to_pylist()
            result.types = {f.name: str(f.type) for f in table.schema}
            rejects = batch.rejects()
            result.rejects += rejects.to_pylist() if rejects is not None else []
            result.replaces.append(batch.replaces)
            result.cursors.append(json.loads(json.dumps(batch.reached())))
        return result

    def changed(self, name: str, mode: str, cursor: Mapping[str, Any] | None, **options: Any) -> str | None:
        return source.changed(self.options, self.request(name, mode, **options), cursor)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")
