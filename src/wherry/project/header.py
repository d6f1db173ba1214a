"""The comment at the top of a SQL file: prose, then YAML."""

import re
from collections.abc import Iterable

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.project.located import Located, read_yaml
from wherry.project.nearest import nearest

_COMMENT = re.compile(r"--( ?)(.*)\Z")
_KEY = re.compile(r"([A-Za-z_]+)\s*:(?:\s|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The leading comment of a SQL file, taken apart."""

    about: str
    #: The YAML part; its value is a mapping, empty when there is none.
    keys: Located


def read_header(text: str, *, file: str, known: Iterable[str]) -> Header:
    """Split the leading ``--`` lines at the first that starts with a known key, and read the rest as YAML."""
    known = tuple(known)
    lines: list[str] = []
    for row in text.split("\n"):
        match = _COMMENT.match(row.rstrip("\r"))
        if match is None:
            break
        lines.append(match[2])
    keys_from = next((n for n, row in enumerate(lines) if (k := _KEY.match(row)) and k[1] in known), len(lines))
    prose, yaml_lines = lines[:keys_from], lines[keys_from:]
    findings = [
        Finding(
            code="unknown-key",
            message=f"`{key[1]}:` looks like a key, and there is none of that name.",
            hint=f"Did you mean `{nearest(key[1], known)}`? Prose must not begin a line with a word and a colon.",
            file=file,
            line=number,
            column=4,
        )
        for number, row in enumerate(prose, 1)
        if (key := _KEY.match(row)) and nearest(key[1], known) and " " not in row[: key.end(1)]
    ]
    about = "\n".join(prose).strip()
    if not yaml_lines:
        return Header(about=about, keys=Located(value={}, findings=tuple(findings)))
    # Each line of a header is one line of the file, three columns to the right.
    located = read_yaml("\n".join(yaml_lines), file=file, line=keys_from, column=3)
    findings.extend(located.findings)
    value = located.value
    if not isinstance(value, dict):
        value = {}
    return Header(about=about, keys=Located(value=value, places=located.places, findings=tuple(findings)))
