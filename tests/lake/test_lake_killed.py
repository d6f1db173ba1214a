"""Processes killed at any point leave whole tables; ``killing.py --times 500`` kills more of them."""

import subprocess
import sys

import killing
import pytest


@pytest.mark.parametrize("words", [[], pytest.param(["--postgres"], marks=pytest.mark.needs("postgres"))])
def test_nothing_is_torn(words: list[str]) -> None:
    command = [sys.executable, killing.__file__, "--times", "8", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("nothing wrong") == len(killing.WAYS)
