"""Find what is pluggable: built in, in the project's plugins/, by entry point."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from wherry.checks import KINDS
from wherry.checks import find as built_in_check
from wherry.errors import ProjectError, WherryError
from wherry.model.finding import Finding
from wherry.model.unshown import names_a_secret
from wherry.ports import Secrets, Source

BUILT_IN = {
    "files": "wherry.sources.files",
    "lake": "wherry.sources.lake",
    "mariadb": "wherry.sources.databases.mysql",
    "mysql": "wherry.sources.databases.mysql",
    "postgres": "wherry.sources.databases.postgres",
    "rest": "wherry.sources.rest",
    "sql": "wherry.sources.databases.sql",
    "sqlite": "wherry.sources.databases.sqlite",
}

#: Scheme of an address -> the connector for it, and the option that takes the address.
SCHEMES = {
    **dict.fromkeys(("postgres", "postgresql"), ("postgres", "url")),
    **dict.fromkeys(("mysql", "mariadb"), ("mysql", "url")),
    **dict.fromkeys(("http", "https"), ("rest", "url")),
    **dict.fromkeys(("", "file", "s3", "gs", "az", "sftp", "ftp", "ftps"), ("files", "path")),
}

#: Scheme of an address in ``secrets =`` of wherry.toml -> module of this package, and the extra that brings its driver.
STORES = {
    "vault": ("vault", ""),
    "vault+http": ("vault", ""),
    "aws-secrets": ("aws", "aws"),
    "gcp-secrets": ("gcp", "gcp"),
    "azure-keyvault": ("azure", "azure-keyvault"),
}

#: What a source must have.
_OF_A_SOURCE = ("Options", "TableOptions", "changed", "columns", "read")


@cache
def find_source(connector: str, folder: Path) -> Source:
    """The source plugin called ``connector``; it offers itself as ``source``. Raises ``ProjectError``."""
    module: Any
    if connector in BUILT_IN:
        module = import_module(BUILT_IN[connector])
        return module.source  # type: ignore[no-any-return]
    if (module := _of_project(connector, folder)) is not None:
        lacks = [name for name in _OF_A_SOURCE if not hasattr(getattr(module, "source", None), name)]
        if lacks:
            what = f"its `source` has no `{lacks[0]}`" if hasattr(module, "source") else "it has no `source`"
            raise _bad_plugin(connector, f"is no source: {what}")
        return module.source  # type: ignore[no-any-return]
    from importlib.metadata import entry_points

    for entry in entry_points(group="wherry.sources", name=connector):
        try:
            return entry.load()  # type: ignore[no-any-return]
        except (Exception, SystemExit) as error:
            message = f"The connector `{connector}` does not load: {type(error).__name__}: {error}"
            raise ProjectError(message, hint=f"It is {entry.value}, of a package that is installed.") from error
    from difflib import get_close_matches

    close = get_close_matches(connector, BUILT_IN, n=1)
    hint = f"Built in: {', '.join(BUILT_IN)}. Your own goes to plugins/{connector}.py."
    message = f"There is no connector `{connector}`."
    finding = Finding(
        code="unknown-connector", message=message, hint=f"Did you mean `{close[0]}`? {hint}" if close else hint
    )
    raise ProjectError(findings=[finding])


#: What a kind of check offers, one of them: see ``wherry.checks``.
FACES = ("bad_row", "aggregates", "group_by", "judge_schema", "query", "bad_rows")


@cache
def find_check(kind: str, folder: Path) -> ModuleType:
    """The kind of check called ``kind``: built in, or the project's plugins/<kind>.py. Raises ``ProjectError``."""
    if kind in KINDS:
        return built_in_check(kind)
    module = _of_project(kind, folder)
    if module is not None and any(hasattr(module, face) for face in FACES):
        return module
    if module is not None:
        raise _bad_plugin(kind, f"is no check: it has none of {', '.join(FACES)}")
    message = f"There is no kind of check `{kind}`."
    hint = f"Your own goes to plugins/{kind}.py."
    raise ProjectError(findings=[Finding(code="unknown-check", message=message, hint=hint)])


def _of_project(name: str, folder: Path) -> ModuleType | None:
    """The module ``plugins/<name>.py`` of the project; None when there is none. Raises ``ProjectError``."""
    file = folder / "plugins" / f"{name}.py"
    if not name.isidentifier() or not file.is_file():
        return None
    spec = spec_from_file_location(f"wherry_plugin_{name}", file)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _bad_plugin(name, f"does not load: {type(error).__name__}: {error}", _line_in(error, file)) from error
    return module


def _bad_plugin(name: str, what: str, line: int = 1) -> ProjectError:
    message = f"The plugin {name}.py {what}."
    hint = "Mend it; `wherry.testing` shows what a plugin must do."
    found = Finding(code="bad-plugin", message=message, hint=hint, file=f"plugins/{name}.py", line=line, column=1)
    return ProjectError(findings=[found])


def connector_for(address: str) -> tuple[str, dict[str, str], str]:
    """The connector for an address, its options, and the table where the address names one file.

    ``postgresql://...``, ``s3://...``, a folder, a file, a web address, an Airbyte manifest; any other scheme
    is taken for a database that SQLAlchemy knows. Raises ``ProjectError`` for what is no address.
    """
    try:
        urlsplit(address)
    except ValueError as error:
        message = f"The address cannot be read: {error}."
        raise ProjectError(message, hint="Write signs such as [ ] / @ of a name or password with percent.") from None
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    plain = address.lower().split("?")[0]
    # A web API may answer at an address that ends in .json.
    is_file = plain.endswith(_FILE_ENDINGS if scheme in ("http", "https") else (*_FILE_ENDINGS, ".json", ".xml"))
    if is_file and SCHEMES.get(scheme, ("",))[0] in ("files", "rest"):
        folder, _, file = address.rpartition("/")
        return "files", {"path": folder or "."}, file
    if not scheme and plain.endswith((".yaml", ".yml")):
        return "rest", {"manifest": address}, ""
    if not scheme and plain.endswith((".db", ".sqlite", ".sqlite3")):
        return "sqlite", {"path": address}, ""
    if scheme == "sqlite":
        return "sqlite", {"path": address.partition("://")[2].removeprefix("/")}, ""
    if scheme in ("abfs", "abfss", "wasb", "wasbs", "azure", "gcs"):
        wanted = "gs://bucket/folder" if scheme == "gcs" else "az://container/folder, with AZURE_STORAGE_ACCOUNT"
        raise ProjectError(f"An address that starts with `{scheme}://` is not read.", hint=f"Write {wanted}.")
    base, driver, _ = scheme.partition("+")
    if driver and SCHEMES.get(base, ("",))[0] in ("postgres", "mysql"):
        scheme = base  # an address as SQLAlchemy has it, of what is read natively
    connector, option = SCHEMES.get(scheme, ("sql", "url"))
    return connector, {option: address}, ""


_FILE_ENDINGS = (
    *(".csv", ".tsv", ".txt", ".dat", ".jsonl", ".ndjson", ".parquet", ".pq", ".avro", ".orc", ".xlsx"),
    *(".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".tgz"),
)


@cache
def find_secrets(address: str) -> Secrets:
    """What asks the secret store at ``address``: built in, or an entry point called like its scheme.

    Raises ``ProjectError`` for a scheme that nobody knows, and for a driver that is not installed.
    """
    scheme = address.partition("://")[0]
    if scheme in STORES:
        module, extra = STORES[scheme]
        if missing := _missing(extra):
            message = f"`{scheme}` needs {missing}, which is not installed."
            raise ProjectError(message, hint=f"pip install 'wherry[{extra}]'")
        return import_module(f"wherry.secrets.{module}").secret  # type: ignore[no-any-return]
    from importlib.metadata import entry_points

    for entry in entry_points(group="wherry.secrets", name=scheme):
        return entry.load()  # type: ignore[no-any-return]
    raise ProjectError(f"There is no secret store `{scheme}://`.", hint=f"Known are: {', '.join(STORES)}.")


#: Extra -> a module that it brings.
_DRIVERS = {"aws": "boto3", "gcp": "google.auth", "azure-keyvault": "azure.identity"}


def _missing(extra: str) -> str:
    """The module of an extra that is not installed; empty when it is."""
    module = _DRIVERS.get(extra, "")
    try:
        return "" if not module or find_spec(module) is not None else module
    except ModuleNotFoundError:
        return module


@contextmanager
def of_plugin(connector: str, what: str) -> Iterator[None]:
    """Raises ``ProjectError`` where a connector that is not ours fails when it is ``what`` (asked for its tables)."""
    try:
        yield
    except WherryError:
        raise
    except Exception as error:
        if connector in BUILT_IN:
            raise
        message = f"The connector `{connector}` fails when it is {what}: {type(error).__name__}: {error}"
        hint = "Mend it; `wherry.testing` tries what a source must do."
        raise ProjectError(findings=[Finding(code="bad-plugin", message=message, hint=hint)]) from error


def _line_in(error: BaseException, file: Path) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class OptionProblem(ValueError):
    """An option is unknown, missing or of the wrong type."""

    def __init__(self, option: str, message: str, hint: str = "", *, unknown: bool = False) -> None:
        super().__init__(message)
        self.option, self.hint, self.unknown = option, hint, unknown


def make_options(
    kind: type, given: dict[str, Any], filled: Mapping[str, Any] | None = None, beside: Iterable[str] = ()
) -> tuple[Any, list[OptionProblem]]:
    """An instance of the dataclass ``kind`` from what a file gives; or None and everything wrong with it.

    ``filled`` are the fields that are ours to fill in, where the dataclass has them; for a file they are unknown.
    ``beside`` are the keys that may stand beside the options, for a hint.
    """
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    ours = {name: value for name, value in (filled or {}).items() if name in hints}
    known = {field.name: field for field in fields(kind) if not field.name.startswith("_") and field.name not in ours}
    problems: list[OptionProblem] = []
    values: dict[str, Any] = dict(ours)
    for option, value in given.items():
        inner = _inner(hints.get(option)) if isinstance(value, dict) else None
        if option not in known:
            problems.append(_unknown(option, known, beside))
        elif inner is not None:
            values[option], wrong = make_options(inner, value)
            problems += [
                OptionProblem(f"{option}.{each.option}", str(each), each.hint, unknown=each.unknown) for each in wrong
            ]
        elif not _fits(value, hints[option]):
            told = option if names_a_secret(option) else f"{option}: {value}"
            problems.append(OptionProblem(option, f"`{told}` must be {_words(hints[option])}."))
        else:
            values[option] = _as(value, hints[option])
    for option, field in known.items():
        if option not in given and field.default is MISSING and field.default_factory is MISSING:
            problems.append(OptionProblem(option, f"The option `{option}` is missing."))
    return (None if problems else kind(**values)), problems


def _inner(hint: Any) -> type | None:
    """The dataclass that a mapping is read into, where the option is one or may be one."""
    return next((each for each in (hint, *get_args(hint)) if is_dataclass(each) and isinstance(each, type)), None)


def _unknown(option: str, known: dict[str, Any], beside: Iterable[str]) -> OptionProblem:
    from difflib import get_close_matches

    close = get_close_matches(option, [*known, *beside], n=1)
    hint = f"Did you mean `{close[0]}`?" if close else f"Known are: {', '.join(known)}."
    return OptionProblem(option, f"There is no option `{option}` here.", hint, unknown=True)


def _as(value: Any, hint: Any) -> Any:
    """The value in the form the dataclass has: a tuple for a list, and for the one item that stands for a list."""
    if get_origin(hint) is tuple:
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    return value


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple and not isinstance(value, list | tuple):
        return _fits(value, arguments[0])
    if hint is Any:
        return True
    if origin is None:
        if hint is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    if str(origin) == "typing.Literal":
        return value in arguments
    if origin in (list, tuple):
        return isinstance(value, list | tuple) and all(_fits(item, arguments[0]) for item in value if arguments)
    if isinstance(origin, type) and issubclass(origin, object) and hasattr(origin, "keys"):
        return isinstance(value, dict) and all(_fits(item, arguments[1]) for item in value.values() if arguments)
    return any(_fits(value, each) for each in arguments)


def _words(hint: Any) -> str:
    if is_dataclass(hint):
        return "a mapping"
    if get_origin(hint) is None:
        return {
            "str": "text",
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "NoneType": "empty",
        }.get(getattr(hint, "__name__", str(hint)), str(hint))
    if str(get_origin(hint)) == "typing.Literal":
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) in (list, tuple):
        return "a list"
    if hasattr(get_origin(hint), "keys"):
        return "a mapping of names to text" if get_args(hint)[1:] == (str,) else "a mapping"
    return " or ".join(_words(each) for each in get_args(hint))
