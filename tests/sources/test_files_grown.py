"""Files that only grew are read on; everything else about a changed file is read anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from wherry.errors import SourceError
from wherry.ports import Replaced
from wherry.sources.files import listing, source
from wherry.testing import check_source


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(listing, "SETTLED", 0)
    yield


def add(folder: Any, name: str, text: str | bytes) -> None:
    with (folder.path / name).open("ab") as out:
        out.write(text if isinstance(text, bytes) else text.encode())


def test_only_what_was_added_is_read(folder: Any) -> None:
    folder.write("a.csv", 'id;name\n1;x\n2;"y\nz"\n')
    first = folder.read("*.csv", "incremental")
    assert len(first.rows) == 2
    add(folder, "a.csv", "3;q\nbad\n4;r\n")
    second = folder.read("*.csv", "incremental", first.cursor)
    assert second.rows == [{"id": i, "name": n, "_file": "a.csv"} for i, n in ((3, "q"), (4, "r"))]
    assert second.replaces == [None]
    assert [(r["line"], r["row"]) for r in second.rejects] == [(6, "bad")]
    add(folder, "a.csv", "5;s\nworse\n")
    third = folder.read("*.csv", "incremental", second.cursor)
    assert [r["id"] for r in third.rows] == [5] and [r["line"] for r in third.rejects] == [9]
    assert folder.changed("*.csv", "incremental", third.cursor) is None


def test_json_lines_and_fixed_width_too(folder: Any) -> None:
    folder.write("a.jsonl", '{"id":1}\n\n{"id":2}\n')
    first = folder.read("a.jsonl", "incremental")
    add(folder, "a.jsonl", '{"id":3,"new":{"a":1}}\nbad\n')
    second = folder.read("a.jsonl", "incremental", first.cursor)
    assert second.rows == [{"id": 3, "_file": "a.jsonl", "new": {"a": 1}}] and second.replaces == [None]
    assert [(r["line"], r["row"]) for r in second.rejects] == [(5, "bad")]
    given = {"format": "fixed", "positions": {"id": "1-2"}, "types": {"id": "int"}, "header": True}
    folder.write("a.txt", "id\n 1\n")
    first = folder.read("a.txt", "incremental", **given)
    add(folder, "a.txt", " 2\nxx\n")
    second = folder.read("a.txt", "incremental", first.cursor, **given)
    assert [r["id"] for r in second.rows] == [2] and second.replaces == [None]
    assert [(r["line"], r["row"]) for r in second.rejects] == [(4, "xx")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id,a\n1,x\n2,y\n", "id,a\n1,X\n2,y\n3,z\n"),  # its beginning is another
        ("id,a\n1,x\n2,y", "id,a\n1,x\n2,yy\n3,z\n"),  # its last line went on
        ('id,a\n1,x\n2,"y\n', 'id,a\n1,x\n2,"y\nz"\n3,q\n'),  # its last value went on
        ('id,a\n1,x"\n', 'id,a\n1,x"\n2,"y"\n'),  # a stray quote: nothing tells where values end
        ("id,a\n1,x\n2,y\n", "id,a\n1,x\n"),  # it shrank
        ("id,a\n1,x\n", "id,a,b\n1,x,1\n"),  # it has other columns
    ],
)
def test_anything_else_is_read_anew(folder: Any, before: str, after: str) -> None:
    folder.write("a.csv", before)
    first = folder.read("*.csv", "incremental")
    folder.write("a.csv", after)
    second = folder.read("*.csv", "incremental", first.cursor)
    folder.write("b/a.csv", after)
    alone = folder.read("b/a.csv")
    assert second.replaces == [Replaced(column="_file", value="a.csv")]
    assert [{k: v for k, v in r.items() if k != "_file"} for r in second.rows] == alone.rows


@pytest.mark.parametrize("grows", [False, True])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_log_in_random_pieces_is_the_log(folder: Any, kind: str, grows: bool) -> None:
    """Whatever was there at each reading, the table is what one reading of the whole file gives."""
    rows = [(i, f"n{i}", 'quote"d\nx' if i % 7 == 0 else "plain") for i in range(60)]
    if kind == "csv":
        quoted = [f'{i},{n},"{t.replace(chr(34), chr(34) * 2)}"' if i % 7 == 0 else f"{i},{n},{t}" for i, n, t in rows]
        text = "id,name,text\n" + "".join(f"{q}\n" for q in quoted)
    else:
        import json

        text = "".join(json.dumps({"id": i, "name": n, "text": t}) + "\n" for i, n, t in rows)
    data, name = text.encode(), f"log.{kind}"
    for seed in range(4):
        cuts = sorted(random.Random(seed).sample(range(5 if grows else 80, len(data)), 6))
        loaded: list[dict[str, Any]] = []
        cursor = None
        for cut in [*cuts, len(data)]:
            folder.write(name, data[:cut])
            for batch in source.read(folder.options, folder.request(name, "incremental", grows=grows), cursor):
                if batch.replaces:
                    loaded = []
                loaded += batch.rows.read_all().to_pylist()
                cursor = batch.cursor
        assert [(r["id"], r["name"], r["text"]) for r in loaded] == rows, seed


def test_a_log_is_read_while_it_is_written(folder: Any) -> None:
    folder.write("a.log", '{"id":1}\n{"id":2}\n{"id":')
    given = {"format": "jsonl", "grows": True}
    batches = source.read(folder.options, folder.request("a.log", "incremental", **given), None)
    batch = next(batches)
    add(folder, "a.log", '3}\n{"id":4}\n{"i')
    assert [r["id"] for r in batch.rows.read_all().to_pylist()] == [1, 2] and batch.rejects() is None
    batches.close()
    got = folder.read("a.log", "incremental", batch.cursor, **given)
    assert [r["id"] for r in got.rows] == [3, 4] and got.replaces == [None] and not got.rejects
    assert folder.changed("a.log", "incremental", got.cursor, **given) is None
    # Without the option such a file is refused.
    batch = next(source.read(folder.options, folder.request("a.log", "incremental", format="jsonl"), None))
    add(folder, "a.log", 'd":5}\n')
    with pytest.raises(SourceError, match="changed while it was being read"):
        batch.rows.read_all()


def test_grown_files_conform(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n2\n")
    folder.write("b.csv", "id\n3\n")

    def change() -> int:
        add(folder, "a.csv", "4\n")
        folder.write("b.csv", "id\n7\n8\n")
        return 5

    check_source(source, folder.options, folder.request("*.csv", "incremental"), 3, change)


def test_a_remote_file_that_grew(folder: Any) -> None:
    from fixtures.file_servers import web_server

    folder.write("a.csv", "id\n1\n")
    with web_server(folder.path) as web:
        said = source.Options(path=web.url)
        first = folder.read("a.csv", "incremental", said=said)
        add(folder, "a.csv", "2\n")
        second = folder.read("a.csv", "incremental", first.cursor, said=said)
    assert [r["id"] for r in second.rows] == [2] and second.replaces == [None]
