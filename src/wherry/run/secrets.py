"""Fill in what the source files name and the environment does not have: from the project's secret stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wherry.errors import ProjectError, WherryError
from wherry.model.finding import Finding
from wherry.plugins import find_secrets
from wherry.project.config import FILE, Config


def with_secrets(config: Config, names: Iterable[str]) -> Config:
    """The configuration with the variables ``names``, each asked of the stores in order until one has it.

    Raises ``ProjectError`` with a finding for each name that no store has, and for a store that cannot be asked.
    """
    found: dict[str, str] = {}
    findings: list[Finding] = []
    for name in sorted(set(names) - set(config.variables)):
        try:
            value = _ask(config.secrets, name, config.variables)
        except WherryError as error:
            raise ProjectError(findings=error.at(FILE, config.secrets_line, 1).findings) from None
        if value is None:
            stores = ", ".join(config.secrets)
            message = f"The variable {name} is not set, and no secret store has it: {stores}."
            hint = "Put it there, or set it in the environment or in .env."
            findings.append(
                Finding(code="missing-variable", message=message, hint=hint, file=FILE, line=config.secrets_line)
            )
        else:
            found[name] = value
    if findings:
        raise ProjectError(findings=findings)
    return replace(config, variables=config.variables.with_more(found))


def _ask(stores: Iterable[str], name: str, variables: Mapping[str, str]) -> str | None:
    for address in stores:
        if (value := find_secrets(address)(address, name, variables)) is not None:
            return value
    return None
