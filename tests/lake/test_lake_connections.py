"""Connections to PostgreSQL: those that were cut while nobody used them are not noticed, the others are told."""

from threading import Thread

import psycopg
import pytest

from wherry.errors import LakeError
from wherry.lake import connecting
from wherry.lake import database as db
from wherry.lake.attach import connect
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.lake.postgres import _SETTINGS, PostgresConnection

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
        assert 0 < lake.database.kept <= connecting._KEPT
    assert cut(postgres) == 0


def test_a_cut_that_nobody_could_foresee_is_told_once(
    postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if each connection had been used a moment ago, so that none is asked whether it is still there.
    monkeypatch.setattr(connecting, "_FRESH", 1e9)
    with Lake.open(postgres, f"{tmp_path}/lake") as lake:

        def look() -> int:
            return lake.catalog.handle("GET", "/v1/main/namespaces/s/tables/t")[0]

        def write(query: str) -> None:
            lake.put("main", [Put(name="s.v", kind="view", sql=query)], author="ada", message="m")

        write("SELECT 1")
        assert look() == 404
        with lake.database.connection(), lake.database.connection():
            pass
        assert lake.database.kept == 2
        cut(postgres)
        assert (look(), look()) == (503, 404)
        cut(postgres)
        with pytest.raises(LakeError, match="cannot be used now"):
            lake.pointer("main", "s.v")
        assert lake.pointer("main", "s.v") is not None
        cut(postgres)
        with pytest.raises(LakeError, match="cannot be used now"):
            write("SELECT 2")
        write("SELECT 3")
        found = lake.pointer("main", "s.v")
        assert found is not None and found.sql == "SELECT 3"


def test_a_writer_that_never_ends_is_told(postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_SETTINGS, "lock_timeout", "50ms")
    with Lake.open(postgres, f"{tmp_path}/lake") as lake:
        view = Put(name="s.v", kind="view", sql="SELECT 1")
        with psycopg.connect(postgres) as other:
            other.execute("SELECT value FROM wherry.meta FOR UPDATE")
            with pytest.raises(LakeError, match="lock timeout"):
                lake.put("main", [view], author="ada", message="m")
        assert lake.put("main", [view], author="ada", message="m").seq == lake.log()[0].seq


def test_who_may_only_read_is_told(postgres: str, tmp_path: object) -> None:
    with Lake.open(postgres, f"{tmp_path}/lake"), psycopg.connect(postgres, autocommit=True) as owner:
        role = owner.info.dbname
        owner.execute(f"CREATE ROLE {role} LOGIN")
        owner.execute(f"GRANT USAGE ON SCHEMA wherry TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA wherry TO {role}")
        try:
            with Lake.open(postgres.replace("wherry@", f"{role}@"), f"{tmp_path}/lake") as lake:
                assert lake.log() == []
                with pytest.raises(LakeError, match="permission denied"):
                    lake.create_branch("b")
        finally:
            owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_who_reads_may_be_idle_and_who_writes_may_not(postgres: str, tmp_path: object) -> None:
    """Upkeep reads files in between; a writer that was stopped has others wait."""
    with Lake.open(postgres, f"{tmp_path}/lake") as lake:
        for _ in range(2):
            with db.writing(lake.database) as connection:
                assert connection.value("SHOW idle_in_transaction_session_timeout") == "2min"
            with db.reading(lake.database) as connection:
                assert connection.value("SHOW idle_in_transaction_session_timeout") == "0"


@pytest.mark.parametrize("took", [True, False])
def test_a_commit_whose_answer_is_lost(
    postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch, took: bool
) -> None:
    # As if each connection had been used a moment ago.
    monkeypatch.setattr(connecting, "_FRESH", 1e9)
    commit = PostgresConnection.commit

    def lose(connection: PostgresConnection) -> None:
        if took:
            commit(connection)
        assert cut(postgres) == 2
        connection.rows("SELECT 1")

    made = Put(name="s.v", kind="view", sql="SELECT 1")
    with Lake.open(postgres, f"{tmp_path}/lake") as lake:
        with lake.database.connection(), lake.database.connection():
            pass
        monkeypatch.setattr(PostgresConnection, "commit", lose)
        if took:
            assert lake.put("main", [made], author="ada", message="m").seq == 1
        else:
            with pytest.raises(LakeError, match="cannot be used now"):
                lake.put("main", [made], author="ada", message="m")
        assert [c.message for c in lake.log()] == ["m"] * took


#: Makes each commit wait for a lock.
SLOW = """
CREATE FUNCTION wherry.held() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER held AFTER INSERT ON wherry."commit" DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wherry.held()
"""
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND wait_event_type = 'Lock'
"""


def test_a_commit_that_the_server_is_still_at(postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if all others were in use.
    monkeypatch.setattr("wherry.lake.postgres._MOST", 1)
    monkeypatch.setattr(connecting, "_PATIENCE", 0)
    with Lake.open(postgres, f"{tmp_path}/lake") as lake, psycopg.connect(postgres, autocommit=True) as other:
        other.execute(SLOW)
        other.execute("SELECT pg_advisory_lock(7)")

        def until(many: int) -> None:
            while other.execute(WAITING).fetchall() != [(many,)]:
                pass

        def lose(connection: PostgresConnection) -> None:
            connection.raw.pgconn.send_query(b"COMMIT")
            connection.raw.pgconn.flush()
            until(1)
            connection.raw.close()
            raise psycopg.OperationalError("the connection is lost")

        def let_go() -> None:
            until(2)
            other.execute("SELECT pg_advisory_unlock(7)")

        monkeypatch.setattr(PostgresConnection, "commit", lose)
        Thread(target=let_go, daemon=True).start()
        made = lake.put("main", [Put(name="s.v", kind="view", sql="SELECT 1")], author="ada", message="m")
        monkeypatch.undo()
        assert [c.id for c in lake.log()] == [made.id]


def test_a_commit_of_which_nothing_is_known(postgres: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lake.open(postgres, f"{tmp_path}/lake") as lake:

        def away(*_: object) -> None:
            monkeypatch.setattr(lake.database, "open", away)
            raise psycopg.OperationalError("the server is away")

        monkeypatch.setattr(PostgresConnection, "commit", away)
        with pytest.raises(ConnectionError, match="not known"):
            lake.put("main", [Put(name="s.v", kind="view", sql="SELECT 1")], author="ada", message="m")
