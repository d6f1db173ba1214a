"""Files on an SFTP server, through paramiko."""

from __future__ import annotations

import base64
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options, own_file, without_secrets
from wherry.sources.files.places.patterns import Entry, has_magic, walk
from wherry.sources.files.places.place import PATIENCE, Dropped, File, address, missing_driver

CHUNK = 1 << 20
#: Requests for pieces of a file that are under way at once: what hides the network's delay.
AHEAD = 64
#: Bytes that the server may send unasked for: paramiko's 2 MB make it wait. The requests under way are the true limit.
WINDOW = 1 << 30


class Sftp:
    """A folder on a server that is reached by SSH. A path that starts with ``/~/`` is relative to the home."""

    def __init__(self, options: Options) -> None:
        try:
            import paramiko
        except ImportError:
            raise missing_driver("`sftp://`", "sftp") from None
        self.paramiko, self.options = paramiko, options
        parts = urlsplit(options.path)
        folder = unquote(parts.path).rstrip("/")
        self.user = options.username or unquote(parts.username or "")
        self.folder = folder.removeprefix("/~/") if folder.startswith("/~/") else folder
        self.client = paramiko.SSHClient()
        self.trust(parts.hostname or "", parts.port or 22)
        with self.told("The server"):
            self.client.connect(
                parts.hostname or "", parts.port or 22,
                username=self.user or None,
                password=options.password or unquote(parts.password or "") or None,
                key_filename=own_file(options, options.private_key),
                passphrase=options.passphrase or None,
                allow_agent=not (options.password or options.private_key),
                look_for_keys=not (options.password or options.private_key),
                timeout=PATIENCE, banner_timeout=PATIENCE, auth_timeout=PATIENCE,
            )  # fmt: skip
            transport = self.client.get_transport()
            assert transport is not None
            sftp = paramiko.SFTPClient.from_transport(transport, window_size=WINDOW)
            assert sftp is not None
            self.sftp = sftp
            self.sftp.get_channel().settimeout(PATIENCE)

    def trust(self, host: str, port: int) -> None:
        """Accept the server by its key only; an unknown server is refused, with its key in the Finding."""
        self.client.set_missing_host_key_policy(_refuse_unknown(self.paramiko))
        if not self.options.host_key:
            self.client.load_system_host_keys()
            return
        kind, _, key = self.options.host_key.strip().partition(" ")
        known = host if port == 22 else f"[{host}]:{port}"
        try:
            data = base64.b64decode(key.split()[0], validate=True)
            made = self.paramiko.PKey.from_type_string(kind, data)
        except (ValueError, IndexError, self.paramiko.SSHException) as error:
            raise failed(
                "bad-option", f"`host_key:` is no public key of a server: {error}.",
                "It is a line such as `ssh-ed25519 AAAA...`, as `ssh-keyscan` prints it without the host.",
            ) from None  # fmt: skip
        self.client.get_host_keys().add(known, kind, made)

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}".rstrip("/") if self.folder else (name or ".")

    def list(self, pattern: str) -> Iterator[File]:
        if not has_magic(pattern):
            found = self.look(pattern)
            yield from (found,) if found else ()
            return
        with self.told(f"`{pattern}`"):
            for name, entry in walk(pattern, self.entries):
                yield self.file(name, entry.size, entry.mtime)

    def entries(self, folder: str) -> Iterator[Entry]:
        try:
            # As a whole: its requests run ahead, and no other may come in between.
            found = list(self.sftp.listdir_iter(self.path(folder) or "/"))
            for about in found:
                mode = about.st_mode or 0
                if stat.S_ISLNK(mode):
                    about = self.through(folder, about)
                    mode = about.st_mode or 0
                if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                    yield Entry(
                        name=about.filename, is_folder=stat.S_ISDIR(mode), size=about.st_size, mtime=about.st_mtime
                    )
        except FileNotFoundError:
            return

    def through(self, folder: str, link: Any) -> Any:
        """What a link leads to. A folder behind a link is not looked into: it may lead back here."""
        try:
            about = self.sftp.stat(self.path(f"{folder}/{link.filename}" if folder else link.filename))
        except OSError:
            return link
        if stat.S_ISDIR(about.st_mode or 0):
            return link
        about.filename = link.filename
        return about

    def look(self, name: str) -> File | None:
        with self.told(f"`{name}`"):
            try:
                about = self.sftp.stat(self.path(name))
            except FileNotFoundError:
                return None
            if stat.S_ISDIR(about.st_mode or 0):
                return None
            return self.file(name, about.st_size, about.st_mtime)

    def file(self, name: str, size: Any, mtime: Any) -> File:
        path = f"{address(self.options)}/{name}"
        return File(name=name, path=path, size=int(size if size is not None else -1), marks={"mtime": mtime})

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        with self.told(f"`{file.name}`"):
            stream = self.sftp.open(self.path(file.name), "rb", bufsize=0)
        try:
            if file.size > start:
                stream.seek(start)
                stream.prefetch(file.size, max_concurrent_requests=AHEAD)
            while piece := stream.read(CHUNK):
                yield piece
        except (EOFError, OSError, self.paramiko.SSHException) as error:
            raise Dropped(str(error) or type(error).__name__) from None
        finally:
            stream.close()

    def close(self) -> None:
        self.client.close()

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """What the server or paramiko complains about, as a Finding without secrets."""
        errors = self.paramiko
        where = address(self.options)
        try:
            yield
        except (SourceError, GeneratorExit):
            raise
        except errors.BadHostKeyException as error:
            raise failed(
                "host-key", f"The server of `{where}` shows another key than the one that is known:"
                f" {error.key.get_name()} {error.key.get_base64()}.",
                "Somebody may be in between. Ask whoever runs the server before `host_key:` is changed.",
            ) from None  # fmt: skip
        except errors.AuthenticationException as error:
            raise failed(
                "refused", f"The server of `{where}` refuses the login: {error}.",
                "Check `username:`, and `password:` or `private_key:` with its `passphrase:`.",
            ) from None  # fmt: skip
        except (errors.SSHException, OSError, EOFError) as error:
            if isinstance(error, PermissionError):
                raise failed(
                    "refused", f"{what} in `{where}` may not be read: permission denied.",
                    f"Let the user `{self.user or 'that you are'}` of the server read it.",
                ) from None  # fmt: skip
            if isinstance(error, socket.gaierror):
                raise failed("unreachable", f"The host of `{where}` is not known.", "Correct `path:`.") from None
            why = without_secrets(str(error) or type(error).__name__, self.options)
            raise failed(
                "unreadable",
                f"{what} in `{where}` cannot be read: {why.rstrip('.')}.",
                "Is the address right, and the server well? Run again later.",
            ) from None


def _refuse_unknown(paramiko: Any) -> Any:
    class Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            raise failed(
                "host-key",
                f"The server `{hostname}` is not known. It shows the key {key.get_name()} {key.get_base64()}.",
                "If that is its key, set `host_key:` to it, or add the server to ~/.ssh/known_hosts.",
            )

    return Refuse()


open_place = Sftp
