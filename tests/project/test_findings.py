"""fixtures/findings/*.md: a folder, and every finding of it through the command line."""

import json
from pathlib import Path

import pytest

from fixtures.cases import Case, cases
from wherry.cli import main


def told(expected: str) -> list[tuple[str, list[str], str]]:
    """``where: code: message fragment … another ⇒ hint fragment``, a line each, taken apart."""
    lines = []
    for line in expected.splitlines():
        said, _, hint = line.partition(" ⇒ ")
        where, code, message = said.split(": ", 2)
        lines.append((f"{where}: {code}", message.split(" … "), hint))
    return lines


@pytest.mark.parametrize("case", cases("findings"))
def test_every_problem_is_told_once_with_its_place_cause_and_next_step(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = case.write(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["check", "--project", str(folder), "--json"])
    shown = capsys.readouterr().out
    findings = json.loads(shown)["findings"]
    expected = told(case.said("findings"))
    places = [f"{f['file']}:{f['line']}:{f['column']}: {f['code']}" for f in findings]
    assert places == [place for place, _, _ in expected], json.dumps(findings, indent=1, ensure_ascii=False)
    for finding, (place, fragments, hint) in zip(findings, expected, strict=True):
        for fragment in fragments:
            assert fragment in finding["message"], place
        assert hint in finding["hint"], place
    assert stop.value.code == (2 if any(f["severity"] == "error" for f in findings) else 0)
