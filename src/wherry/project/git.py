"""The git branch that a project's folder is checked out on, read from git's own files."""

from __future__ import annotations

import re
from pathlib import Path

from wherry.model.dataclass import dataclass

#: git branches that are the lake's ``main``.
TRUNKS = ("main", "master")
_UNFIT = re.compile(r"[^A-Za-z0-9_./+=,-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A folder that git keeps."""

    #: The git branch; None when HEAD is detached.
    branch: str | None


def checkout(folder: Path, file: str) -> Checkout | None:
    """How ``folder`` is checked out; None unless git keeps ``file`` of it (it was added), here or in a folder above.

    A project that merely lies inside some repository, ignored or not yet added, is not that repository's.
    """
    folder = folder.resolve()
    for above in (folder, *folder.parents):
        git = _git_folder(above / ".git")
        if git is not None:
            path = (folder / file).relative_to(above).as_posix()
            return Checkout(branch=_branch(git)) if _is_kept(git, path) else None
    return None


def lake_branch(git_branch: str) -> str:
    """The lake's branch for a git branch: ``main`` for the trunk, else its own name, as far as the lake can have it."""
    if git_branch in TRUNKS:
        return "main"
    name = _UNFIT.sub("-", git_branch).strip("/")[:200].rstrip("/") or "-"
    name = name if name[0] not in "-." else f"_{name}"
    # The branches of runs begin so.
    return f"git-{name}" if name.startswith("run/") else name


def _git_folder(place: Path) -> Path | None:
    """Where git keeps HEAD and the index: ``.git``, or what the file ``.git`` of a worktree or submodule names."""
    if place.is_dir():
        return place if (place / "HEAD").is_file() else None
    try:
        text = place.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.match(r"gitdir:\s*(.+)", text)
    git = (place.parent / found[1].strip()) if found else None
    return git if git is not None and (git / "HEAD").is_file() else None


def _branch(git: Path) -> str | None:
    # While git replays commits HEAD is detached; the branch comes back afterwards.
    for name in ("HEAD", "rebase-merge/head-name", "rebase-apply/head-name"):
        try:
            text = (git / name).read_text("utf-8", "replace").strip()
        except OSError:
            continue
        reference = text.removeprefix("ref:").strip()
        if reference.startswith("refs/heads/") and not reference.endswith("/.invalid"):
            return reference.removeprefix("refs/heads/")
    return None


def _is_kept(git: Path, path: str) -> bool:
    """Whether a path is in the index, or in the shared index that it builds on."""
    wanted = path.encode()
    for index in (git / "index", *git.glob("sharedindex.*")):
        try:
            content = index.read_bytes()
        except OSError:
            continue
        if content[:4] == b"DIRC" and _holds(content, wanted, git):
            return True
    return False


def _holds(content: bytes, path: bytes, git: Path) -> bool:
    """After git's ``index-format``: paths stand whole in versions 2 and 3, version 4 leaves out what two share."""
    if int.from_bytes(content[4:8], "big") == 4:
        return path in _paths_of_version_4(content, 32 if _is_sha256(git) else 20)
    start = content.find(path + b"\0", 12)
    while start >= 0:
        # Before a path stand 16 bits with its length in the lower 12, and 16 more when their bit 14 is set.
        for distance in (2, 4):
            flags = int.from_bytes(content[start - distance : start - distance + 2], "big")
            if flags & 0xFFF == min(len(path), 0xFFF) and bool(flags & 0x4000) == (distance == 4):
                return True
        start = content.find(path + b"\0", start + 1)
    return False


def _paths_of_version_4(content: bytes, hash_size: int) -> set[bytes]:
    paths: set[bytes] = set()
    path, at = b"", 12
    for _ in range(int.from_bytes(content[8:12], "big")):
        at += 40 + hash_size
        extended = content[at] & 0x40
        at += 4 if extended else 2
        drop = content[at] & 0x7F
        while content[at] & 0x80:
            at += 1
            drop = ((drop + 1) << 7) | (content[at] & 0x7F)
        end = content.index(b"\0", at + 1)
        path = path[: len(path) - drop] + content[at + 1 : end]
        paths.add(path)
        at = end + 1
    return paths


def _is_sha256(git: Path) -> bool:
    try:
        common = git / (git / "commondir").read_text("utf-8").strip()
    except OSError:
        common = git
    try:
        return "sha256" in (common / "config").read_text("utf-8", "replace").lower()
    except OSError:
        return False
