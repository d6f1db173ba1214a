"""2 million rows of 12 mixed columns from MariaDB into the lake, beside other ways to read them.

Each way runs in a process of its own, ``--rounds`` times in turn; the medians are shown: rows a second, CPU seconds
of the client and of the server; and the client's peak memory. Ours is a whole `wherry run` with its commit, the start
of Python included, as it is for the others.

- `client`: the program mariadb to nowhere, row by row: what the server can give to one connection.
- `connectorx`: to a Parquet file; the whole table is in memory, and decimal(12,2) becomes decimal(38,10).
- `scanner`, `scanner-plain`: DuckDB's mysql extension to a Parquet file, as it is and with `compression=disabled`.
- `dlt-connectorx`, `dlt-pyarrow`: dlt 1.31 to Parquet files.

The peers are installed into .bench/bulk/mariadb. Needs MariaDB as the tests do.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from measure import ROOT, Cost, measure, python_with, rounds, seconds, table, ticks

PEERS = ROOT / ".bench" / "bulk" / "mariadb"
NEEDS = (
    "dlt[sql_database,filesystem,parquet]==1.31.0",
    "SQLAlchemy>=2,<3",
    "connectorx",
    "pymysql",
    "pandas",
    "numpy",
    "duckdb==1.5.5",
    "duckdb-extension-mysql==1.5.5",
)
TABLE = (
    "CREATE TABLE bulk (id bigint PRIMARY KEY, customer int NOT NULL, amount decimal(12,2), rate double, ordered date, "
    "updated_at timestamp(6) NOT NULL, made datetime(6), status enum('new','paid','refunded'), note varchar(200), "
    "paid tinyint(1), ref uuid, extra json)",
    "INSERT INTO bulk SELECT seq, (seq * 7919) % 100000, ((seq * 31) % 1000000) / 100.0, seq / 7.0e0, "
    "'2020-01-01' + INTERVAL (seq % 2000) DAY, '2024-01-01' + INTERVAL seq SECOND, '2024-01-01' + INTERVAL seq SECOND, "
    "1 + seq % 3, IF(seq % 10 = 0, NULL, CONCAT('note number ', seq, ' for the customer')), seq % 2, UUID(), "
    "CONCAT('{{\"a\": ', seq % 10, ', \"b\": \"x', seq % 100, '\"}}') FROM seq_1_to_{rows}",
)
CONNECTORX = """
import sys, connectorx, pyarrow.parquet
table = connectorx.read_sql(sys.argv[1], "SELECT * FROM bulk", return_type="arrow")
pyarrow.parquet.write_table(table, f"{sys.argv[2]}/bulk.parquet")
"""
SCANNER = """
import sys, tempfile, pathlib, duckdb, importlib.util
socket, database, folder, more = sys.argv[1:5]
spec = importlib.util.find_spec("duckdb_extension_mysql")
[file] = pathlib.Path(spec.submodule_search_locations[0]).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
connection = duckdb.connect()
with tempfile.TemporaryDirectory() as linked:
    link = pathlib.Path(linked) / "mysql_scanner.duckdb_extension"
    link.symlink_to(file)
    connection.execute(f"LOAD '{link}'")
connection.execute(f"ATTACH 'host=localhost user=root socket={socket} database={database} {more}' AS my (TYPE mysql)")
connection.execute(f"COPY (FROM my.bulk) TO '{folder}/bulk.parquet'")
"""
DLT = """
import sys, dlt
from dlt.sources.sql_database import sql_table
url, conn, folder, backend = sys.argv[1:5]
more = {"backend_kwargs": {"conn": conn}} if backend == "connectorx" else {}
more |= {"backend": backend, "chunk_size": 100_000, "reflection_level": "full_with_precision"}
table = sql_table(url, table="bulk", **more)
pipeline = dlt.pipeline("bulk", destination=dlt.destinations.filesystem(f"file://{folder}/out"), dataset_name="d",
                        pipelines_dir=f"{folder}/pipelines")
pipeline.run(table, loader_file_format="parquet").raise_on_failed_jobs()
"""
WAYS = ("client", "scanner", "scanner-plain", "wherry", "connectorx", "dlt-connectorx", "dlt-pyarrow")


def python() -> str:
    return python_with(PEERS, NEEDS)


def command(way: str, socket: str, database: str, folder: Path) -> list[str]:
    """What to run in ``folder``."""
    if way == "client":
        return ["mariadb", "-u", "root", "-S", socket, "--quick", "--batch", "-e", "SELECT * FROM bulk", database]
    if way == "wherry":
        (folder / "sources").mkdir()
        (folder / "wherry.toml").write_text('name = "bulk"\n')
        source = f"connector: mariadb\nurl: mysql://root@localhost/{database}?unix_socket={socket}\n"
        (folder / "sources" / "shop.yml").write_text(source + "tables:\n  bulk: {as: raw.bulk}\n")
        return [sys.executable, "-m", "wherry", "run", "--project", str(folder)]
    if way.startswith("scanner"):
        more = "compression=disabled" if way == "scanner-plain" else ""
        return [python(), "-c", SCANNER, socket, database, str(folder), more]
    conn = f"mysql://root@localhost/{database}?socket={socket}"
    if way == "connectorx":
        return [python(), "-c", CONNECTORX, conn, str(folder)]
    url = f"mysql+pymysql://root@localhost/{database}?unix_socket={socket}"
    return [python(), "-c", DLT, url, conn, str(folder), way.removeprefix("dlt-")]


def server_seconds(folder: Path) -> float:
    """CPU seconds that the server used so far."""
    return seconds(ticks(Path(f"/proc/{(folder / 'pid').read_text()}"), ended=False))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("ways", nargs="*", default=WAYS)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    import mariadb_server

    python()
    server = mariadb_server.start()
    try:
        database = mariadb_server.new_database(server).partition("localhost/")[2].partition("?")[0]
        with mariadb_server.connect(server, database, init_command="SET time_zone = '+00:00'") as connection:
            for statement in TABLE:
                connection.cursor().execute(statement.format(rows=given.rows))

        def run(way: str) -> Cost | None:
            words = partial(command, way, str(server / "socket"), database)
            return measure(way, words, partial(server_seconds, server), quiet=way == "client")

        table(rounds(given.ways, given.rounds, run), given.rows, "connectorx")
    finally:
        mariadb_server.stop()


if __name__ == "__main__":
    main()
