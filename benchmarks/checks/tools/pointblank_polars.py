"""pointblank over polars: ``pointblank_polars.py CUSTOMERS FILE...``."""

import sys

import pointblank as pb
import polars as pl
from suite import SUITE

customers, *files = sys.argv[1:]
frame = pl.read_parquet(files)
known = pl.read_parquet(customers)["id"].to_list()
NUMBERS = {"avg": "mean", "min": "min", "max": "max", "sum": "sum", "stddev": "std", "distinct": "n_unique"}


def number(column, word, given):
    """Whether a number of the frame keeps its bounds."""

    def holds(data):
        found = data.height if not column else getattr(data[column], word)()
        return bool(given[0] <= float(found) <= given[1])

    return holds


work = pb.Validate(frame)
for kind, column, given in SUITE:
    if kind == "not_null":
        work = work.col_vals_not_null(column)
    elif kind == "unique":
        work = work.rows_distinct(columns_subset=[column])
    elif kind == "in":
        work = work.col_vals_in_set(column, set=list(given))
    elif kind == "between":
        work = work.col_vals_between(column, left=given[0], right=given[1])
    elif kind == "after":
        work = work.col_vals_gt(column, value=pb.col(given[0]))
    elif kind == "matches":
        work = work.col_vals_regex(column, pattern=given[0])
    elif kind == "length":
        work = work.col_vals_expr(pl.col(column).str.len_chars().is_between(*given))
    elif kind == "refers":
        work = work.col_vals_in_set(column, set=known)
    elif kind == "rows":
        work = work.specially(number("", "height", given))
    else:
        work = work.specially(number(column, NUMBERS[kind], given))
work = work.interrogate(collect_extracts=False)
assert work.all_passed(), [
    (v.i, v.assertion_type, v.column, v.eval_error) for v in work.validation_info if not v.all_passed
]
print(len(work.validation_info))
