"""The command line, called in this process."""

from pathlib import Path

import pytest

from fixtures.commands import wherry

__all__ = ["wherry"]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with two tables that need no source."""
    folder = tmp_path / "shop"
    for path, text in {
        "wherry.toml": 'name = "shop"\n',
        "tables/staging/orders.sql": "SELECT 1 AS order_id, DATE '2026-01-01' AS day, 2.5 AS amount\n",
        "tables/marts/revenue.sql": (
            "-- Revenue per day.\n--\n-- owner: finance\n-- columns:\n"
            '--   revenue: {about: EUR, checks: [not_null, ">= 0"]}\n-- checks: [rows > 0]\n\n'
            "SELECT day, sum(amount) AS revenue FROM staging.orders GROUP BY ALL\n"
        ),
        "tests/revenue.yml": (
            "table: marts.revenue\nadded up:\n  given: {staging.orders: [{day: 2026-01-01, amount: 2}]}\n"
            "  expect: [{revenue: 2}]\n"
        ),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
