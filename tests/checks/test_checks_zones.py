"""Moments with a zone are checked as moments, whichever zone they, and the bounds, are written in."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry, wherry
from fixtures.projects import write
from wherry.model.bounds import holds

__all__ = ["wherry"]

#: Rows at 22:00 UTC of 31 December and of the two days after it, written two hours ahead.
SELECT = "SELECT i AS id, TIMESTAMPTZ '2026-01-01 00:00:00+02' + INTERVAL 1 DAY * i AS at FROM range(3) AS r(i)\n"
PASS = (
    *("not_null", "unique", "increasing", "max = 2026-01-02T22:00:00", "max >= 2026-01-02", "min < 2026-01-01"),
    *("max = '2026-01-03T00:00:00+02:00'", "median between 2026-01-01 and 2026-01-02", "distinct_count = 3"),
    *(
        "> '2025-12-31 21:59:59+00'",
        "in ['2025-12-31 22:00:00+00', '2026-01-02 00:00:00+02', '2026-01-02 22:00:00+00']",
    ),
    *("values cover ['2026-01-01 00:00:00+02']", "not in ['2026-01-01 21:00:00+00']"),
)
FAIL = (
    *("max > 2026-01-03", "min >= 2026-01-01", "median > 2026-01-02", "> '2025-12-31 22:00:00+00'", "decreasing"),
    *("fresh within 2 days", "values in ['2026-01-01 00:00:00+02']", "most common in ['2020-01-01 00:00:00+00']"),
    *("quantile(0.95) < 2026-01-01", "in ['2026-01-01 00:00:00+00']"),
)


def test_checks_of_moments_with_a_zone(wherry: Wherry, tmp_path: Path) -> None:
    import json

    header = f"-- columns:\n--   at:\n--     checks: {json.dumps([*PASS, *FAIL])}\n"
    folder = write(tmp_path, {"tables/s/t.sql": header + SELECT, "tables/s/fine.sql": SELECT})
    assert wherry("check", "--project", folder).code == 0
    run = wherry("run", "--project", folder, "--json")
    checks = next(each["checks"] for each in run.json["assets"] if each["name"] == "s.t")
    assert [each["error"] for each in checks if each["error"]] == []
    assert {each["check"]: each["state"] for each in checks} == {
        **dict.fromkeys(PASS, "passed"),
        **dict.fromkeys(FAIL, "failed"),
    }
    shown = wherry("show", "s.t", "--failing", "--project", folder)
    assert shown.code == 0 and "2025-12-31 22:00:00+00:00" in shown.out
    for words in (("show", "s.fine", "--profile"), ("show", "s.fine", "--profile", "--json"), ("show", "s.fine")):
        assert wherry(*words, "--project", folder).code == 0
    assert wherry("new", "checks", "--for", "s.fine", "--write", "--project", folder).code == 0
    write(folder, {"tables/s/t.sql": SELECT})
    assert wherry("run", "--project", folder).code == 0


#: Checks of a column of days 2026-01-01 to 2026-01-03, as ``DATE``, ``TIMESTAMP`` and ``TIMESTAMPTZ``.
OF_DAYS: dict[str, str] = {
    "in ['2026-01-01', 2026-01-02, '2026-01-03']": "passed",
    "in [2026-01-01]": "failed",
    "not in ['2025-01-01']": "passed",
    "not in [2026-01-01]": "failed",
    "values in ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04']": "passed",
    "values in [2026-01-01]": "failed",
    "values cover ['2026-01-01', 2026-01-03]": "passed",
    "values cover [2026-01-04]": "failed",
    "values equal ['2026-01-01', '2026-01-02', '2026-01-03']": "passed",
    "values equal [2026-01-01]": "failed",
    "most common in [2026-01-01]": "passed",
    "most common in [2026-01-02]": "failed",
    ">= 2026-01-01": "passed",
    "> 2026-01-01": "failed",
    "between 2026-01-01 and 2026-01-03": "passed",
    "between '2026-01-02' and '2026-01-03'": "failed",
    "max = 2026-01-03": "passed",
    "min > 2026-01-01": "failed",
}


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"])
def test_days_in_lists_and_bounds(wherry: Wherry, tmp_path: Path, kind: str) -> None:
    import json

    header = f"-- columns:\n--   at:\n--     checks: {json.dumps(list(OF_DAYS))}\n"
    days = "'2026-01-01', '2026-01-01', '2026-01-02', '2026-01-03'"
    folder = write(tmp_path, {"tables/s/t.sql": f"{header}SELECT unnest([{days}]::{kind}[]) AS at\n"})
    assert wherry("check", "--project", folder).code == 0
    run = wherry("run", "--project", folder, "--json")
    checks = run.json["assets"][0]["checks"]
    assert [each["error"] for each in checks if each["error"]] == []
    assert {each["check"]: each["state"] for each in checks} == OF_DAYS
    assert "missing: 2026-01-04" in wherry("show", "s.t", "--failing", "--project", folder).out


@pytest.mark.parametrize(
    ("value", "bound", "same"),
    [
        (datetime(2026, 1, 1), "2026-01-01", True),
        (datetime(2026, 1, 1), "2026-01-01T02:00:00+02:00", True),
        (datetime(2026, 1, 1), "2026-01-01T00:00:00+02:00", False),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01", True),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-01", True),
        (datetime(2026, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-01-01", False),
        (date(2026, 1, 1), "2026-01-01T00:00:00Z", True),
    ],
)
def test_times_without_a_zone_are_utc(value: Any, bound: str, same: bool) -> None:
    assert holds(value, {"operator": "=", "value": bound}) == same
