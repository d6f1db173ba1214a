"""Random data and expectations, judged by Great Expectations: run by a Python that has it, with a seed and a number.

Prints a JSON list of ``{kind, kwargs, data, success, count, observed}``; what it refuses or fails on is left out.
"""

import json
import logging
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

Kwargs = dict[str, Any]
#: Each table serves so many expectations.
SHARED = 12


class Chance:
    """Makes up tables and expectations."""

    def __init__(self, seed: int) -> None:
        self.any = random.Random(seed)

    def table(self) -> dict[str, list[Any]]:
        rows = self.any.choice([0, 1, 5, 9, 20])

        def column(make: Callable[[], Any], empty: float = 0.2) -> list[Any]:
            return [None if self.any.random() < empty else make() for _ in range(rows)]

        days = ["2026-01-02", "hello", "Jan 3 2026", "2026-13-01", "12/31/2025"]
        return {
            "a": column(lambda: self.any.randint(-3, 6)),
            "b": column(lambda: self.any.randint(-3, 6)),
            "c": column(lambda: self.any.randint(-3, 6), 0),
            "f": column(lambda: round(self.any.gauss(2, 2), 3)),
            "s": column(lambda: self.any.choice(["aa", "ab", "b", "ccc", ""])),
            "k": column(lambda: self.any.choice("xyz"), 0),
            "d": column(lambda: self.any.choice(days)),
        }

    def maybe(self, share: float, **given: Any) -> Kwargs:
        return given if self.any.random() < share else {}

    def number(self) -> Any:
        return self.any.choice([None, self.any.randint(-3, 6), round(self.any.uniform(-3, 6), 1)])

    def bounds(self) -> Kwargs:
        ends = {"min_value": self.number(), "max_value": self.number()}
        return {**ends, **self.maybe(0.3, strict_min=True), **self.maybe(0.3, strict_max=True)}

    def counts(self) -> Kwargs:
        ends = {"min_value": self.number(), "max_value": self.number()}
        return {end: value if value is None else int(value) for end, value in ends.items()}

    def share(self) -> Kwargs:
        return {"min_value": self.any.choice([None, 0, 0.3, 0.5, 1]), "max_value": self.any.choice([None, 0.5, 0.8, 1])}

    def rows(self) -> Kwargs:
        """``mostly`` and a condition."""
        conditions = ["c > 0", "c != 2 & a >= 0", 'k == "x" or c <= 1', "a.isnull()", "a == 3", "not (c == 1)"]
        condition = {"row_condition": self.any.choice(conditions), "condition_parser": "pandas"}
        return {**self.maybe(0.6, mostly=self.any.choice([0.5, 0.7, 0.8, 0.9, 1.0])), **self.maybe(0.4, **condition)}

    def ignored(self, *ways: str) -> Kwargs:
        return self.maybe(0.6, ignore_row_if=self.any.choice(ways))

    def some(self, values: str | list[str], least: int, most: int) -> list[str]:
        return self.any.sample(values, self.any.randint(least, most))

    def partition(self) -> Kwargs:
        tail = self.maybe(0.5, tail_weight_holdout=0.1)
        bins = [-5, 0, 2, 4, 9]
        letters = {"values": ["x", "y", "z"], "weights": [0.5, 0.3, 0.2]}
        two = {"values": ["x", "y"], "weights": [0.6, 0.4]}
        cut = {"bins": bins, "weights": [0.2, 0.3, 0.3, 0.2]}
        return self.any.choice(
            [
                {"column": "k", "partition_object": letters, "threshold": self.any.choice([0.01, 0.1, 0.3]), **tail},
                {"column": "k", "partition_object": two, "threshold": 0.3, **tail},
                {"column": "f", "partition_object": cut, "threshold": 0.3, **tail},
                {"column": "f", "partition_object": {"bins": bins, "weights": [0.2, 0.5, 0, 0.3]}, "threshold": 0.5,
                 "tail_weight_holdout": 0.1, "internal_weight_holdout": 0.1},
                {"column": "f", "threshold": self.any.choice([0.1, 0.3]),
                 "partition_object": {"bins": [0, 2, 4], "weights": [0.3, 0.3], "tail_weights": [0.2, 0.2]}},
            ]
        )  # fmt: skip

    def expectation(self) -> tuple[str, Kwargs]:
        pick, maybe, rows = self.any.choice, self.maybe, self.rows
        number = {"column": pick("abcf")}
        regex = pick(["^a", "b$", "", "c{2}"])
        regexes = self.any.sample(["^a", "b", "c"], 2)
        pair = {"column_A": "a", "column_B": "b", **rows()}
        pair |= self.ignored("both_values_are_missing", "either_value_is_missing", "neither")
        several = self.ignored("all_values_are_missing", "any_value_is_missing", "never") | rows()
        ranges = [[self.number(), None], [None, self.number()], [self.number(), None]]
        known: dict[str, Kwargs] = {
            "column_values_to_be_between": {**number, **self.bounds(), **rows()},
            "column_values_to_be_in_set": {"column": "k", "value_set": self.some("xyzq", 1, 3), **rows()},
            "column_values_to_not_be_in_set": {"column": "s", "value_set": self.some(["aa", "b", "q"], 1, 3), **rows()},
            "column_values_to_be_null": {"column": "a", **rows()},
            "column_values_to_not_be_null": {"column": "a", **rows()},
            "column_values_to_be_unique": {"column": pick("abs"), **rows()},
            "column_value_lengths_to_equal": {"column": "s", "value": 2, **rows()},
            "column_value_lengths_to_be_between": {
                "column": "s", "min_value": pick([0, 1, 2]), "max_value": pick([None, 3]), **rows()},
            "column_values_to_match_regex": {"column": "s", "regex": regex, **rows()},
            "column_values_to_not_match_regex": {"column": "s", "regex": regex, **rows()},
            "column_values_to_match_regex_list": {
                "column": "s", "regex_list": regexes, "match_on": pick(["any", "all"]), **rows()},
            "column_values_to_not_match_regex_list": {"column": "s", "regex_list": regexes, **rows()},
            "column_values_to_be_dateutil_parseable": {"column": "d", **rows()},
            "column_values_to_match_strftime_format": {"column": "d", "strftime_format": "%Y-%m-%d", **rows()},
            "column_values_to_be_increasing": {"column": pick("abc"), **maybe(0.5, strictly=True), **rows()},
            "column_values_to_be_decreasing": {"column": pick("abc"), **maybe(0.5, strictly=True), **rows()},
            "column_value_z_scores_to_be_less_than": {
                "column": "f", "threshold": pick([0.5, 1.01, 1.5, 2.1]), "double_sided": pick([True, False]), **rows()},
            "column_values_to_not_be_outliers": {
                "column": pick("acf"), "method": pick(["iqr", "std"]), "multiplier": pick([0, 0.5, 1, 1.5, 2])},
            "column_pair_values_a_to_be_greater_than_b": {**pair, "or_equal": pick([True, False])},
            "column_pair_values_to_be_equal": pair,
            "column_pair_values_to_be_in_set": {
                **pair, "value_pairs_set": [[a, b] for a in range(-3, 5) for b in range(-3, 4)]},
            "compound_columns_to_be_unique": {"column_list": pick([["a", "b"], ["k", "s"], ["a", "c"]]), **several},
            "select_column_values_to_be_unique_within_record": {
                "column_list": pick([["a", "b"], ["a", "b", "c"]]), **several},
            "multicolumn_values_to_be_equal": {"column_list": pick([["a", "b"], ["a", "c"]]), **several},
            "multicolumn_sum_to_equal": {
                "column_list": pick([["a", "b"], ["c", "b"]]), "sum_total": self.any.randint(-1, 6), **several},
            **{f"column_{what}_to_be_between": {**number, **self.bounds()}
               for what in ("min", "max", "sum", "mean", "stdev", "median")},
            "column_quantile_values_to_be_between": {
                "column": pick("cf"), "quantile_ranges": {"quantiles": [0.1, 0.5, 0.9], "value_ranges": ranges}},
            "column_unique_value_count_to_be_between": {"column": pick("abk"), **self.counts()},
            "column_proportion_of_unique_values_to_be_between": {"column": pick("abk"), **self.share()},
            "column_proportion_of_non_null_values_to_be_between": {"column": pick("abk"), **self.share()},
            "column_distinct_values_to_be_in_set": {"column": "k", "value_set": self.some("xyzq", 2, 4)},
            "column_distinct_values_to_contain_set": {"column": "k", "value_set": self.some("xyzq", 1, 3)},
            "column_distinct_values_to_equal_set": {"column": "k", "value_set": self.some("xyz", 2, 3)},
            "column_most_common_value_to_be_in_set": {
                "column": "k", "value_set": self.some("xyz", 1, 2), "ties_okay": pick([True, False])},
            "column_kl_divergence_to_be_less_than": self.partition(),
            "table_row_count_to_be_between": self.counts(),
            "table_row_count_to_equal": {"value": pick([0, 1, 5, 9])},
            "table_column_count_to_equal": {"value": pick([7, 8])},
        }  # fmt: skip
        kind = pick(sorted(known))
        return f"expect_{kind}", known[kind]


def judged(chance: Chance, number: int) -> Iterator[dict[str, Any]]:
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("t")
    whole = asset.add_batch_definition_whole_dataframe("b")
    for index in range(number):
        if index % SHARED == 0:
            data = chance.table()
            frame = pd.DataFrame(data)
            for name, kind in (("a", "float64"), ("b", "float64"), ("f", "float64"), ("c", "int64")):
                frame[name] = frame[name].astype(kind)
            for name in "skd":
                frame[name] = frame[name].astype("object").where(pd.Series(frame[name]).notnull(), None)
            batch = whole.get_batch(batch_parameters={"dataframe": frame})
        kind, kwargs = chance.expectation()
        name = "".join(word.capitalize() for word in kind.split("_")).replace("Kl", "KL")
        try:
            result = batch.validate(getattr(gx.expectations, name)(**kwargs), result_format="COMPLETE")
        except ValueError:  # bounds the wrong way round
            continue
        if '"raised_exception": true' in json.dumps(result.exception_info, default=str):
            continue
        observed = result.result.get("observed_value")
        yield {
            "kind": kind,
            "kwargs": kwargs,
            "data": data,
            "success": bool(result.success),
            "count": result.result.get("unexpected_count"),
            "observed": float(observed) if isinstance(observed, int | float) else None,
        }


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    print(json.dumps(list(judged(Chance(int(sys.argv[1])), int(sys.argv[2]))), default=int))
