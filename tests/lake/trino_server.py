"""A Trino of the tests' own, over the catalog at an address; ``make test-engines`` downloads it."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from services import TRINO, trino_java

#: What Trino asks of the JVM that runs it.
_JVM = (
    *(
        "-Xmx1G",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Djdk.attach.allowAttachSelf=true",
        "-Duser.timezone=UTC",
    ),
    *("--add-modules=jdk.incubator.vector", "--sun-misc-unsafe-memory-access=allow", "-Dfile.encoding=UTF-8"),
)


@contextmanager
def trino(folder: Path, endpoint: str, token: str, warehouse: str) -> Iterator["Trino"]:
    """Trino as ``docs/engines.md`` sets it up, for as long as the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "catalog").mkdir(parents=True)
    lake = {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": endpoint,
        "iceberg.rest-catalog.warehouse": warehouse,
        "iceberg.rest-catalog.security": "OAUTH2",
        "iceberg.rest-catalog.oauth2.token": token,
        "fs.hadoop.enabled": "true",
    }
    server = {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": str(port),
        "discovery.uri": f"http://127.0.0.1:{port}",
        "node.internal-address": "127.0.0.1",
        "catalog.config-dir": str(folder / "catalog"),
        "plugin.dir": str(TRINO / "plugin"),
        "query.max-memory": "256MB",
        "query.max-memory-per-node": "256MB",
    }
    _write(folder / "catalog" / "lake.properties", lake)
    _write(folder / "config.properties", server)
    about = {"node.environment": "test", "node.id": "one", "node.data-dir": folder / "data"}
    said = [f"-D{key}={value}" for key, value in {**about, "config": folder / "config.properties"}.items()]
    command = [str(trino_java()), *_JVM, *said, "-cp", f"{TRINO}/lib/*", "io.trino.server.TrinoServer"]
    log = folder / "log"
    with log.open("wb") as output:
        environment = {key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"}
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=environment)
    try:
        client = Trino(f"http://127.0.0.1:{port}")
        client.expect_ready(process, log)
        yield client
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder / "data", ignore_errors=True)


def _write(path: Path, properties: dict[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))


class Trino:
    """Asks over Trino's own protocol: a query is posted, and the answer's next part fetched until there is none."""

    def __init__(self, address: str) -> None:
        self.address = address

    def expect_ready(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """Wait until it answers; it takes a minute on a busy machine."""
        until = time.monotonic() + 300
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                if self.ask("SELECT 1") == [[1]]:
                    return
            except (OSError, RuntimeError):
                time.sleep(0.5)
        raise RuntimeError(f"Trino did not start: {log.read_text()[-3000:]}")

    def ask(self, sql: str) -> list[Any]:
        """The rows. Raises ``RuntimeError`` with Trino's reason."""
        headers = {"X-Trino-User": "trino", "X-Trino-Catalog": "lake", "X-Trino-Time-Zone": "UTC"}
        rows: list[Any] = []
        request: Request | str = Request(f"{self.address}/v1/statement", data=sql.encode(), headers=headers)
        while True:
            try:
                with urlopen(request, timeout=120) as response:
                    told = json.load(response)
            except HTTPError as problem:
                raise RuntimeError(f"{problem.code} {problem.reason}") from problem
            rows += told.get("data") or []
            if "error" in told:
                raise RuntimeError(told["error"]["message"])
            if "nextUri" not in told:
                return rows
            request = told["nextUri"]
