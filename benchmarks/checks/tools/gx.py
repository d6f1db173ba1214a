"""Great Expectations over pandas: ``gx.py 49|50 CUSTOMERS FILE...``.

As its documentation has a table checked: a data frame asset, a validation definition, a checkpoint and ``run`` with the
batch alone. Nothing else is set, so the result format is its own default (``SUMMARY``: counts and a few bad values, no
list of all bad rows), there are no actions and no data docs are built. The frame is what ``pandas.read_parquet`` makes
by itself; decimals become floats, which is to its advantage. It has no expectation about references to another table:
with 50 the keys there are the set of a set expectation, as its users do it; it carries such a set through all of its
bookkeeping, which costs more than everything else, so 49 leaves this check out.
"""

import sys

import great_expectations as gx
import great_expectations.expectations as e
import pandas as pd
from suite import SUITE

many, customers, *files = sys.argv[1:]
frame = pd.concat([pd.read_parquet(file) for file in files]) if len(files) > 1 else pd.read_parquet(files[0])
known = pd.read_parquet(customers)["id"].tolist()
MADE = {
    "not_null": lambda c, g: e.ExpectColumnValuesToNotBeNull(column=c),
    "unique": lambda c, g: e.ExpectColumnValuesToBeUnique(column=c),
    "in": lambda c, g: e.ExpectColumnValuesToBeInSet(column=c, value_set=list(g)),
    "between": lambda c, g: e.ExpectColumnValuesToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "after": lambda c, g: e.ExpectColumnPairValuesAToBeGreaterThanB(column_A=c, column_B=g[0]),
    "matches": lambda c, g: e.ExpectColumnValuesToMatchRegex(column=c, regex=g[0]),
    "length": lambda c, g: e.ExpectColumnValueLengthsToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "refers": lambda c, g: e.ExpectColumnValuesToBeInSet(column=c, value_set=known),
    "rows": lambda c, g: e.ExpectTableRowCountToBeBetween(min_value=g[0], max_value=g[1]),
    "avg": lambda c, g: e.ExpectColumnMeanToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "min": lambda c, g: e.ExpectColumnMinToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "max": lambda c, g: e.ExpectColumnMaxToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "sum": lambda c, g: e.ExpectColumnSumToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "stddev": lambda c, g: e.ExpectColumnStdevToBeBetween(column=c, min_value=g[0], max_value=g[1]),
    "distinct": lambda c, g: e.ExpectColumnUniqueValueCountToBeBetween(column=c, min_value=g[0], max_value=g[1]),
}
frame["tax"] = frame["tax"].astype(float)
context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
batch = asset.add_batch_definition_whole_dataframe("b")
suite = context.suites.add(gx.ExpectationSuite(name="s"))
for kind, column, given in SUITE:
    if kind != "refers" or many == "50":
        suite.add_expectation(MADE[kind](column, given))
definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=suite))
checkpoint = context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition]))
(found,) = checkpoint.run(batch_parameters={"dataframe": frame}).run_results.values()
assert found.success, [r for r in found.results if not r.success][:2]
print(len(found.results))
