"""Files behind a web address."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from wherry.errors import SourceError
from wherry.sources.files.database import failed
from wherry.sources.files.options import Options, own_file, without_secrets
from wherry.sources.files.places.place import PATIENCE, Dropped, File, address

CHUNK = 1 << 20
#: Answers to HEAD that say nothing of GET: it is not allowed, or an address is signed for GET only.
_NO_HEAD = (400, 403, 405, 501)
#: Characters of a name that stand in an address as they are.
_SAFE = "/%?&=+,;:@~!$'()*"


class Web:
    """A folder of a web server. Servers have no listing: each file is named."""

    def __init__(self, options: Options) -> None:
        self.options = options
        parts = urlsplit(options.path)
        host = parts.netloc.rpartition("@")[2]
        self.base = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self.query = parts.query
        self.headers = {"Accept-Encoding": "identity", "User-Agent": "wherry", **options.headers}
        if options.token:
            self.headers["Authorization"] = f"Bearer {options.token}"
        name = options.username or unquote(parts.username or "")
        password = options.password or unquote(parts.password or "")
        if name or options.password:
            pair = base64.b64encode(f"{name}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {pair}"
        trusted = own_file(options, options.certificate)
        context = ssl.create_default_context(cafile=trusted) if parts.scheme == "https" else None
        handlers = [urllib.request.HTTPSHandler(context=context)] if context else []
        self.opener = urllib.request.build_opener(_Redirects, *handlers)

    def list(self, pattern: str) -> Iterator[File]:
        if "*" in pattern:
            raise failed(
                "no-listing", f"`{pattern}`: a web server cannot be asked which files it has.",
                "Name each file in `tables:`.",
            )  # fmt: skip
        found = self.look(pattern)
        if found is not None:
            yield found

    def url(self, name: str) -> str:
        """Address of a file; its name is written as it is, or already with percent signs."""
        found = f"{self.base}/{quote(name, safe=_SAFE)}"
        return f"{found}{'&' if '?' in name else '?'}{self.query}" if self.query else found

    def look(self, name: str) -> File | None:
        """What the server tells of a file without sending it."""
        for method, further in (("HEAD", {}), ("GET", {"Range": "bytes=0-0"})):
            try:
                with self.ask(name, method, further) as answer:
                    return self.file(name, answer)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (404, 410):
                    return None
                if error.code == 416:
                    return File(name=name, path=self.url(name), size=0)
                if method == "HEAD" and error.code in _NO_HEAD:
                    continue
                raise self.refused(name, error) from None
            except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
                raise self.no_answer(name, error) from None
        return None

    def file(self, name: str, answer: Any) -> File:
        told = answer.headers
        ranged = told.get("Content-Range", "").rpartition("/")[2]
        size = ranged if answer.status == 206 else told.get("Content-Length", "")
        # A server that tells no time and no tag gives nothing to know a changed file by: it is read every time.
        marks = {"etag": told.get("ETag", ""), "mtime": told.get("Last-Modified", "")}
        return File(
            name=name, path=self.url(name), size=int(size) if size.isdigit() else -1,
            marks={k: v for k, v in marks.items() if v},
        )  # fmt: skip

    def ask(self, name: str, method: str, further: dict[str, str]) -> Any:
        request = urllib.request.Request(self.url(name), method=method, headers=self.headers | further)
        return self.opener.open(request, timeout=PATIENCE)

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        tag = str(file.marks.get("etag", ""))
        further = {"Range": f"bytes={start}-"} if start else {}
        if start and tag and not tag.startswith("W/"):
            further["If-Range"] = tag
        try:
            with self.ask(file.name, "GET", further) as answer:
                self.check_same(file, answer.headers)
                skip = start if start and answer.status != 206 else 0
                yield from self.pieces(answer, skip)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and start == file.size:
                return
            if error.code >= 500 or error.code == 429:
                raise Dropped(f"the server answers {error.code} {error.reason}") from None
            raise self.refused(file.name, error) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise Dropped(str(getattr(error, "reason", error)) or type(error).__name__) from None

    def pieces(self, answer: IO[bytes], skip: int) -> Iterator[bytes]:
        """The answer's bytes without the first ``skip``, which a server that knows no ranges sends again."""
        while piece := answer.read(CHUNK):
            if skip:
                skip, piece = max(0, skip - len(piece)), piece[skip:]
            if piece:
                yield piece

    def check_same(self, file: File, told: Any) -> None:
        tag, now = file.marks.get("etag"), told.get("ETag")
        if tag and now and tag != now:
            raise failed("changed-meanwhile", f"`{file.name}` changed while it was being read.", "Run again.")

    def refused(self, name: str, error: urllib.error.HTTPError) -> SourceError:
        if error.code in (401, 403):
            sent = self.headers.get("Authorization", "").partition(" ")[0]
            mine = {"Bearer": "`token:`: is it expired?", "Basic": "`username:` and `password:`."}
            hint = f"Check {mine[sent]}" if sent in mine else "It asks for credentials: set `token:`, or `username:`"
            hint += "" if sent in mine else " and `password:`."
        else:
            hint = "Is the server well? Run again later."
        return failed("refused" if error.code in (401, 403) else "unreadable", self.told(name, error), hint)

    def told(self, name: str, error: urllib.error.HTTPError) -> str:
        return f"`{name}` at {address(self.options)} cannot be read: the server answers {error.code} {error.reason}."

    def no_answer(self, name: str, error: Exception) -> SourceError:
        why = without_secrets(str(getattr(error, "reason", error)) or type(error).__name__, self.options)
        return failed(
            "unreadable", f"`{name}` at {address(self.options)} cannot be read: {why}.",
            "Is the address right, and the server well? Run again later.",
        )  # fmt: skip

    def close(self) -> None:
        self.opener.close()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects; credentials are not taken along to another server."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        follow = super().redirect_request(req, fp, code, msg, headers, newurl)
        if follow is None:
            return None
        follow.method = req.get_method()
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            kept = ("range", "if-range", "accept-encoding", "user-agent")
            follow.headers = {name: value for name, value in follow.headers.items() if name.lower() in kept}
        return follow


open_place = Web
