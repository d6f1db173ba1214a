"""Who may use a bucket: its credentials, as the program's own client, DuckDB and other engines want them.

They come from variables of the environment or the project's ``.env``:

| address                  | variables                                                                                 |
|--------------------------|-------------------------------------------------------------------------------------------|
| ``s3://bucket/prefix``   | AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL |
| ``gs://bucket/prefix``   | GOOGLE_ACCESS_KEY_ID, GOOGLE_SECRET_ACCESS_KEY (an HMAC key), GOOGLE_ENDPOINT_URL         |
| ``az://container/prefix``| AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY           |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from wherry import quoting
from wherry.errors import LakeError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

#: What a lake's address may start with, and the extra that brings what it takes.
SCHEMES = {"s3": "s3", "gs": "gcs", "az": "azure"}
#: Shorter texts are no secrets, and would be struck out of ordinary words.
_TELLING = 6
_GOOGLE = "https://storage.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The right to use one bucket."""

    scheme: str
    bucket: str
    #: ``s3`` and ``gs``: address of the service; empty for Amazon's own.
    endpoint: str = ""
    region: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    #: ``az``: all of it in one.
    connection: str = field(default="", repr=False)

    def store(self) -> Any:
        """The bucket in this program. Raises ``LakeError`` when the driver is not installed."""
        try:
            from obstore.store import AzureStore, S3Store
        except ImportError:
            raise LakeError(
                findings=[
                    Finding(
                        code="missing-extra",
                        message=f"A lake at `{self.scheme}://` needs a driver that is not installed.",
                        hint=f"pip install 'wherry[{SCHEMES[self.scheme]}]'",
                    )
                ]
            ) from None
        # Few and short: a person waits for the answer, and a run that fails goes on from there.
        retries: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
        client: Any = {"timeout": timedelta(seconds=60), "connect_timeout": timedelta(seconds=10), "allow_http": True}
        if self.scheme == "az":
            parts = _connection_parts(self.connection)
            config: Any = {"account_name": parts.get("AccountName", "")}
            config |= {"account_key": parts["AccountKey"]} if "AccountKey" in parts else {}
            config |= {"endpoint": parts["BlobEndpoint"]} if "BlobEndpoint" in parts else {}
            return AzureStore(self.bucket, config=config, client_options=client, retry_config=retries)
        config = {"access_key_id": self.key, "secret_access_key": self.secret, "region": self.region}
        config |= {"session_token": self.token} if self.token else {}
        config |= {"endpoint": self.endpoint} if self.endpoint else {}
        config |= {"virtual_hosted_style_request": not self.endpoint}
        return S3Store(self.bucket, config=config, client_options=client, retry_config=retries)

    def secret_for_duckdb(self) -> str:
        """The statement that lets DuckDB use every address of this scheme."""
        if self.scheme == "az":
            given = {"TYPE": "azure", "CONNECTION_STRING": quoting.text(self.connection)}
        else:
            given = {
                "TYPE": "gcs" if self.scheme == "gs" else "s3",
                "KEY_ID": quoting.text(self.key),
                "SECRET": quoting.text(self.secret),
                "REGION": quoting.text(self.region),
            }
            if self.token:
                given["SESSION_TOKEN"] = quoting.text(self.token)
            if self.endpoint:
                address = urlsplit(self.endpoint)
                given["ENDPOINT"] = quoting.text(address.netloc + address.path.rstrip("/"))
                given["URL_STYLE"] = "'path'"
                given["USE_SSL"] = "false" if address.scheme == "http" else "true"
        parameters = ", ".join(f"{key} {value}" for key, value in given.items())
        scope = quoting.text(f"{self.scheme}://")
        return f"CREATE OR REPLACE SECRET {quoting.name(f'wherry {self.scheme}')} ({parameters}, SCOPE {scope})"

    def for_other_engines(self) -> dict[str, str]:
        """As the ``config`` of a table in the Iceberg REST protocol."""
        if self.scheme == "az":
            return {"adls.connection-string": self.connection}
        config = {
            "s3.access-key-id": self.key,
            "s3.secret-access-key": self.secret,
            "s3.region": self.region,
            "client.region": self.region,
        }
        config |= {"s3.session-token": self.token} if self.token else {}
        config |= {"s3.endpoint": self.endpoint, "s3.path-style-access": "true"} if self.endpoint else {}
        return config

    def secrets(self) -> Sequence[str]:
        """Every text that must not be shown to anybody."""
        parts = _connection_parts(self.connection)
        hidden = (self.secret, self.token, self.key, self.connection, parts.get("AccountKey", ""))
        return [text for text in hidden if len(text) >= _TELLING]


def find_access(address: str, variables: Mapping[str, str]) -> Access:
    """The right to use the bucket of an address. Raises ``LakeError`` that names the variables that are missing."""
    parts = urlsplit(address)
    scheme, bucket = parts.scheme, parts.netloc
    if scheme == "az":
        return Access(scheme=scheme, bucket=bucket, connection=_azure(variables, address))
    prefix = "GOOGLE" if scheme == "gs" else "AWS"
    _need([f"{prefix}_ACCESS_KEY_ID", f"{prefix}_SECRET_ACCESS_KEY"], variables, address)
    if scheme == "gs":
        endpoint, region = variables.get("GOOGLE_ENDPOINT_URL") or _GOOGLE, "auto"
    else:
        endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"
    return Access(
        scheme=scheme,
        bucket=bucket,
        endpoint=endpoint.rstrip("/"),
        region=region,
        key=variables[f"{prefix}_ACCESS_KEY_ID"],
        secret=variables[f"{prefix}_SECRET_ACCESS_KEY"],
        token=variables.get("AWS_SESSION_TOKEN", "") if scheme == "s3" else "",
    )


def secrets_for_duckdb(variables: Mapping[str, str]) -> list[str]:
    """Statements that let DuckDB use every kind of address that there are credentials for."""
    return [access.secret_for_duckdb() for access in _known(variables) if access.scheme != "az"]


def without_secrets(text: str, variables: Mapping[str, str]) -> str:
    """The text with all credentials struck out."""
    for access in _known(variables):
        for secret in access.secrets():
            text = text.replace(secret, "***")
    return text


def _known(variables: Mapping[str, str]) -> Iterator[Access]:
    for scheme in SCHEMES:
        with suppress(LakeError):
            yield find_access(f"{scheme}://any", variables)


def _azure(variables: Mapping[str, str], address: str) -> str:
    if connection := variables.get("AZURE_STORAGE_CONNECTION_STRING"):
        return connection
    _need(["AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"], variables, address)
    account, key = variables["AZURE_STORAGE_ACCOUNT"], variables["AZURE_STORAGE_KEY"]
    return (
        f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=https://{account}.blob.core.windows.net"
    )


def _connection_parts(connection: str) -> dict[str, str]:
    """The parts of an Azure connection string."""
    pairs = (part.partition("=") for part in connection.split(";") if part)
    return {name: value for name, _, value in pairs}


def _need(names: Sequence[str], variables: Mapping[str, str], address: str) -> None:
    missing = [name for name in names if not variables.get(name)]
    if missing:
        raise LakeError(
            findings=[
                Finding(
                    code="no-credentials",
                    message=f"There are no credentials for `{address}`: {' and '.join(missing)} not set.",
                    hint="Set them in the environment or in the project's .env.",
                )
            ]
        )
