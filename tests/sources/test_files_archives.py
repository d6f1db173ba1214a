"""Compressed files and archives: streamed, bounded, and their names harmless."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import Any

import pyarrow as pa
import pytest

from wherry.errors import ProjectError, SourceError
from wherry.sources.files import source, unpack
from wherry.testing import check_source

PLAIN = ("a,b\n" + "".join(f"{i},{i * 7}\n" for i in range(30_000))).encode()
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
        "zst": lambda data: pa.compress(data, "zstd", asbytes=True)}  # fmt: skip


@pytest.mark.parametrize("ending", PACK)
def test_compressed(folder: Any, ending: str) -> None:
    packed = PACK[ending](PLAIN)
    folder.write(f"a.csv.{ending}", packed)
    folder.write(f"two.csv.{ending}", packed + PACK[ending](b"1,2\n"))
    assert len(folder.read(f"a.csv.{ending}").rows) == 30_000
    if ending != "zst":
        assert len(folder.read(f"two.csv.{ending}").rows) == 30_001
    folder.write(f"cut.csv.{ending}", packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=r"cut\.csv.* is cut off or damaged.*Nothing was loaded"):
        folder.read(f"cut.csv.{ending}")


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*members: tuple[str, bytes], ending: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return PACK[ending](out.getvalue()) if ending else out.getvalue()


MEMBERS = (("2024/a.csv", b"id\n1\n2\n"), ("2024/b.csv", b"id\n3\nx\n"), ("c.jsonl", b'{"id":4}\n'), ("read me", b"?"))
ARCHIVES = {"zip": zipped(*MEMBERS), "tar": tarred(*MEMBERS)} | {
    f"tar.{ending}": tarred(*MEMBERS, ending=ending) for ending in PACK
}


@pytest.mark.parametrize("ending", ARCHIVES)
def test_members_are_chosen_by_a_pattern(folder: Any, ending: str) -> None:
    folder.write(f"x.{ending}", ARCHIVES[ending])
    got = folder.read(f"x.{ending}!/2024/*.csv", "incremental", types={"id": "bigint"})
    assert got.rows == [{"id": i, "_file": f"x.{ending}"} for i in (1, 2, 3)]
    assert [(r["file"], r["line"], r["row"]) for r in got.rejects] == [(f"x.{ending}", 3, "x")]
    assert "2024/b.csv" in got.rejects[0]["reason"]
    assert folder.read(f"*.{ending}!/c.jsonl").rows == [{"id": 4}]
    with pytest.raises(SourceError, match="No member") as error:
        folder.read(f"x.{ending}!/*.parquet")
    assert "`2024/a.csv`" in error.value.findings[0].hint
    with pytest.raises(SourceError, match="different formats"):
        folder.read(f"x.{ending}")
    whole = ARCHIVES[ending]
    folder.write(f"cut.{ending}", whole[: len(whole) // 3])
    with pytest.raises(SourceError, match="cut off or damaged"):
        folder.read(f"cut.{ending}!/**")


def test_names_inside_lead_nowhere(folder: Any) -> None:
    names = ["../../evil.csv", "/etc/evil.csv", "a/../../evil2.csv", "C:\\evil.csv", "x" * 300 + ".csv", "\u202e.csv"]
    folder.write("h.zip", zipped(*((name, b"id\n1\n") for name in names)))
    folder.write("h.tar", tarred(*((name, b"id\n1\n") for name in names)))
    for name in ("h.zip", "h.tar"):
        assert len(folder.read(f"{name}!/**", format="csv").rows) == 3
        assert len(folder.read(name).rows) == 6
    assert sorted(p.name for p in folder.path.parent.rglob("*")) == ["data", "h.tar", "h.zip"]


def test_links_and_devices_are_not_followed(folder: Any) -> None:
    secret = folder.write("secret.csv", "id\n42\n")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            about = tarfile.TarInfo(f"{kind!r}.csv")
            about.type, about.linkname = kind, str(secret)
            archive.addfile(about)
    folder.write("l.tar", out.getvalue())
    with pytest.raises(SourceError, match="no member"):
        folder.read("l.tar")


def test_what_unpacks_to_too_much_is_refused(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "ALLOWED", 100_000)
    zeros = b"a\n" + b"0\n" * 5_000_000
    folder.write("z.zip", zipped(("a.csv", zeros)))
    folder.write("many.zip", zipped(*((f"{i}.csv", zeros[:90_000]) for i in range(200))))
    folder.write("z.tar.gz", tarred(("a.csv", zeros), ending="gz"))
    for ending, pack in PACK.items():
        folder.write(f"z.csv.{ending}", pack(zeros))
    for name in ("z.zip", "many.zip", "z.tar.gz", *(f"z.csv.{ending}" for ending in PACK)):
        with pytest.raises(SourceError, match="unpacks to more than") as error:
            folder.read(name)
        assert "expands_to" in error.value.findings[0].hint
    assert len(folder.read("z.csv.gz", expands_to=2_000).rows) == 5_000_000


def test_hostile_headers(folder: Any) -> None:
    about = tarfile.TarInfo("x")
    about.type, about.size = tarfile.XHDTYPE, 1 << 40
    folder.write("h.tar", about.tobuf(tarfile.GNU_FORMAT) + b"0" * 10_000)
    with pytest.raises(SourceError, match="cut off or damaged"):
        folder.read("h.tar")
    memory = lzma.compress(PLAIN, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    folder.write("m.csv.xz", memory)
    with pytest.raises(SourceError, match="cut off or damaged"):
        folder.read("m.csv.xz")
    locked = bytearray(zipped(("a.csv", b"id\n1\n")))
    at = bytes(locked).find(b"PK\x01\x02")
    locked[6] |= 1
    locked[at + 8] |= 1
    folder.write("p.zip", bytes(locked))
    with pytest.raises(SourceError, match="password"):
        folder.read("p.zip")


def test_a_member_of_what_is_no_archive(folder: Any) -> None:
    folder.write("a.csv", "id\n1\n")
    with pytest.raises(SourceError, match="no archive"):
        folder.read("a.csv!/b.csv")
    folder.write("x.zip", zipped(("readme", b"x")))
    with pytest.raises(SourceError, match="no member"):
        folder.read("x.zip")
    folder.write("y.zip", zipped(("readme", b"x")))
    with pytest.raises(ProjectError, match="not told"):
        folder.read("y.zip!/readme")


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_archives_conform(folder: Any, mode: str) -> None:
    for i in range(3):
        folder.write(f"{i}.zip", zipped(("a.csv", b"id\n1\n2\n"), ("b.csv", b"id\n3\n")))

    def change() -> int:
        folder.write("1.zip", zipped(("a.csv", b"id\n7\n")))
        folder.write("3.zip", zipped(("z.csv", b"id\n8\n9\n")))
        return 3 + 1 + 3 + 2

    check_source(source, folder.options, folder.request("*.zip!/*.csv", mode), 9, change)
