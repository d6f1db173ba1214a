"""Tables of an Airbyte manifest follow what it says."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from run_folder import Folder, states

from fixtures.web import Reply, Request, serving
from wherry.errors import ProjectError
from wherry.sources.rest import source as source_of_rest
from wherry.sources.rest.options import Options as RestOptions

MANIFEST = """\
version: 6.44.0
definitions:
  requester: {type: HttpRequester, url_base: "{{ config['host'] }}", http_method: GET}
  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
streams:
  - type: DeclarativeStream
    name: tasks
    primary_key: id
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%Y-%m-%dT%H:%M:%SZ"
      start_datetime: "2026-01-01T00:00:00Z"
      lookback_window: PT1H
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: tasks, request_parameters: {team: blue}}
      record_selector: {$ref: "#/definitions/selector"}
  - type: DeclarativeStream
    name: others
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: {$ref: "#/definitions/requester", path: others}
      record_selector: {$ref: "#/definitions/selector"}
"""
SOURCE = """\
connector: rest
manifest: manifests/tracker.yaml
config: {{host: "{url}"}}
tables:
  tasks: {{as: raw.tasks, mode: incremental}}
  others: {{as: raw.others, mode: incremental}}
"""


def answer(r: Request) -> Reply:
    first = 10 if r.params.get("team") == "red" else 1
    rows = [{"id": first + n, "at": f"2026-01-0{n + 1}T00:00:00Z"} for n in range(3)]
    return Reply(body={"data": [row for row in rows if row["at"] >= r.params.get("since", "")]})


@pytest.mark.parametrize(
    ("old", "new", "anew"),
    [
        ("team: blue", "team: red", ["tasks"]),
        ("field_path: [data]", 'field_path: ["*"]', ["others", "tasks"]),
        ("path: others", "path: other", ["others"]),
        ("PT1H", "PT2H", []),
        ("http_method: GET", "http_method: GET, authenticator: {type: NoAuth}", []),
        ("version: 6.44.0", "version: 6.45.0\n# a note", []),
        ("name: others", "name: others\n    description: The other ones.", []),
    ],
)
def test_a_changed_manifest_loads_its_tables_anew(folder: Folder, old: str, new: str, anew: list[str]) -> None:
    file = Path("manifests/tracker.yaml")
    with serving(answer) as web:
        folder.write({str(file): MANIFEST, "sources/tracker.yml": SOURCE.format(url=web.url)})
        folder.done()
        assert [row[0] for row in folder.rows("raw.tasks", columns="id")] == [1, 2, 3]
        assert old in MANIFEST
        folder.write({str(file): MANIFEST.replace(old, new, 1)})
        reasons = {step.name.partition(".")[2]: step.reason for step in folder.plan().steps}
        changed, unchanged = "what is loaded was changed in its file", "unchanged"
        assert reasons == {name: changed if name in anew else unchanged for name in ("tasks", "others")}
        if old == "team: blue":
            assert states(folder.done())["tasks"] == "built"
            assert [row[0] for row in folder.rows("raw.tasks", columns="id")] == [10, 11, 12]


def test_a_manifest_that_went_is_told(folder: Folder) -> None:
    with serving(answer) as web:
        folder.write({"manifests/tracker.yaml": MANIFEST, "sources/tracker.yml": SOURCE.format(url=web.url)})
        folder.done()
    folder.remove("manifests/tracker.yaml")
    assert {(each.code, each.file) for each in folder.project().errors} == {("no-file", "sources/tracker.yml")}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("manifests", MANIFEST, "cannot be read: Is a directory"),
        ("manifests/tracker.yaml", "streams: [{name: tasks, retriever: {a: &x [*x]}}]", "holds itself"),
        ("manifests/tracker.yaml", "streams: [{name: tasks, primary_key: 5, incremental_sync: x}]", "not understood"),
    ],
)
def test_a_manifest_that_is_none_is_told(folder: Folder, name: str, text: str, words: str) -> None:
    source = SOURCE.format(url="http://127.0.0.1:9").replace("manifests/tracker.yaml", name)
    folder.write({"manifests/tracker.yaml": text, "sources/tracker.yml": source})
    assert any(words in each.message for each in folder.project().errors)
    options = RestOptions(manifest=name, project=str(folder.path))
    with suppress(ProjectError):
        assert [each.kind for each in source_of_rest.tables(options)] == ["stream that is not read"]
