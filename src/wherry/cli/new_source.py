"""``wherry new source``"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import urlsplit

import click

from wherry.cli.common import Place, about_project, counted

if TYPE_CHECKING:
    from wherry.ports import Found
    from wherry.project.config import Config


#: Names of what is no one's business, inside of an option.
_SECRET = re.compile(
    r"token|secret|passw|passphrase|pwd|(api|access|private)[-_]?key|authorization|cookie|signature"
    r"|(\A|[-_])(auth|sig)\Z|\Akey\Z",
    re.IGNORECASE,
)


@click.command(epilog="Example:  wherry new source postgresql://reader@db.example/shop --tables 'public.*'")
@click.argument("address", metavar="URL")
@click.option("--name", help="What to call the source; taken from the address otherwise.")
@click.option("--schema", help="Schema of the lake for its tables; the source's name otherwise.")
@click.option("--tables", "patterns", multiple=True, metavar="PATTERN", help="Only tables like this; may be repeated.")
@click.option("--connector", help="The connector, where the address does not tell.")
@click.option(
    "--option", "given", multiple=True, metavar="NAME=VALUE", help="An option of the source's file; may be repeated."
)
@click.option("--print", "only_print", is_flag=True, help="Print the file instead of writing it.")
@about_project
def command(
    place: Place,
    address: str,
    name: str | None,
    schema: str | None,
    patterns: tuple[str, ...],
    connector: str | None,
    given: tuple[str, ...],
    only_print: bool,
) -> int:
    """Look at what is at URL, and write a source file for it: tables, keys, cursors, sizes, columns that look personal.

    A password in URL or a secret option goes to .env, not into the file. Nothing is loaded; change the file to your
    needs, then run.
    """
    from wherry.errors import SourceError, UsageError, WherryError
    from wherry.plugins import connector_for, find_source
    from wherry.project.source_text import source_text
    from wherry.run.look import tables_of, with_columns

    config = place.config()
    kind, options, table = connector_for(address)
    kind = connector or kind
    source = find_source(kind, config.folder)
    options |= dict(_option(each, source.Options) for each in given)
    name = name or _name(address)
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UsageError(f"`{name}` is no name for a source.", hint="Use letters, digits and _: --name shop_db.")
    file = config.folder / "sources" / f"{name}.yml"
    if file.exists() and not only_print:
        raise UsageError(f"sources/{name}.yml is there already.", hint="Say another --name, or --print.")
    try:
        found = tables_of(kind, options, config, table)
    except WherryError as error:
        raise _as_flags(_without(error, address)) from None
    if kind == "files" and [each.name for each in found] == ["."]:
        options["path"], found = _as_a_table(options["path"], found[0])
    chosen = [each for each in found if not patterns or any(fnmatchcase(each.name, p) for p in patterns)]
    if not chosen:
        hint = (
            f"It has: {', '.join(each.name for each in found[:10])}." if found else "Check what the account may read."
        )
        raise SourceError("No table was found there." if not patterns else "No table is like that.", hint=hint)
    if kind == "files":
        chosen = list(with_columns(kind, options, chosen, config))
    written, secrets = _hidden(options, name, getattr(source, "secret_options", ()))
    text = source_text(kind, written, schema or name, [_proposed(each) for each in chosen])
    if not only_print:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        _remember(config, secrets)
    if place.as_json:
        tables = [{"name": each.name, "kind": each.kind, "rows": each.rows, "key": list(each.key)} for each in chosen]
        told = {"file": f"sources/{name}.yml", "written": not only_print, "connector": kind, "tables": tables}
        place.answer({**told, "variables": sorted(secrets), "text": text})
    elif only_print:
        click.echo(text, nl=False)
    else:
        put = f"; what is secret of it is {', '.join(secrets)} in .env" if secrets else ""
        click.echo(f"Wrote sources/{name}.yml with {counted(len(chosen), 'table')}{put}.")
        click.echo(f"Next:  look at it, then `wherry show {name} --preview {chosen[0].name}` and `wherry run`.")
    return 0


def _name(address: str) -> str:
    """A name from an address: the database, the bucket, the host, the folder."""
    parts = urlsplit(address if "://" in address else f"file:///{address}")
    path = [part for part in parts.path.split("/") if part]
    if parts.scheme in ("http", "https"):
        words = (parts.hostname or "web").split(".")
        base = words[-2] if len(words) > 1 and not words[-1].isdigit() else words[0]
    else:
        base = path[-1].partition(".")[0] if path else (parts.hostname or "source")
    plain = re.sub(r"\W+", "_", base).strip("_").lower()
    return plain if plain and not plain[0].isdigit() else f"source_{plain}".rstrip("_")


def _proposed(found: Found) -> Any:
    from wherry.project.source_text import Proposed

    return Proposed(
        name=found.name,
        kind=found.kind,
        columns=found.columns,
        key=found.key,
        cursors=found.cursors,
        rows=found.rows,
        size=found.size,
        about=found.about,
        options=found.options,
    )


def _as_a_table(path: str, found: Found) -> tuple[str, list[Found]]:
    """A folder that is a table itself, as a table of the folder above."""
    from dataclasses import replace

    above, _, last = path.rstrip("/").rpartition("/")
    if above.endswith(":/"):
        return path, [found]  # a bucket, which nothing is above
    return above or ("/" if path.startswith("/") else "."), [replace(found, name=last)]


def _option(given: str, kind: type) -> tuple[str, Any]:
    """Name and value of one ``--option``, the value as a file would have it. Raises ``UsageError``."""
    import yaml

    from wherry.errors import UsageError

    name, equals, value = given.partition("=")
    if not equals or not name:
        raise UsageError(f"`--option {name}` has no value.", hint="Write --option NAME=VALUE.")
    if "\n" in value or "\r" in value:
        hint = f"Put the text into a file, write {name}: ${{NAME}} into the source file, and set NAME_FILE to its path."
        raise UsageError(f"The value of `--option {name}` has several lines, which .env cannot hold.", hint=hint)
    is_text = get_type_hints(kind).get(name, str) is str
    try:
        return name, value if is_text else yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value


def _hidden(options: dict[str, Any], name: str, secret: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The options as they may stand in a file, and the variables that hold what may not."""
    written: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    for option, value in options.items():
        if not isinstance(value, str):
            written[option] = _hidden_within(value, option, name, frozenset(secret), secrets)
            continue
        has_login = "://" in value and "@" in urlsplit(value).netloc and bool(urlsplit(value).password)
        # SQLAlchemy and APIs take them behind the address too.
        asked = (each.partition("=")[0] for each in re.split("[?&]", value)[1:] if "=" in each)
        if option in secret or has_login or any(map(_SECRET.search, asked)):
            variable = f"{name}_{option}".upper()
            written[option], secrets[variable] = f"${{{variable}}}", value
        else:
            written[option] = value
    return written, secrets


def _hidden_within(value: Any, path: str, name: str, secret: frozenset[str], secrets: dict[str, str]) -> Any:
    """What an option holds, with variables in the place of texts that are secret, or named like what is."""
    if isinstance(value, dict):
        return {key: _hidden_within(each, f"{path}.{key}", name, secret, secrets) for key, each in value.items()}
    if not isinstance(value, str) or not value or "${" in value:
        return value
    if path not in secret and not _SECRET.search(path.rpartition(".")[2]):
        return value
    variable = re.sub(r"\W", "_", f"{name}_{path}").upper()
    secrets[variable] = value
    return f"${{{variable}}}"


def _remember(config: Config, secrets: dict[str, str]) -> None:
    """Add variables to .env, readable by its owner only, and see that git does not take it."""
    missing = {name: value for name, value in secrets.items() if config.variables.get(name) != value}
    if not missing:
        return
    path = config.folder / ".env"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = [line for line in before.splitlines() if line.partition("=")[0].strip() not in missing]
    lines = [*kept, *(f'{name}="{value}"' for name, value in missing.items())]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)  # it may have been there, for all to read
        file.write("\n".join(lines) + "\n")
    ignored = config.folder / ".gitignore"
    rules = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    if ".env" not in rules:
        ignored.write_text("\n".join([*rules, ".env"]) + "\n", encoding="utf-8")


def _as_flags(error: Any) -> Any:
    """The error, where what to do next is an option of a file that is not written yet."""
    from dataclasses import replace

    def flag(found: re.Match[str]) -> str:
        return "the URL" if found[1] in ("path", "url") else f"`--option {found[1]}=...`"

    error.findings = tuple(
        replace(each, hint=re.sub(r"`(\w+):`", flag, each.hint).replace(" in the source file", ""))
        for each in error.findings
    )
    return error


def _without(error: Any, address: str) -> Any:
    """The error without the address's password."""
    from dataclasses import replace
    from urllib.parse import unquote

    password = urlsplit(address).password if "://" in address else None
    for secret in {password, unquote(password)} if password else ():
        error.findings = tuple(
            replace(each, message=each.message.replace(secret, "***"), hint=each.hint.replace(secret, "***"))
            for each in error.findings
        )
    return error
