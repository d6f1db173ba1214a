"""Prove that no key of a table is there twice, for less than what grouping it costs.

Each of these proves it or proves nothing; then groups tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wherry.lake.statistics import Facts
from wherry.model.dataclass import dataclass
from wherry.run.check_facts import literal
from wherry.run.check_plan import Item, looked_at
from wherry.run.check_subject import Asking, Subject
from wherry.run.key_hashes import Key

#: Bits of a map of a column's range, a row.
_SPARSE = 64
#: Types of whole numbers that a map of bits can be made of.
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
#: Types whose order is the same here as in DuckDB.
_ORDERED = (*WHOLE, "UBIGINT", "HUGEINT", "UUID", "VARCHAR", "DECIMAL")
_HASHED = (*_ORDERED, "DATE", "TIMESTAMP", "BLOB", "BOOLEAN")
#: Stretches beyond two a part, at most, in what counts as a column of rising stretches; the share that may overlap.
_STRETCHES, _OVERLAPPING = 500, 0.2
#: Rows of a part, at least, and how many of them a table is looked at in.
_PART, _PARTS = 2_048, 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was found out about a key."""

    #: Whether no two rows that count share it; else that is not known.
    differs: bool
    #: The file of its hashes, if one was written.
    hashes: str = ""


def hashed_key(item: Item, types: Mapping[str, str]) -> Key | None:
    """The key whose rows must differ for a check to pass; None for other kinds, and for types that are not hashed."""
    check = item.check
    if item.face != "groups" or not hasattr(item.kind, "counted") or check.sample:
        return None
    columns = tuple(item.kind.group_by(check))
    kinds = [types.get(plain(column), "") for column in columns]
    if not all(kind.partition("(")[0] in _HASHED for kind in kinds):
        return None
    return Key(columns=columns, types=kinds, rows=item.kind.counted(check))


def plain(column: str) -> str:
    """The lower-case name of a column as SQL has it."""
    return (column[1:-1].replace('""', '"') if column.startswith('"') else column).lower()


def tell(asking: Asking, subject: Subject, item: Item, key: Key) -> Told:
    """Whether all keys that count differ."""
    relation = looked_at(item.check, subject.relation)
    if len(key.columns) == 1:
        ordered = subject.ranges is None or subject.ranges.in_order(plain(key.columns[0]))
        if key.rows != "true" and ordered:
            placed = bool(subject.lake) and not item.check.where
            every = _part(subject.rows or 0)
            most = _STRETCHES + 2 * (subject.rows or 0) // every
            if _rising(asking, subject.lake, key, every, most) if placed else _rising(asking, relation, key):
                return Told(differs=True)
        if not item.check.where and subject.facts is not None and _bits(asking, relation, key, subject.facts):
            return Told(differs=True)
    return _hashes(asking, subject, relation, key)


def _bits(asking: Asking, relation: str, key: Key, facts: Facts) -> bool:
    """Whole numbers of a known range differ when a bit for each sets as many bits as there are numbers."""
    column = facts.columns.get(plain(key.columns[0]))
    if column is None or not column.bounded or column.nulls is None or key.types[0] not in WHOLE:
        return False
    if column.nulls and key.rows == "true":
        return False
    if column.high - column.low >= min(_SPARSE * facts.rows, 2**31):
        return False
    filled = facts.rows - column.nulls
    (number,) = key.columns
    sql = f"SELECT bit_count(bitstring_agg({number}, {column.low}, {column.high})), count({number}) FROM {relation}"
    return asking.row_if(sql) == (filled, filled)


def _rising(asking: Asking, relation: str, key: Key, every: int = 0, most: int = 1000) -> bool:
    """Keys differ when each is larger than the one before, in whatever order rows come; or when they come in stretches
    of which that is true, and no two stretches overlap, or those few that do share no key. Where they do not, this ends
    after a few rows.

    ``every``: a stretch ends after so many rows of a file too, a power of two, so that it does not reach over what
    another thread wrote; the relation has to tell places of rows then. ``most``: stretches, at most.
    """
    if key.types[0].partition("(")[0] not in _ORDERED:
        return False
    (column,) = key.columns
    cut = f"file_row_number & {every - 1} = 0" if every else "false"
    # The last row is nothing, so that every stretch is told by what follows it: another window costs as much again.
    keys = f"SELECT {column} AS k, {cut} AS c FROM {relation} WHERE {key.rows} UNION ALL SELECT NULL, true"
    beside = f"SELECT k, c, lag(k) OVER () AS p FROM ({keys})"
    with asking.cursor.alone():  # it is one stream
        found = asking.rows_if(f"SELECT k, p FROM ({beside}) WHERE c OR p IS NULL OR k <= p LIMIT {most + 1}")
    if found is None or len(found) > most:
        return False
    spans = overlaps([k for k, _ in found if k is not None], [p for _, p in found if p is not None])
    if not spans:
        return spans is not None
    parts = " OR ".join(
        f"{column} BETWEEN {literal(low, key.types[0])} AND {literal(high, key.types[0])}" for low, high in spans
    )
    rows = f"{relation} WHERE ({key.rows}) AND ({parts})"
    return asking.row_if(f"SELECT count({column}) = count(DISTINCT {column}) FROM {rows}") == (True,)


def overlaps(firsts: Sequence[Any], lasts: Sequence[Any]) -> list[tuple[Any, Any]] | None:
    """From where to where stretches overlap, by their first and their last values in any order; None where too much
    of them does.

    So many as began and did not end yet reach over a value.
    """
    spans, depth, most, low, many = [], 0, 0, None, 0
    # What begins at a value comes before what ends there.
    events = sorted([*((value, 0) for value in firsts), *((value, 1) for value in lasts)])
    opened = 0
    for value, ends in events:
        if not ends:
            low, opened, most = (low, opened + 1, most) if depth else (value, 1, 0)
            depth += 1
            most = max(most, depth)
            continue
        depth -= 1
        if depth < 0:
            return None
        if not depth and most > 1:
            spans.append((low, value))
            many += opened
    return spans if not depth and many <= _OVERLAPPING * len(firsts) else None


def _part(rows: int) -> int:
    """Rows of the parts that a table is looked at in: a power of two."""
    part = _PART
    while rows > part * _PARTS:
        part *= 2
    return part


def _hashes(asking: Asking, subject: Subject, relation: str, key: Key) -> Told:
    """Keys differ when their hashes do, of which a sort shows each beside the next."""
    ordered, name = f"{key.hashed(relation)} ORDER BY h", ""
    if subject.hashes is not None and subject.identify is not None:
        name = subject.hashes.write(asking, key, ordered)
        ordered = f"FROM {subject.hashes.relation([name])}" if name else ordered
    # Hashes that rise all the way differ, even if they were in another order than was asked for.
    beside = f"SELECT h, lag(h) OVER () AS p FROM ({ordered})"
    return Told(differs=asking.row_if(f"SELECT count(*) FROM ({beside}) WHERE h <= p") == (0,), hashes=name)


def alike(members: Sequence[Item], types: Mapping[str, str]) -> Key | None:
    """The one key that all of these checks are about; None when one of them asks for more."""
    keys = [hashed_key(item, types) for item in members]
    return keys[0] if keys and keys[0] is not None and all(key == keys[0] for key in keys) else None
