"""What some tests need beside Python: servers, and the reference data that lies beside the repository.

A test says so with ``@pytest.mark.needs("reference")``. Without it the test is skipped and the summary names what was
missing; with WHERRY_REQUIRE_SERVICES=1 a missing service makes the test fail. To add a service, add a line to SERVICES.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import mariadb_server
import postgres_server
from fixtures.cloud_servers import azurite, fake_gcs
from fixtures.file_servers import sshd

#: Data sets and conformance cases that are too large, or not ours, to keep in the repository.
REFERENCE = Path(os.environ.get("WHERRY_REFERENCE") or Path(__file__).parents[2] / "shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something a test may need that `pip install` does not bring."""

    #: True when it can be used now; asked once per process.
    ready: Callable[[], bool]
    #: What to do to have it.
    hint: str
    #: False for what is welcome and never required.
    required: bool = True


def _installed(*modules: str) -> Callable[[], bool]:
    return lambda: all(find_spec(module) is not None for module in modules)


#: A Python that has pyspark, and the folder with Iceberg's jar for it: `make test-engines` makes both.
ENGINES = Path(os.environ.get("WHERRY_ENGINES") or Path(__file__).parents[1] / ".bench" / "engines")


def spark_python() -> Path:
    """The interpreter that runs Spark."""
    return ENGINES / "venv" / "bin" / "python"


def spark_jar() -> Path | None:
    """Iceberg's runtime for Spark."""
    return next(iter(sorted(ENGINES.glob("iceberg-spark-runtime-*.jar"))), None)


def _has_spark() -> bool:
    if spark_jar() is None or not spark_python().exists() or shutil.which("java") is None:
        return False
    return subprocess.run([spark_python(), "-c", "import pyspark"], capture_output=True).returncode == 0


#: Trino's server: its libraries and the plugin for Iceberg.
TRINO = ENGINES / "trino"
#: The oldest Java that it runs on.
_TRINO_JAVA = 23


@cache
def trino_java() -> Path | None:
    """A Java that Trino runs on: that of the system, of JAVA_HOME, or one below /usr/lib/jvm."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    found = [Path(known)] if (known := shutil.which("java")) else []
    found += [home / "bin" / "java" for home in (*homes, *sorted(Path("/usr/lib/jvm").glob("*")))]
    for java in found:
        if java.exists():
            told = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
            number = re.search(r'version "(\d+)', told)
            if number is not None and int(number[1]) >= _TRINO_JAVA:
                return java
    return None


def _has_trino() -> bool:
    return (TRINO / "lib").is_dir() and trino_java() is not None


SERVICES = {
    "pyiceberg": Service(ready=_installed("pyiceberg"), hint="pip install 'wherry[in-place]'"),
    "delta": Service(ready=_installed("deltalake", "duckdb_extension_delta"), hint="pip install 'wherry[delta]'"),
    "ducklake": Service(ready=_installed("duckdb_extension_ducklake"), hint="pip install 'wherry[ducklake]'"),
    "hudi": Service(ready=_installed("hudi"), hint="pip install 'wherry[hudi]'"),
    "reference": Service(
        ready=lambda: (REFERENCE / "data").is_dir(),
        hint="set WHERRY_REFERENCE to a folder with data/ and oracles/",
        required=False,
    ),
    "spark": Service(
        ready=_has_spark,
        hint="make test-engines downloads Spark (500 MB) and runs these tests; it needs Java 17 and Maven",
        required=False,
    ),
    "sshd": Service(ready=lambda: sshd() is not None, hint="apt-get install openssh-server"),
    "azurite": Service(ready=lambda: azurite() is not None, hint="make test-clouds installs it", required=False),
    "fake-gcs": Service(ready=lambda: fake_gcs() is not None, hint="make test-clouds installs it", required=False),
    "trino": Service(
        ready=_has_trino,
        hint="make test-engines downloads Trino (1 GB) and runs these tests; it needs Java 23 and Maven",
        required=False,
    ),
    "postgres": Service(
        ready=postgres_server.ready,
        hint="apt-get install postgresql; pip install 'wherry[postgres]'",
    ),
    "mariadb": Service(
        ready=mariadb_server.ready,
        hint="apt-get install mariadb-server; pip install 'wherry[mysql]'",
    ),
}


@cache
def ready(name: str) -> bool:
    """Whether the service can be used now."""
    return SERVICES[name].ready()


def required(name: str) -> bool:
    """Whether a test without this service fails rather than skips."""
    return SERVICES[name].required and os.environ.get("WHERRY_REQUIRE_SERVICES") == "1"
