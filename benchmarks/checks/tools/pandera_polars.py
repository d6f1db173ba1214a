"""pandera over polars: ``pandera_polars.py CUSTOMERS FILE...``."""

import sys

import pandera.polars as pa
import polars as pl
from suite import SUITE

customers, *files = sys.argv[1:]
frame = pl.read_parquet(files)
known = pl.read_parquet(customers)["id"]
NUMBERS = {"avg": "mean", "min": "min", "max": "max", "sum": "sum", "stddev": "std", "distinct": "n_unique"}
columns: dict[str, dict] = {}
table = []


def made(kind: str, column: str, given: tuple) -> pa.Check:
    if kind == "in":
        return pa.Check.isin(list(given))
    if kind == "between":
        return pa.Check.in_range(*given)
    if kind == "matches":
        return pa.Check.str_matches(given[0])
    if kind == "length":
        return pa.Check.str_length(*given)
    if kind == "refers":
        return pa.Check(lambda d: d.lazyframe.select(pl.col(d.key).is_in(known.implode())))
    word = NUMBERS[kind]
    return pa.Check(lambda d: d.lazyframe.select(getattr(pl.col(d.key), word)().cast(pl.Float64).is_between(*given)))


for kind, column, given in SUITE:
    if kind == "rows":
        table.append(pa.Check(lambda d, given=given: d.lazyframe.select(pl.len().is_between(*given))))
    elif kind == "after":
        table.append(pa.Check(lambda d: d.lazyframe.select(pl.col("updated_at") > pl.col("created_at"))))
    else:
        said = columns.setdefault(column, {"checks": [], "nullable": True, "unique": False})
        if kind == "not_null":
            said["nullable"] = False
        elif kind == "unique":
            said["unique"] = True
        else:
            said["checks"].append(made(kind, column, given))
schema = pa.DataFrameSchema({name: pa.Column(**said) for name, said in columns.items()}, checks=table)
schema.validate(frame, lazy=True)
print(50)
