"""A lake in a bucket: whole objects are put, and a put that is acknowledged is there to stay.

No folders are made and nothing is flushed: an object store has neither.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from wherry.errors import LakeError, MissingFile
from wherry.lake.access import find_access
from wherry.lake.names import file_name
from wherry.lake.storage import LAKES, NOTES, Storage, StoredFile, open_storage
from wherry.model.finding import Finding

T = TypeVar("T")

#: Files that are read or removed at once.
_AT_ONCE = 16
#: Other names of the kinds of address, in files of engines that use Hadoop's.
_SPELLINGS = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "azure": "az", "abfs": "az", "abfss": "az", "wasb": "az"}
_SPELLINGS |= {"wasbs": "az"}

_DENIED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "AuthenticationFailed", "Forbidden")
_HINTS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_ACCESS_KEY_ID and GOOGLE_SECRET_ACCESS_KEY",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY",
}


class Bucket(Storage):
    """Table folders below a prefix of a bucket; nothing is asked of it before it is used."""

    def __init__(self, address: str, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.location = address.rstrip("/")
        self._access = find_access(self.location, variables)
        self._store = self._access.store()
        self._outside = f"{self._access.scheme}://{self._access.bucket}/"
        self._prefix = f"{self.location}/".removeprefix(self._outside) or None
        self._checked = False
        self.extensions = ("azure",) if self._access.scheme == "az" else ()

    def new_table(self, namespace: str, name: str) -> str:
        return f"{self.location}/{file_name(namespace)}/{file_name(name)}-{secrets.token_hex(4)}"

    def holds(self, location: str) -> bool:
        parts = location.removeprefix(f"{self.location}/").split("/")
        return location.startswith(f"{self.location}/") and not {"", ".", ".."} & set(parts)

    def read_bytes(self, location: str) -> bytes:
        if self.elsewhere(location):
            # A table made when the lake was elsewhere.
            return open_storage(location.rpartition("/")[0], self._variables).read_bytes(location)
        with self._told(f"`{location}` cannot be read"):
            return bytes(self._store.get(self._key(location)).bytes())

    def read_all(self, locations: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        def read(location: str) -> tuple[str, bytes | None]:
            try:
                return location, self.read_bytes(location)
            except MissingFile:
                return location, None

        yield from _ahead(read, locations)

    def spelled(self, location: str) -> str:
        scheme, sign, rest = location.partition("://")
        if not sign:
            return location
        host, slash, path = rest.partition("/")
        # abfss://container@account.dfs.core.windows.net/path is Azure's az://container/path.
        return f"{_SPELLINGS.get(scheme, scheme)}://{host.partition('@')[0]}{slash}{path}"

    def elsewhere(self, location: str) -> bool:
        return not self.spelled(location).startswith(self._outside)

    def forget(self, location: str) -> None:
        with self._told(f"`{location}` cannot be removed"), suppress(FileNotFoundError):
            self._store.delete(self._key(location))

    def listing(self) -> Iterator[StoredFile]:
        import obstore

        with self._told(f"`{self.location}` cannot be listed"):
            for page in obstore.list(self._store, prefix=self._prefix):
                for each in page:
                    location = self._outside + each["path"]
                    if not location.startswith(f"{self.location}/{NOTES}/"):
                        yield StoredFile(
                            location=location, size=each["size"], modified=each["last_modified"].timestamp()
                        )

    def lakes(self) -> set[str]:
        import obstore

        folder = f"{self._prefix or ''}{LAKES}/"
        with self._told(f"`{self.location}` cannot be listed"):
            return {
                each["path"].rpartition("/")[2] for page in obstore.list(self._store, prefix=folder) for each in page
            }

    def remove(self, locations: Collection[str]) -> None:
        # One by one: not every store that speaks S3 takes many at once.
        for _ in _ahead(self.forget, locations):
            pass

    def check(self) -> None:
        if self._checked:
            return
        with self._told(f"the lake at `{self.location}` cannot be used"):
            next(iter(self._store.list(self._prefix, chunk_size=1)), None)
        self._checked = True

    def secrets(self) -> Sequence[str]:
        ours = [self._access.secret_for_duckdb()] if self._access.scheme == "az" else []
        return [*super().secrets(), *ours]

    def lent(self) -> Mapping[str, str]:
        return self._access.for_other_engines()

    def put(self, location: str, content: bytes, *, durable: bool = True) -> None:
        with self._told(f"`{location}` cannot be written"):
            self._store.put(self._key(location), content)

    def make_folders(self, table: str) -> None:
        """An object store has none."""

    def _key(self, location: str) -> str:
        return self.spelled(location).removeprefix(self._outside)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What the driver complains about, as one finding that says what to do and holds no secret."""
        try:
            yield
        except LakeError:
            raise
        except FileNotFoundError as problem:
            found = self._finding(what, problem)
            raise (MissingFile if found.code == "missing-file" else LakeError)(findings=[found]) from None
        except (OSError, _driver_error()) as problem:
            raise LakeError(findings=[self._finding(what, problem)]) from None

    def _finding(self, what: str, problem: BaseException) -> Finding:
        from obstore import exceptions

        text = str(problem)
        scheme, bucket = self._access.scheme, self._access.bucket
        if "NoSuchBucket" in text or "ContainerNotFound" in text or "The specified bucket does not exist" in text:
            return Finding(
                code="no-bucket",
                message=f"{what}: there is no bucket `{bucket}`.",
                hint="Make the bucket, or change `lake` in wherry.toml. Buckets are never made by a run.",
            )
        refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        if isinstance(problem, refused) or any(word in text for word in _DENIED):
            return Finding(
                code="storage-denied",
                message=f"{what}: the storage refuses the credentials.",
                hint=f"Check {_HINTS[scheme]}; they must allow to list, read, write and delete in `{bucket}`.",
            )
        if isinstance(problem, FileNotFoundError):
            return Finding(
                code="missing-file",
                message=f"{what}: it is not there.",
                hint="Was it removed by hand? `wherry log` and `wherry restore` go back to a commit that is whole.",
            )
        where = self._access.endpoint or f"the storage of `{scheme}://`"
        reason = self.without_secrets(text).partition("\n")[0].removeprefix("Generic S3 error: ")[:200]
        reason = reason.rpartition(" - ")[2] or type(problem).__name__
        return Finding(
            code="storage-unreachable",
            message=f"{what}: {where} does not answer ({reason}).",
            hint="Check the network and the endpoint, then run again: it goes on from there.",
        )


def _ahead(do: Callable[[str], T], locations: Iterable[str]) -> Iterator[T]:
    """What ``do`` returns for each, in their order; some are done at once, since each is mostly waiting."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="wherry-bucket") as pool:
        under_way: deque[Future[T]] = deque()
        try:
            for location in locations:
                under_way.append(pool.submit(do, location))
                if len(under_way) >= _AT_ONCE:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for each in under_way:
                each.cancel()


def _driver_error() -> type[BaseException]:
    from obstore.exceptions import BaseError

    return BaseError  # type: ignore[no-any-return, unused-ignore]
