"""The fifty checks, said once; each tool's script puts them into its own words."""

#: Kind, column, arguments; the data keep all of them.
SUITE: list[tuple[str, str, tuple[object, ...]]] = [
    *(("not_null", column, ()) for column in ("id", "code", "ref_no", "customer_id", "status", "country")),
    *(("not_null", column, ()) for column in ("email", "amount", "tax", "quantity", "day", "created_at")),
    *(("unique", column, ()) for column in ("id", "code", "token")),
    ("in", "status", ("paid", "open", "sent", "refunded")),
    ("in", "country", ("DE", "FR", "NL", "BE", "AT")),
    ("between", "quantity", (1, 20)),
    ("between", "pct", (0, 100)),
    ("between", "score", (0, 1)),
    ("between", "amount", (0, 1000)),
    ("between", "tax", (0, 100)),
    ("between", "customer_id", (1, 100_000)),
    ("between", "id", (0, 10**9)),
    ("between", "ref_no", (0, 10**9)),
    ("after", "updated_at", ("created_at",)),
    ("matches", "email", (r"^[^@ ]+@[^@ ]+\.[a-z]+$",)),
    ("matches", "code", ("^O-[0-9]{9}$",)),
    ("matches", "zip", ("^[0-9]{5}$",)),
    ("matches", "phone", (r"^\+[0-9]+$",)),
    ("matches", "token", ("^[0-9a-f-]{36}$",)),
    ("matches", "note", ("^note [0-9]+$",)),
    ("length", "zip", (5, 5)),
    ("length", "token", (36, 36)),
    ("length", "status", (4, 8)),
    ("refers", "customer_id", ("customers", "id")),
    ("rows", "", (1, 10**9)),
    ("avg", "amount", (400, 600)),
    ("avg", "score", (0.4, 0.6)),
    ("min", "quantity", (1, 1)),
    ("max", "quantity", (20, 20)),
    ("min", "amount", (0, 1)),
    ("max", "amount", (999, 1000)),
    ("sum", "tax", (1, 10**12)),
    ("sum", "quantity", (1, 10**12)),
    ("stddev", "score", (0.2, 0.4)),
    ("stddev", "amount", (200, 400)),
    ("distinct", "status", (4, 4)),
    ("distinct", "country", (5, 5)),
    ("distinct", "pct", (100, 100)),
]
assert len(SUITE) == 50

COLUMNS = (
    "i AS id, 'O-' || lpad(i::VARCHAR, 9, '0') AS code, (i * 7919) % {rows} AS ref_no, "
    "(hash(i) % 100000)::INTEGER + 1 AS customer_id, "
    "['paid', 'open', 'sent', 'refunded'][(hash(i + 1) % 4)::INT + 1] AS status, "
    "['DE', 'FR', 'NL', 'BE', 'AT'][(hash(i + 2) % 5)::INT + 1] AS country, "
    "'user' || (hash(i + 3) % 1000000) || '@example.com' AS email, (hash(i + 4) % 100000) / 100.0::DOUBLE AS amount, "
    "((hash(i + 5) % 10000) / 100.0)::DECIMAL(12, 2) AS tax, (hash(i + 6) % 20 + 1)::INTEGER AS quantity, "
    "DATE '2020-01-01' + (hash(i + 7) % 2000)::INTEGER AS day, "
    "TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS created_at, "
    "TIMESTAMP '2020-01-02' + INTERVAL (i) SECOND AS updated_at, (hash(i + 8) % 1000) / 1000.0::DOUBLE AS score, "
    "'note ' || (hash(i + 9) % 5000) AS note, lpad((hash(i + 10) % 100000)::VARCHAR, 5, '0') AS zip, "
    "hash(i + 11) % 2 = 0 AS active, '+49' || lpad((hash(i + 12) % 1000000000)::VARCHAR, 9, '0') AS phone, "
    "md5(i::VARCHAR)[1:8] || '-' || md5((i + 1)::VARCHAR)[1:27] AS token, (hash(i + 13) % 100)::INTEGER AS pct"
)


def rows_sql(start: int, stop: int) -> str:
    """The rows of the data from one number to the next."""
    return f"SELECT {COLUMNS.format(rows=max(stop, 1))} FROM range({start}, {stop}) AS t(i)"


def bad(kind: str, column: str, given: tuple[object, ...]) -> str:
    """The SQL condition of a bad row; empty for a check that does not judge rows."""
    text = ", ".join(f"'{each}'" if isinstance(each, str) else str(each) for each in given)
    return {
        "not_null": f"{column} IS NULL",
        "in": f"{column} NOT IN ({text})",
        "between": f"NOT ({column} BETWEEN {given[0]} AND {given[1]})" if kind == "between" else "",
        "after": f"NOT ({column} > {given[0]})" if kind == "after" else "",
        "matches": f"NOT regexp_matches({column}, {text})",
        "length": f"NOT (length({column}) BETWEEN {given[0]} AND {given[1]})" if kind == "length" else "",
    }.get(kind, "")


def aggregate(kind: str, column: str) -> str:
    """The SQL aggregate of a check of a number; empty for the others."""
    words = {"avg": "avg", "min": "min", "max": "max", "sum": "sum", "stddev": "stddev_samp"}
    if kind == "rows":
        return "count(*)"
    if kind == "distinct":
        return f"count(DISTINCT {column})"
    return f"{words[kind]}({column})" if kind in words else ""
