"""What a source file of connector ``files`` may say."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from wherry.errors import ProjectError, SourceError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import TableRequest

ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".dat": "csv",
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xml": "xml",
    ".parquet": "parquet", ".pq": "parquet", ".avro": "avro", ".orc": "orc", ".xlsx": "excel",
}  # fmt: skip
#: Tables that another system keeps as a folder of files.
TABLE_FORMATS = ("delta", "iceberg", "hudi")
FORMATS = ("csv", "json", "jsonl", "xml", "fixed", "parquet", "avro", "orc", "excel", *TABLE_FORMATS)
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
#: Between an archive's name and the pattern of its members.
INSIDE = "!/"

_LOGIN = ("username", "password")
#: Which credentials belong to which kind of address.
BELONGS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"),
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_ACCESS_KEY_ID",
        "GOOGLE_SECRET_ACCESS_KEY", "GOOGLE_ENDPOINT_URL",
    ),
    "az": (
        "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_ENDPOINT",
    ),
    "sftp": (*_LOGIN, "private_key", "passphrase", "host_key"),
    "ftp": _LOGIN, "ftps": (*_LOGIN, "certificate"),
    "https": (*_LOGIN, "token", "headers", "certificate"), "http": (*_LOGIN, "token", "headers"),
}  # fmt: skip
#: Options that nobody may be shown.
SECRETS = (
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_ACCESS_KEY_ID", "GOOGLE_SECRET_ACCESS_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN", "password", "token", "passphrase",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Files in a folder, in a bucket, on an SFTP or FTP server or behind a web address.

    Credentials of a bucket that are not given here are taken from variables of the same names, of the environment or
    ``.env``.
    """

    #: The folder: relative to the project, absolute, or an address: ``s3://bucket/prefix``, ``gs://bucket/prefix``,
    #: ``az://container/prefix``, ``sftp://host/folder``, ``ftp://host/folder``, ``ftps://host/folder``,
    #: ``https://host/folder``.
    path: str = "."
    #: Absolute folder that a relative ``path`` starts from; filled in by wherry.
    project: str = ""
    #: The project's environment, with its ``.env``, for credentials that are not given here; filled in by wherry.
    project_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: ``reject`` puts rows that cannot be read aside and loads the rest; ``fail`` loads nothing.
    on_bad_row: str = "reject"
    #: Key id for ``s3://``; without one the bucket is read anonymously.
    AWS_ACCESS_KEY_ID: str = field(default="", repr=False)
    #: Secret key for ``s3://``.
    AWS_SECRET_ACCESS_KEY: str = field(default="", repr=False)
    #: Session token of temporary credentials.
    AWS_SESSION_TOKEN: str = field(default="", repr=False)
    #: Region of the bucket.
    AWS_REGION: str = ""
    #: Address of a storage that speaks S3 (MinIO, R2, Ceph...); empty for Amazon's own.
    AWS_ENDPOINT_URL: str = ""
    #: ``gs://``: file with a service account's key.
    GOOGLE_APPLICATION_CREDENTIALS: str = ""
    #: ``gs://``: a service account's key itself, as JSON.
    GOOGLE_SERVICE_ACCOUNT_KEY: str = field(default="", repr=False)
    #: ``gs://``: id of an HMAC key, instead of a service account.
    GOOGLE_ACCESS_KEY_ID: str = field(default="", repr=False)
    #: ``gs://``: secret of the HMAC key.
    GOOGLE_SECRET_ACCESS_KEY: str = field(default="", repr=False)
    #: ``gs://``: address of the storage, when it is not Google's own.
    GOOGLE_ENDPOINT_URL: str = ""
    #: ``az://``: everything in one, as Azure's portal shows it.
    AZURE_STORAGE_CONNECTION_STRING: str = field(default="", repr=False)
    #: ``az://``: name of the storage account.
    AZURE_STORAGE_ACCOUNT: str = ""
    #: ``az://``: key of the account.
    AZURE_STORAGE_KEY: str = field(default="", repr=False)
    #: ``az://``: shared access signature, instead of a key.
    AZURE_STORAGE_SAS_TOKEN: str = field(default="", repr=False)
    #: ``az://``: address of the storage, when it is not Azure's own.
    AZURE_STORAGE_ENDPOINT: str = ""
    #: Name to log in with: ``sftp://``, ``ftp://``, ``https://`` (basic authentication).
    username: str = ""
    #: Password to log in with.
    password: str = field(default="", repr=False)
    #: ``sftp://``: file with the private key; without it and a password, the agent and ``~/.ssh`` are asked.
    private_key: str = ""
    #: ``sftp://``: what opens the private key.
    passphrase: str = field(default="", repr=False)
    #: ``sftp://``: the server's public key, as in ``known_hosts`` (``ssh-ed25519 AAAA...``); else that file is asked.
    host_key: str = ""
    #: ``https://``: token that is sent as ``Authorization: Bearer``.
    token: str = field(default="", repr=False)
    #: ``https://``: further headers to send.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: ``https://``, ``ftps://``: file with the certificates to trust, when the system's are not enough.
    certificate: str = ""

    @property
    def scheme(self) -> str:
        """What the address starts with; empty for a local folder."""
        return self.path.partition("://")[0].lower() if "://" in self.path else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How the files of one table are written.

    Types that are not given are found by reading every row. Integers stay integers (those beyond 64 bits become
    ``DECIMAL(38,0)``), numbers with a decimal point become ``DOUBLE`` (give ``types: {price: "decimal(12,2)"}`` for
    exact money), ISO dates and times become dates and times, times with a zone keep their instant. Text that only
    looks like a number, such as ``007`` or ``+49``, stays text.
    """

    #: ``csv``, ``json``, ``jsonl``, ``xml``, ``fixed``, ``parquet``, ``avro``, ``orc`` or ``excel``, found from the
    #: file's ending when not given; ``delta``, ``iceberg`` or ``hudi`` for a folder that is such a table.
    format: str = ""
    #: Whether the first row holds the names; when not given, it does unless it holds a number, a date or a null.
    header: bool | None = None
    #: Names of the columns, for files without a header (or instead of it).
    names: tuple[str, ...] = ()
    #: What separates two values: found when not given; tab for ``.tsv``.
    delimiter: str = ""
    #: What surrounds a value that holds a delimiter; an empty text for none.
    quote: str = '"'
    #: What stands before a quote inside a quoted value; the quote itself when not given.
    escape: str = ""
    #: Text, or a list of texts, that means "no value".
    null: tuple[str, ...] = ("",)
    #: Encoding of the text: ``utf-8``, ``latin-1``, ``cp1252``, ``utf-16``... any that Python knows.
    encoding: str = "utf-8"
    #: Types by column: ``{id: bigint, price: "decimal(12,2)"}``; a row whose value does not fit is a bad row.
    types: Mapping[str, str] = field(default_factory=dict)
    #: Lines to leave out at the top of each file.
    skip: int = 0
    #: Fixed width: the columns and their characters, from 1: ``{id: 1-5, name: 6-25, rest: 26-}``.
    positions: Mapping[str, str | int] = field(default_factory=dict)
    #: XML: the path of the elements that are rows, such as ``orders/order``; the children of the root when not given.
    records: str = ""
    #: Excel: name of the sheet; the first one when not given.
    sheet: str = ""
    #: Excel: cells to read, such as ``B3:F20``.
    range: str = ""
    #: ``gzip``, ``zstd``, ``bzip2``, ``xz`` or ``none``; found from the file's ending when not given.
    compression: str = ""
    #: A compressed file or an archive may become this many times as large when it is unpacked (a gigabyte in any case).
    expands_to: int = 200
    #: The files are logs that are only added to: each is read up to its last whole line, also while it is written.
    grows: bool = False
    #: Character before the fraction of a number.
    decimal: str = "."
    #: How dates are written, such as ``%d.%m.%Y``.
    dateformat: str = ""
    #: How timestamps are written, such as ``%d/%m/%Y %H:%M``.
    timestampformat: str = ""
    #: ``reject`` or ``fail``, for this table.
    on_bad_row: str = ""


def bad_option(option: str, value: object, allowed: Iterable[str] | str) -> Finding:
    """A Finding for an option with a value that it cannot have."""
    if isinstance(allowed, str):
        return Finding(code="bad-option", message=f"Option `{option}` cannot be {value!r}.", hint=allowed)
    words = list(allowed)
    near = difflib.get_close_matches(str(value), words, 1)
    hint = f"Did you mean `{near[0]}`?" if near else f"It can be {', '.join(words)}."
    return Finding(code="bad-option", message=f"Option `{option}` cannot be {value!r}.", hint=hint)


def option_findings(options: Options, table: TableOptions) -> list[Finding]:
    """Everything that is wrong with the options, at once."""
    found: list[Finding] = [*misplaced(options)]
    for name, value, allowed in (
        ("on_bad_row", options.on_bad_row, ("reject", "fail")),
        ("on_bad_row", table.on_bad_row, ("", "reject", "fail")),
        ("format", table.format, ("", *FORMATS)),
        ("compression", table.compression, ("", "none", *COMPRESSIONS.values())),
        ("decimal", table.decimal, (".", ",")),
    ):
        if value not in allowed:
            found.append(bad_option(name, value, [w for w in allowed if w]))
    for name, text, longest in (
        ("delimiter", table.delimiter, 4), ("quote", table.quote, 1), ("escape", table.escape, 1)
    ):  # fmt: skip
        if len(text.encode()) > longest or any(c in "\r\n\0" for c in text):
            found.append(bad_option(name, text, f"It is at most {longest} plain character(s), not a line end."))
    if table.delimiter and table.delimiter in (table.quote, table.escape):
        found.append(bad_option("delimiter", table.delimiter, "It must differ from `quote` and `escape`."))
    if table.skip < 0:
        found.append(bad_option("skip", table.skip, "It is a number of lines, 0 or more."))
    if table.expands_to < 1:
        found.append(bad_option("expands_to", table.expands_to, "It is a number of times, 1 or more."))
    lowered = [n.lower() for n in table.names]
    if len(set(lowered)) < len(lowered):
        found.append(bad_option("names", list(table.names), "Two names are the same."))
    try:
        "x".encode(table.encoding)
    except (LookupError, UnicodeError):
        found.append(bad_option("encoding", table.encoding, ("utf-8", "latin-1", "cp1252", "utf-16", "shift_jis")))
    return found


def misplaced(options: Options) -> Iterable[Finding]:
    """Credentials that the kind of address has no use for: they would be dropped silently."""
    scheme = options.scheme
    if scheme and scheme not in BELONGS:
        known = ", ".join(f"{each}://" for each in BELONGS)
        yield Finding(
            code="bad-option",
            message=f"`path:` starts with `{scheme}://`, which is not read.",
            hint=f"It can be a folder, or an address that starts with {known}.",
        )
        return
    mine = BELONGS.get(scheme, ())
    for name in dict.fromkeys(n for names in BELONGS.values() for n in names):
        if name not in mine and getattr(options, name):
            whose = ", ".join(f"{s}://" for s, names in BELONGS.items() if name in names)
            where = f"{scheme}://" if scheme else "a local folder"
            yield Finding(
                code="bad-option",
                message=f"The option `{name}` is for {whose}, and `path:` is {where}.",
                hint=f"Leave `{name}` out, or correct `path:`.",
            )


def table_options(options: Options, table: TableRequest) -> TableOptions:
    """The table's options, checked. Raises ``ProjectError`` with all findings."""
    given = table.options if table.options is not None else TableOptions()
    tidy: dict[str, Any] = {f.name: getattr(given, f.name) for f in fields(TableOptions)}
    tidy["null"] = (given.null,) if isinstance(given.null, str) else tuple(given.null)
    tidy["names"] = tuple(given.names)
    checked = TableOptions(**tidy)
    if found := option_findings(options, checked):
        raise ProjectError(findings=found)
    return checked


def credential(options: Options, name: str) -> str:
    """A credential of a bucket: as given, or else the variable of the same name, of the environment or ``.env``."""
    return str(getattr(options, name)) or options.project_variables.get(name) or os.environ.get(name, "")


def own_file(options: Options, path: str) -> str | None:
    """Where a file lies that an option names: relative to the project, or to the home with ``~``; None for none.

    Raises ``SourceError`` when it is not there.
    """
    if not path:
        return None
    file = Path(options.project, Path(path).expanduser())
    if not file.is_file():
        hint = "A relative path starts at the project's folder."
        raise SourceError(findings=[Finding(code="no-file", message=f"There is no file `{path}`.", hint=hint)])
    return str(file)


def without_secrets(text: str, options: Options) -> str:
    """The text with credentials struck out."""
    hidden = [credential(options, name) if name.isupper() else getattr(options, name) for name in SECRETS]
    written = urlsplit(options.path).password or ""
    for secret in (*hidden, *options.headers.values(), written, unquote(written)):
        if len(secret) > 3:
            text = text.replace(secret, "***")
    return text


def compression_of(name: str, table: TableOptions) -> str:
    """``gzip``, ``zstd``, ``bzip2``, ``xz`` or ``none``."""
    if table.compression:
        return table.compression
    return next((word for end, word in COMPRESSIONS.items() if name.lower().endswith(end)), "none")


def is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def in_archive(table: str) -> tuple[str, str]:
    """A table's name as the pattern of its files and that of the members wanted of archives."""
    outer, _, inner = table.partition(INSIDE)
    return outer, inner


def format_of(name: str, table: TableOptions) -> str:
    """The format of a file or a pattern, by option or ending. Raises ``ProjectError`` when neither tells."""
    if table.format:
        return table.format
    plain = name.lower().split("?")[0] if "://" in name else name.lower()
    for end in COMPRESSIONS:
        plain = plain.removesuffix(end)
    for end, word in ENDINGS.items():
        if plain.endswith(end):
            return word
    raise ProjectError(
        findings=[
            Finding(
                code="unknown-format",
                message=f"The format of `{name}` is not told by its ending.",
                hint=f"Set `format:` to one of {', '.join(FORMATS)}.",
            )
        ]
    )
