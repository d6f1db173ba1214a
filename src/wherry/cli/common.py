"""What every verb takes, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wherry.model.dataclass import dataclass

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config
    from wherry.run.project import Project

#: What a verb does when the git branch, or WHERRY_BRANCH, names a branch that the lake does not have: reads ``main``
#: and says so, makes it, refuses, or takes ``main`` without a word.
Missing = Literal["read", "make", "refuse", "ignore"]
VARIABLE = "WHERRY_BRANCH"


@dataclass(slots=True, kw_only=True)
class Place:
    """The project, environment and branch that a verb is about, and whether it answers in JSON."""

    folder: Path | None
    env: str
    #: ``--branch`` as typed.
    typed: str | None
    as_json: bool
    missing: Missing = "read"
    #: The branch that is meant, whether or not the lake has it; known once ``config`` was called.
    wanted: str = ""
    #: The branch of the lake to read or write; known once ``lake`` was entered.
    branch: str = "main"

    def config(self) -> Config:
        from wherry.run.project import open_config

        config = open_config(self.folder, self.env)
        if not self.wanted:
            self.branch = self.wanted = self._wanted(config)
        return config

    def _wanted(self, config: Config) -> str:
        """``--branch``, else WHERRY_BRANCH, else the lake's branch for the git branch, else ``main``."""
        if said := self.typed or config.variables.get(VARIABLE, ""):
            return said
        from wherry.project.config import FILE
        from wherry.project.git import checkout, lake_branch

        found = checkout(config.folder, FILE)
        if found is not None and found.branch is None:
            self.note(f"git's HEAD is detached: the lake's branch is main. --branch or {VARIABLE} names another.")
        return lake_branch(found.branch) if found is not None and found.branch else "main"

    @contextmanager
    def lake(self, config: Config) -> Iterator[Lake]:
        """The project's lake, closed afterwards; made when it is not there."""
        from wherry.run.project import open_lake

        with open_lake(config) as lake:
            if self.typed is None and self.branch != "main":
                self._find_branch(lake)
            yield lake

    def _find_branch(self, lake: Lake) -> None:
        from wherry.errors import NoSuchBranch

        wanted = self.branch
        if any(info.name == wanted for info in lake.branches()):
            return
        if self.missing == "refuse":
            raise NoSuchBranch(
                f"The lake has no branch `{wanted}` yet.",
                hint=f"`wherry branch {wanted}` or a first `wherry run` makes it; --branch main means main.",
            )
        if self.missing == "make":
            from wherry.run.runner import author

            lake.create_branch(wanted, author=author())
            self.note(f"Made branch {wanted} from main.")
            return
        self.branch = "main"
        if self.missing == "read":
            self.note(f"The lake has no branch `{wanted}` yet: reading main. The first `wherry run` makes it.")

    @contextmanager
    def existing_lake(self, config: Config) -> Iterator[Lake | None]:
        """The project's lake, or None when nothing was ever run."""
        if not config.has_database:
            yield None
            return
        with self.lake(config) as lake:
            yield lake

    def project(self, config: Config, lake: Lake | None, *, online: bool = False) -> Project:
        """The project, understood; ``online`` where its sources will be asked."""
        from wherry.run.project import open_project

        return open_project(config, lake, self.branch, online=online)

    def answer(self, document: Any) -> None:
        """The one JSON document on standard output."""
        click.echo(json.dumps(document, indent=None, default=str, ensure_ascii=False))

    def note(self, words: str) -> None:
        """Something to know, beside the answer."""
        click.echo(words, err=True)


def about_project(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of every verb and, as its first argument, their ``Place``."""
    return about_branch("read")(function)


def about_branch(missing: Missing) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``about_project`` for a verb that does something else than read when the branch is not there yet."""

    def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option(
            "--project",
            "folder",
            type=click.Path(path_type=Path, file_okay=False),
            help="The project's folder (default: here or above).",
        )
        @click.option("--env", default="", help="The [env.NAME] of wherry.toml to use.")
        @click.option("--branch", help=f"The branch of the lake (default: {VARIABLE}, the git branch, or main).")
        @click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")
        @wraps(function)
        def command(folder: Path | None, env: str, branch: str | None, as_json: bool, **others: Any) -> Any:
            return function(Place(folder=folder, env=env, typed=branch, as_json=as_json, missing=missing), **others)

        return command

    return with_options


def counted(count: int, what: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def rows_moved(before: int | None, after: int | None) -> str:
    """``3 → 5 rows (+2)``, ``5 rows``; empty where the lake does not count them."""
    if before is None or after is None:
        known = after if after is not None else before
        return "" if known is None else counted(known, "row")
    if before == after:
        return counted(after, "row")
    return f"{before:,} → {counted(after, 'row')} ({after - before:+,})"


def plain(value: Any) -> Any:
    """A value that JSON has no form for, in one that it has; a decimal is a number where that keeps it exactly."""
    from base64 import b64encode
    from decimal import Decimal

    if isinstance(value, Decimal) and value.is_finite():
        if value == value.to_integral_value() and value.as_tuple().exponent >= 0:  # type: ignore[operator]
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def short_time(at: str) -> str:
    """The lake's time as people read it, UTC."""
    return at[:19].replace("T", " ")


def moment(_: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """Read an option as a date or moment, UTC without a zone."""
    from datetime import UTC, datetime

    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"`{value}` is no date; write it as 2026-01-31 or 2026-01-31T10:00.") from None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read
