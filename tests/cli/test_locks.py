"""``wherry show --locks``: who is at work where, and since when."""

import os
import socket
from pathlib import Path

from fixtures.commands import Wherry
from wherry.lake.lake import Lake
from wherry.run.lock import run_lock, upkeep_lock


def test_who_is_at_work_is_shown(shop: Path, wherry: Wherry) -> None:
    assert wherry("show", "--locks", "--json", "--project", shop).json == {"locks": []}
    assert wherry("run", "--project", shop).code == 0
    with Lake.open(shop / ".wherry" / "wherry.db", shop / ".wherry" / "lake") as lake:
        with run_lock(lake.database, "dev", "ada"), upkeep_lock(lake.database, "main", "bob"):
            run, upkeep = wherry("show", "--locks", "--json", "--project", shop).json["locks"]
            assert (run["task"], run["branch"], run["owner"]) == ("run", "dev", "ada")
            assert (run["pid"], run["host"]) == (os.getpid(), socket.gethostname()) and run["seconds"] >= 0
            assert (upkeep["task"], upkeep["branch"], upkeep["owner"]) == ("upkeep", "main", "bob")
            lines = wherry("show", "--locks", "--project", shop).out.splitlines()
            assert lines[0].startswith("dev ") and f"run     ada, process {os.getpid()} on " in lines[0]
            assert lines[1].startswith("main ") and "minutes" in lines[1]
        assert wherry("show", "--locks", "--project", shop).out.strip() == "Nobody is at work."
