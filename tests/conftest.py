"""Skips or fails tests that lack a service, and tells at the end which services were missing."""

import re
import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import mariadb_server
import postgres_server
from services import REFERENCE, SERVICES, ready, required

# A busy machine makes no test fail.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_MISSING = re.compile(r"needs (\w+): ")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As for what a script runs in the background. Processes that tests start would ignore it too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "needs(*services): what the test needs beside Python; see tests/services.py")
    if postgres_server.ready():
        # Worker processes inherit it, and share one cluster.
        postgres_server.reserve()
    if mariadb_server.ready():
        mariadb_server.reserve()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres_server.stop()
        mariadb_server.stop()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if not ready(name):
                why = f"needs {name}: {SERVICES[name].hint}"
                if required(name):
                    pytest.fail(why, pytrace=False)
                pytest.skip(why)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = Counter(
        found[1]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and (found := _MISSING.search(report.longrepr[2]))
    )
    for name, count in sorted(missing.items()):
        terminalreporter.write_line(f"skipped for want of {name}: {count} ({SERVICES[name].hint})")


@pytest.fixture
def reference() -> Path:
    """The folder of reference data; for tests marked ``needs("reference")``."""
    return REFERENCE


@pytest.fixture
def postgres() -> str:
    """The address of an empty PostgreSQL database; for tests marked ``needs("postgres")``."""
    return postgres_server.new_database(postgres_server.start())


@pytest.fixture
def mariadb() -> str:
    """The address of an empty MariaDB database; for tests marked ``needs("mariadb")``."""
    return mariadb_server.new_database(mariadb_server.start())
