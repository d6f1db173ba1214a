"""Every error of wherry, in one tree.

WherryError
├── ProjectError      the folder is at fault: exit code 2
│   └── UsageError    the command line is at fault
├── DataError         the data is at fault: exit code 1
│   └── SourceError   a system that data comes from
└── LakeError         the lake cannot do it
    ├── Conflict      somebody else moved the table meanwhile
    ├── NoSuchBranch
    ├── NoSuchCommit
    ├── DiskFull
    ├── MissingFile
    └── NewerLake
"""

import errno
from collections.abc import Iterable
from dataclasses import replace

from wherry.model.finding import Finding


class WherryError(Exception):
    """Something went wrong inside wherry."""

    code = "internal"
    exit_code = 3

    def __init__(self, message: str = "", *, hint: str = "", findings: Iterable[Finding] = ()) -> None:
        text = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.findings = tuple(findings) or (Finding(code=self.code, message=text, hint=hint),)
        super().__init__("\n".join(f.message for f in self.findings))

    def at(self, file: str, line: int = 0, column: int = 0) -> "WherryError":
        """The same error, saying where for the findings that do not say it themselves."""
        self.findings = tuple(f if f.file else replace(f, file=file, line=line, column=column) for f in self.findings)
        return self


class ProjectError(WherryError):
    """The project has problems."""

    code = "project"
    exit_code = 2


class UsageError(ProjectError):
    """The command line is not understood."""

    code = "usage"


class DataError(WherryError):
    """The data is at fault."""

    code = "data"
    exit_code = 1


class SourceError(DataError):
    """A source could not be read."""

    code = "source"


class LakeError(WherryError):
    """The lake could not do it."""

    code = "lake"
    exit_code = 1


class Conflict(LakeError):
    """The table was changed by somebody else meanwhile."""

    code = "conflict"


class NoSuchBranch(LakeError):
    """There is no such branch."""

    code = "no-such-branch"
    exit_code = 2


class NoSuchCommit(LakeError):
    """There is no such commit."""

    code = "no-such-commit"
    exit_code = 2


class DiskFull(LakeError):
    """The disk is full."""

    code = "disk-full"

    def __init__(self) -> None:
        super().__init__(hint="Make room, then run again: it goes on from here. Published tables are as they were.")

    @staticmethod
    def told_by(error: BaseException) -> bool:
        """Whether an error of the system, of DuckDB or of the database says that there is no room."""
        text = str(error)
        return getattr(error, "errno", 0) == errno.ENOSPC or "No space left on device" in text or "disk is full" in text


class MissingFile(LakeError):
    """A file of the lake is not there."""

    code = "missing-file"


class NewerLake(LakeError):
    """This lake was made by a newer version of wherry."""

    code = "newer-lake"
    exit_code = 2
