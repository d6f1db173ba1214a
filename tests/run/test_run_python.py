"""Python tables: what they read, what they return, how their failures are told."""

import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from run_folder import Folder, result, states

from wherry.author import Table
from wherry.model.run import AssetResult

HEAD = "import duckdb, pandas, polars, pyarrow as pa\nfrom wherry import Table, table\n\n"
ROWS = "SELECT i::INTEGER AS i, 'r' || i AS name, (i / 2)::DECIMAL(5,1) AS half FROM range(3) AS t(i)"


def python(body: str, *, inputs: str = 't: Table["s.rows"]', keys: str = "") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{HEAD}@table({keys})\ndef p({inputs}):\n{lines}\n"


def failed(folder: Folder, text: str) -> AssetResult:
    folder.tables(rows=ROWS, p=text)
    return result(folder.run(), "s.p")


@pytest.mark.parametrize(
    "body",
    [
        "return t.df()",
        "return t.polars()",
        "return t.polars().lazy()",
        "return t.arrow()",
        "return t.arrow().to_reader()",
        "return t.arrow().to_batches()",
        "return t.arrow().combine_chunks().to_batches()[0]",
        "return t.duckdb()",
        "return t.duckdb().filter('i >= 0')",
        "return t.batches(rows=1)",
        "yield from t.batches()",
        "for batch in t.batches():\n    yield pa.Table.from_batches([batch])",
        "return [pa.table({'i': [n], 'name': [f'r{n}'], 'half': [n / 2]}) for n in range(3)]",
    ],
)
def test_what_it_may_return(folder: Folder, body: str) -> None:
    folder.tables(rows=ROWS, p=python(body))
    folder.done()
    assert folder.rows("s.p", columns="i, name, half::DECIMAL(5,1)") == [
        (0, "r0", Decimal("0.0")),
        (1, "r1", Decimal("0.5")),
        (2, "r2", Decimal("1.0")),
    ]


def test_exact_values_stay_exact(folder: Folder) -> None:
    folder.tables(
        rows="SELECT 12345678901234567.89::DECIMAL(19,2) AS d, TIMESTAMP '2026-01-01 10:00:00.123456' AS moment",
        p=python("return t.arrow()"),
    )
    folder.done()
    assert folder.rows("s.p") == [(Decimal("12345678901234567.89"), datetime(2026, 1, 1, 10, 0, 0, 123456))]


def test_empty_frames_keep_their_columns(folder: Folder) -> None:
    folder.tables(rows=ROWS, p=python("return t.arrow().slice(0, 0)"))
    folder.done()
    assert (folder.rows("s.p"), list(folder.schema("s.p"))) == ([], ["i", "name", "half"])


@pytest.mark.parametrize("build", ["append", "merge on i", "history on i"])
def test_it_may_gather(folder: Folder, build: str) -> None:
    folder.tables(rows=ROWS, p=python("return t.batches()", keys=f"build={build!r}"))
    folder.done()
    folder.tables(rows=ROWS.replace("range(3)", "range(2, 4)"))
    folder.done()
    expected = [0, 1, 2, 2, 3] if build == "append" else [0, 1, 2, 3]
    assert [i for (i,) in folder.rows("s.p", columns="i")] == expected


def test_several_inputs_and_views(folder: Folder) -> None:
    folder.tables(
        rows=ROWS,
        v="-- build: view\nSELECT i AS k FROM s.rows",
        p=python(
            "return t.duckdb().query('t', 'SELECT i FROM t WHERE i IN (SELECT k FROM s.v)')",
            inputs='t: Table["s.rows"], v: Table["s.v"]',
        ),
    )
    folder.done()
    assert folder.rows("s.p") == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("x = 1\nreturn 1 / 0", 7, "ZeroDivisionError: division by zero"),
        ("return t.duckdb().filter('nowhere > 1').df()", 6, "BinderException: "),
        ("yield from t.batches()\nraise ValueError('in the middle')", 7, "ValueError: in the middle"),
        ("import nowhere_to_be_found", 6, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise KeyError", 6, "KeyError"),
    ],
)
def test_an_exception_is_told_with_its_line(folder: Folder, body: str, line: int, said: str) -> None:
    told = failed(folder, python(body))
    (finding,) = told.findings
    assert (finding.code, finding.file, finding.line, told.fault) == ("python-failed", "tables/s/p.py", line, 2)
    assert finding.message.startswith(said)
    assert finding.source_line.strip() == python(body).splitlines()[line - 1].strip()
    assert "s.p" not in folder.lake.pointers("main")


def test_an_exception_in_a_module_of_the_project_is_told_there(folder: Folder) -> None:
    folder.write({"shared/__init__.py": "", "shared/scores.py": "def score(frame):\n    return frame['nowhere']\n"})
    told = failed(folder, python("from shared.scores import score\nreturn score(t.df())"))
    (finding,) = told.findings
    assert (finding.file, finding.line) == ("shared/scores.py", 2)
    assert finding.message.startswith("KeyError: 'nowhere'")


@pytest.mark.parametrize("value", ["None", "7", "'text'", "{'a': 1}", "[]", "[1, 2]", "iter([])"])
def test_a_wrong_return_type_is_told(folder: Folder, value: str) -> None:
    told = failed(folder, python(f"return {value}"))
    (finding,) = told.findings
    assert (finding.code, finding.file, finding.line, told.fault) == ("python-failed", "tables/s/p.py", 5, 2)
    assert "p() returned" in finding.message and "it must return" in finding.message


def test_a_module_of_the_project_is_part_of_the_meaning(folder: Folder) -> None:
    folder.write({"factor.py": "FACTOR = 2\n"})
    text = python("import factor\nreturn pa.table({'x': [factor.FACTOR]})", inputs="")
    folder.tables(p=text)
    folder.done()
    assert folder.rows("s.p") == [(2,)]
    assert states(folder.done()) == {"p": "skipped"}
    # As long as before, and perhaps within the same second.
    folder.write({"factor.py": "FACTOR = 3\n"})
    assert states(folder.done()) == {"p": "built"}
    assert folder.rows("s.p") == [(3,)]
    folder.tables(p=text.replace("factor.FACTOR", "factor.FACTOR + 1"))
    folder.done()
    assert folder.rows("s.p") == [(4,)]
    folder.write({"factor.py": "# A comment changes nothing.\nFACTOR = 3\n"})
    assert states(folder.done()) == {"p": "skipped"}
    assert "factor" not in sys.modules and str(folder.path) not in sys.path
    assert not list(folder.path.glob("**/__pycache__"))


def test_batches_are_streamed(folder: Folder) -> None:
    """Of many batches only a few are alive at any time, though the table is their whole."""
    folder.tables(
        rows=ROWS,
        p=HEAD
        + "import weakref\n\n"
        + "@table()\n"
        + 'def p(t: Table["s.rows"]):\n'
        + "    made = []\n"
        + "    most = 0\n"
        + "    for number in range(200):\n"
        + "        batch = pa.record_batch({'n': list(range(2000)), 'most': [most] * 2000})\n"
        + "        made.append(weakref.ref(batch))\n"
        + "        most = max(most, sum(each() is not None for each in made))\n"
        + "        yield batch\n",
    )
    folder.done()
    ((rows, most),) = folder.rows("s.p", columns="count(*) OVER () AS rows, max(most) OVER () AS most")[:1]
    assert rows == 400_000
    assert most < 20


def test_an_input_is_read_in_batches(folder: Folder) -> None:
    folder.tables(
        rows="SELECT i FROM range(500_000) AS t(i)",
        p=python(
            "sizes = [batch.num_rows for batch in t.batches(rows=50_000)]\n"
            "return pa.table({'batches': [len(sizes)], 'most': [max(sizes)], 'all': [sum(sizes)]})"
        ),
    )
    folder.done()
    ((batches, most, everything),) = folder.rows("s.p")
    assert batches >= 10 and most <= 50_000 and everything == 500_000


def test_an_input_is_called_by_its_own_name() -> None:
    assert Table[Any]("s.rows", lambda: None).name == "s.rows"  # type: ignore[arg-type,return-value]
