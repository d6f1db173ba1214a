"""``wherry sql``"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wherry.cli.common import Place, about_project, plain

if TYPE_CHECKING:
    from wherry.run.reading import Reading
    from wherry.run.session import Session

FORMATS = ("table", "csv", "json", "parquet")
#: A table for people shows so many rows; the other formats give all.
SHOWN_ROWS = 1_000


@click.command(epilog='Example:  wherry sql "SELECT * FROM marts.revenue LIMIT 5" --format csv')
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file (needed for parquet on a terminal).",
)
@click.option("--at", help="Read the lake as of a commit or a time (UTC).")
@about_project
def command(place: Place, query: str | None, form: str, output: Path | None, at: str | None) -> int:
    """Query the lake with DuckDB's SQL; `-` reads the query from standard input; without one, a shell.

    Tables go by their own names. The project's SQL functions can be used.
    """
    from wherry.run.reading import reading

    config = place.config()
    if place.as_json:
        form = "json"
    with (
        place.lake(config) as lake,
        reading(config, lake, place.branch, lake.moment(place.branch, at) if at else None) as read,
    ):
        if query is None and sys.stdin.isatty():
            return _shell(read)
        answer(read, sys.stdin.read() if query in (None, "-") else str(query), form, output)
    return 0


def answer(read: Reading, query: str, form: str, output: Path | None) -> None:
    """Run a query and print what it returns, streamed. Raises ``UsageError`` with the reason DuckDB gives."""
    from wherry import duckdb
    from wherry.errors import LakeError, UsageError
    from wherry.run.failure import told_by_lake

    session = read.session
    try:
        read.make_ready(query)
        if form == "table":
            _print_table(session, query)
        elif form == "parquet":
            _parquet(session, query, output)
        else:
            _print_rows(session, query, form, output)
    except duckdb.Error as error:
        text = str(error).strip()
        if refused := told_by_lake(text):
            raise LakeError(refused) from None
        if isinstance(error, duckdb.IOException):
            raise LakeError(text, hint="Is the storage reachable, and is the file still there?") from None
        raise UsageError(text) from None


def _print_table(session: Session, query: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    columns, streamed = session.engine.rows(query)
    rows = list(islice(streamed, SHOWN_ROWS + 1))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) and not isinstance(row[index], bool) for row in rows[:20])
        table.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows[:SHOWN_ROWS]:
        table.add_row(*("[dim]null[/]" if value is None else escape(str(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    console.print(table)
    more = "; more follow, see --format csv" if len(rows) > SHOWN_ROWS else ""
    click.echo(f"{min(len(rows), SHOWN_ROWS):,} row{'s' * (len(rows) != 1)}{more}")


def _print_rows(session: Session, query: str, form: str, output: Path | None) -> None:
    import csv
    import json

    columns, rows = session.engine.rows(query)
    stream: Any = output.open("w", encoding="utf-8", newline="") if output else sys.stdout
    try:
        if form == "csv":
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
            return
        stream.write("[")
        separator = ""
        for row in rows:
            document = json.dumps(dict(zip(columns, row, strict=True)), default=plain, ensure_ascii=False)
            stream.write(separator + document)
            separator = ",\n "
        stream.write("]\n")
    finally:
        if output:
            stream.close()


def _parquet(session: Session, query: str, output: Path | None) -> None:
    from wherry.quoting import text
    from wherry.sql.statement import body

    if output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: name a file with --output, or redirect.")
    if output is None:
        import pyarrow.parquet as pq

        reader = session.engine.arrow(query)
        with pq.ParquetWriter(sys.stdout.buffer, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return
    session.engine.execute(f"COPY (\n{body(query)}\n) TO {text(str(output.resolve()))} (FORMAT parquet)")


def _shell(read: Reading) -> int:
    """Read statements up to their semicolon and answer them, until the end of input."""
    import contextlib

    from wherry.cli.failure import show_findings
    from wherry.errors import WherryError

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (line editing and history for input())
    click.echo("Statements end with ; — .tables lists the tables, .quit leaves.")
    lines: list[str] = []
    while True:
        try:
            line = input("wherry> " if not lines else "   ...> ")
        except EOFError:
            click.echo()
            return 0
        except KeyboardInterrupt:
            click.echo()
            lines = []
            continue
        if not lines and line.strip() in (".quit", ".exit"):
            return 0
        if not lines and line.strip() == ".tables":
            click.echo("\n".join(sorted(pointer.full_name for pointer in read.session.pointers.values())))
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            try:
                answer(read, "\n".join(lines), "table", None)
            except WherryError as error:
                show_findings(error.findings)
            lines = []
