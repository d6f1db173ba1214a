"""The Iceberg REST protocol: every endpoint, and what it refuses."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from fixtures.rest import FIELDS, SCHEMA, S, T, ask, good, made, refused
from wherry.errors import LakeError
from wherry.lake import database as db
from wherry.lake.lake import Lake


def commit(lake: Lake, *updates: dict[str, Any], requirements: Any = ()) -> Any:
    return good(lake, "POST", T, {"requirements": list(requirements), "updates": list(updates)})["metadata"]


def snapshot(number: int, parent: int | None = None, at: int = 1_700_000_000_000) -> list[dict[str, Any]]:
    made = {"snapshot-id": number, "sequence-number": number, "timestamp-ms": at + number, "manifest-list": "x"}
    made |= {"summary": {"operation": "append"}, "schema-id": 0}
    made |= {} if parent is None else {"parent-snapshot-id": parent}
    return [{"action": "add-snapshot", "snapshot": made}, ref("main", number)]


def ref(name: str, number: int, kind: str = "branch") -> dict[str, Any]:
    return {"action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": number}


# Config and places


def test_config_lists_what_is_answered(lake: Lake) -> None:
    offered = good(lake, "GET", "/v1/config")["endpoints"]
    assert len(offered) == len(set(offered)) == 25
    for line in offered:
        method, path = line.split(" ")
        for part in ("namespace", "table", "view"):
            path = path.replace(f"{{{part}}}", "x")
        status, answer = ask(lake, method, path.replace("{prefix}", "main"), {})
        assert status in (200, 204, 400, 404), line
        assert status == 200 or answer is None or answer["error"]["type"] != "NoSuchEndpointException", line


def test_a_branch_at_a_commit_is_a_warehouse_and_a_prefix(lake: Lake) -> None:
    made(lake)
    newest = lake.log()[0]
    moments = (newest.id, newest.id[:7], str(newest.seq), "2999-01-01", "2999-01-01T10:00")
    made(lake, "later")
    for at in moments[:3]:
        prefix = good(lake, "GET", "/v1/config", warehouse=f"main@{at}")["overrides"]["prefix"]
        assert prefix == f"main.{newest.seq}"
        found = good(lake, "GET", f"/v1/main%40{at}/namespaces/s/tables")["identifiers"]
        assert found == good(lake, "GET", f"/v1/{prefix}/namespaces/s/tables")["identifiers"]
        assert [each["name"] for each in found] == ["t"]
    for at in moments[3:]:
        assert len(good(lake, "GET", f"/v1/main@{at}/namespaces/s/tables")["identifiers"]) == 2
    assert refused(lake, "DELETE", f"/v1/main@{newest.id}/namespaces/s/tables/t") == (403, "ForbiddenException")
    assert refused(lake, "GET", "/v1/main@nothing/namespaces")[0] == 404
    assert good(lake, "POST", f"/v1/main@{newest.seq}/namespaces/s/tables/t/metrics", {}) is None


def test_digits_that_begin_an_id(lake: Lake) -> None:
    made(lake)
    with db.writing(lake.database) as connection:
        connection.change('UPDATE "commit" SET id = :id', {"id": "831107499999"})
    (first,) = lake.log()
    made(lake, "later")
    for at in ("8311074", "831107499999", "1"):
        found = good(lake, "GET", "/v1/config", warehouse=f"main@{at}")["overrides"]["prefix"]
        assert found == f"main.{first.seq}"
    # A number that is yet to come.
    found = good(lake, "GET", "/v1/config", warehouse="main@83110750")["overrides"]["prefix"]
    assert found == "main.83110750"


def test_tokens_are_not_made_here(lake: Lake) -> None:
    status, answer = ask(lake, "POST", "/v1/oauth/tokens")
    assert (status, answer["error"]) == (400, "unsupported_grant_type")
    assert "serve" in answer["error_description"]


def test_what_is_not_offered_is_406(lake: Lake) -> None:
    made(lake)
    for path in (f"{T}/plan", f"{T}/plan/1", f"{T}/tasks", f"{S}/functions"):
        assert refused(lake, "POST", path, {}) == (406, "UnsupportedOperationException")
    assert refused(lake, "GET", f"{T}/nothing") == (404, "NoSuchEndpointException")


def test_bodies_that_are_no_objects_are_400(lake: Lake) -> None:
    made(lake)
    for body in ([], "x", 1, {"updates": 1}, {"updates": [[]]}, {"updates": [{"action": []}]}):
        assert refused(lake, "POST", T, body)[0] == 400
    for body in ({"name": 1, "schema": SCHEMA}, {"name": "x\0", "schema": SCHEMA}, {"name": "x"}, {"name": "\ud800"}):
        assert refused(lake, "POST", f"{S}/tables", body)[0] == 400


def test_a_database_that_is_busy_is_503_for_readers_and_unsure_for_writers(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise LakeError("busy") from sqlite3.OperationalError("locked")

    made(lake)
    monkeypatch.setattr("wherry.lake.read.find", busy)
    assert refused(lake, "GET", T)[0] == 503
    assert refused(lake, "POST", T, {"updates": []})[0] == 500


# Schemas


def test_schemas_are_listed_in_pages_and_have_no_inner_ones(lake: Lake) -> None:
    for name in ("b", "C", "a", "d", "é"):
        good(lake, "POST", "/v1/main/namespaces", {"namespace": [name]})
    everything = good(lake, "GET", "/v1/main/namespaces")
    assert everything == {"namespaces": [["a"], ["b"], ["C"], ["d"], ["é"]]}
    seen: list[list[str]] = []
    token: str | None = ""
    while token is not None:
        answer = good(lake, "GET", "/v1/main/namespaces", pageToken=token, pageSize="2")
        seen += answer["namespaces"]
        token = answer["next-page-token"]
    assert seen == everything["namespaces"]
    assert good(lake, "GET", "/v1/main/namespaces", parent="a") == {"namespaces": []}
    assert refused(lake, "GET", "/v1/main/namespaces", parent="zz") == (404, "NoSuchNamespaceException")
    for query in ({"pageSize": "x"}, {"pageSize": "0"}, {"pageToken": "zz"}, {"pageToken": "ff"}):
        assert refused(lake, "GET", "/v1/main/namespaces", **query)[0] == 400
    assert refused(lake, "POST", "/v1/main/namespaces", {"namespace": ["a", "b"]})[0] == 406
    assert refused(lake, "POST", "/v1/main/namespaces", {"namespace": "ab"})[0] == 400
    assert good(lake, "HEAD", "/v1/main/namespaces/c") is None
    assert refused(lake, "HEAD", "/v1/main/namespaces/zz")[0] == 404


def test_a_property_is_not_both_set_and_removed(lake: Lake) -> None:
    good(lake, "POST", "/v1/main/namespaces", {"namespace": ["s"], "properties": {"a": "1"}})
    both = {"updates": {"a": "2"}, "removals": ["a"]}
    assert refused(lake, "POST", f"{S}/properties", both) == (422, "UnprocessableEntityException")
    assert refused(lake, "DELETE", "/v1/main/namespaces/zz")[0] == 404
    made(lake)
    assert refused(lake, "DELETE", S) == (409, "NamespaceNotEmptyException")


# Tables


def test_tables_are_listed_in_pages(lake: Lake) -> None:
    for name in ("b", "A", "c"):
        made(lake, name)
    first = good(lake, "GET", f"{S}/tables", pageSize="2")
    assert [each["name"] for each in first["identifiers"]] == ["A", "b"]
    good(lake, "DELETE", f"{S}/tables/b")
    second = good(lake, "GET", f"{S}/tables", pageSize="2", pageToken=first["next-page-token"])
    assert [each["name"] for each in second["identifiers"]] == ["c"] and second["next-page-token"] is None


def test_a_table_may_lie_where_the_client_wants_inside_the_lake(lake: Lake) -> None:
    root = lake.storage.root
    assert made(lake, location=f"{root}/s/mine/")["metadata"]["location"] == f"{root}/s/mine"
    for place in ("/tmp/elsewhere", f"{root}", f"{root}/x", f"{root}/../x/y/z", "s3://bucket/s/t"):
        body = {"name": "u", "schema": SCHEMA, "location": place}
        assert refused(lake, "POST", f"{S}/tables", body) == (400, "BadRequestException")
    for key in ("write.data.path", "write.metadata.path", "write.object-storage.path"):
        updates = [{"action": "set-properties", "updates": {key: "/tmp/elsewhere"}}]
        assert refused(lake, "POST", T, {"updates": updates})[0] == 400


def test_format_versions(lake: Lake) -> None:
    answer = made(lake, properties={"format-version": "2", "a": "b"})
    assert answer["metadata"]["format-version"] == 2
    assert answer["metadata"]["properties"] == {"a": "b", "gc.enabled": "false"}
    body = {"name": "u", "schema": SCHEMA, "properties": {"format-version": "1"}}
    assert refused(lake, "POST", f"{S}/tables", body)[0] == 400


def test_other_engines_may_not_delete_files_that_branches_share(lake: Lake) -> None:
    made(lake)
    updates = [{"action": "set-properties", "updates": {"gc.enabled": "true"}}]
    assert refused(lake, "POST", T, {"updates": updates})[0] == 400
    after = commit(lake, {"action": "remove-properties", "removals": ["gc.enabled"]})
    assert after["properties"] == {"gc.enabled": "false"}


def test_a_staged_table_is_there_with_its_first_commit(lake: Lake) -> None:
    good(lake, "POST", "/v1/main/namespaces", {"namespace": ["s"]})
    before = len(lake.log())

    def staged() -> dict[str, Any]:
        body = {"name": "t", "schema": SCHEMA, "stage-create": True, "properties": {"a": "b"}}
        answer = good(lake, "POST", f"{S}/tables", body)
        assert "metadata-location" not in answer and answer["metadata"]["properties"]["a"] == "b"
        return dict(answer["metadata"])

    def first_commit(metadata: dict[str, Any]) -> dict[str, Any]:
        updates: list[dict[str, Any]] = [
            {"action": "assign-uuid", "uuid": metadata["table-uuid"]},
            {"action": "upgrade-format-version", "format-version": 2},
            {"action": "add-schema", "schema": SCHEMA},
            {"action": "set-current-schema", "schema-id": -1},
            {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
            {"action": "set-default-spec", "spec-id": -1},
            {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
            {"action": "set-default-sort-order", "sort-order-id": -1},
            {"action": "set-location", "location": metadata["location"]},
            {"action": "set-properties", "updates": metadata["properties"]},
        ]
        return {"requirements": [{"type": "assert-create"}], "updates": updates}

    one, other = staged(), staged()
    assert one["location"] != other["location"] and one["table-uuid"] != other["table-uuid"]
    assert refused(lake, "GET", T) == (404, "NoSuchTableException") and len(lake.log()) == before
    # Without saying that it makes the table, a commit finds none.
    assert refused(lake, "POST", T, first_commit(one) | {"requirements": []}) == (404, "NoSuchTableException")
    kept = good(lake, "POST", T, first_commit(one))
    assert kept["metadata"]["table-uuid"] == one["table-uuid"] and kept["metadata"]["location"] == one["location"]
    assert refused(lake, "POST", T, first_commit(other)) == (409, "CommitFailedException")
    assert refused(lake, "POST", f"{S}/tables", {"name": "t", "schema": SCHEMA, "stage-create": True}) == (
        409,
        "AlreadyExistsException",
    )
    assert good(lake, "GET", T)["metadata"] == kept["metadata"] and len(lake.log()) == before + 1


def test_a_table_moves_to_another_folder_of_the_lake(lake: Lake) -> None:
    old = Path(made(lake)["metadata-location"])
    elsewhere = f"{lake.storage.location}/s/elsewhere"
    answer = good(lake, "POST", T, {"updates": [{"action": "set-location", "location": elsewhere}]})
    assert answer["metadata-location"].startswith(f"{elsewhere}/metadata/00001-") and old.exists()
    assert good(lake, "GET", T)["metadata"]["location"] == elsewhere
    assert commit(lake, *snapshot(1))["metadata-log"][-1]["metadata-file"] == answer["metadata-location"]


def test_what_an_engine_measured_is_accepted(lake: Lake) -> None:
    made(lake)
    before = len(lake.log())
    report = {"report-type": "scan-report", "table-name": "s.t", "snapshot-id": 1, "metrics": {}}
    assert good(lake, "POST", f"{T}/metrics", report) is None
    assert len(lake.log()) == before


def test_registering_takes_a_table_of_the_lake_in(lake: Lake) -> None:
    location = made(lake)["metadata-location"]
    commit(lake, *snapshot(1))
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None
    body = {"name": "u", "metadata-location": pointer.location}
    answer = good(lake, "POST", f"{S}/register", body)
    assert (answer["metadata-location"], answer["metadata"]["current-snapshot-id"]) == (pointer.location, 1)
    assert refused(lake, "POST", f"{S}/register", body) == (409, "AlreadyExistsException")
    again = {**body, "metadata-location": location, "overwrite": True}
    assert good(lake, "POST", f"{S}/register", again)["metadata"]["current-snapshot-id"] is None
    for place in ("/etc/passwd", f"{lake.storage.root}/none.json", f"{lake.storage.root}/../x"):
        assert refused(lake, "POST", f"{S}/register", {"name": "v", "metadata-location": place})[0] == 400
    assert refused(lake, "POST", "/v1/main/namespaces/zz/register", body)[0] == 404


def test_metadata_that_others_wrote_is_completed(lake: Lake) -> None:
    made(lake)
    location = Path(commit(lake, *snapshot(1))["location"]) / "metadata" / "00009-theirs.metadata.json"
    pointer = lake.pointer("main", "s.t")
    assert pointer is not None and pointer.location is not None
    theirs = json.loads(Path(pointer.location).read_text())
    for key in ("refs", "metadata-log", "properties"):
        del theirs[key]
    location.write_text(json.dumps(theirs))
    good(lake, "POST", f"{S}/register", {"name": "u", "metadata-location": str(location)})
    answer = good(lake, "GET", f"{S}/tables/u")
    assert answer["metadata"]["refs"] == {"main": {"snapshot-id": 1, "type": "branch"}}
    assert answer["metadata-location"].rsplit("/", 1)[1].startswith("00010-")
    location.write_text(json.dumps(theirs | {"format-version": 1}))
    lake.storage._cache.clear()
    assert refused(lake, "POST", f"{S}/register", {"name": "v", "metadata-location": str(location)})[0] == 400


def test_rename_across_schemas(lake: Lake) -> None:
    made(lake)
    made(lake, "u")
    source = {"namespace": ["s"], "name": "t"}

    def to(schema: str, name: str) -> dict[str, Any]:
        return {"source": source, "destination": {"namespace": [schema], "name": name}}

    rename = "/v1/main/tables/rename"
    assert refused(lake, "POST", rename, to("other", "t")) == (404, "NoSuchNamespaceException")
    good(lake, "POST", "/v1/main/namespaces", {"namespace": ["Other"]})
    assert refused(lake, "POST", rename, to("s", "u")) == (409, "AlreadyExistsException")
    assert refused(lake, "POST", "/v1/main/views/rename", to("other", "t")) == (404, "NoSuchViewException")
    assert good(lake, "POST", rename, to("other", "t2")) is None
    assert sorted(lake.pointers("main")) == ["other.t2", "s.u"]
    assert refused(lake, "POST", rename, to("other", "t3")) == (404, "NoSuchTableException")


def test_dropping_with_purge_leaves_the_files_to_those_who_share_them(lake: Lake) -> None:
    location = Path(made(lake)["metadata-location"])
    lake.create_branch("dev")
    assert good(lake, "DELETE", T, purgeRequested="true") is None
    assert location.exists() and good(lake, "GET", "/v1/dev/namespaces/s/tables/t")
    assert refused(lake, "DELETE", T) == (404, "NoSuchTableException")
    assert refused(lake, "POST", T, {"requirements": [{"type": "assert-table-uuid", "uuid": "x"}], "updates": []}) == (
        404,
        "NoSuchTableException",
    )


def test_credentials_are_none_here(lake: Lake) -> None:
    made(lake)
    assert good(lake, "GET", f"{T}/credentials") == {"storage-credentials": []}


def test_loading_with_the_snapshots_of_refs_only(lake: Lake) -> None:
    made(lake)
    commit(lake, *snapshot(1))
    commit(lake, *snapshot(2, 1))
    commit(lake, *snapshot(3, 2), ref("old", 1, "tag"))

    def seen(**query: str) -> list[int]:
        return [s["snapshot-id"] for s in good(lake, "GET", T, **query)["metadata"]["snapshots"]]

    assert (seen(), seen(snapshots="all"), seen(snapshots="refs")) == ([1, 2, 3], [1, 2, 3], [1, 3])
    assert refused(lake, "GET", T, snapshots="some")[0] == 400


def test_a_transaction_over_tables_is_all_or_nothing(lake: Lake) -> None:
    made(lake)
    made(lake, "u")

    def change(name: str, *requirements: Any) -> dict[str, Any]:
        updates = [{"action": "set-properties", "updates": {"a": "b"}}]
        return {
            "identifier": {"namespace": ["s"], "name": name},
            "requirements": list(requirements),
            "updates": updates,
        }

    path = "/v1/main/transactions/commit"
    wrong = change("u", {"type": "assert-table-uuid", "uuid": "x"})
    assert refused(lake, "POST", path, {"table-changes": [change("t"), wrong]}) == (409, "CommitFailedException")
    assert refused(lake, "POST", path, {"table-changes": [change("t"), change("none")]})[0] == 404
    assert refused(lake, "POST", path, {"table-changes": [change("t"), change("T")]})[0] == 400
    assert "a" not in good(lake, "GET", T)["metadata"]["properties"]
    before = len(lake.log())
    assert good(lake, "POST", path, {"table-changes": [change("t"), change("u")]}) is None
    assert len(lake.log()) == before + 1


# Updates and requirements


def test_every_requirement(lake: Lake) -> None:
    uuid = made(lake)["metadata"]["table-uuid"]
    right = [
        {"type": "assert-table-uuid", "uuid": uuid},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
        {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": -1},
        {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 1},
        {"type": "assert-current-schema-id", "current-schema-id": 0},
        {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 999},
        {"type": "assert-default-spec-id", "default-spec-id": 0},
        {"type": "assert-default-sort-order-id", "default-sort-order-id": 0},
    ]
    commit(lake, requirements=right)
    for requirement in right:
        wrong = {k: v if k in ("type", "ref") else "x" if k == "uuid" else 77 for k, v in requirement.items()}
        assert refused(lake, "POST", T, {"requirements": [wrong], "updates": []}) == (409, "CommitFailedException")


def test_schemas_specs_and_orders(lake: Lake) -> None:
    made(lake)
    wider = {"type": "struct", "fields": [*FIELDS, {"id": 2, "name": "day", "required": False, "type": "date"}]}
    fields = [{"source-id": 2, "transform": "month", "name": "month"}]
    order = {"fields": [{"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]}
    after = commit(
        lake,
        {"action": "add-schema", "schema": {**wider, "schema-id": 9}},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 4, "fields": fields}},
        {"action": "set-default-spec", "spec-id": 4},
        {"action": "add-sort-order", "sort-order": {"order-id": 7, **order}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
    )
    assert (after["current-schema-id"], after["last-column-id"]) == (1, 2)
    assert (after["default-spec-id"], after["last-partition-id"]) == (1, 1000)
    assert after["partition-specs"][1]["fields"] == [{"field-id": 1000, **fields[0]}]
    assert after["default-sort-order-id"] == 1
    again = commit(
        lake,
        {"action": "add-schema", "schema": SCHEMA},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 9, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 5, **order}},
        {"action": "set-default-sort-order", "sort-order-id": 5},
    )
    assert (again["current-schema-id"], again["default-spec-id"], again["default-sort-order-id"]) == (0, 0, 1)
    assert len(again["schemas"]) == 2 and len(again["partition-specs"]) == 2 and len(again["sort-orders"]) == 2
    less = commit(
        lake,
        {"action": "remove-schemas", "schema-ids": [1]},
        {"action": "remove-partition-specs", "spec-ids": [1]},
    )
    assert len(less["schemas"]) == 1 and len(less["partition-specs"]) == 1
    for wrong in (
        {"action": "set-current-schema", "schema-id": 5},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "set-default-spec", "spec-id": 5},
        {"action": "set-default-sort-order", "sort-order-id": 5},
        {"action": "remove-schemas", "schema-ids": [0]},
        {"action": "remove-partition-specs", "spec-ids": [0]},
        {"action": "assign-uuid", "uuid": "x"},
        {"action": "upgrade-format-version", "format-version": 1},
        {"action": "set-properties", "updates": {"write.metadata.previous-versions-max": "many"}},
    ):
        assert refused(lake, "POST", T, {"updates": [wrong]})[0] == 400, wrong


def test_history_stays_in_order_whatever_the_clocks_say(lake: Lake) -> None:
    made(lake)
    commit(lake, *snapshot(1, at=4_000_000_000_000))
    late = commit(lake, *snapshot(2, 1, at=1_600_000_000_000))
    assert late["last-updated-ms"] >= late["snapshot-log"][-1]["timestamp-ms"]
    back = commit(lake, ref("main", 1))
    moments = [entry["timestamp-ms"] for entry in back["snapshot-log"]]
    assert moments == sorted(moments)
    assert [entry["snapshot-id"] for entry in back["snapshot-log"]] == [1, 2, 1]
    assert commit(lake, ref("main", 1))["snapshot-log"] == back["snapshot-log"]
    logged = [entry["timestamp-ms"] for entry in back["metadata-log"]]
    assert logged == sorted(logged) and back["last-updated-ms"] > logged[-1]


def test_a_snapshot_rolled_back_to_is_current_from_now_on(lake: Lake) -> None:
    made(lake)
    commit(lake, *snapshot(1))
    commit(lake, *snapshot(2, 1))
    newest = commit(lake, ref("main", 1))["snapshot-log"][-1]
    assert newest["snapshot-id"] == 1 and newest["timestamp-ms"] > 1_700_000_100_000


def test_a_snapshot_that_was_current_within_one_commit_only_is_not_in_the_history(lake: Lake) -> None:
    made(lake)
    after = commit(lake, *snapshot(1), *snapshot(2, 1))
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [2]
    assert [s["snapshot-id"] for s in after["snapshots"]] == [1, 2]


def test_refs_and_removed_snapshots(lake: Lake) -> None:
    made(lake)
    for number in (1, 2, 3):
        commit(lake, *snapshot(number, number - 1 or None))
    statistics = {"snapshot-id": 1, "statistics-path": "x", "file-size-in-bytes": 1, "blob-metadata": []}
    partition = {"snapshot-id": 1, "statistics-path": "y", "file-size-in-bytes": 1}
    after = commit(
        lake,
        ref("audit", 1),
        ref("v1", 2, "tag") | {"max-ref-age-ms": 5},
        {"action": "set-statistics", "snapshot-id": 1, "statistics": statistics},
        {"action": "set-partition-statistics", "partition-statistics": partition},
    )
    assert after["refs"]["v1"] == {"snapshot-id": 2, "type": "tag", "max-ref-age-ms": 5}
    assert (after["statistics"], after["partition-statistics"]) == ([statistics], [partition])
    after = commit(lake, {"action": "remove-snapshots", "snapshot-ids": [1]})
    assert sorted(after["refs"]) == ["main", "v1"]
    assert (after["statistics"], after["partition-statistics"]) == ([], [])
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [2, 3]
    after = commit(lake, {"action": "remove-snapshots", "snapshot-ids": [2]})
    assert [entry["snapshot-id"] for entry in after["snapshot-log"]] == [3]
    newest = [{**each, "snapshot-id": 3} for each in (statistics, partition)]
    after = commit(
        lake,
        {"action": "set-statistics", "snapshot-id": 3, "statistics": newest[0]},
        {"action": "set-statistics", "snapshot-id": 3, "statistics": newest[0] | {"statistics-path": "z"}},
        {"action": "set-partition-statistics", "partition-statistics": newest[1]},
    )
    assert after["statistics"] == [newest[0] | {"statistics-path": "z"}]
    assert after["partition-statistics"] == [newest[1]]
    after = commit(
        lake,
        {"action": "remove-statistics", "snapshot-id": 3},
        {"action": "remove-partition-statistics", "snapshot-id": 3},
        {"action": "remove-snapshot-ref", "ref-name": "main"},
    )
    assert (after["statistics"], after["partition-statistics"]) == ([], [])
    assert (after["current-snapshot-id"], after["snapshot-log"], after["refs"]) == (None, [], {})
    for updates in (
        [ref("main", 9)],
        [ref("main", 3, "tag")],
        [ref("x", 3, "twig")],
        snapshot(3),
        [{"action": "add-snapshot", "snapshot": {"snapshot-id": "x", "timestamp-ms": 1}}],
    ):
        assert refused(lake, "POST", T, {"updates": updates})[0] == 400
    assert refused(lake, "POST", T, {"updates": snapshot(2, 1)})[0] == 409
