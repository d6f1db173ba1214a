"""Prove that no key of a table is there twice, for less than what grouping it costs.

Each of these proves it or proves nothing; then groups tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wherry.lake.statistics import Facts
from wherry.run.check_plan import Item, looked_at
from wherry.run.check_subject import Asking, Subject
from wherry.run.key_hashes import Key

#: From so many rows on hashes of keys are kept: of fewer the keys themselves are read as soon.
WORTH = 2_000_000
#: Bits of a map of a column's range, a row.
_SPARSE = 64
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
#: Types whose order is the same here as in DuckDB.
_ORDERED = (*_WHOLE, "UBIGINT", "HUGEINT", "UUID", "VARCHAR", "DECIMAL")
_HASHED = (*_ORDERED, "DATE", "TIMESTAMP", "BLOB", "BOOLEAN")
#: Rows that do not come after the one before them, at most, in what counts as a column of rising stretches.
_EDGES = 10_000


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
        if not item.check.where and subject.facts is not None and _bits(asking, relation, key, subject.facts):
            return Told(differs=True)
        ordered = subject.ranges is None or subject.ranges.disjoint(plain(key.columns[0]))
        if key.rows != "true" and ordered and _rising(asking, relation, key):
            return Told(differs=True)
    return _hashes(asking, subject, relation, key)


def _bits(asking: Asking, relation: str, key: Key, facts: Facts) -> bool:
    """Whole numbers of a known range differ when a bit for each sets as many bits as there are numbers."""
    column = facts.columns.get(plain(key.columns[0]))
    if column is None or not column.bounded or column.nulls is None or key.types[0] not in _WHOLE:
        return False
    if column.nulls and key.rows == "true":
        return False
    if column.high - column.low >= min(_SPARSE * facts.rows, 2**31):
        return False
    filled = facts.rows - column.nulls
    (number,) = key.columns
    sql = f"SELECT bit_count(bitstring_agg({number}, {column.low}, {column.high})), count({number}) FROM {relation}"
    return asking.row_if(sql) == (filled, filled)


def _rising(asking: Asking, relation: str, key: Key) -> bool:
    """Keys differ when each is larger than the one before, in whatever order rows come; or when they come in stretches
    of which that is true, and no two stretches overlap. Where they do not, this ends after a few rows."""
    if key.types[0].partition("(")[0] not in _ORDERED:
        return False
    keys = f"SELECT {key.columns[0]} AS k FROM {relation} WHERE {key.rows}"
    beside = f"SELECT k, lag(k) OVER () AS p, lead(k) OVER () AS n FROM ({keys})"
    edges = (
        "SELECT k, p IS NULL OR k <= p AS opens, n IS NULL OR n <= k AS closes "
        f"FROM ({beside}) WHERE p IS NULL OR n IS NULL OR k <= p OR n <= k LIMIT {_EDGES + 1}"
    )
    found = asking.rows_if(edges)
    if found is None or len(found) > _EDGES:
        return False
    firsts = sorted(k for k, first, _ in found if first)
    lasts = sorted(k for k, _, last in found if last)
    if len(firsts) != len(lasts) or not all(a <= b for a, b in zip(firsts, lasts, strict=True)):
        return False
    # Then each stretch has to be the one from a first to the next last: one that went on would leave a last too few.
    return all(last < following for last, following in zip(lasts, firsts[1:], strict=False))


def _hashes(asking: Asking, subject: Subject, relation: str, key: Key) -> Told:
    """Keys differ when their hashes do, of which a sort shows each beside the next."""
    hashed, name = f"({key.hashed(relation)})", ""
    if subject.hashes is not None and subject.identify is not None and (subject.rows or 0) >= WORTH:
        name = subject.hashes.write(asking, key, key.hashed(relation))
        hashed = subject.hashes.relation([name]) if name else hashed
    # Hashes that rise all the way differ, even if they were in another order than was asked for.
    beside = f"SELECT h, lag(h) OVER () AS p FROM (SELECT h FROM {hashed} ORDER BY h)"
    return Told(differs=asking.row_if(f"SELECT count(*) FROM ({beside}) WHERE h <= p") == (0,), hashes=name)


def alike(members: Sequence[Item], types: Mapping[str, str]) -> Key | None:
    """The one key that all of these checks are about; None when one of them asks for more."""
    keys = [hashed_key(item, types) for item in members]
    return keys[0] if keys and keys[0] is not None and all(key == keys[0] for key in keys) else None
