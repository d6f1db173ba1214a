"""Names of tables and branches, and how they travel through addresses and file names."""

import re
from urllib.parse import quote

from wherry.errors import LakeError, UsageError

MAIN = "main"
#: Branches whose names start so belong to runs; they need not survive a power cut.
WORK = "run/"

_UNFIT = re.compile(r"[\x00-\x20\x7f@'\"\\?#%;]")


def key(full_name: str) -> str:
    """What a table's name is matched by: upper and lower case are the same."""
    return full_name.lower()


def split(full_name: str) -> tuple[str, str]:
    """``schema.table`` as its two parts; a table's own name may hold further dots, a schema's cannot."""
    namespace, dot, name = full_name.partition(".")
    if not (namespace and dot and name):
        raise LakeError(f"`{full_name}` is not the name of a table", hint="write it as `schema.table`")
    return namespace, name


def is_work(branch: str) -> bool:
    return branch.startswith(WORK)


def check_branch(name: str) -> None:
    """Refuse a branch name that could not be typed or told apart."""
    if not name or len(name) > 200 or _UNFIT.search(name) or name[0] in "/-." or name[-1] == "/":
        raise UsageError(
            f"`{name}` cannot be the name of a branch",
            hint="use letters, digits and `-`, `_`, `.`, `/`; start with a letter or a digit",
        )


def prefix(branch: str, at: int | None = None) -> str:
    """A branch as one path segment that no client encodes again: letters, digits, ``_xx`` for other bytes, ``.seq``."""
    coded = "".join(chr(b) if chr(b).isalnum() and b < 128 else f"_{b:02x}" for b in branch.encode())
    return coded if at is None else f"{coded}.{at}"


def from_prefix(text: str) -> tuple[str, int | None]:
    """The branch and the moment (a commit's number, None for now) that ``prefix`` encoded."""
    coded, dot, at = text.partition(".")
    raw = re.sub(rb"_([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), coded.encode())
    if dot and not at.isdecimal():
        raise LakeError(f"`{text}` names no branch")
    return raw.decode("utf-8", "replace"), int(at) if dot else None


def file_name(name: str) -> str:
    """A user's name as a file name that is safe on every file system and stays inside its folder."""
    safe = quote(name, safe=" -_").replace("~", "%7E").strip(" ") or "%20"
    # File systems allow 255 bytes; an encoded name may take nine per character.
    return safe if len(safe) <= 120 else re.sub(r"%[0-9A-F]?$", "", safe[:120])
