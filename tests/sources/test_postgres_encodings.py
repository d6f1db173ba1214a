"""Databases in other encodings: text arrives as what it is, and bytes that are no text in a Finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sources.database import Server
from wherry.errors import SourceError

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture
def encoded(postgres: str) -> Callable[[str], Server]:
    """A database in an encoding."""

    def make(encoding: str) -> Server:
        name = f"{postgres.split('/')[3].partition('?')[0]}_{encoding.lower()}"
        Server(postgres).run(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
        return Server(postgres.replace(postgres.split("/")[3].partition("?")[0], name, 1))

    return make


MODES: dict[str, dict[str, Any]] = {
    "full": {},
    "lanes": {"parallel": 2},
    "incremental": {"mode": "incremental", "cursor": "id", "key": "id"},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP", "SQL_ASCII"])
def test_text_is_what_it_is(encoded: Callable[[str], Server], encoding: str, mode: str) -> None:
    server, text = encoded(encoding), {"LATIN1": "Käse", "EUC_JP": "日本", "SQL_ASCII": "Käse 日本"}[encoding]
    server.run("SET client_encoding = 'UTF8'", f"CREATE TABLE t AS SELECT 1 AS id, '{text}'::text AS v")
    assert [row["v"] for row in server.read(server.request("t", **MODES[mode])).rows] == [text]


@pytest.mark.parametrize("mode", MODES)
def test_bytes_that_are_no_text(encoded: Callable[[str], Server], mode: str) -> None:
    server = encoded("SQL_ASCII")
    server.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t VALUES (1, 'fine'), (2, convert_from('\\x636166e9', 'SQL_ASCII'))",
    )
    with pytest.raises(SourceError) as raised:
        server.read(server.request("t", **MODES[mode]))
    (finding,) = raised.value.findings
    assert finding.code == "not-utf8" and "0xe9" in finding.message and "convert_to" in finding.hint
    as_bytes = server.request("t", query="SELECT id, convert_to(v, 'SQL_ASCII') AS v FROM t")
    assert sorted(row["v"] for row in server.read(as_bytes).rows) == [b"caf\xe9", b"fine"]
