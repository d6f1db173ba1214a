"""The tokens that other programs show."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from wherry.errors import UsageError

#: Commits of a client whose token has no name are in this author's.
NAMELESS = "rest"
_SHORTEST = 16


def own_token(scratch: Path) -> Path:
    """The file with the project's own token; made once, readable by its owner only."""
    path = scratch / "token"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    return path


def read_tokens(path: Path) -> Mapping[str, str]:
    """Author by token, of a file with ``TOKEN`` or ``NAME TOKEN`` on each line; ``#`` begins a comment line.

    Raises ``UsageError`` when others may read the file, or there is no good token in it.
    """
    try:
        mode, lines = path.stat().st_mode, path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as problem:
        raise UsageError(f"The tokens cannot be read: {problem}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"Others may read the tokens in {path}.", hint=f"chmod 600 {path}")
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2 or len(words[-1]) < _SHORTEST:
            raise UsageError(
                f"Line {number} of {path} is no token.",
                hint=f"Write `TOKEN` or `NAME TOKEN`; a token has at least {_SHORTEST} characters.",
            )
        tokens[words[-1]] = words[0] if len(words) == 2 else NAMELESS
    if not tokens:
        raise UsageError(f"There is no token in {path}.")
    return tokens
