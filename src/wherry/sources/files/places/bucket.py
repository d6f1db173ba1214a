"""Buckets of Amazon S3, Google Cloud Storage and Azure, through obstore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from wherry.sources.files.database import failed
from wherry.sources.files.options import BELONGS, Options, credential, own_file, without_secrets
from wherry.sources.files.places.patterns import fixed_part, matches
from wherry.sources.files.places.place import PATIENCE, Dropped, File, address, below, missing_driver

#: Names in one page of a listing.
PAGE = 1000
#: Bytes in one piece.
CHUNK = 4 << 20
_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure"}


class Bucket:
    """Objects below a prefix."""

    def __init__(self, options: Options) -> None:
        try:
            import obstore
        except ImportError:
            raise missing_driver(f"`{options.scheme}://`", _EXTRAS[options.scheme]) from None
        self.obstore, self.options = obstore, options
        self.bucket, prefix = below(options)
        self.prefix = f"{prefix}/" if prefix else ""
        if not self.bucket:
            hint = f"Write {options.scheme}://bucket/folder."
            raise failed("no-bucket", f"`path: {options.path}` names no bucket.", hint)
        with self.told("The bucket"):
            self.store = make_store(options, self.bucket)

    def list(self, pattern: str) -> Iterator[File]:
        prefix = self.prefix + fixed_part(pattern).rpartition("/")[0]
        with self.told(f"`{pattern}`"):
            for page in self.obstore.list(self.store, prefix=prefix or None, chunk_size=PAGE):
                for about in page:
                    name = about["path"].removeprefix(self.prefix)
                    if about["path"].startswith(self.prefix) and matches(pattern, name):
                        yield self.file(name, about)

    def look(self, name: str) -> File | None:
        with self.told(f"`{name}`"):
            try:
                return self.file(name, self.obstore.head(self.store, self.prefix + name))
            except FileNotFoundError:
                return None

    def file(self, name: str, about: Any) -> File:
        # Azure quotes it in one answer and not in another.
        marks = {"etag": (about["e_tag"] or "").strip('"'), "mtime": int(about["last_modified"].timestamp() * 1e6)}
        path = f"{self.options.scheme}://{self.bucket}/{self.prefix}{name}"
        return File(name=name, path=path, size=about["size"], marks={k: v for k, v in marks.items() if v})

    def read(self, file: File, start: int = 0) -> Iterator[bytes]:
        asked: Any = {"range": {"offset": start}} if start else {}
        if file.marks.get("etag"):
            asked["if_match"] = f'"{file.marks["etag"]}"'
        with self.told(f"`{file.name}`"):
            if start and start == file.size:
                return
            got = self.obstore.get(self.store, self.prefix + file.name, options=asked)
            stream = iter(got.stream(min_chunk_size=CHUNK))
            while True:
                try:
                    piece = next(stream, None)
                except self.obstore.exceptions.GenericError as error:
                    raise Dropped(without_secrets(str(error).split("\n")[0], self.options)) from None
                if piece is None:
                    return
                yield bytes(piece)

    def close(self) -> None:
        pass

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """What the storage complains about, as a Finding without secrets."""
        errors = self.obstore.exceptions
        try:
            yield
        except (errors.BaseError, FileNotFoundError, ValueError) as error:
            text = without_secrets(str(error), self.options)
            where = address(self.options)
            if isinstance(error, errors.PreconditionError):
                raise failed("changed-meanwhile", f"{what} changed while it was being read.", "Run again.") from None
            if isinstance(error, FileNotFoundError):
                raise failed(
                    "no-file", f"{what} in `{where}` is not there, or the bucket is not.",
                    "Correct `path:`. Does the file still exist?",
                ) from None  # fmt: skip
            words = ("403", "401", "Forbidden", "AccessDenied", "InvalidAccessKey", "Signature", "Unauthenticated",
                     "ExpiredToken", "AuthenticationFailed")  # fmt: skip
            denied = isinstance(error, (errors.PermissionDeniedError, errors.UnauthenticatedError)) or any(
                word in text for word in words
            )
            if denied:
                names = ", ".join(n for n in BELONGS[self.options.scheme] if credential(self.options, n))
                expired = "the token is expired" if "xpired" in text else "the storage refuses the credentials"
                hint = f"Check {names or 'the credentials: none are given'}, and what they allow."
                raise failed("refused", f"{what} in `{where}` cannot be read: {expired}.", hint) from None
            first = next((line for line in text.splitlines() if line.strip()), "").strip()
            raise failed(
                "unreadable", f"{what} in `{where}` cannot be read: {first[:300]}",
                "Check `path:` and the address of the storage, and whether it is reachable. Run again.",
            ) from None  # fmt: skip


def make_store(options: Options, bucket: str) -> Any:
    """The store of a bucket, with the credentials that are given; without any it is read anonymously."""
    from obstore.store import AzureStore, GCSStore, S3Store

    retries: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
    client: Any = {
        "connect_timeout": timedelta(seconds=10), "read_timeout": timedelta(seconds=PATIENCE),
        "timeout": timedelta(hours=12), "allow_http": True,
    }  # fmt: skip
    further: Any = {"client_options": client, "retry_config": retries}
    given = {name: credential(options, name) for name in BELONGS[options.scheme]}
    config: Any
    if options.scheme == "az":
        return AzureStore(bucket, config=_azure(given), **further)
    if options.scheme == "gs" and not given["GOOGLE_ACCESS_KEY_ID"]:
        config = {
            "service_account": own_file(options, given["GOOGLE_APPLICATION_CREDENTIALS"]),
            "service_account_key": given["GOOGLE_SERVICE_ACCOUNT_KEY"],
            "base_url": given["GOOGLE_ENDPOINT_URL"],
        }
        config = {key: value for key, value in config.items() if value}
        if "service_account" not in config and "service_account_key" not in config:
            config["skip_signature"] = True
        return GCSStore(bucket, config=config, **further)
    who = "GOOGLE" if options.scheme == "gs" else "AWS"
    endpoint = given[f"{who}_ENDPOINT_URL"] or ("https://storage.googleapis.com" if who == "GOOGLE" else "")
    config = {
        "access_key_id": given[f"{who}_ACCESS_KEY_ID"],
        "secret_access_key": given[f"{who}_SECRET_ACCESS_KEY"],
        "session_token": given.get("AWS_SESSION_TOKEN", ""),
        "endpoint": endpoint.rstrip("/"),
        "region": given.get("AWS_REGION") or ("auto" if who == "GOOGLE" else "us-east-1"),
    }
    config = {key: value for key, value in config.items() if value}
    config["virtual_hosted_style_request"] = not endpoint
    if "access_key_id" not in config:
        config["skip_signature"] = True
    return S3Store(bucket, config=config, **further)


def _azure(given: dict[str, str]) -> Any:
    parts = dict(part.partition("=")[::2] for part in given["AZURE_STORAGE_CONNECTION_STRING"].split(";") if part)
    config = {
        "account_name": parts.get("AccountName") or given["AZURE_STORAGE_ACCOUNT"],
        "account_key": parts.get("AccountKey") or given["AZURE_STORAGE_KEY"],
        "sas_key": parts.get("SharedAccessSignature") or given["AZURE_STORAGE_SAS_TOKEN"],
        "endpoint": parts.get("BlobEndpoint") or given["AZURE_STORAGE_ENDPOINT"],
    }
    config = {key: value for key, value in config.items() if value}
    if "account_key" not in config and "sas_key" not in config:
        return config | {"skip_signature": True}
    return config


open_place = Bucket
