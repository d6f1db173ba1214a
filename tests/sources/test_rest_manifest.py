"""Airbyte manifests, old and new, read as they are; what is not read is told with its line."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.api import Api, api
from fixtures.web import Reply, Request, StillClock
from wherry.errors import ProjectError
from wherry.sources.rest.template import evaluate
from wherry.sources.rest.vocabulary import BadTemplate
from wherry.testing import check_source

MANIFESTS = Path(__file__).parents[1] / "fixtures" / "manifests"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Tracker:
    """Projects by cursor, tasks by offset and stretches of time, members of each project."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.projects = [
            {"id": f"p{n}", "name": f"n{n}", "secret": "x", "owner": {"email": "y", "login": "z"}, "archived": n == 4}
            for n in range(8)
        ]
        self.tasks = [{"id": n, "updated_at": self.at(n)} for n in range(9)]
        self.teapots = 1

    @staticmethod
    def at(days: float) -> str:
        return (START + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __call__(self, r: Request) -> Reply:
        given = r.headers.get("authorization") == "Bearer t0ken-x" if self.kind == "token" else None
        if not (given if given is not None else r.params.get("api_key") == "t0ken-x"):
            return Reply(status=401, body={"message": f"{r.headers} {r.params}"})
        if self.teapots:
            self.teapots -= 1
            return Reply(status=418)
        if r.path == "/api/projects":
            ids = [row["id"] for row in self.projects]
            at = ids.index(r.params["starting_after"]) + 1 if "starting_after" in r.params else 0
            size = int(r.params["limit"])
            return Reply(body={"data": self.projects[at : at + size], "has_more": at + size < len(ids)})
        if r.path == "/api/tasks":
            assert r.params["team"] == "blue" and "empty" not in r.params
            span = (r.params["updated_from"], r.params["updated_to"])
            assert datetime.fromisoformat(span[1]) - datetime.fromisoformat(span[0]) < timedelta(days=4)
            rows = [row for row in self.tasks if span[0] <= str(row["updated_at"]) <= span[1]]
            at = int(r.params.get("offset", 0))
            return Reply(body={"data": rows[at : at + int(r.params["limit"])]})
        project = r.path.split("/")[3]
        return Reply(status=404) if project == "p2" else Reply(body={"data": [{"id": n} for n in range(2)]})


@contextmanager
def tracker(
    folder: Path, kind: str = "token", file: str = "modern.yaml", answer: Any = None, **config: Any
) -> Iterator[Api]:
    shutil.copy(MANIFESTS / file, folder / "manifest.yaml")
    with api(answer or Tracker(kind), manifest="manifest.yaml", project=str(folder)) as made:
        given = {"host": made.web.url, "start_date": "2026-01-01", **config}
        made.said["config"] = given | ({"credentials": {"kind": kind, "token": "t0ken-x"}} if answer is None else {})
        yield made


def bare(made: Api, name: str, mode: str) -> Any:
    from dataclasses import replace

    return replace(made.table(name, mode=mode), options=made.source.TableOptions())


@pytest.mark.parametrize("kind", ["token", "key"])
def test_pages_filters_and_transformations(tmp_path: Path, kind: str) -> None:
    with tracker(tmp_path, kind) as made:
        rows = made.load(bare(made, "projects", "full")).rows
        assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3", "p5", "p6", "p7"]
        assert rows[0] == {
            "id": "p0", "name": "n0", "owner": '{"login": "z"}', "archived": False, "full_name": "blue/N0",
            "meta": '{"size": 3}',
        }  # fmt: skip
        pages = [r.params.get("starting_after") for r in made.web.asked("/api/projects")]
        assert pages == [None, None, "p2", "p5"]  # the first one twice: the teapot


def test_what_is_new_in_stretches_of_time(tmp_path: Path) -> None:
    server = Tracker("token")

    def change() -> int:
        server.tasks.append({"id": 50, "updated_at": server.at(8)})
        return 10

    with tracker(tmp_path) as made:
        made.web.answer = server
        request = bare(made, "tasks", "incremental")
        check_source(made.source, made.options, request, 9, change)
        spans = list(dict.fromkeys((r.params["updated_from"], r.params["updated_to"]) for r in made.web.requests))
        assert spans[:3] == [
            ("2026-01-01T00:00:00Z", "2026-01-04T23:59:59Z"),
            ("2026-01-05T00:00:00Z", "2026-01-08T23:59:59Z"),
            ("2026-01-09T00:00:00Z", "2026-01-10T12:00:00Z"),
        ]
        assert spans[3][0] == "2026-01-08T23:00:00Z"  # an hour of lookback


def test_rows_of_a_parent_stream(tmp_path: Path) -> None:
    with tracker(tmp_path) as made:
        rows = made.load(bare(made, "members", "full")).rows
        assert {(row["project"], row["id"]) for row in rows} == {
            (f"p{n}", k) for n in (0, 1, 3, 5, 6, 7) for k in (0, 1)
        }
        assert {row["projects_id"] for row in rows} == {row["project"] for row in rows}
        loaded = made.load(bare(made, "members", "incremental"))
        made.load(bare(made, "members", "incremental"), loaded)
        assert len(loaded.rows) == 12


def test_an_old_manifest(tmp_path: Path) -> None:
    word = "Basic " + base64.b64encode(b"ada:pass-word").decode()

    def answer(r: Request) -> Reply:
        if r.headers.get("authorization") != word:
            return Reply(status=401, body={"message": str(r.headers)})
        page = int(r.params.get("page", 1))
        link = {"Link": f'<{made.web.url}/rates?base={r.params["base"]}&page=2>; rel="next"'} if page == 1 else {}
        return Reply(body={"rates": [{"day": page * 10 + len(r.params["base"])}]}, headers=link)

    config = {"user": "ada", "password": "pass-word"}
    with tracker(tmp_path, file="old.yaml", answer=answer, **config) as made:
        rows = made.load(bare(made, "rates", "full")).rows
        assert {row["_currency"] for row in rows} <= {"USD", "CHF"} and {row["day"] for row in rows} == {13, 23}
        assert [r.params.get("base") for r in made.web.requests] == ["USD", "USD", "CHF", "CHF"]


def test_what_is_not_read_is_told_with_its_line(tmp_path: Path) -> None:
    with tracker(tmp_path) as made:
        with pytest.raises(ProjectError) as told:
            made.source.columns(made.options, bare(made, "odd", "full"))
        lines = (MANIFESTS / "modern.yaml").read_text().splitlines()
        found = {f.message: lines[f.line - 1] for f in told.value.findings}
        assert all(f.file == "manifest.yaml" and f.hint for f in told.value.findings)
        assert {message.partition("`")[2].partition("`")[0] for message in found} == {
            "fetch_properties_from_endpoint", "CustomRecordExtractor", "CustomTransformation",
        }  # fmt: skip
        for message, line in found.items():
            assert message.partition("`")[2].partition("`")[0] in line
        with pytest.raises(ProjectError) as told:
            made.source.columns(made.options, bare(made, "task", "full"))
        assert "Did you mean `tasks`?" in told.value.findings[0].hint
        tables = list(made.source.tables(made.options))
        assert [found.name for found in tables] == ["members", "odd", "projects", "tasks"]
        assert tables[3].key == ("id",) and tables[3].cursors == ("updated_at",)


def test_secrets_of_the_specification_are_hidden(tmp_path: Path) -> None:
    with tracker(tmp_path) as made:
        made.web.answer = lambda r: Reply(status=403, body={"message": f"no {r.headers['authorization']}"})
        finding = made.fails(bare(made, "projects", "full"))
        assert "no Bearer ***" in finding.message and "t0ken" not in finding.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a{{ config.n + 1 }}b", "a3b"), ("{{ config['n'] * 2.5 }}", 5.0), ("{{ config.list[-1] }}", "y"),
        ("{{ 'a' if config.n > 1 and not config.no else 'b' }}", "a"), ("{{ config.no | default('z') }}", "z"),
        ("{{ 'x' in config.list or false }}", True), ("{{ config.n not in [1, 3] }}", True),
        ("{{ now_utc().strftime('%Y-%m-%d') }}", "2026-01-10"), ("{{ day_delta(-1, '%Y%m%d') }}", "20260109"),
        ("{{ format_datetime('2026-01-31T10:00:00Z', '%s') }}", "1769853600"), ("{{ config.list | join('-') }}", "x-y"),
        ("{{ {'a': 1}['a'] ~ '!' }}", "1!"), ("{{ max(1, config.n) }}", 2), ("{{ config.get('q', 7) }}", 7),
        ("{{ timestamp('2026-01-01') }}", 1767225600), ("{{ config.name.split('/')[1] | upper }}", "B"),
        ("{{ (now_utc() - duration('P1D')).strftime('%d') }}", "09"), ("{{ -config.n }}", -2), ("plain", "plain"),
        ({"k": ["{{ config.n }}"]}, {"k": [2]}),
    ],
)  # fmt: skip
def test_expressions(text: Any, value: Any) -> None:
    scope = {"config": {"n": 2, "list": ["x", "y"], "no": None, "name": "a/b"}, "_clock": StillClock()}
    assert evaluate(text, scope) == value


@pytest.mark.parametrize(
    "text",
    [
        "{{ config.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ config.items }}",
    ],
)  # fmt: skip
def test_expressions_see_no_objects(text: str) -> None:
    assert evaluate(text, {"config": {}}) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ open('/etc/passwd') }}", "no function `open`"), ("{{ config.format('x') }}", "no method `format`"),
        ("{{ config | attr('x') }}", "no filter `attr`"), ("{% for x in y %}", "{% %}"),
        ("{{ 1 + }}", "not understood"),
        ("{{ 'a' * 999999999 }}", "cannot be done"), ("{{ nobody }}", "no `nobody`"), ("{{ (1 }}", "needs `)`"),
        ("{{ 2 ** 99 }}", "not understood"), ("{{ 1 / 0 }}", "cannot be done"), ("{{ config.n < 'a' }}", "compared"),
        ("{{ 'a'.split(1) }}", "cannot be computed"),
    ],
)  # fmt: skip
def test_expressions_that_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadTemplate) as told:
        evaluate(text, {"config": {"n": 1}})
    assert words in str(told.value)
