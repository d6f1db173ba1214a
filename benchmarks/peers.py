"""What others are measured with: packages that wherry does not need, kept below ``.bench/`` for the benchmarks."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".bench" / "peers"


def bring(packages: dict[str, str]) -> None:
    """Make modules importable, here and in processes that get ``FOLDER`` on their path: module to requirement.

    What the index does not have is left out; whoever needs it says that it is missing.
    """
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    for module, requirement in packages.items():
        if find_spec(module) is None:
            print(f"installing {requirement} into {FOLDER.parent.name}/{FOLDER.name}", file=sys.stderr)
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*command, "--target", str(FOLDER), requirement])


#: Other lake formats and where they keep their pointers.
LAKES = {
    "duckdb_extension_ducklake": "duckdb-extension-ducklake==1.5.5",
    "duckdb_extension_sqlite_scanner": "duckdb-extension-sqlite-scanner==1.5.5",
    "duckdb_extension_postgres_scanner": "duckdb-extension-postgres-scanner==1.5.5",
    "arro3": "arro3-core>=0.5",
    "deprecated": "deprecated",
    "wrapt": "wrapt",
    "deltalake": "deltalake>=1",
}
