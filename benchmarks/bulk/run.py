"""2 million rows of 12 mixed columns from PostgreSQL into the lake, beside other ways to read them.

Each way runs in a process of its own, ``--rounds`` times in turn; the medians are shown: rows a second, CPU seconds
of the client and of the server, the client's peak memory, and the rate as a share of that of DuckDB's scanner. Ours is
a whole `wherry run` with its commit, the start of Python included, as it is for the others.

- `copy`: psql's COPY (binary) to nowhere: what the server can give to one connection.
- `scanner`: DuckDB's postgres extension to a Parquet file.
- `adbc`: ADBC to a Parquet file; decimals stay text.
- `dlt-connectorx`, `dlt-pyarrow`: dlt 1.31 to Parquet files.
- `ingestr`: ingestr 1.1.19 to a DuckDB file, or what `--ingestr-to` says.

The peers are installed into .bench/bulk. Needs PostgreSQL as the tests do. See also `mariadb.py`, where it is there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from measure import ROOT, Cost, measure, parent, python_with, rounds, seconds, table, ticks

PORT = 54329
PEERS = ROOT / ".bench" / "bulk"
#: What is installed beside wherry, and where: the two do not agree on their requirements.
NEEDS = {
    "dlt": (
        "dlt[filesystem,parquet]==1.31.0",
        "sqlalchemy>=2,<2.1",
        "connectorx",
        "psycopg2-binary",
        "pandas",
        "numpy",
    ),
    "ingestr": ("ingestr==1.1.19",),
    "adbc": ("adbc-driver-postgresql", "adbc-driver-manager", "pyarrow"),
}
TABLE = """
CREATE TABLE bulk (
  id bigint PRIMARY KEY, customer int NOT NULL, amount numeric(12,2), rate double precision, ordered date,
  updated_at timestamptz NOT NULL, made timestamp, status text, note text, paid boolean, ref uuid, extra jsonb);
INSERT INTO bulk SELECT i, (i::bigint * 7919) % 100000, ((i::bigint * 31) % 1000000) / 100.0, i / 7.0,
  date '2020-01-01' + (i % 2000)::int, timestamptz '2024-01-01' + i * interval '1 second',
  timestamp '2024-01-01' + i * interval '1 second', (ARRAY['new', 'paid', 'refunded'])[1 + i % 3],
  CASE WHEN i % 10 = 0 THEN NULL ELSE 'note number ' || i || ' for the customer' END, i % 2 = 0, md5(i::text)::uuid,
  jsonb_build_object('a', i % 10, 'b', 'x' || i % 100) FROM generate_series(1, {rows}) AS i;
ANALYZE bulk
"""
SCANNER = """
import sys, tempfile, pathlib, duckdb, importlib.util
spec = importlib.util.find_spec("duckdb_extension_postgres")
[file] = pathlib.Path(spec.submodule_search_locations[0]).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
with tempfile.TemporaryDirectory() as folder:
    link = pathlib.Path(folder) / "postgres_scanner.duckdb_extension"
    link.symlink_to(file)
    connection.execute(f"LOAD '{link}'")
connection.execute(f"ATTACH '{sys.argv[1]}' AS pg (TYPE postgres, READ_ONLY)")
connection.execute(f"COPY (FROM pg.public.bulk) TO '{sys.argv[2]}/bulk.parquet'")
"""
ADBC = """
import sys, pyarrow.parquet
from adbc_driver_postgresql import dbapi
columns = "id, customer, amount::text, rate, ordered, updated_at, made, status, note, paid, ref::text, extra::text"
with dbapi.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.execute(f"SELECT {columns} FROM bulk")
    reader = cursor.fetch_record_batch()
    with pyarrow.parquet.ParquetWriter(f"{sys.argv[2]}/bulk.parquet", reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
"""
DLT = """
import sys, dlt
from dlt.sources.sql_database import sql_table
url, folder, backend = sys.argv[1:4]
more = {"backend_kwargs": {"conn": url}} if backend == "connectorx" else {}
more |= {"chunk_size": 100_000, "reflection_level": "full_with_precision"}
table = sql_table(url, table="bulk", backend=backend, **more)
pipeline = dlt.pipeline("bulk", destination=dlt.destinations.filesystem(f"file://{folder}/out"), dataset_name="d",
                        pipelines_dir=f"{folder}/pipelines")
pipeline.run(table, loader_file_format="parquet").raise_on_failed_jobs()
"""


def python_of(peer: str) -> str:
    return python_with(PEERS / peer, NEEDS[peer])


def command(way: str, url: str, folder: Path, *, ingestr_to: str) -> list[str]:
    """What to run in ``folder``."""
    if way == "copy":
        return [shutil.which("psql") or "psql", url, "-q", "-c", "COPY bulk TO STDOUT (FORMAT binary)"]
    if way == "wherry":
        (folder / "sources").mkdir()
        (folder / "wherry.toml").write_text('name = "bulk"\n')
        source = f"connector: postgres\nurl: {url}\ntables:\n  public.bulk: {{as: raw.bulk}}\n"
        (folder / "sources" / "shop.yml").write_text(source)
        return [sys.executable, "-m", "wherry", "run", "--project", str(folder)]
    if way == "scanner":
        return [sys.executable, "-c", SCANNER, url, str(folder)]
    if way == "adbc":
        return [python_of("adbc"), "-c", ADBC, url, str(folder)]
    if way.startswith("dlt-"):
        return [python_of("dlt"), "-c", DLT, url, str(folder), way.removeprefix("dlt-")]
    to = {"duckdb": f"duckdb:///{folder}/bulk.db", "csv": f"csv://{folder}/bulk.csv"}[ingestr_to]
    ingestr = str(Path(python_of("ingestr")).with_name("ingestr"))
    tables = ["--source-table", "public.bulk", "--dest-table", "main.bulk" if ingestr_to == "duckdb" else "bulk"]
    return [ingestr, "ingest", "--source-uri", url, "--dest-uri", to, *tables, "--yes", "--progress", "log"]


def server_seconds(folder: Path) -> float:
    """CPU seconds that the cluster's processes used so far, those that ended included."""
    postmaster = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    used = ticks(Path(f"/proc/{postmaster}"), ended=True)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended
            if parent(stat.parent) == postmaster:
                used += ticks(stat.parent, ended=False)
    return seconds(used)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = ["copy", "scanner", "wherry", "adbc", "dlt-connectorx", "dlt-pyarrow", "ingestr"]
    options.add_argument("ways", nargs="*", default=ways)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--ingestr-to", choices=["duckdb", "csv"], default="csv")
    given = options.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    import psycopg

    import postgres_server

    for peer in {way.partition("-")[0] for way in given.ways} & set(NEEDS):
        python_of(peer)
    cluster = postgres_server.start()
    try:
        address = postgres_server.new_database(cluster)
        database = urlsplit(address).path[1:]
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in TABLE.format(rows=given.rows).split(";"):
                connection.execute(statement.encode())
        # Some of the peers reach no socket in a folder.
        restart(cluster)
        url = f"postgresql://wherry:none@127.0.0.1:{PORT}/{database}"
        subprocess.run(
            ["psql", url, "-qc", "COPY bulk TO STDOUT (FORMAT binary)"], stdout=subprocess.DEVNULL, check=True
        )

        def run(way: str) -> Cost | None:
            words = partial(command, way, url, ingestr_to=given.ingestr_to)
            return measure(way, words, partial(server_seconds, cluster), quiet=way == "copy")

        table(rounds(given.ways, given.rounds, run), given.rows, "scanner")
    finally:
        postgres_server.stop()


def restart(cluster: Path) -> None:
    """Have the cluster listen on the loopback address too."""
    import postgres_server

    options = f"-c listen_addresses=127.0.0.1 -p {PORT} -k {cluster} -c fsync=off -c shared_buffers=256MB"
    words = ["restart", "-w", "-s", "-D", str(cluster / "data"), "-l", str(cluster / "log"), "-o", options]
    postgres_server._as_owner(cluster, "pg_ctl", *words)


if __name__ == "__main__":
    main()
