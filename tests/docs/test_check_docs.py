"""The page of all kinds of checks names every one, and every form on it can be read."""

import re
from pathlib import Path

import pytest

from wherry.checks import KINDS
from wherry.imports.gx_expectations import EXPECTATIONS
from wherry.model.asset import Check
from wherry.project.check_arguments import KINDS as FORMS
from wherry.project.check_form import read_check
from wherry.project.header import read_header
from wherry.project.located import read_yaml
from wherry.project.short_form import DISTINCT, FORMAT_NAMES, MEASURES
from wherry.project.table_keys import HEADER_KEYS, TableKeys

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "checks-kinds.md").read_text()
_TABLE = re.compile(r"^\| (under a column|under the table|write) \|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


def forms() -> list[tuple[str, str]]:
    """Each form in the first cells of the tables, and the column that it is beside, if any."""
    found = []
    for head, rows in _TABLE.findall(PAGE):
        for row in rows.splitlines():
            form, beside = re.match(r"\| `(.+?)`( \(column\))? ", row).groups()  # type: ignore[union-attr]
            of_column = head == "under a column" or beside
            found.append((form, "x" if of_column else ""))
    return found


def read(form: str, column: str) -> Check:
    written = read_yaml(form, file="").value if form.startswith("{") else form
    return read_check(written, column=column, file="", line=0)


@pytest.mark.parametrize(("form", "column"), forms())
def test_a_form_can_be_read(form: str, column: str) -> None:
    check = read(form, column)
    condition = check.kind == "condition"
    assert condition == (form == "amount >= discount"), f"`{form}` is read as a condition"


def test_the_examples_can_be_read() -> None:
    blocks = re.findall(r"^```sql\n(.*?)^```", (DOCS / "checks.md").read_text(), re.MULTILINE | re.DOTALL)
    headers = [block for block in blocks if "checks:" in block]
    assert len(headers) == 6
    for text in headers:
        header = read_header(text, file="t.sql", known=HEADER_KEYS)
        reader = TableKeys(located=header.keys, file="t.sql", custom={"ends_in"})
        made = reader.read(header.keys.value)["checks"]
        assert made and not header.keys.findings and not reader.findings, reader.findings


def test_every_kind_is_there() -> None:
    kinds = {read(form, column).kind for form, column in forms()}
    assert set(KINDS) == kinds | set(re.findall(r"`check: (\w+)", PAGE))
    assert all(f"`{name}`" in PAGE for name in (*FORMAT_NAMES, *MEASURES, *DISTINCT))


def test_every_argument_is_there() -> None:
    spoken = PAGE + (DOCS / "checks.md").read_text()
    silent = {"operator", "value", "pattern", "patterns", "formats", "format", "to", "measure", "column"}
    silent |= {"columns", "types", "quantile", "quantiles", "bounds", "other", "tables", "strictly", "by", "step", "of"}
    silent |= {"table", "sql", "percent", "how", "empty", "zero_weight"}
    for kind, form in FORMS.items():
        missing = [name for name in form.arguments if name not in silent and not re.search(rf"\b{name}\b", spoken)]
        assert not missing, f"{kind}: {missing}"


def test_the_page_of_suites_is_right() -> None:
    page = (DOCS / "checks-gx.md").read_text()
    for name in re.findall(r"`\.\.\.(_\w+?)(?:\.\.\.)?`", page):
        assert any(name.rstrip(".") in each for each in EXPECTATIONS), name
