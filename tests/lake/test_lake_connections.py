"""Connections to PostgreSQL that were cut while nobody used them are not noticed."""

import psycopg
import pytest

from wherry.lake import connecting
from wherry.lake.attach import connect
from wherry.lake.lake import Lake

pytestmark = pytest.mark.needs("postgres")


def cut(address: str) -> int:
    """End every other connection to the database, as a restart of the server would; how many."""
    with psycopg.connect(address, autocommit=True) as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        found = connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
        return len(found.fetchall())


def test_a_cut_between_two_commits(postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake.open(postgres, f"{tmp_path}/lake") as lake, connect() as db:
        lake.attach(db, "main", "m")
        db.execute("CREATE SCHEMA m.s")
        db.execute("CREATE TABLE m.s.t (i INTEGER)")
        # As if each connection had been idle for long.
        monkeypatch.setattr(connecting, "_FRESH", -1.0)
        for number in range(3):
            assert cut(postgres) > 0
            db.execute(f"INSERT INTO m.s.t VALUES ({number})")
            assert cut(postgres) > 0
            assert lake.log()[0].message == "write s.t"
            assert cut(postgres) > 0
            assert db.execute("SELECT count(*) FROM m.s.t").fetchall() == [(number + 1,)]


def test_connections_are_given_back_and_closed(postgres: str, tmp_path: object) -> None:
    with Lake.open(postgres, f"{tmp_path}/lake") as lake, connect() as db:
        lake.attach(db, "main", "m")
        db.execute("CREATE SCHEMA m.s")
        for number in range(30):
            db.execute(f"CREATE TABLE m.s.t{number} (i INTEGER)")
        held = lake.engine.pool.checkedout()  # type: ignore[attr-defined]
        assert held <= connecting._KEPT_AT_MOST
    assert cut(postgres) == 0
