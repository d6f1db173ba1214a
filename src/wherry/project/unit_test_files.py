"""tests/*.yml: given rows, expected rows."""

from collections.abc import Mapping
from typing import Any

from wherry.model.graph import UnitTest
from wherry.project.draft import Drafts
from wherry.project.located import read_yaml
from wherry.project.table_keys import TableKeys

CASE_KEYS = ("given", "expect", "start", "end")


def read_unit_tests(file: str, text: str, drafts: Drafts) -> None:
    """Add the cases of one file: ``table:`` and, under the name of each case, ``given:`` and ``expect:``."""
    located = read_yaml(text, file=file)
    drafts.findings.extend(located.findings)
    document = located.value
    reader = TableKeys(located=located, file=file)
    if not isinstance(document, Mapping) or not isinstance(document.get("table"), str):
        if not located.findings:
            reader.problem("missing-key", "table", "A file of unit tests needs `table:`, the table that is tested.")
    else:
        drafts.tested.append((document["table"], file, *located.at("table")))
        for name, case in document.items():
            if name == "table":
                continue
            reader.path = str(name)
            if not isinstance(case, Mapping) or "expect" not in case:
                reader.problem("bad-value", "", f"The case `{name}` needs `given:` and `expect:`.")
                continue
            reader.unknown(case, CASE_KEYS)
            given = case.get("given") or {}
            if not isinstance(given, Mapping):
                reader.problem("bad-value", "given", "`given` must map tables to lists of rows.")
                continue
            drafts.tested += [(str(table), file, *located.at(f"{name}/given/{table}")) for table in given]
            tables = {str(table): _rows(reader, f"given/{table}", rows) for table, rows in given.items()}
            drafts.tests.append(
                UnitTest(
                    table=document["table"],
                    name=str(name),
                    file=file,
                    line=located.at(str(name))[0],
                    given=tables,
                    expect=_rows(reader, "expect", case["expect"]),
                    start=str(case.get("start") or ""),
                    end=str(case.get("end") or ""),
                )
            )
    drafts.findings.extend(reader.findings)


def _rows(reader: TableKeys, path: str, rows: Any) -> tuple[Mapping[str, Any], ...]:
    rows = [] if rows is None else rows
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        reader.problem("bad-value", path, "Rows must be a list of mappings, such as [{id: 1, name: a}].")
        return ()
    return tuple(rows)
