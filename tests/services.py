"""What some tests need beside Python: servers, and the reference data that lies beside the repository.

A test says so with ``@pytest.mark.needs("reference")``. Without it the test is skipped and the summary names what was
missing; with WHERRY_REQUIRE_SERVICES=1 a missing service makes the test fail. To add a service, add a line to SERVICES.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import postgres_server

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


SERVICES = {
    "reference": Service(
        ready=lambda: (REFERENCE / "data").is_dir(),
        hint="set WHERRY_REFERENCE to a folder with data/ and oracles/",
        required=False,
    ),
    "postgres": Service(
        ready=postgres_server.ready,
        hint="apt-get install postgresql; pip install 'wherry[postgres]'",
    ),
}


@cache
def ready(name: str) -> bool:
    """Whether the service can be used now."""
    return SERVICES[name].ready()


def required(name: str) -> bool:
    """Whether a test without this service fails rather than skips."""
    return SERVICES[name].required and os.environ.get("WHERRY_REQUIRE_SERVICES") == "1"
