from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from run_folder import Folder

from fixtures.commands import wherry

__all__ = ["wherry"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Folder]]:
    """Makes as many projects as a test of many examples wants."""
    made: list[Folder] = []

    def make() -> Folder:
        for old in made[:-1]:
            with suppress(Exception):
                old.close()
        made.append(Folder(tmp_path_factory.mktemp("project")))
        return made[-1]

    yield make
    for old in made:
        old.close()
