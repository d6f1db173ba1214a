"""Moments as the database keeps them, and the starts of the machine between them."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path


def stamp(moment: datetime | None = None) -> str:
    """ISO 8601 in UTC, always equally long, so that text order is time order."""
    moment = moment or datetime.now(UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@cache
def boot() -> str:
    """A name for this start of the machine; empty where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
