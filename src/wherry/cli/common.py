"""What every verb takes, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from wherry.lake.lake import Lake
    from wherry.project.config import Config
    from wherry.run.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The project, environment and branch that a verb is about, and whether it answers in JSON."""

    folder: Path | None
    env: str
    branch: str
    as_json: bool

    def config(self) -> Config:
        from wherry.run.project import open_config

        return open_config(self.folder, self.env)

    @contextmanager
    def lake(self, config: Config) -> Iterator[Lake]:
        """The project's lake, closed afterwards; made when it is not there."""
        from wherry.run.project import open_lake

        with open_lake(config) as lake:
            yield lake

    @contextmanager
    def existing_lake(self, config: Config) -> Iterator[Lake | None]:
        """The project's lake, or None when nothing was ever run."""
        if not config.has_database:
            yield None
            return
        with self.lake(config) as lake:
            yield lake

    def project(self, config: Config, lake: Lake | None) -> Project:
        from wherry.run.project import open_project

        return open_project(config, lake, self.branch)

    def answer(self, document: Any) -> None:
        """The one JSON document on standard output."""
        click.echo(json.dumps(document, indent=None, default=str, ensure_ascii=False))


def about_project(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of every verb and, as its first argument, their ``Place``."""

    @click.option(
        "--project",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="The project's folder (default: here or above).",
    )
    @click.option("--env", default="", help="The [env.NAME] of wherry.toml to use.")
    @click.option("--branch", default="main", show_default=True, help="The branch of the lake.")
    @click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")
    @wraps(function)
    def command(folder: Path | None, env: str, branch: str, as_json: bool, **others: Any) -> Any:
        return function(Place(folder=folder, env=env, branch=branch, as_json=as_json), **others)

    return command


def counted(count: int, what: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


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
