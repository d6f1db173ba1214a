"""What a table's columns hold, found in one pass over its rows, in memory that does not grow with them.

Counts of rows and nulls, smallest and largest values, means and deviations are exact. How many values are different is
estimated (HyperLogLog) and quantiles too (t-digest); the most common values and the histogram are those of a random
sample of every column's values, which is all of them in a small table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wherry.model.dataclass import dataclass
from wherry.quoting import name

if TYPE_CHECKING:
    from wherry.engines.duckdb import DuckDB

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Values looked at closely, of each column; of wide tables fewer.
SAMPLE, LEAST_SAMPLE, ALL_SAMPLES = 10_000, 1_000, 1_000_000
TOP = 10
BINS = 20
#: As many of the most frequent values are kept track of: a column with fewer different ones is known in full.
TRACKED = 30
#: Longer text is looked at up to here.
WIDTH = 200
_NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "FLOAT", "DOUBLE", "DECIMAL",
)  # fmt: skip
_FLOATS = ("FLOAT", "DOUBLE")
#: One for all: NaN is no other NaN's equal, and each would count as a value of its own.
_NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What is known of one column's values."""

    name: str
    type: str
    nulls: int
    #: How many values are different.
    distinct: int
    #: Whether ``distinct`` was counted, not estimated.
    distinct_exact: bool
    min: Any = None
    max: Any = None
    mean: Any = None
    stddev: float | None = None
    #: Share -> value.
    quantiles: tuple[tuple[float, Any], ...] = ()
    #: ``(value, rows)``, the most frequent first.
    top: tuple[tuple[Any, int], ...] = ()
    #: ``(from, to, rows)``: bins of equal width.
    histogram: tuple[tuple[float, float, int], ...] = ()
    #: Whether ``top`` and ``histogram`` were counted, not estimated from a sample.
    counted: bool = True
    #: Shortest, longest and mean length of text.
    lengths: tuple[int, int, float] | None = None
    #: Every different value, where there are few; empty otherwise.
    values: tuple[Any, ...] = ()
    #: Some of the values, as text: at most ``SAMPLE``.
    sample: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A table's rows, summed up."""

    rows: int
    columns: tuple[ColumnProfile, ...]


def profile(cursor: DuckDB, relation: str, columns: Sequence[tuple[str, str]]) -> Profile:
    """Read ``relation`` (something that can stand after FROM) once. ``columns`` are its names and DuckDB types."""
    size = max(LEAST_SAMPLE, min(SAMPLE, ALL_SAMPLES // max(len(columns), 1)))
    from wherry import duckdb

    def ask(deviation: str) -> tuple[list[tuple[str, ...]], Sequence[Any]]:
        asked = [_aggregates(column, kind, size, deviation) for column, kind in columns]
        expressions = ["count(*)", *(each for aggregates in asked for each in aggregates)]
        (row,) = cursor.execute(
            f"SELECT {', '.join(expressions)} FROM (SELECT *, random() AS __wherry_at FROM {relation})"
        )
        return asked, row

    try:
        asked, row = ask("stddev_samp({})")
    except duckdb.OutOfRangeException:  # squares of numbers beyond 1e154
        asked, row = ask(f"stddev_samp({{}} * {2.0**-512!r}) * {2.0**512!r}")
    rows, at = int(row[0]), 1
    profiles = []
    for (column, kind), aggregates in zip(columns, asked, strict=True):
        profiles.append(_read(column, kind, rows, size, row[at : at + len(aggregates)]))
        at += len(aggregates)
    return Profile(rows=rows, columns=tuple(profiles))


def _aggregates(column: str, kind: str, size: int, deviation: str) -> tuple[str, ...]:
    this = name(column)
    found = [f"count({this})"]
    base = kind.partition("(")[0].upper()
    if is_nested(kind):
        return tuple(found)
    short = f"left({this}, {WIDTH})" if base == "VARCHAR" else this
    found += [f"approx_count_distinct({this})", f"min({short})", f"max({short})"]
    found += [f"approx_top_k({short}, {TRACKED})", f"arg_min({short}, __wherry_at, {size})"]
    if is_number(kind):
        finite = f"CASE WHEN isfinite({this}) THEN {this} END" if base in _FLOATS else this
        # The sum of whole numbers and decimals of 38 digits outgrows them.
        mean = f"CAST({finite} AS DOUBLE)" if base in ("HUGEINT", "UHUGEINT", "DECIMAL") else finite
        found += [f"avg({mean})", deviation.format(f"CAST({finite} AS DOUBLE)")]
    if is_number(kind) or is_moment(kind):
        found.append(f"approx_quantile({this}, [{', '.join(map(str, QUANTILES))}])")
    if base == "VARCHAR":
        found += [f"min(length({this}))", f"max(length({this}))", f"avg(length({this}))"]
    return tuple(found)


def is_nested(kind: str) -> bool:
    """Whether values of the type are not compared or ordered here."""
    upper = kind.upper()
    return upper.endswith("]") or upper.startswith(("STRUCT", "MAP", "UNION", "BLOB", "BIT", "JSON", "VARIANT", "GEOM"))


def is_number(kind: str) -> bool:
    return kind.partition("(")[0].upper() in _NUMBERS


def is_moment(kind: str) -> bool:
    return kind.upper().startswith(("DATE", "TIMESTAMP")) and not is_nested(kind)


def _read(column: str, kind: str, rows: int, size: int, values: Sequence[Any]) -> ColumnProfile:
    found = int(values[0])
    if is_nested(kind):
        return ColumnProfile(name=column, type=kind, nulls=rows - found, distinct=0, distinct_exact=False)
    estimate, low, high, tracked, sample, *more = values[1:]
    sample, tracked = [_NAN if value != value else value for value in sample or ()], list(tracked or ())
    whole = found <= size
    few = len(tracked) < TRACKED
    counts = Counter(sample)
    scale = 1.0 if whole else found / max(len(sample), 1)
    fields: dict[str, Any] = {}
    if is_number(kind):
        fields |= {"mean": more.pop(0), "stddev": more.pop(0)}
        fields["histogram"] = _histogram(sample, low, high, scale)
    if is_number(kind) or is_moment(kind):
        fields["quantiles"] = tuple(zip(QUANTILES, more.pop(0) or (), strict=False))
    if more and more[0] is not None:
        fields["lengths"] = (int(more[0]), int(more[1]), float(more[2]))
    return ColumnProfile(
        name=column,
        type=kind,
        nulls=rows - found,
        distinct=len(counts) if whole else len(tracked) if few else min(int(estimate), found),
        distinct_exact=whole or few,
        min=low,
        max=high,
        # What stands in a sample once says nothing of how often it stands in the table.
        top=tuple((value, round(count * scale)) for value, count in counts.most_common(TOP) if whole or count > 1),
        counted=whole,
        values=tuple(tracked) if few else (),
        sample=tuple(str(value) for value in sample) if kind.upper() == "VARCHAR" else (),
        **fields,
    )


def _histogram(sample: Sequence[Any], low: Any, high: Any, scale: float) -> tuple[tuple[float, float, int], ...]:
    from math import isfinite

    numbers = [float(value) for value in sample if isfinite(float(value))]
    if not numbers:
        return ()
    first, last = (float(low), float(high)) if isfinite(float(low)) and isfinite(float(high)) else (
        min(numbers), max(numbers)
    )  # fmt: skip
    if first == last:
        return ((first, last, round(len(numbers) * scale)),)
    bins = [0] * BINS
    part = 1.0 if isfinite(last - first) else 0.25  # the whole range may be more than a number holds
    span = last * part - first * part
    for value in numbers:
        bins[min(int((value * part - first * part) / span * BINS), BINS - 1)] += 1
    width = span / BINS / part
    return tuple((first + i * width, first + (i + 1) * width, round(n * scale)) for i, n in enumerate(bins))


def as_document(profile: Profile) -> dict[str, Any]:
    """A profile as plain values."""
    return {
        "rows": profile.rows,
        "columns": [
            {
                "name": each.name,
                "type": each.type,
                "nulls": each.nulls,
                "distinct": each.distinct,
                "distinct_exact": each.distinct_exact,
                "min": each.min,
                "max": each.max,
                "mean": each.mean,
                "stddev": each.stddev,
                "quantiles": {str(share): value for share, value in each.quantiles},
                "top": [{"value": value, "rows": count} for value, count in each.top],
                "histogram": [{"from": low, "to": high, "rows": count} for low, high, count in each.histogram],
                "counted": each.counted,
                "lengths": None
                if each.lengths is None
                else dict(zip(("min", "max", "mean"), each.lengths, strict=True)),
            }
            for each in profile.columns
        ],
    }
