"""Files in a bucket or behind a web address: which there are, and a copy of one."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from wherry.errors import ProjectError, SourceError
from wherry.model.finding import Finding
from wherry.sources.files.database import failed, open_database, without_secrets
from wherry.sources.files.listing import File, nearest_files
from wherry.sources.files.options import Options
from wherry.sources.files.text import WorkFolder

if TYPE_CHECKING:
    import duckdb

#: Seconds to wait for a server that says nothing.
PATIENCE = 60


def list_remote(options: Options, table: str) -> list[File]:
    """The files of a table. Raises ``SourceError``."""
    scheme = options.path.partition("://")[0]
    if ".." in table.split("/") or table.startswith("/"):
        raise failed("outside", f"`{table}` is outside of the source's path `{options.path}`.", "Change `path:`.")
    if scheme in ("http", "https"):
        return [look_at_url(options, table)]
    if scheme == "s3":
        return list_bucket(options, table)
    raise ProjectError(
        findings=[
            Finding(
                code="bad-option",
                message=f"`path:` starts with `{scheme}://`, which is not read.",
                hint="It can be a folder, `s3://...`, `https://...` or `http://...`.",
            )
        ]
    )


def url_of(options: Options, table: str) -> str:
    """Address of a file; a name is written as it is, or already with percent signs."""
    name = quote(table, safe="/%?&=+,;:@~!$'()*")
    return f"{options.path.rstrip('/')}/{name}"


def look_at_url(options: Options, table: str) -> File:
    """What the server tells of a file without sending it."""
    url = url_of(options, table)
    request = urllib.request.Request(url, method="HEAD", headers={"Accept-Encoding": "identity"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            told = answer.headers
            size = int(told.get("Content-Length") or -1)
            marks = {"etag": told.get("ETag", ""), "mtime": told.get("Last-Modified", "")}
    except urllib.error.HTTPError as error:
        error.close()
        raise no_answer(options, table, f"the server answers {error.code} {error.reason}", error.code) from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise no_answer(options, table, str(getattr(error, "reason", error)), 0) from None
    # A server that tells no time and no tag gives nothing to know a changed file by: it is read every time.
    return File(name=table, path=url, size=size, marks={k: v for k, v in marks.items() if v})


def no_answer(options: Options, table: str, why: str, status: int) -> SourceError:
    hint = {
        404: "Is the address right? Does the file still exist?",
        401: "The server asks for credentials.",
        403: "The server does not allow it; check the address and what it needs.",
    }.get(status, "Is the server well? Run again later.")
    split = urlsplit(options.path)
    shown = f"{split.scheme}://{split.hostname or ''}{f':{split.port}' if split.port else ''}{split.path.rstrip('/')}"
    return failed("no-file" if status == 404 else "unreadable", f"`{table}` at {shown} cannot be read: {why}.", hint)


def list_bucket(options: Options, table: str) -> list[File]:
    """Objects of a bucket, with sizes and times as the listing tells them."""
    import duckdb

    base = options.path.rstrip("/")
    pattern = f"{base}/{table}"
    with open_database(options) as con:
        try:
            rows = con.execute("SELECT filename, size, epoch_us(last_modified) FROM read_blob(?)", [pattern]).fetchall()
        except duckdb.Error as error:
            text = without_secrets(str(error), options)
            if "No files found" in text or "404" in text:
                rows = []
            else:
                raise refused(options, table, text) from None
        if not rows:
            there: list[str] = []
            try:
                found = con.execute("SELECT file FROM glob(?) LIMIT 1000", [f"{base}/**"]).fetchall()
                there = [r[0].removeprefix(f"{base}/") for r in found]
            except duckdb.Error:
                pass
            raise failed("no-file", f"No file matches `{table}` in `{options.path}`.", nearest_files(table, there))
    files = [
        File(name=name.removeprefix(f"{base}/"), path=name, size=size, marks={"mtime": modified})
        for name, size, modified in rows
    ]
    return sorted(files, key=lambda f: f.name)


def refused(options: Options, table: str, text: str) -> SourceError:
    denied = any(word in text for word in ("403", "401", "Forbidden", "AccessDenied", "InvalidAccessKey", "Signature"))
    hint = (
        "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and what they allow."
        if denied
        else "Check `path:`, AWS_ENDPOINT_URL and AWS_REGION, and whether the storage is reachable."
    )
    why = "the storage refuses the credentials" if denied else text.splitlines()[0]
    return failed("unreadable", f"`{table}` in `{options.path}` cannot be read: {why}.", hint)


def fetch(con: duckdb.DuckDBPyConnection, options: Options, file: File, work: WorkFolder) -> str:
    """A local copy. A web address is streamed; an object of a bucket passes through memory."""
    target = work.new("fetched", file.name)
    if file.path.startswith("s3://"):
        row = con.execute("SELECT content FROM read_blob(?)", [file.path]).fetchone()
        content = row[0] if row else b""
        target.write_bytes(content)
        size = len(content)
    else:
        request = urllib.request.Request(file.path, headers={"Accept-Encoding": "identity"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer, target.open("wb") as out:
                shutil.copyfileobj(answer, out, 1 << 20)
        except urllib.error.HTTPError as error:
            error.close()
            raise no_answer(options, file.name, f"the server answers {error.code} {error.reason}", error.code) from None
        except (urllib.error.URLError, OSError) as error:
            raise no_answer(options, file.name, str(getattr(error, "reason", error)), 0) from None
        size = target.stat().st_size
    if file.size >= 0 and size != file.size:
        raise failed(
            "changed-meanwhile",
            f"`{file.name}` came with {size:,} bytes, and {file.size:,} were announced.",
            "It changed or was cut off on the way. Run again.",
        )
    return str(target)
