"""What a source file of connector ``files`` may say."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from wherry.errors import ProjectError
from wherry.model.finding import Finding
from wherry.ports import TableRequest

FORMATS = ("csv", "json", "jsonl", "parquet", "excel")
ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".dat": "csv",
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel",
}  # fmt: skip
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Files in a folder, in a bucket or behind a web address: CSV, JSON, JSON Lines, Parquet and Excel.

    Storage credentials that are not given here are taken from environment variables of the same names.
    """

    #: The folder: relative to the project, absolute, ``s3://bucket/prefix`` or ``https://host/folder``.
    path: str = "."
    #: Absolute folder that a relative ``path`` starts from; filled in by wherry.
    project: str = ""
    #: ``reject`` puts rows that cannot be read aside and loads the rest; ``fail`` loads nothing.
    on_bad_row: str = "reject"
    #: Key id for ``s3://``; without one the bucket is read anonymously.
    AWS_ACCESS_KEY_ID: str = ""
    #: Secret key for ``s3://``.
    AWS_SECRET_ACCESS_KEY: str = field(default="", repr=False)
    #: Session token of temporary credentials.
    AWS_SESSION_TOKEN: str = field(default="", repr=False)
    #: Region of the bucket.
    AWS_REGION: str = ""
    #: Address of a storage that speaks S3 (MinIO, R2, Ceph...); empty for Amazon's own.
    AWS_ENDPOINT_URL: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How the files of one table are written.

    Types that are not given are found by reading every row. Integers stay integers (those beyond 64 bits become
    ``DECIMAL(38,0)``), numbers with a decimal point become ``DOUBLE`` (give ``types: {price: "decimal(12,2)"}`` for
    exact money), ISO dates and times become dates and times, times with a zone keep their instant. Text that only
    looks like a number, such as ``007`` or ``+49``, stays text.
    """

    #: ``csv``, ``json``, ``jsonl``, ``parquet`` or ``excel``; found from the file's ending when not given.
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
    #: Excel: name of the sheet; the first one when not given.
    sheet: str = ""
    #: Excel: cells to read, such as ``B3:F20``.
    range: str = ""
    #: ``gzip``, ``zstd`` or ``none``; found from the file's ending when not given.
    compression: str = ""
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
    found: list[Finding] = []
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
    lowered = [n.lower() for n in table.names]
    if len(set(lowered)) < len(lowered):
        found.append(bad_option("names", list(table.names), "Two names are the same."))
    try:
        "x".encode(table.encoding)
    except (LookupError, UnicodeError):
        found.append(bad_option("encoding", table.encoding, ("utf-8", "latin-1", "cp1252", "utf-16", "shift_jis")))
    return found


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


def compression_of(name: str, table: TableOptions) -> str:
    """``gzip``, ``zstd`` or ``none``."""
    if table.compression:
        return table.compression
    return next((word for end, word in COMPRESSIONS.items() if name.lower().endswith(end)), "none")


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
