"""Files in a folder of this machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options
from wherry.sources.files.places.patterns import Entry, walk
from wherry.sources.files.places.place import File

CHUNK = 1 << 20


def base_folder(options: Options) -> Path:
    """The absolute folder of a local source."""
    return Path(options.project or ".", options.path).absolute()


class Folder:
    """A folder and what is below it."""

    def __init__(self, options: Options) -> None:
        self.base, self.said = base_folder(options), options.path
        if not self.base.is_dir():
            what = "is not a folder" if self.base.exists() else "does not exist"
            raise failed(
                "no-folder", f"The source's path `{options.path}` {what}.", "Correct `path:` in the source file."
            )

    def list(self, pattern: str) -> Iterator[File]:
        for name, _ in walk(pattern, self.entries):
            yield look_at(self.base, name)

    def entries(self, folder: str) -> Iterator[Entry]:
        """What is in a folder. One that may not be listed is an error: files in it would seem to be gone."""
        here = self.base / folder
        try:
            with os.scandir(here) as found:
                there = sorted(found, key=lambda each: each.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if here.name == "lost+found":
                return
            why = error.strerror or error
            raise failed(
                "unreadable", f"The folder `{folder or self.said}` cannot be listed: {why}.",
                "Let the user that runs wherry read it, or name files or patterns that are not below it.",
            ) from None  # fmt: skip
        for each in there:
            try:
                is_folder = each.is_dir()
            except OSError as error:  # a link: to itself, or to where we may not look
                is_folder = error.errno != errno.ELOOP
            if not (is_folder and each.is_symlink() and _leads_back(each.path)):
                yield Entry(name=each.name, is_folder=is_folder)

    def look(self, name: str) -> File | None:
        if not os.path.lexists(self.base / name) or (self.base / name).is_dir():
            return None
        return look_at(self.base, PurePosixPath(name).as_posix())

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        try:
            with Path(file.path).open("rb") as stream:
                stream.seek(start)
                while piece := stream.read(CHUNK):
                    yield piece
        except OSError as error:
            raise unreadable(file.name, error) from None

    def close(self) -> None:
        pass


def _leads_back(link: str) -> bool:
    """Whether a link leads to a folder that it is in, or was come through, and what is there would be seen again."""
    target = Path(link).resolve()
    return any(each.resolve().is_relative_to(target) for each in Path(link).parents)


def look_at(base: Path, name: str) -> File:
    """A local file as it is now."""
    path = base / name
    try:
        about = path.stat()
    except FileNotFoundError:
        raise failed("no-file", f"`{name}` is gone, or is a link to nothing.", "Put it back and run again.") from None
    except OSError as error:
        raise unreadable(name, error) from None
    if not stat.S_ISREG(about.st_mode):
        raise failed("not-a-file", f"`{name}` is not a regular file.", "Name files, or a pattern such as `*.csv`.")
    if not os.access(path, os.R_OK):
        raise unreadable(name, PermissionError(13, "Permission denied"))
    return File(
        name=name,
        path=str(path),
        size=about.st_size,
        marks={"mtime": about.st_mtime_ns, "ctime": about.st_ctime_ns},
    )


def unreadable(name: str, error: OSError) -> SourceError:
    """A Finding for a file that the operating system refuses."""
    hint = "Let the user that runs wherry read it." if isinstance(error, PermissionError) else "Mend it and run again."
    return failed("unreadable", f"`{name}` cannot be read: {error.strerror or error}.", hint)


open_place = Folder
