"""Addresses of lakes' databases: ``postgresql://user:password@host:5432/database?schema=shop``.

``schema`` keeps the projects in one database apart; the other parameters are libpq's. What is told to people never
holds the password.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import zip_longest
from urllib.parse import parse_qsl, unquote

from wherry.errors import LakeError
from wherry.lake.connecting import Database
from wherry.lake.sqlite import SqliteDatabase

#: Where the tables are when neither the address nor a project names a schema.
SCHEMA = "wherry"
_SERVER = ("postgresql", "postgres", "postgresql+psycopg")
_ADDRESS = re.compile(
    r"[^:]+://((?P<user>[^:/]*)(:(?P<password>[^@]*))?@)?(?P<hosts>[^/?@]*)(/(?P<dbname>[^?]*))?(\?(?P<said>.*))?", re.S
)
#: A host's name or IPv6 address (in brackets where a port may follow), or the folder of a socket.
_HOST = re.compile(
    r"(\[(?P<six>[^\]]+)\]|(?P<bare>[^:\[\]]*:[^\[\]]*:[^\[\]]*)|(?P<name>[^:\[\]]*))(:(?P<port>[0-9]*))?"
)


def database_at(place: str, project: str = "") -> Database:
    """The database in a SQLite file, or at an address; nothing is opened yet.

    An address without a schema means the one called like the project.

    Raises ``LakeError`` for an address that is not understood and for a driver that is not installed.
    """
    kind, sign, rest = place.partition("://")
    if not sign:
        return SqliteDatabase(place)
    if kind == "sqlite" and rest.startswith("/"):
        return SqliteDatabase(rest[1:])
    if kind not in _SERVER:
        raise LakeError(f"a lake's database cannot be in `{kind}`", hint="use SQLite or postgresql://")
    address, named = parameters(place)
    schema = schema_of(named, project)
    if find_spec("psycopg") is None:
        raise LakeError("a lake in PostgreSQL needs the package psycopg", hint="pip install 'wherry[postgres]'")
    from wherry.lake.postgres import PostgresDatabase

    return PostgresDatabase(address, schema, shown(address))


def parameters(address: str) -> tuple[dict[str, str], str]:
    """What libpq is told to reach the server of an address, and the schema that it names, if it does.

    ``//a:1,b:2/`` and ``?host=a:1&host=b:2`` are servers to be tried in turn. Raises ``LakeError``.
    """
    # The address itself is not repeated: it may hold a password.
    mistake = LakeError(
        "the address of the database cannot be read", hint="write postgresql://user:${PASSWORD}@host:5432/database"
    )
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        raise mistake
    said: dict[str, list[str]] = defaultdict(list)
    for name, value in parse_qsl(parts["said"] or ""):
        said[name].append(value)
    found = {name: unquote(parts[name]) for name in ("user", "password", "dbname") if parts[name]}
    schema = said.pop("schema", [""])[-1]
    places = [
        _HOST.fullmatch(each)
        for value in said.pop("host", [unquote(parts["hosts"] or "")])
        for each in value.split(",")
    ]
    if None in places:
        raise mistake
    hosts = [place["six"] or place["bare"] or place["name"] for place in places if place is not None]
    ports = [place["port"] or "" for place in places if place is not None]
    for name, values in {"host": hosts, "port": said.pop("port", ports)}.items():
        if any(values):
            found[name] = ",".join(values)
    return found | {name: values[-1] for name, values in said.items()}, schema


def shown(address: Mapping[str, str]) -> str:
    """The address without secrets."""
    hosts = [f"[{host}]" if ":" in host else host for host in address.get("host", "").split(",")]
    ports = address.get("port", "").split(",")
    places = (f"{host}:{port}" if port else host for host, port in zip_longest(hosts, ports, fillvalue=ports[0]))
    user = f"{address['user']}@" if "user" in address else ""
    return f"postgresql://{user}{','.join(places)}/{address.get('dbname', '')}"


def schema_of(named: str, project: str = "") -> str:
    """The PostgreSQL schema that holds the lake's tables: the one that its address names, else the project's."""
    schema = named or (schema_name(project) if project else SCHEMA)
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
        raise LakeError(
            f"`{schema}` cannot be the schema of a lake", hint="use small letters, digits and `_`; begin with a letter"
        )
    return schema


def schema_name(project: str) -> str:
    """The schema that a project's name stands for: ``My shop`` is ``my_shop``."""
    name = re.sub(r"[^a-z0-9_]+", "_", project.lower()).strip("_")[:60]
    return name if name and not name[0].isdigit() and not name.startswith("pg_") else f"p_{name}"
