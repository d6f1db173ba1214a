"""A source's table is loaded anew when other rows are asked for, and not when they are only fetched in another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.projects import read

POSTGRES = "connector: postgres\nurl: postgresql://a:one@h/d\ntables: {t: {as: raw.t, mode: incremental, cursor: c}}\n"
REST = "connector: rest\nurl: http://h\ntables: {t: {as: raw.t}}\n"
SINCE = REST.replace("as: raw.t", "as: raw.t, mode: incremental, cursor: c, since: {param: s, lookback: 1 hour}")
FILES = "connector: files\npath: s3://b\ntables: {t.csv: {as: raw.t}}\n"
OWN = "connector: mine\nurl: http://h\ntables: {t: {as: raw.t}}\n"


@pytest.mark.parametrize(
    ("text", "old", "new", "same"),
    [
        (POSTGRES, "a:one@h", "a:two@h", True),
        (POSTGRES, "tables:", "connect_timeout: 3\ntables:", True),
        (POSTGRES, "cursor: c", "cursor: c, batch_rows: 9, parallel: 2, lookback: 1 hour, deletes: compare", True),
        (POSTGRES, "@h/d", "@other/d", False),
        (POSTGRES, "cursor: c", "cursor: d", False),
        (POSTGRES, "cursor: c", "cursor: c, where: x > 1", False),
        (POSTGRES, "cursor: c", "cursor: c, types: {x: text}", False),
        (REST, "tables:", 'auth: {bearer: "${A}"}\nrate: 3 per second\nattempts: 2\ntimeout: 3 seconds\ntables:', True),
        (REST, "tables:", "params: {shop: 2}\ntables:", False),
        (REST, "as: raw.t", "as: raw.t, cursor: c, since: {param: s, lookback: 1 hour}", False),
        (SINCE, "lookback: 1 hour", "lookback: 2 hours", True),
        (SINCE, ", lookback: 1 hour", "", True),
        (SINCE, "param: s", "param: from", False),
        (FILES, "tables:", "AWS_SESSION_TOKEN: ${A}\ntables:", True),
        (FILES, "tables:", "AWS_ENDPOINT_URL: http://h\ntables:", False),
        # What the options of somebody else's connector mean is not known.
        (OWN, "tables:", "timeout: 3\ntables:", False),
        # An @ behind the host ends no password.
        (POSTGRES.replace("@h/d", "@h/d?application_name=x@y"), "@h/d", "@h/other", False),
        (POSTGRES.replace("a:one@h", "a:o@ne@h"), "o@ne", "tw@o", True),
    ],
)
def test_what_is_asked_for(tmp_path: Path, text: str, old: str, new: str, same: bool) -> None:
    assert old in text
    meanings = []
    for number, each in enumerate((text, text.replace(old, new, 1))):
        graph = read(tmp_path / str(number), {"wherry.toml": 'name = "t"\n', "sources/s.yml": each}).graph
        meanings.append(graph.assets["raw.t"].meaning)
    assert (meanings[0] == meanings[1]) is same


THROUGH = """\
connector: rest
url: http://h
tables:
  o: {as: raw.o, mode: incremental, path: /o, cursor: at, key: id, params: {shop: 1},
      since: {param: from, lookback: 1 hour}}
  o.lines: {as: raw.lines, mode: incremental, unnest: o.lines, key: id}
  notes: {as: raw.notes, mode: incremental, each: {table: o.lines}, path: "/{id}"}
  whole: {as: raw.whole, each: o, path: "/{id}"}
"""


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        ("shop: 1", "shop: 2", ["raw.lines", "raw.notes", "raw.o"]),
        ("cursor: at", "cursor: id", ["raw.lines", "raw.notes", "raw.o"]),
        ("unnest: o.lines", "unnest: o.items", ["raw.lines", "raw.notes"]),
        ("lookback: 1 hour", "lookback: 2 hours", []),
        ("param: from", "param: since", ["raw.lines", "raw.notes", "raw.o"]),
        ("params: {shop: 1}", "params: {shop: 1}, types: {id: text}", ["raw.o"]),
    ],
)
def test_tables_that_go_through_the_rows_of_another(tmp_path: Path, old: str, new: str, anew: list[str]) -> None:
    assert old in THROUGH
    before, after = (
        read(tmp_path / str(number), {"wherry.toml": 'name = "t"\n', "sources/s.yml": text}).graph.assets
        for number, text in enumerate((THROUGH, THROUGH.replace(old, new, 1)))
    )
    assert sorted(key for key in before if before[key].meaning != after[key].meaning) == anew
