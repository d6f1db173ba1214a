"""Secrets that stand in a source's file itself, where everyone who reads the project reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wherry.model.asset import SourceTable
from wherry.model.finding import Finding
from wherry.model.unshown import names_a_secret, without_passwords
from wherry.ports import Source
from wherry.project.config import variables_in


def written_out(source: Source, table: SourceTable, file: str) -> Iterator[Finding]:
    """A finding for every secret that stands in the file itself, where its connector says which options are secret."""
    for path in getattr(source, "secret_options", ()):
        value: Any = table.options
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value and not variables_in(value):
            yield Finding(
                code="secret-in-file",
                message=f"`{path}` is written out in the file, where everyone who reads the project reads it.",
                hint="Put it into .env or the environment as NAME=..., and write ${NAME} here.",
                file=file,
                line=line_of(table.option_lines, path, 1),
                column=1,
                source_line=f"{path.rpartition('.')[2]}: ***",
            )


def passwords(table: SourceTable, file: str) -> Iterator[Finding]:
    """A warning for every address in the file with a password in it."""
    for option, value in table.options.items():
        if isinstance(value, str) and without_passwords(value) != value and not variables_in(value):
            yield Finding(
                code="secret-in-file",
                message=f"The password of `{option}` is written out, where everyone who reads the project reads it.",
                hint="Put the address into .env or the environment as NAME=..., and write ${NAME} here.",
                file=file,
                line=line_of(table.option_lines, option, 1),
                column=1,
                severity="warning",
            )


def configured(table: SourceTable, file: str) -> Iterator[Finding]:
    """A warning for every value of a manifest's configuration that is written out and named like a secret."""
    config = table.options.get("config") if "manifest" in table.options else None
    for name, value in config.items() if isinstance(config, Mapping) else ():
        if isinstance(value, str) and value and names_a_secret(str(name)) and not variables_in(value):
            yield Finding(
                code="secret-in-file",
                message=f"`config.{name}` is written out in the file, where everyone who reads the project reads it.",
                hint="If it is secret, put it into .env or the environment as NAME=..., and write ${NAME} here.",
                file=file,
                line=line_of(table.option_lines, "config", 1),
                column=1,
                severity="warning",
                source_line=f"config: {{{name}: ***}}",
            )


def line_of(lines: Mapping[str, int], option: str, otherwise: int) -> int:
    """The line of an option, or of what it stands in."""
    while option and option not in lines:
        option = option.rpartition(".")[0]
    return lines.get(option, otherwise)
