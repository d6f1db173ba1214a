"""Processes killed at any point leave whole tables and no file too many; ``killing.py`` kills more of them."""

import os
import subprocess
import sys

import killing
import pytest

#: Children to kill: a few of each kind, or the hundreds that it takes to meet what is rare.
TIMES = 500 if os.environ.get("WHERRY_DEEP") == "1" else 10


@pytest.mark.parametrize("words", [[], pytest.param(["--postgres"], marks=pytest.mark.needs("postgres"))])
def test_nothing_is_torn_lost_or_leaked(words: list[str]) -> None:
    command = [sys.executable, killing.__file__, "--times", str(TIMES), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("nothing wrong\n")
    assert all(f"{way} " in done.stdout for way in killing.WAYS)
