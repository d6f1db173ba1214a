"""No secret in a message: what came from a variable is shown by the variable's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote, unquote, urlsplit

from wherry.model.finding import Finding
from wherry.project.config import Config

#: Shorter passwords are found in ordinary words; the variable as a whole is still replaced.
SHORTEST_PASSWORD = 4


def redacted(finding: Finding, variables: Iterable[str], config: Config) -> Finding:
    """The finding with ``${NAME}`` where the value of one of the ``variables`` would stand, or ``***`` for the password
    inside an address."""
    message, hint, line = finding.message, finding.hint, finding.source_line
    for value, shown in _hidden(variables, config):
        message, hint, line = (said.replace(value, shown) for said in (message, hint, line))
    return replace(finding, message=message, hint=hint, source_line=line)


def _hidden(variables: Iterable[str], config: Config) -> Iterator[tuple[str, str]]:
    for name in sorted(variables):
        value = config.variables.get(name)
        if not value:
            continue
        shown = f"${{{name}}}"
        yield value, shown
        if (encoded := quote(value, safe="")) != value:
            yield encoded, shown
        try:
            password = urlsplit(value).password if "://" in value else None
        except ValueError:
            password = None
        if password and len(unquote(password)) >= SHORTEST_PASSWORD:
            yield password, "***"
            yield unquote(password), "***"
