"""What a query returns, as people and programs get it."""

from pathlib import Path

from fixtures.commands import Wherry
from fixtures.projects import write


def test_moments_with_a_zone_and_decimals_in_every_form(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    query = "SELECT TIMESTAMPTZ '2026-01-02 03:04:05+00' AS at, 12.50::DECIMAL(9,2) AS price, sum(2) AS n"
    assert wherry("sql", query, "--project", folder, "--json").json == [
        {"at": "2026-01-02T03:04:05+00:00", "price": 12.5, "n": 2}
    ]
    assert "2026-01-02 03:04:05+00:00,12.50,2" in wherry("sql", query, "--format", "csv", "--project", folder).out
    assert "2026-01-02 03:04:05+00:00" in wherry("sql", query, "--project", folder).out


def test_a_decimal_that_no_float_holds_stays_exact(wherry: Wherry, tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    query = "SELECT 12345678901234567890.12345::DECIMAL(38,5) AS exact"
    assert wherry("sql", query, "--project", folder, "--json").json == [{"exact": "12345678901234567890.12345"}]
