"""Random tables, and checks over them in the words of dbt and of Soda. The same seed makes the same cases."""

import random
from typing import Any

COLUMNS = {
    "id": "INTEGER",
    "code": "VARCHAR",
    "amount": "DOUBLE",
    "status": "VARCHAR",
    "email": "VARCHAR",
    "number_text": "VARCHAR",
    "day": "DATE",
    "seen": "TIMESTAMP",
    "customer_id": "INTEGER",
}
CUSTOMERS = {"id": "INTEGER", "name": "VARCHAR"}
STATUSES = ["paid", "refunded", "open", "", "n/a"]
EMAILS = ["a@b.co", "x.y@example.com", "no mail", "a@b", "ü@example.com", ""]
NUMBERS = ["1", "-2", "3.5", "1,5", " 7 ", "x", "50%", ""]
#: The moment that "now" is for checks of age.
NOW = "2026-01-10T00:00:00"
SHAPES = ("mixed", "mixed", "clean", "empty", "single", "nulls")


def tables(seed: int) -> dict[str, Any]:
    """Two tables: columns with types, and rows."""
    shape, r = SHAPES[seed % len(SHAPES)], random.Random(seed)
    count = {"empty": 0, "single": 1}.get(shape, r.randint(8, 40))
    customers = [[n, r.choice(["ann", "bob", None])] for n in range(r.randint(1, 6))]

    def maybe(value: Any) -> Any:
        share = {"mixed": 0.15, "clean": 0.0, "nulls": 0.8}.get(shape, 0.1)
        return None if r.random() < share else value

    rows = [
        [
            maybe(n if shape == "clean" else r.randint(0, count)),
            maybe(f"c{n}" if shape == "clean" else r.choice("abcdé") * r.randint(0, 3)),
            maybe(round(r.uniform(-5, 20), 2)),
            maybe("paid" if shape == "clean" else r.choice(STATUSES)),
            maybe(r.choice(EMAILS[:2] if shape == "clean" else EMAILS)),
            maybe(r.choice(NUMBERS[:2] if shape == "clean" else NUMBERS)),
            maybe(f"2026-01-{r.randint(1, 9):02}"),
            maybe(f"2026-01-{r.randint(1, 9):02} {r.randint(0, 23):02}:{r.randint(0, 59):02}:00"),
            maybe(r.choice([c[0] for c in customers] if shape == "clean" else range(8))),
        ]
        for n in range(count)
    ]
    return {
        "orders": {"columns": COLUMNS, "rows": rows},
        "customers": {"columns": CUSTOMERS, "rows": customers},
    }


def dbt_tests(seed: int) -> list[tuple[str, Any]]:
    """``(column, test)``: the four generic tests, with every kind of config."""
    r, made = random.Random(seed * 7 + 1), []
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        *((column, kind, {}) for column in COLUMNS for kind in ("not_null", "unique")),
        ("status", "accepted_values", {"values": STATUSES[: r.randint(1, 5)]}),
        ("status", "accepted_values", {"values": ["paid", "refunded", "open", "", "n/a"]}),
        ("id", "accepted_values", {"values": list(range(r.randint(1, 45))), "quote": False}),
        ("id", "accepted_values", {"values": [0, 1, 2, 3]}),
        ("customer_id", "relationships", {"to": "source('shop', 'customers')", "field": "id"}),
        ("customer_id", "relationships", {"to": "source('shop', 'customers')", "field": "id"}),
        ("id", "relationships", {"to": "source('shop', 'customers')", "field": "id"}),
    ]
    for column, kind, arguments in kinds:
        made.append((column, {kind: {**arguments, "config": {}}}))
        for _ in range(2):
            made.append((column, {kind: {**arguments, "config": _dbt_config(r)}}))
    # Every way of writing one down.
    made += [
        ("id", "not_null"),
        ("id", {"test_name": "unique"}),
        ("status", {"accepted_values": {"arguments": {"values": ["paid", "open"]}}}),
        ("status", {"accepted_values": {"arguments": {"values": ["paid"]}, "config": {"severity": "WARN"}}}),
        ("amount", {"not_null": {"severity": "warn"}}),
        ("amount", {"not_null": {"where": "amount > 0 or amount is null", "error_if": ">2"}}),
    ]
    return made


def _dbt_config(r: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if r.random() < 0.4:
        config["severity"] = r.choice(["warn", "error", "WARN"])
    if r.random() < 0.5:
        config["where"] = r.choice(["amount > 0", "status = 'paid'", "id is not null", "1 = 0", "day >= '2026-01-05'"])
    if r.random() < 0.5:
        config["error_if"] = r.choice(["> 2", ">= 3", "!= 0", "> 5", "= 1", "between 1 and 4", "< 3", ">100"])
    if r.random() < 0.5:
        config["warn_if"] = r.choice(["> 0", "> 1", ">= 2", "= 0", "!= 0"])
    if r.random() < 0.25:
        config["limit"] = r.choice([1, 2, 4, 50])
    return config


def sodacl_checks(seed: int) -> list[Any]:
    """Checks of a SodaCL file for ``orders``."""
    r, made = random.Random(seed * 11 + 3), []
    bounds = [
        "= 0",
        "> 0",
        "< 3",
        "<= 2",
        ">= 1",
        "between 1 and 5",
        "between (0 and 4]",
        "not between 2 and 6",
        "!= 1",
    ]
    percents = ["= 0", "< 20", "<= 50", "> 5", "between 0 and 30", "< 12.5 %", "not between 10 and 40"]
    valid: list[tuple[str, dict[str, Any]]] = [
        ("status", {"valid values": STATUSES[: r.randint(1, 4)]}),
        ("status", {"valid values": ["paid", "open"], "missing values": ["n/a", ""]}),
        ("status", {"invalid values": ["n/a", ""]}),
        ("status", {"valid values": ["paid", "open", "n/a"], "invalid values": ["n/a"]}),
        ("email", {"valid format": "email"}),
        ("email", {"valid regex": "^[a-z]+@.+$"}),
        ("email", {"invalid regex": "example"}),
        ("number_text", {"valid format": r.choice(["integer", "decimal", "percentage", "positive decimal"])}),
        ("number_text", {"valid format": "decimal", "valid min": 0}),
        ("amount", {"valid min": 0}),
        ("amount", {"valid min": -1, "valid max": 15.5}),
        ("code", {"valid length": 2}),
        ("code", {"valid min length": 1, "valid max length": 2}),
        ("id", {"valid values": [1, 2, 3, 4, 5]}),
    ]
    made += [(f"row_count {r.choice(bounds)}", {}) for _ in range(3)]
    for column in COLUMNS:
        made.append((f"missing_count({column}) {r.choice(bounds)}", {}))
        made.append((f"missing_percent({column}) {r.choice(percents)}", {}))
        made.append((f"duplicate_count({column}) {r.choice(bounds)}", {}))
        made.append((f"duplicate_percent({column}) {r.choice(percents)}", {}))
    made.append(("missing_count(status) <= 3", {"missing values": ["n/a", ""]}))
    made.append(("missing_percent(status) < 40", {"missing regex": "^n"}))
    made.append((f"duplicate_count(code, status) {r.choice(bounds)}", {}))
    made.append((f"duplicate_count(status) {r.choice(bounds)}", {"valid values": ["paid", "open"]}))
    for column, keys in valid:
        made.append((f"invalid_count({column}) {r.choice(bounds)}", keys))
        made.append((f"invalid_percent({column}) {r.choice(percents)}", keys))
    for metric in ("min", "max", "avg", "sum", "stddev", "variance"):
        made.append((f"{metric}({r.choice(['amount', 'id'])}) {r.choice(bounds)}", {}))
    made.append((f"avg(amount) {r.choice(bounds)}", {"valid min": 0}))
    made.append((f"sum(amount) {r.choice(bounds)}", {"filter": "status = 'paid'"}))
    for metric in ("min_length", "max_length", "avg_length"):
        made.append((f"{metric}({r.choice(['code', 'status'])}) {r.choice(bounds)}", {}))
    made.append((f"missing_count(amount) {r.choice(bounds)}", {"filter": "status = 'paid'"}))
    made.append((f"row_count {r.choice(bounds)}", {"filter": "amount > 5"}))
    alert = {"warn": "when > 1", "fail": "when > 4"}
    made += [("missing_count(amount)", alert), ("row_count", {"warn": "when between 1 and 9", "fail": "when < 1"})]
    made += [("invalid_percent(status)", {"valid values": ["paid"], "warn": "when > 10", "fail": "when >= 60"})]
    made.append(("values in customer_id must exist in customers id", {}))
    made.append(("values in (customer_id) must exist in customers (id)", {}))
    made.append(("values in (id, customer_id) must exist in customers (id, id)", {}))
    made.append(("row_count same as customers", {}))
    made.append(("failed rows", {"fail condition": "amount < 0"}))
    made.append(("failed rows", {"fail query": "select * from orders where amount > 15 or amount is null"}))
    made.append(("failed rows", {"fail condition": "amount < 0", "warn": "when > 0", "fail": "when > 3"}))
    made.append((f"spread {r.choice(bounds)}", {"spread expression": "max(amount) - min(amount)"}))
    made.append((f"wide {r.choice(bounds)}", {"wide query": "select count(*) from orders where amount > 10"}))
    made += [(f"freshness(seen) < {age}", {}) for age in ("1d", "30h", "3d12h", "10d")]
    made.append(("schema", {"fail": {"when required column missing": ["id", r.choice(["code", "gone"])]}}))
    made.append(("schema", {"fail": {"when forbidden column present": [r.choice(["em%", "secret", "x*"])]}}))
    made.append(("schema", {"warn": {"when wrong column type": {"id": r.choice(["integer", "varchar"])}}}))
    made.append(("schema", {"fail": {"when wrong column index": {"id": 0, "code": r.choice([1, 2])}}}))
    return made


def soda_contract(seed: int) -> dict[str, Any]:
    """A contract of Soda 4 for ``orders``; each check has ``{}`` for its name."""
    r = random.Random(seed * 13 + 5)

    def bound(*, metric: bool = False) -> dict[str, Any]:
        chosen: dict[str, Any] = r.choice(
            [
                {"must_be": 0},
                {"must_be_less_than": r.choice([2, 5, 30])},
                {"must_be_less_than_or_equal": r.choice([1, 4, 50])},
                {"must_be_greater_than": r.choice([0, 3])},
                {"must_be_greater_than_or_equal": 1},
                {"must_not_be": 0},
                {"must_be_between": {"greater_than": 0, "less_than_or_equal": 6}},
                {"must_be_between": {"greater_than_or_equal": 1, "less_than": 9}},
                {"must_be_not_between": {"greater_than_or_equal": 9, "less_than_or_equal": 2}},
            ]
        )
        chosen = dict(chosen)
        if metric and r.random() < 0.5:
            chosen["metric"] = "percent"
        if r.random() < 0.2:
            chosen["level"] = "warn"
        return chosen

    columns = []
    for column in COLUMNS:
        checks: list[Any] = [{"missing": {}}, {"missing": {"threshold": bound(metric=True)}}, {"duplicate": {}}]
        checks += [{"duplicate": {"threshold": bound(metric=True)}}]
        columns.append({"name": column, "checks": checks})
    by_name = {column["name"]: column["checks"] for column in columns}
    for column, keys in (
        ("status", {"valid_values": ["paid", "open"]}),
        ("status", {"invalid_values": ["n/a", ""]}),
        ("status", {"valid_values": ["paid", "open", ""], "missing_values": ["n/a"]}),
        ("email", {"valid_format": {"regex": "^[a-z.]+@.+$", "name": "mail"}}),
        ("email", {"invalid_format": {"regex": "example", "name": "example"}}),
        ("amount", {"valid_min": 0, "valid_max": 15}),
        ("code", {"valid_length": 2}),
        ("code", {"valid_min_length": 1, "valid_max_length": 2}),
        ("id", {"valid_values": [1, 2, 3, 4, 5]}),
        ("customer_id", {"valid_reference_data": {"dataset": "{source}/customers", "column": "id"}}),
    ):
        by_name[column].append({"invalid": {**keys}})
        by_name[column].append({"invalid": {**keys, "threshold": bound(metric=True)}})
        by_name[column].append({"invalid": {**keys, "filter": "amount > 2", "threshold": bound()}})
    by_name["status"].append({"missing": {"missing_values": ["n/a", ""], "threshold": bound(metric=True)}})
    by_name["status"].append({"duplicate": {"missing_values": ["n/a"], "threshold": bound()}})
    for function in ("avg", "min", "max", "sum"):
        by_name["amount"].append({"aggregate": {"function": function, "threshold": bound()}})
        by_name["id"].append({"aggregate": {"function": function, "threshold": bound(), "filter": "amount > 0"}})
    for function in ("avg_length", "min_length", "max_length"):
        by_name["code"].append({"aggregate": {"function": function, "threshold": bound()}})
    checks = [
        {"row_count": {}},
        {"row_count": {"threshold": bound()}},
        {"row_count": {"threshold": bound(), "filter": "status = 'paid'"}},
        {"duplicate": {"columns": ["code", "status"]}},
        {"duplicate": {"columns": ["code", "status"], "threshold": bound(metric=True)}},
        {"failed_rows": {"expression": "amount < 0"}},
        {"failed_rows": {"expression": "amount < 0", "threshold": bound(metric=True)}},
        {"failed_rows": {"query": "SELECT * FROM orders WHERE amount > 15 OR amount IS NULL"}},
        {"failed_rows": {"query": "SELECT * FROM orders WHERE amount > 15", "threshold": bound()}},
        {"metric": {"expression": "MAX(amount) - MIN(amount)", "threshold": bound()}},
        {"metric": {"query": "SELECT COUNT(*) FROM orders WHERE amount > 10", "threshold": bound()}},
        # No `schema`: Soda 4.28 finds no columns in a DuckDB file, and does not evaluate it.
    ]
    # No `scope`: only an extension of Soda that is not public evaluates those.
    for column, expression in (("code", "lower(code)"), ("status", "nullif(status, '')"), ("amount", "amount * 2")):
        of = {"column_expression": expression}
        by_name[column].append({"missing": {**of}})
        by_name[column].append({"missing": {**of, "threshold": bound(metric=True)}})
        by_name[column].append({"duplicate": {**of}})
        by_name[column].append({"duplicate": {**of, "threshold": bound(metric=True), "filter": "id > 1"}})
    by_name["code"].append({"invalid": {"column_expression": "lower(code)", "valid_values": ["ab", "cd"]}})
    by_name["code"].append({"invalid": {"column_expression": "trim(code)", "valid_length": 2, "threshold": bound()}})
    by_name["code"].append(
        {"aggregate": {"column_expression": "trim(code)", "function": "max_length", "threshold": bound()}}
    )
    of = {"column_expression": "abs(amount)", "function": "sum", "threshold": bound()}
    by_name["amount"].append({"aggregate": of})
    for each in columns:
        if each["name"] == "email":
            each["column_expression"] = "upper(email)"
    contract: dict[str, Any] = {"dataset": "{source}/orders", "columns": columns, "checks": checks}
    return {**contract, "filter": "id < 9"} if seed % 2 else contract
