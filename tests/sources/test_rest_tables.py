"""What an API has, told by its OpenAPI document or by one answer."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.api import api
from fixtures.web import Reply, Request
from wherry.errors import SourceError
from wherry.ports import Found
from wherry.project.source_text import Proposed, source_text
from wherry.sources.rest.looking import EACH


def answered(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A GET that answers with this schema."""
    return {"get": {**more, "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}


MOMENT = {"type": "string", "format": "date-time"}
OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3",
    "paths": {
        "/orders": {
            **answered(
                {"$ref": "#/components/schemas/Page"},
                summary="List orders",
                parameters=[{"name": "cursor", "in": "query"}],
            ),
            "post": {},
        },
        "/orders/{id}": answered({"type": "object"}),
        "/rates": answered({"type": "array", "items": {"properties": {"day": {"type": "string", "format": "date"}}}}),
    },
    "components": {
        "schemas": {
            "Page": {"properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}}},
            "Order": {
                "allOf": [
                    {"properties": {"id": {"type": "integer"}, "total": {"type": "number"}}},
                    {"properties": {"updated_at": MOMENT, "tags": {"type": "array"}}},
                ]
            },
        }
    },
}


@pytest.mark.parametrize("where", ["/", "/openapi.json"])
def test_an_openapi_document(where: str) -> None:
    def answer(r: Request) -> Reply:
        return Reply(body=OPENAPI) if r.path == where else Reply(status=404)

    with api(answer) as made:
        found = list(made.source.tables(made.options))
    assert [each.name for each in found] == ["orders", "rates"]
    orders = found[0]
    assert orders.key == ("id",) and orders.cursors == ("updated_at",)
    assert orders.columns == (
        ("id", "BIGINT"), ("total", "DECIMAL(38,9)"), ("updated_at", "TIMESTAMP WITH TIME ZONE"), ("tags", "VARCHAR"),
    )  # fmt: skip
    assert orders.options == {"records": "data"}
    assert orders.about == "List orders. Only one page of several, without: pages: {by: cursor, param: cursor, at: ...}"


def test_what_is_asked_for_each_row_of_another_is_a_decision() -> None:
    paths = {**OPENAPI["paths"], "/orders/{id}/lines": OPENAPI["paths"]["/orders"]}
    with api(lambda r: Reply(body={**OPENAPI, "paths": paths})) as made:
        found = {each.name: each for each in made.source.tables(made.options)}
    assert found["orders"].kind == "endpoint" and found["orders/{id}/lines"].kind == EACH
    facts = {"columns": (), "key": (), "cursors": (), "rows": None, "size": None, "about": ""}
    text = source_text("rest", {}, "shop", [Proposed(name=n, kind=found[n].kind, **facts) for n in sorted(found)])
    assert '  # "orders/{id}/lines":\n' in text and "  orders:\n" in text


ROWS = [{"id": 1, "created": "2026-01-01"}, {"id": 2, "created": "2026-01-02"}]


NEXT = {"by": "next", "at": "meta.next"}
PAGE = "Only one page of several, without: pages: {by: %s, param: ...}"


@pytest.mark.parametrize(
    ("body", "headers", "options", "about"),
    [
        ({"items": ROWS}, {}, {"records": "items"}, ""),
        ({"my-rows": ROWS}, {}, {"records": '"my-rows"'}, ""),
        ({"items": ROWS, "total": 2}, {}, {"records": "items"}, ""),
        ({"meta": {"next": "/x?page=2"}, "d": {"rows": ROWS}}, {}, {"records": "d.rows", "pages": NEXT}, ""),
        ({"data": ROWS, "next_cursor": "abc"}, {}, {"records": "data"}, PAGE % "cursor, at: next_cursor"),
        (ROWS, {"Link": '</x?page=2>; rel="next"'}, {"pages": "link"}, ""),
        ({"results": ROWS, "total": 9}, {}, {"records": "results"}, PAGE % "offset, total: total"),
    ],
)
def test_one_answer(body: Any, headers: dict[str, str], options: dict[str, Any], about: str) -> None:
    def answer(r: Request) -> Reply:
        return Reply(body=body, headers=headers) if r.path == "/v1/things" else Reply(status=404)

    with api(answer) as made:
        made.said["url"] = f"{made.web.url}/v1/things"
        (found,) = made.source.tables(made.options)
    assert (found.about, found.options) == (about, options)
    assert found.key == ("id",) and found.cursors == ("created",)
    assert found.columns == (("id", "BIGINT"), ("created", "DATE"))
    assert isinstance(found, Found) and found.name == "things"


def test_an_address_that_answers_with_a_page_or_not_at_all() -> None:
    with api(lambda r: Reply(body=b"<html><title>Docs</title>", headers={"Content-Type": "text/html"})) as made:
        with pytest.raises(SourceError) as told:
            list(made.source.tables(made.options))
        assert "with a web page (“Docs”) instead of data" in str(told.value)
        made.web.answer = lambda r: Reply(status=401)
        with pytest.raises(SourceError) as told:
            list(made.source.tables(made.options))
        assert told.value.findings[0].code == "bad-credentials"
