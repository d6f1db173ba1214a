"""Files in a folder of this machine."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options
from wherry.sources.files.places.place import File

CHUNK = 1 << 20


def base_folder(options: Options) -> Path:
    """The absolute folder of a local source."""
    return Path(options.project or ".", options.path).absolute()


class Folder:
    """A folder and what is below it."""

    def __init__(self, options: Options) -> None:
        self.base = base_folder(options)
        if not self.base.is_dir():
            what = "is not a folder" if self.base.exists() else "does not exist"
            raise failed(
                "no-folder", f"The source's path `{options.path}` {what}.", "Correct `path:` in the source file."
            )

    def list(self, pattern: str) -> Iterator[File]:
        for name in glob.iglob(pattern, root_dir=self.base, recursive=True):  # noqa: PTH207 - a base may hold brackets
            if not (self.base / name).is_dir():
                yield look_at(self.base, PurePosixPath(name).as_posix())

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
