"""One contract held against the tables as they are now: what they promise no more is told, however it was promised."""

from pathlib import Path
from typing import Any

import pytest

from fixtures.commands import Wherry, wherry
from fixtures.projects import write

__all__ = ["wherry"]

HEADER = """-- columns:
--   id: {checks: [not_null, unique]}
--   status: {checks: ["in [paid, open]", not_null]}
--   amount: {checks: [">= 0", {check: "< 100", severity: warn}]}
-- checks: [rows > 0, "unique [id, status]"]
"""
SELECT = "SELECT 1 AS id, 'paid' AS status, 2.5::DOUBLE AS amount, TIMESTAMP '2026-01-01' AS at\n"
FILES = {"tables/s/o.sql": HEADER + SELECT, "tables/s/r.sql": "SELECT status FROM s.o\n"}
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: o
version: '1'
status: active
slaProperties: [{property: latency, value: 4, unit: h, element: o.at}]
schema:
  - name: o
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [id, status]}}
      - {type: text, description: be kind}
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - name: status
        logicalType: string
        required: true
        logicalTypeOptions: {minLength: 2, maxLength: 10, pattern: '^[a-z]+$'}
        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [paid, open]}}]
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: at, logicalType: timestamp, unique: true}
"""


def changes(wherry: Wherry, folder: Path, file: Path) -> set[tuple[str, str, str]]:
    answer = wherry("contract", "diff", file, "--project", folder, "--json")
    told: list[dict[str, Any]] = answer.json["changes"]
    assert answer.code == (1 if answer.json["breaking"] else 0)
    assert all(each["readers"] == ["s.r.status"] for each in told if each["column"] == "status")
    return {(each["column"], each["about"], each["change"]) for each in told}


#: What the header says instead -> what is told of it, held against the contract that was exported before.
HEADERS: dict[str, tuple[str, str, set[tuple[str, str, str]]]] = {
    "the same": ("", "", set()),
    "not null is gone": (", not_null]", "]", {("status", "required", "loosened")}),
    "unique is gone": ("[not_null, unique]", "[not_null]", {("id", "unique", "loosened")}),
    "not null warns only": (", not_null]", ", {check: not_null, severity: warn}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "not null mostly": (", not_null]", ", {check: not_null, mostly: 0.9}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "not null has a level that warns": (", not_null]", ", {check: not_null, warn: from 1 row}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "not null fails from a level on": (", not_null]", ", {check: not_null, error: from 10%}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "not null fails from one row on": (", not_null]", ", {check: not_null, error: from 1 row}]",
     {("status", "quality", "added")}),
    "not null is asked once it is published": (", not_null]", ", {check: not_null, when: after}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "not null of some rows": (", not_null]", ", {check: not_null, sample: 0.1}]",
     {("status", "required", "loosened"), ("status", "quality", "added")}),
    "a rule is gone": ("rows > 0, ", "", {("", "quality", "removed")}),
    "a rule lets more pass": ("rows > 0", "rows >= 0", {("", "quality", "loosened")}),
    "a rule lets less pass": ("rows > 0", "rows > 5", {("", "quality", "tightened")}),
    "more values": ("[paid, open]", "[paid, open, lost]", {("status", "quality", "loosened")}),
    "fewer values": ("[paid, open]", "[paid]", {("status", "quality", "tightened")}),
    "another rule": ('">= 0"', '">= 0", not_nan', {("amount", "quality", "added")}),
    "a rule that warned fails": (', severity: warn}', "}", {("amount", "quality", "tightened")}),
    "a key of two columns is gone": (', "unique [id, status]"', "", {("", "quality", "removed")}),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS)
def test_what_a_header_promises_no_more(wherry: Wherry, tmp_path: Path, case: str) -> None:
    old, new, expected = HEADERS[case]
    folder = write(tmp_path / "p", FILES)
    file = tmp_path / "old.odcs.yaml"
    assert wherry("contract", "export", "s.o", "--to", file, "--project", folder).code == 0
    assert not old or old in HEADER
    write(folder, {"tables/s/o.sql": (HEADER.replace(old, new) if old else HEADER) + SELECT})
    assert changes(wherry, folder, file) == expected


#: What the project's own contract says instead -> what is told, held against what it said before.
CONTRACTS: dict[str, tuple[str, str, set[tuple[str, str, str]]]] = {
    "the same": ("", "", set()),
    "a rule": ("      - {metric: rowCount, mustBeGreaterThan: 0}\n", "", {("", "quality", "removed")}),
    "a rule of the middle": (
        "      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [id, status]}}\n",
        "",
        {("", "quality", "removed")},
    ),
    "the key": (", primaryKey: true", "", {("", "key", "changed")}),
    "required": ("        required: true\n", "", {("status", "required", "loosened")}),
    "lengths": (
        "minLength: 2, maxLength: 10, ",
        "",
        {("status", "values", "loosened")},
    ),
    "a pattern": (", pattern: '^[a-z]+$'", "", {("status", "values", "loosened")}),
    "a bound": (", logicalTypeOptions: {minimum: 0}", "", {("amount", "values", "loosened")}),
    "unique": (", unique: true", "", {("at", "unique", "loosened")}),
    "how late": (", element: o.at", ", element: p.at", {("", "sla", "removed")}),
    "it may be later": ("value: 4", "value: 9", {("", "sla", "removed"), ("at", "quality", "added")}),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRACTS)
def test_what_a_contract_promises_no_more(wherry: Wherry, tmp_path: Path, case: str) -> None:
    old, new, expected = CONTRACTS[case]
    assert not old or old in CONTRACT
    folder = write(tmp_path / "p", {"tables/s/o.sql": SELECT, "tables/s/r.sql": FILES["tables/s/r.sql"]})
    write(folder, {"contracts/o.yaml": CONTRACT.replace(old, new) if old else CONTRACT})
    file = tmp_path / "old.odcs.yaml"
    file.write_text(CONTRACT)
    assert changes(wherry, folder, file) == expected
    # By itself it is what the tables keep.
    assert changes(wherry, folder, folder / "contracts/o.yaml") == set()


def test_a_contract_that_nobody_keeps(wherry: Wherry, tmp_path: Path) -> None:
    """Of a contract that is no part of the project, what the tables' own checks keep is kept, the rest is not."""
    folder = write(tmp_path / "p", FILES)
    file = tmp_path / "theirs.yaml"
    file.write_text(CONTRACT)
    told = {each for each in changes(wherry, folder, file) if each[2] in ("removed", "loosened", "changed")}
    assert told == {("status", "values", "loosened"), ("at", "unique", "loosened"), ("", "sla", "removed")}


LEVELS = CONTRACT.replace(
    "{property: latency, value: 4, unit: h, element: o.at}",
    "{property: latency, value: 4, unit: h}, {property: retention, value: 90, unit: d, element: o}, "
    "{property: availability, value: 99.9}",
)
#: What the contract in the folder, or the table's header, says instead -> what is told.
SERVICE: dict[str, tuple[str, str, set[tuple[str, str, str]]]] = {
    "the same": ("", "", set()),
    "the same in other units": ("value: 4, unit: h", "value: 240, unit: min", set()),
    "later": ("value: 4, unit: h", "value: 1, unit: d", {("", "sla", "loosened")}),
    "sooner": ("value: 4", "value: 2", {("", "sla", "tightened")}),
    "kept for less long": ("value: 90", "value: 30", {("", "sla", "loosened")}),
    "kept for longer": ("value: 90, unit: d", "value: 1, unit: y", {("", "sla", "tightened")}),
    "no longer promised": (", {property: availability, value: 99.9}", "", {("", "sla", "removed")}),
    "of a column alone": ("element: o}", "element: at}", {("", "sla", "removed"), ("", "sla", "added")}),
    "of all tables": (", element: o}", "}", set()),
    "one more": ("99.9}", "99.9}, {property: frequency, value: 1, unit: d}", {("", "sla", "added")}),
    "less of all": (
        "[{property: latency, value: 4, unit: h}, {property: retention, value: 90, unit: d, element: o}, "
        "{property: availability, value: 99.9}]",
        "[]",
        {("", "sla", "removed")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVICE)
def test_what_is_promised_of_the_service(wherry: Wherry, tmp_path: Path, case: str) -> None:
    old, new, expected = SERVICE[case]
    assert not old or old in LEVELS
    folder = write(tmp_path / "p", {"tables/s/o.sql": SELECT, "tables/s/r.sql": FILES["tables/s/r.sql"]})
    write(folder, {"contracts/o.yaml": LEVELS.replace(old, new) if old else LEVELS})
    file = tmp_path / "old.odcs.yaml"
    file.write_text(LEVELS)
    assert changes(wherry, folder, file) == expected
    assert changes(wherry, folder, folder / "contracts/o.yaml") == set()


@pytest.mark.parametrize(
    ("fresh", "expected"),
    [
        ("within 4 hours", set()),
        ("within 240 minutes", set()),
        ("within 5 hours", {("", "sla", "loosened")}),
        ("within 1 hour", {("", "sla", "tightened")}),
        ("", {("", "sla", "removed")}),
    ],
)
def test_how_fresh_a_table_is_said_to_be_is_compared(
    wherry: Wherry, tmp_path: Path, fresh: str, expected: set[tuple[str, str, str]]
) -> None:
    """Of a contract that is no part of the project."""
    header = HEADER + (f"-- fresh: {fresh}\n" if fresh else "")
    folder = write(tmp_path / "p", {"tables/s/o.sql": header + SELECT, "tables/s/r.sql": FILES["tables/s/r.sql"]})
    file = tmp_path / "theirs.yaml"
    file.write_text(CONTRACT.replace(", element: o.at", ""))
    assert {each for each in changes(wherry, folder, file) if each[1] == "sla"} == expected
    # Without any, what the header promises is more.
    file.write_text(CONTRACT.replace("slaProperties: [{property: latency, value: 4, unit: h, element: o.at}]\n", ""))
    more = {("", "sla", "added")} if fresh else set()
    assert {each for each in changes(wherry, folder, file) if each[1] == "sla"} == more


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tables/s/o.sql", SELECT + "(\n"),
        ("contracts/o.yaml", CONTRACT + "]\n"),
        ("functions/f.sql", "CREATE MACRO one() AS 1 +;\n"),
    ],
)
def test_nothing_is_told_of_what_cannot_be_read(wherry: Wherry, tmp_path: Path, file: str, text: str) -> None:
    """No column, and no promise, is gone because a file is broken."""
    tables = {"tables/s/o.sql": HEADER + SELECT.replace("1 AS", "one() AS"), "tables/s/lone.sql": "SELECT 1 AS id\n"}
    folder = write(tmp_path / "p", {**tables, "functions/f.sql": "CREATE MACRO one() AS 1;\n"})
    write(folder, {"contracts/o.yaml": CONTRACT, file: text})
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(CONTRACT)
    told = wherry("contract", "diff", theirs, "--project", folder)
    assert told.code == 2 and f"{file}:" in told.err and not told.out
    # What is known is compared as ever.
    theirs.write_text(CONTRACT.replace("name: o\n", "name: lone\n").replace("o.at", "lone.id"))
    assert wherry("contract", "diff", theirs, "--project", folder).code == (2 if file.startswith("contracts") else 1)
