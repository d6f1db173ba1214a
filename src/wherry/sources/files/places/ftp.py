"""Files on an FTP server, in the clear or with TLS."""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options, own_file, without_secrets
from wherry.sources.files.places.patterns import Entry, has_magic, walk
from wherry.sources.files.places.place import PATIENCE, Dropped, File, address

CHUNK = 1 << 20


class Ftp:
    """A folder on a server. Without ``username`` the login is anonymous."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.parts = urlsplit(options.path)
        self.folder = unquote(self.parts.path).rstrip("/")
        self.name = options.username or unquote(self.parts.username or "")
        self.password = options.password or unquote(self.parts.password or "")
        #: Folders that the server told of.
        self.there: set[str] = set()
        self.ftp = self.connect()

    def connect(self) -> ftplib.FTP:
        secure = self.options.scheme == "ftps"
        with self.told("The server"):
            if secure:
                context = ssl.create_default_context(cafile=own_file(self.options, self.options.certificate))
                ftp: ftplib.FTP = ftplib.FTP_TLS(timeout=PATIENCE, context=context)
            else:
                ftp = ftplib.FTP(timeout=PATIENCE)
            try:
                ftp.connect(self.parts.hostname or "", self.parts.port or 21)
                ftp.login(self.name, self.password)
                if isinstance(ftp, ftplib.FTP_TLS):
                    ftp.prot_p()
            except BaseException:
                ftp.close()
                raise
        return ftp

    def path(self, name: str) -> str:
        if "\n" in name or "\r" in name:
            raise failed("bad-name", f"`{name!r}` cannot be the name of a file on an FTP server.")
        return f"{self.folder}/{name}".rstrip("/") if self.folder else name

    def list(self, pattern: str) -> Iterator[File]:
        if not has_magic(pattern):
            found = self.look(pattern)
            yield from (found,) if found else ()
            return
        with self.told(f"`{pattern}`"):
            for name, entry in walk(pattern, self.entries):
                if entry.mtime is None:
                    if found := self.look(name):
                        yield found
                    continue
                yield self.file(name, entry.size, entry.mtime)

    def entries(self, folder: str) -> Iterator[Entry]:
        """A folder's listing; by MLSD, or by names alone where the server is too old for it."""
        try:
            told = list(self.ftp.mlsd(self.path(folder)))
        except ftplib.error_perm as error:
            if str(error)[:3] not in ("500", "501", "502", "504"):
                if str(error)[:3] == "550" and not self.is_there(folder):
                    return
                raise
            yield from self.plain_entries(folder)
            return
        for name, facts in told:
            kind = facts.get("type", "")
            if kind in ("dir", "file"):
                size = int(facts.get("size", -1)) if kind == "file" else -1
                if kind == "dir":
                    self.there.add(f"{folder}/{name}" if folder else name)
                yield Entry(name=name, is_folder=kind == "dir", size=size, mtime=facts.get("modify"))

    def plain_entries(self, folder: str) -> Iterator[Entry]:
        try:
            names = self.ftp.nlst(self.path(folder))
        except ftplib.error_perm:
            return  # some servers say so of an empty folder
        for path in names:
            name = path.rstrip("/").rpartition("/")[2]
            if name not in ("", ".", ".."):
                yield Entry(name=name, is_folder=self.is_folder(f"{folder}/{name}" if folder else name))

    def is_there(self, folder: str) -> bool:
        """Whether there is a folder which the server does not let us list: it listed it, or lets us go there."""
        return folder in self.there or self.is_folder(folder)

    def is_folder(self, name: str) -> bool:
        here = self.ftp.pwd()
        try:
            self.ftp.cwd(self.path(name))
        except ftplib.error_perm:
            return False
        self.ftp.cwd(here)
        return True

    def look(self, name: str) -> File | None:
        with self.told(f"`{name}`"):
            try:
                self.ftp.voidcmd("TYPE I")  # a listing leaves the connection in the mode for text
                size = self.ftp.size(self.path(name))
            except ftplib.error_perm as error:
                if str(error)[:3] == "550":
                    return None
                raise
            modified = ""
            with suppress(ftplib.error_perm):
                modified = self.ftp.voidcmd(f"MDTM {self.path(name)}")[4:].strip()
            return self.file(name, -1 if size is None else size, modified)

    def file(self, name: str, size: int, modified: str) -> File:
        marks = {"mtime": modified.partition(".")[0]} if modified else {}
        return File(name=name, path=f"{address(self.options)}/{name}", size=size, marks=marks)

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        try:
            if start:  # the connection may have been lost with the transfer
                self.close()
                self.ftp = self.connect()
            self.ftp.voidcmd("TYPE I")
            with self.ftp.transfercmd(f"RETR {self.path(file.name)}", rest=start or None) as stream:
                size = start
                while piece := stream.recv(CHUNK):
                    size += len(piece)
                    yield piece
                if size < file.size:
                    raise Dropped("the server hung up")  # and may have nothing more to say
                if isinstance(stream, ssl.SSLSocket):
                    with suppress(OSError):
                        stream.unwrap()
            self.ftp.voidresp()
        except ftplib.error_perm as error:
            raise self.refused(f"`{file.name}`", error) from None
        except (ftplib.Error, EOFError, OSError) as error:
            raise Dropped(str(error) or type(error).__name__) from None

    def close(self) -> None:
        with suppress(ftplib.Error, EOFError, OSError):
            self.ftp.quit()
        self.ftp.close()

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        try:
            yield
        except SourceError:
            raise
        except ftplib.error_perm as error:
            raise self.refused(what, error) from None
        except (ftplib.Error, EOFError, OSError) as error:
            why = without_secrets(str(error) or type(error).__name__, self.options)
            hint = "Is the address right, and the server well? Run again later."
            if isinstance(error, ssl.SSLCertVerificationError):
                hint = "Set `certificate:` to a file with the certificate of whoever signed the server's."
            where = address(self.options)
            raise failed("unreadable", f"{what} in `{where}` cannot be read: {why}.", hint) from None

    def refused(self, what: str, error: Exception) -> SourceError:
        why, where = without_secrets(str(error), self.options), address(self.options)
        hint = "Check `username:` and `password:`."
        if str(error)[:3] == "550":
            hint = f"Does it exist, and may `{self.name or 'anonymous'}` read it?"
        return failed("refused", f"{what} in `{where}` cannot be read: {why}.", hint)


open_place = Ftp
