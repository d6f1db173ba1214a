"""Views over REST: ours for other engines, theirs for us."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fixtures.rest import ask, good, made, refused
from wherry.lake.lake import Lake
from wherry.lake.pointer import Put
from wherry.lake.types import columns, from_iceberg, to_iceberg
from wherry.serve.catalog import dialects, translate

VIEWS = "/v1/main/namespaces/s/views"
V = f"{VIEWS}/v"


def schema(*names: str) -> dict[str, Any]:
    fields = [{"id": n, "name": name, "required": False, "type": "long"} for n, name in enumerate(names, 1)]
    return {"type": "struct", "schema-id": 0, "fields": fields}


def version(sql: str, dialect: str = "spark", **more: Any) -> dict[str, Any]:
    return {
        "version-id": 1,
        "timestamp-ms": 1_700_000_000_000,
        "schema-id": 0,
        "summary": {"engine-name": dialect},
        "representations": [{"type": "sql", "sql": sql, "dialect": dialect}],
        "default-namespace": ["s"],
        **more,
    }


def theirs(lake: Lake, sql: str = "SELECT `i` AS `n` FROM t", name: str = "v", *names: str) -> Any:
    body = {"name": name, "schema": schema(*(names or ("n",))), "view-version": version(sql), "properties": {"a": "b"}}
    return good(lake, "POST", VIEWS, body)


@pytest.fixture
def served(lake: Lake) -> Lake:
    """A lake as `wherry serve` offers it, with a table ``s.t``."""
    lake.catalog.views.translate, lake.catalog.views.dialects = translate, dialects
    made(lake)
    return lake


def test_a_view_of_ours_is_an_iceberg_view(served: Lake) -> None:
    sql = "SELECT i, i % 2 = 0 AS even, {'a': [i::DECIMAL(9,2)]} AS inside FROM s.t"
    served.put("main", [Put(name="s.v", kind="view", sql=sql, state={"inputs": ["s.t"]})], author="", message="")
    outer = Put(name="s.w", kind="view", sql="SELECT count(*) AS n FROM s.v", state={"inputs": ["s.v"]})
    served.put("main", [outer], author="", message="")
    assert [each["name"] for each in good(served, "GET", VIEWS)["identifiers"]] == ["v", "w"]
    assert good(served, "GET", "/v1/main/namespaces/s/tables")["identifiers"] == [{"namespace": ["s"], "name": "t"}]
    assert good(served, "HEAD", V) is None
    answer = good(served, "GET", V)
    metadata = answer["metadata"]
    told = {r["dialect"]: r["sql"] for r in metadata["versions"][0]["representations"]}
    assert told["duckdb"] == sql and set(told) == {"duckdb", "spark", "trino"}
    assert metadata["format-version"] == 1 and metadata["current-version-id"] == 1
    assert columns({"schemas": metadata["schemas"], "current-schema-id": 0}) == [
        ("i", "BIGINT"),
        ("even", "BOOLEAN"),
        ("inside", "STRUCT(a DECIMAL(9,2)[])"),
    ]
    assert good(served, "GET", V) == answer
    assert good(served, "GET", f"{VIEWS}/w")["metadata"]["schemas"][0]["fields"][0]["name"] == "n"


def test_a_view_that_does_not_fit_its_table_is_told(served: Lake) -> None:
    view = Put(name="s.v", kind="view", sql="SELECT gone FROM s.t", state={"inputs": ["s.t"]})
    served.put("main", [view], author="", message="")
    status, answer = ask(served, "GET", V)
    assert status == 400 and "gone" in answer["error"]["message"]


def test_a_view_of_another_engine_is_one_of_the_branch(served: Lake) -> None:
    answer = theirs(served, "SELECT `i`, nvl(`i`, 0) FROM t WHERE `i` > 0", "v", "a", "b")
    pointer = served.pointer("main", "s.v")
    assert pointer is not None and pointer.kind == "view" and pointer.state["inputs"] == ["s.t"]
    with duckdb.connect() as db:
        db.execute("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT unnest([0, 7]) AS i")
        relation = db.execute(str(pointer.sql))
        assert [column[0] for column in relation.description or ()] == ["a", "b"]
        assert relation.fetchall() == [(7, 7)]
    assert good(served, "GET", V) == answer
    assert answer["metadata"]["properties"] == {"a": "b"}
    assert [(c.author, c.message) for c in served.log()[:1]] == [("ada", "create s.v")]


def test_a_view_of_a_dialect_that_is_not_understood_is_kept(served: Lake) -> None:
    for number, (sql, dialect) in enumerate([("SELECT ((", "spark"), ("SELECT 1", "klingon")]):
        body = {"name": f"v{number}", "schema": schema("n"), "view-version": version(sql, dialect)}
        good(served, "POST", VIEWS, body)
        pointer = served.pointer("main", f"s.v{number}")
        assert pointer is not None and pointer.sql == sql


def test_views_move_with_their_branch(served: Lake) -> None:
    served.create_branch("dev")
    body = {"name": "v", "schema": schema("n"), "view-version": version("SELECT i AS n FROM t")}
    made = good(served, "POST", VIEWS.replace("main", "dev"), body)
    assert refused(served, "GET", V) == (404, "NoSuchViewException")
    served.merge("dev", author="ada", message="publish")
    assert good(served, "GET", V) == made


def test_replacing_a_view(served: Lake) -> None:
    uuid = theirs(served)["metadata"]["view-uuid"]

    def commit(*updates: dict[str, Any], uuid: str = uuid) -> tuple[int, Any]:
        return ask(
            served, "POST", V, {"requirements": [{"type": "assert-view-uuid", "uuid": uuid}], "updates": list(updates)}
        )

    status, answer = commit(
        {"action": "add-schema", "schema": schema("n", "m")},
        {"action": "add-view-version", "view-version": version("SELECT i AS n, 1 AS m FROM t", **{"schema-id": -1})},
        {"action": "set-current-view-version", "view-version-id": -1},
        {"action": "set-properties", "updates": {"c": "d"}},
        {"action": "remove-properties", "removals": ["a"]},
    )
    metadata = answer["metadata"]
    assert status == 200 and metadata["current-version-id"] == 2 and metadata["properties"] == {"c": "d"}
    assert [entry["version-id"] for entry in metadata["version-log"]] == [1, 2]
    assert [s["schema-id"] for s in metadata["schemas"]] == [0, 1]
    pointer = served.pointer("main", "s.v")
    assert pointer is not None and '"n", "m"' in str(pointer.sql)
    status, answer = commit({"action": "set-current-view-version", "view-version-id": 1})
    assert answer["metadata"]["current-version-id"] == 1
    assert commit(uuid="other")[0] == 409
    for wrong in (
        {"action": "assign-uuid", "uuid": "x"},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "set-current-view-version", "view-version-id": 9},
        {"action": "add-view-version", "view-version": version("SELECT 1", **{"schema-id": 9})},
        {"action": "add-view-version", "view-version": version("SELECT 1", representations=[])},
        {"action": "nothing"},
    ):
        assert commit(wrong)[0] == 400, wrong
    for number in range(20):
        status, answer = commit(
            {"action": "add-view-version", "view-version": version(f"SELECT {number} AS n")},
            {"action": "set-current-view-version", "view-version-id": -1},
        )
    assert len(answer["metadata"]["versions"]) == 10


def test_another_engine_changes_a_view_of_ours(served: Lake) -> None:
    state = {"inputs": ["s.t"], "version": "1"}
    served.put("main", [Put(name="s.v", kind="view", sql="SELECT i FROM s.t", state=state)], author="", message="")
    good(served, "POST", V, {"updates": [{"action": "set-properties", "updates": {"a": "b"}}]})
    pointer = served.pointer("main", "s.v")
    assert pointer is not None and pointer.state["version"] == "1" and pointer.sql == "SELECT i FROM s.t"
    changed = [
        {"action": "add-view-version", "view-version": version("SELECT -i AS i FROM t", "spark")},
        {"action": "set-current-view-version", "view-version-id": -1},
    ]
    good(served, "POST", V, {"updates": changed})
    pointer = served.pointer("main", "s.v")
    assert pointer is not None and "version" not in pointer.state and "-i" in str(pointer.sql)


def test_names_are_shared_with_tables(served: Lake) -> None:
    body = {"name": "t", "schema": schema("n"), "view-version": version("SELECT 1")}
    assert refused(served, "POST", VIEWS, body) == (409, "AlreadyExistsException")
    theirs(served)
    assert refused(served, "POST", "/v1/main/namespaces/s/tables", {"name": "v", "schema": schema("i")})[0] == 409
    assert refused(served, "GET", "/v1/main/namespaces/s/tables/v") == (404, "NoSuchTableException")
    assert refused(served, "DELETE", "/v1/main/namespaces/s/tables/v") == (404, "NoSuchTableException")
    assert refused(served, "POST", VIEWS.replace("/s/", "/zz/"), body) == (404, "NoSuchNamespaceException")


def test_rename_drop_and_register(served: Lake) -> None:
    metadata = theirs(served)["metadata"]
    ends = {"source": {"namespace": ["s"], "name": "v"}, "destination": {"namespace": ["s"], "name": "w"}}
    good(served, "POST", "/v1/main/views/rename", ends)
    assert good(served, "GET", f"{VIEWS}/w")["metadata"] == metadata
    good(served, "DELETE", f"{VIEWS}/w")
    assert refused(served, "DELETE", f"{VIEWS}/w") == (404, "NoSuchViewException")
    file = Path(served.storage.root) / "s" / "v.metadata.json"
    file.write_text(json.dumps(metadata))
    path = "/v1/main/namespaces/s/register-view"
    good(served, "POST", path, {"name": "x", "metadata-location": str(file)})
    assert good(served, "GET", f"{VIEWS}/x")["metadata"] == metadata
    assert refused(served, "POST", path, {"name": "y", "metadata-location": "/etc/passwd"})[0] == 400


@pytest.mark.parametrize(
    "kind",
    (
        *("BOOLEAN", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(9,2)", "DATE", "TIME", "TIMESTAMP", "UUID", "BLOB"),
        *("TIMESTAMP WITH TIME ZONE", "VARCHAR[]", "MAP(VARCHAR, INTEGER[])"),
        'STRUCT(a INTEGER, "b c" STRUCT(d DATE)[])',
    ),
)
def test_types_go_to_iceberg_and_back(kind: str) -> None:
    (field,) = to_iceberg([("x", kind)])["fields"]
    assert from_iceberg(field["type"]) == kind


def test_types_without_a_place_in_iceberg_are_what_they_would_be_stored_as() -> None:
    fields = to_iceberg([("x", "ENUM('a', 'b')"), ("y", "UTINYINT"), ("z", "HUGEINT")])["fields"]
    assert [field["type"] for field in fields] == ["string", "int", "decimal(38, 0)"]
