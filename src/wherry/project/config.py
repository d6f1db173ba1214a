"""wherry.toml, and the environment that its values may name."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from wherry.errors import ProjectError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.project.duration import read_duration
from wherry.project.nearest import did_you_mean
from wherry.project.variables import Variables

FILE = "wherry.toml"
KEYS = ("name", "lake", "database", "engine", "lend_credentials", "secrets", "upkeep", "env")
UPKEEP_KEYS = ("keep", "grace", "bad_rows", "every")
#: ``every = "never"``: `wherry serve` leaves upkeep to others.
NEVER = timedelta.max
_VARIABLE = re.compile(r"\$\{(\w+)\}")
#: No sign that DuckDB would take for a pattern, or a client for the beginning of something else.
_ADDRESS = re.compile(r"(s3|gs|az)://[^/*?\[\]#%{}@\s]+(/[^/*?\[\]#%{}\s]+)*/?")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What wherry.toml says, with the chosen environment's overrides and the variables filled in."""

    folder: Path
    name: str
    #: Folder of the lake's files, or its address in a bucket.
    lake: str
    #: Path of the SQLite database beside it, or postgresql://...; may hold a password.
    database: str = field(repr=False)
    engine: str
    #: Whether the catalog gives the credentials of the lake's bucket to engines that open a table through it.
    lend_credentials: bool = False
    #: ``keep``, ``grace``, ``bad_rows`` and ``every`` of [upkeep], where they are said.
    upkeep: Mapping[str, timedelta] = field(default_factory=dict)
    #: Addresses of stores that are asked for variables that the environment does not have, in this order.
    secrets: tuple[str, ...] = ()
    #: Line of wherry.toml where they are said; 0 when they are not.
    secrets_line: int = 0
    #: Name of the environment, empty for none.
    env: str = ""
    #: The process's variables over those of ``.env``; what a ``NAME_FILE`` of either points at is ``NAME``.
    variables: Variables = field(default_factory=lambda: Variables({}, Path()), repr=False)

    @property
    def scratch(self) -> Path:
        """The disposable folder of the project."""
        return self.folder / ".wherry"

    @property
    def lake_root(self) -> str:
        """Absolute path, or address, of the lake's files."""
        return self.lake if "://" in self.lake else str(self.folder / self.lake)

    @property
    def database_address(self) -> str:
        """What ``Lake.open`` takes: an absolute path, or an address."""
        return self.database if "://" in self.database else str(self.folder / self.database)

    @property
    def has_database(self) -> bool:
        """Whether there may be a lake: a server is always there, a file only once something was run."""
        return "://" in self.database or (self.folder / self.database).exists()


def find_folder(start: Path) -> Path:
    """The folder with a wherry.toml at or above ``start``. Raises ``ProjectError``."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise ProjectError(
        f"There is no {FILE} in {start} or above it.",
        hint="Go into a project's folder, name it with --project, or make one with `wherry new DIR`.",
    )


def read_config(folder: Path, env: str = "") -> Config:
    """Read ``folder``'s wherry.toml. Raises ``ProjectError`` with all that is wrong in it."""
    findings: list[Finding] = []
    variables = Variables({**read_dotenv(folder / ".env"), **os.environ}, folder)
    text = (folder / FILE).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _TOML_PLACE.search(str(error))
        line = int(at[1]) if at else 1
        finding = Finding(
            code="not-toml",
            message=f"This is not TOML: {_TOML_PLACE.sub('', str(error)).strip()}.",
            file=FILE,
            line=line,
            column=int(at[2]) if at else 1,
            source_line=text.split("\n")[line - 1],
        )
        raise ProjectError(findings=[finding]) from None

    def problem(key: str, message: str, hint: str = "", code: str = "bad-value") -> None:
        line = line_of(key)
        row = text.split("\n")[line - 1]
        if "://" in row and "@" in row:
            row = ""  # there may be a password in it
        findings.append(Finding(code=code, message=message, hint=hint, file=FILE, line=line, column=1, source_line=row))

    def line_of(key: str) -> int:
        return next((n for n, row in enumerate(text.splitlines(), 1) if re.match(rf"\s*\[?{re.escape(key)}\b", row)), 1)

    values: dict[str, Any] = {}
    upkeep: dict[str, timedelta] = {}
    overrides = document.get("env", {})
    if not isinstance(overrides, dict):
        problem("env", "`env` must be tables such as [env.prod].")
        overrides = {}
    for key in [key for key, value in overrides.items() if not isinstance(value, dict)]:
        problem(key, f"`{key}` of [env] must be a table: [env.{key}].")
        del overrides[key]
    if env and env not in overrides:
        problem(
            "env",
            f"There is no [env.{env}].",
            did_you_mean(env, overrides, "Add it, or leave out --env."),
            "unknown-env",
        )
    for key, value in {**document, **overrides.get(env, {})}.items():
        if key not in KEYS:
            problem(
                key,
                f"There is no key `{key}`.",
                did_you_mean(key, KEYS, f"Known are: {', '.join(KEYS)}."),
                "unknown-key",
            )
        elif key == "lend_credentials":
            values[key] = value is True
            if not isinstance(value, bool):
                problem(key, f"`{key}` must be true or false.")
        elif key == "secrets":
            stores = value if isinstance(value, list) else [value]
            if not all(isinstance(store, str) and "://" in store for store in stores):
                problem(
                    key,
                    f"`{key}` must be an address, or a list of addresses.",
                    'For example "vault://host/secret/shop".',
                )
            else:
                values[key] = tuple(stores)
        elif key == "upkeep":
            for name, written in (value if isinstance(value, dict) else {"": value}).items():
                duration = NEVER if (name, written) == ("every", "never") else read_duration(str(written))
                if name not in UPKEEP_KEYS:
                    hint = did_you_mean(name, UPKEEP_KEYS, f"Known are: {', '.join(UPKEEP_KEYS)}.")
                    problem(name or key, f"[upkeep] has no key `{name}`.", hint, "unknown-key")
                elif duration is None:
                    problem(name, f"`{name} = {written}` is no length of time.", 'Write for example "30 days".')
                else:
                    upkeep[name] = duration
        elif key != "env" and not isinstance(value, str):
            problem(key, f"`{key}` must be text in quotes.")
        elif key != "env":
            missing = [name for name in _VARIABLE.findall(value) if name not in variables]
            for name in missing:
                problem(key, f"The variable {name} is not set.", variables.hint(name), "missing-variable")
            values[key] = value if missing else _filled(value, variables)
    if "name" not in document:
        problem("name", "A project needs a `name`.", 'Add a line such as name = "shop".')
    if (engine := values.get("engine", "duckdb")) != "duckdb":
        problem("engine", f"There is no engine `{engine}`.", 'This version has engine = "duckdb".')
    if "://" in values.get("lake", "") and not _ADDRESS.fullmatch(values["lake"]):
        problem(
            "lake",
            f"`lake = {values['lake']}` is no address of a lake.",
            "Write a folder, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.",
        )
    kind, address, _ = values.get("database", "").partition("://")
    if address and kind not in ("postgresql", "postgres"):
        problem("database", "`database` is a path or an address that begins with postgresql://.")
    if findings:
        raise ProjectError(findings=findings)
    return Config(
        folder=folder,
        name=values["name"],
        lake=values.get("lake", ".wherry/lake"),
        database=values.get("database", ".wherry/wherry.db"),
        engine=engine,
        lend_credentials=values.get("lend_credentials", False),
        secrets=values.get("secrets", ()),
        secrets_line=line_of("secrets") if "secrets" in values else 0,
        upkeep=upkeep,
        env=env,
        variables=variables,
    )


def _filled(value: str, variables: Mapping[str, str]) -> str:
    """``value`` with its variables; inside an address's user and password their special characters are encoded."""
    scheme, address, rest = value.partition("://")
    login, at, place = rest.rpartition("@")
    if not address or not at:
        return str(expand(value, variables))
    encoded = {name: quote(variables[name], safe="") for name in _VARIABLE.findall(login)}
    return f"{scheme}://{expand(login, encoded)}@{expand(place, variables)}"


def read_dotenv(path: Path) -> dict[str, str]:
    """``NAME=value`` lines; ``#`` begins a comment line; quotes around a value go."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return {}
    variables = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            variables[name.strip()] = value
    return variables


def variables_in(value: Any) -> set[str]:
    """Names of the ``${VARIABLES}`` in a value of JSON types, at any depth."""
    if isinstance(value, str):
        return set(_VARIABLE.findall(value))
    if isinstance(value, Mapping):
        return set().union(*(variables_in(v) for v in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(variables_in(v) for v in value))
    return set()


def unset(names: Iterable[str], config: Config) -> set[str]:
    """Those of the variables that have no value; of a file that stands for one, also when it cannot be read."""
    return {name for name in names if config.variables.get(name) is None}


def expand(value: Any, variables: Mapping[str, str]) -> Any:
    """The same value with every ``${VARIABLE}`` filled in. Raises KeyError for one that is missing."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: variables[match[1]], value)
    if isinstance(value, Mapping):
        return {key: expand(item, variables) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [expand(item, variables) for item in value]
    return value
