"""Which files of a snapshot are worth writing again. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from wherry.lake.upkeep.manifest import DATA, EQUALITY_DELETES, Entry
from wherry.model.dataclass import dataclass

#: Bytes of a data file that is large enough, unless the table's ``write.target-file-size-bytes`` says otherwise.
TARGET = 512 * 1024 * 1024
#: A file below this share of the target may be put together with others.
_SMALL = 0.5
#: Fewer small files than this are not worth a rewrite.
_FEW = 4
#: A file joins smaller ones only when they hold at least this share of its bytes: otherwise the same rows would be
#: written again and again for a few new ones. With it each row is written a logarithmic number of times.
_SHARE = 0.25
#: Delete files that a reader of one data file may have to read beside it.
_DELETES = 3
#: Share of deleted rows from which a large file is written anew.
_DELETED = 0.05
#: A file of so many bytes is written anew for a single deleted row.
_CHEAP = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What becomes of a snapshot's files."""

    #: Data files to write anew, in the order of their age.
    data: tuple[Entry, ...]
    #: Delete files that apply to them; needed to read them.
    deletes: tuple[Entry, ...]
    #: Delete files that nothing needs once that is done.
    spent: tuple[Entry, ...]

    @property
    def empty(self) -> bool:
        return not self.data and not self.spent


def choose(entries: Sequence[Entry], spec: int, target: int = TARGET) -> Choice:
    """What to write anew of a snapshot whose table is partitioned by ``spec`` now. O(files log files)."""
    data = {entry.path: entry for entry in entries if entry.content == DATA}
    deletes = [entry for entry in entries if entry.content != DATA]
    about = {delete.path: _about(delete, data) for delete in deletes}
    if any(delete.content == EQUALITY_DELETES for delete in deletes):
        # They hold for whatever is older: only writing everything anew gets rid of them.
        chosen = set(data)
    else:
        chosen = _chosen(data, deletes, about, spec, target)
    spent = tuple(delete for delete in deletes if about[delete.path] <= chosen)
    applied = tuple(delete for delete in deletes if about[delete.path] & chosen)
    ordered = sorted((data[path] for path in chosen), key=lambda entry: (entry.sequence, entry.path))
    return Choice(data=tuple(ordered), deletes=applied, spent=spent)


def _about(delete: Entry, data: dict[str, Entry]) -> set[str]:
    """The data files that deletes may be about."""
    referred = delete.referred if delete.content != EQUALITY_DELETES else None
    if referred is not None:
        # One that is not there any more was written anew: its deletes are applied.
        return {referred} & data.keys()
    return {path for path, entry in data.items() if entry.sequence <= delete.sequence}


def _chosen(
    data: dict[str, Entry], deletes: Sequence[Entry], about: dict[str, set[str]], spec: int, target: int
) -> set[str]:
    files: defaultdict[str, int] = defaultdict(int)
    rows: defaultdict[str, int] = defaultdict(int)
    for delete in deletes:
        for path in about[delete.path]:
            files[path] += 1
            rows[path] += delete.rows
    chosen = {path for path, entry in data.items() if entry.spec != spec}
    for path, count in files.items():
        entry = data[path]
        if count >= _DELETES or rows[path] >= _DELETED * entry.rows or entry.size <= _CHEAP:
            chosen.add(path)
    partitions: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in data.values():
        if entry.spec == spec and entry.size < _SMALL * target:
            partitions[entry.partition].append(entry)
    for small in partitions.values():
        chosen |= _joined(small, chosen)
    return chosen


def _joined(small: Sequence[Entry], chosen: set[str]) -> set[str]:
    """The files of a partition to put together."""
    joined: list[str] = []
    size = 0
    for entry in sorted(small, key=lambda entry: entry.size):
        if len(joined) >= 2 and size < _SHARE * entry.size:
            break
        joined.append(entry.path)
        size += entry.size
    # Those that are written anyway take the others along.
    fresh = [path for path in joined if path not in chosen]
    return set(joined) if len(joined) >= _FEW or (fresh and len(fresh) < len(joined)) else set()
