"""Fill in what the source files name and the environment does not have: from the project's secret stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wherry.errors import WherryError
from wherry.model.finding import Finding
from wherry.plugins import find_secrets
from wherry.project.config import FILE, Config, unset


def with_secrets(config: Config, names: Iterable[str]) -> tuple[Config, dict[str, Finding]]:
    """The configuration with the variables ``names``, each asked of the stores in order until one has it; and a finding
    for each that no store has. Where a refusal is not about one name, the stores are not asked for the others."""
    found: dict[str, str] = {}
    lacking: dict[str, Finding] = {}
    refused: Finding | None = None
    for name in sorted(unset(names, config)):
        if refused is not None:
            lacking[name] = refused
            continue
        try:
            value = _ask(config.secrets, name, config.variables)
        except WherryError as error:
            lacking[name] = error.at(FILE, config.secrets_line, 1).findings[0]
            refused = None if name in lacking[name].message else lacking[name]
            continue
        if value is None:
            stores = ", ".join(config.secrets)
            message = f"The variable {name} is not set, and no secret store has it: {stores}."
            hint = "Put it there, or set it in the environment or in .env."
            lacking[name] = Finding(
                code="missing-variable", message=message, hint=hint, file=FILE, line=config.secrets_line, column=1
            )
        else:
            found[name] = value
    return replace(config, variables=config.variables.with_more(found)), lacking


def _ask(stores: Iterable[str], name: str, variables: Mapping[str, str]) -> str | None:
    for address in stores:
        if (value := find_secrets(address)(address, name, variables)) is not None:
            return value
    return None
