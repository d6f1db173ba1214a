"""Write one graph of 1,000 tables three times: as a wherry project, as a dbt project, and as plain SQL statements.

Twenty layers of fifty tables. Layer 0 makes rows out of nothing; each table of another layer reads two tables of the
layer above it. Even layers are tables, odd layers are views. The SQL is the same in all three, but for the names.
"""

from collections.abc import Callable
from pathlib import Path

LAYERS, WIDTH = 20, 50

SEED = """\
SELECT
    r.i AS id,
    'K' || (r.i % {keys}) AS code,
    DATE '2026-01-01' + CAST(r.i % 28 AS INTEGER) AS happened_on,
    CAST((r.i * {step}) % 1000 / 10.0 AS DOUBLE) AS amount,
    CAST(r.i % 9 + 1 AS INTEGER) AS quantity,
    CASE WHEN r.i % {keys} = 0 THEN 'none' ELSE 'some' END AS label,
    r.i % 3 = 0 AS flag
FROM range(100) AS r (i)"""

JOIN = """\
SELECT
    a.id,
    a.code,
    greatest(a.happened_on, b.happened_on) AS happened_on,
    a.amount * {weight} + coalesce(b.amount, 0) * (1 - {weight}) AS amount,
    CAST(a.quantity + coalesce(b.quantity, 0) AS INTEGER) % 50 AS quantity,
    CASE WHEN a.amount > 75 THEN 'high' WHEN a.amount > 25 THEN 'middle' ELSE 'low' END AS label,
    a.flag OR coalesce(b.flag, FALSE) AS flag,
    round(a.amount / nullif(a.quantity, 0), 2) AS price
FROM {first} AS a
LEFT JOIN {second} AS b ON b.id = a.id
WHERE a.amount >= 0"""

AGGREGATE = """\
WITH per_code AS (
    SELECT code, avg(amount) AS amount, CAST(sum(quantity) AS INTEGER) % 50 AS quantity, bool_or(flag) AS flag
    FROM {second}
    GROUP BY code
)
SELECT
    a.id,
    a.code,
    a.happened_on,
    coalesce(c.amount, a.amount) * {weight} AS amount,
    coalesce(c.quantity, a.quantity) AS quantity,
    CASE WHEN c.flag THEN upper(a.label) ELSE lower(a.label) END AS label,
    a.flag,
    row_number() OVER (PARTITION BY a.code ORDER BY a.happened_on, a.id) AS position,
    CAST(a.happened_on AS VARCHAR) || '/' || a.code AS reference
FROM {first} AS a
LEFT JOIN per_code AS c ON c.code = a.code"""


def names() -> list[tuple[int, int]]:
    """All tables as (layer, number), inputs first."""
    return [(layer, number) for layer in range(LAYERS) for number in range(WIDTH)]


def is_view(layer: int) -> bool:
    return layer % 2 == 1


def select(layer: int, number: int, refer: Callable[[int, int], str]) -> str:
    """The SELECT of one table; ``refer`` says what a table is called."""
    if layer == 0:
        return SEED.format(keys=number % 7 + 5, step=number * 13 + 7)
    form = AGGREGATE if (layer + number) % 3 == 0 else JOIN
    return form.format(
        first=refer(layer - 1, number),
        second=refer(layer - 1, (number * 7 + layer) % WIDTH),
        weight=(number % 9 + 1) / 10,
    )


def dotted(layer: int, number: int) -> str:
    return f"layer_{layer:02}.table_{number:02}"


def write_wherry(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wherry.toml").write_text('name = "graph"\n')
    for layer, number in names():
        file = folder / "tables" / f"layer_{layer:02}" / f"table_{number:02}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        build = "view" if is_view(layer) else "replace"
        header = f"-- Table {number} of layer {layer}.\n--\n-- build: {build}\n\n"
        file.write_text(header + select(layer, number, dotted) + "\n")


def write_dbt(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    words = ("view" if is_view(layer) else "table" for layer in range(LAYERS))
    folders = "".join(f"    layer_{layer:02}:\n      +materialized: {word}\n" for layer, word in enumerate(words))
    (folder / "dbt_project.yml").write_text(
        "name: graph_1000\nversion: '1.0'\nprofile: graph\nmodel-paths: [models]\nmodels:\n  graph_1000:\n" + folders
    )
    (folder / "profiles.yml").write_text(
        "graph:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: graph.duckdb, threads: 2}\n"
    )
    for layer, number in names():
        file = folder / "models" / f"layer_{layer:02}" / f"layer_{layer:02}_table_{number:02}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(select(layer, number, lambda la, n: f"{{{{ ref('layer_{la:02}_table_{n:02}') }}}}") + "\n")


def write_plain(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    statements = [f"CREATE SCHEMA layer_{layer:02}" for layer in range(LAYERS)]
    statements += [
        f"CREATE {'VIEW' if is_view(layer) else 'TABLE'} {dotted(layer, number)} AS\n{select(layer, number, dotted)}"
        for layer, number in names()
    ]
    (folder / "graph.sql").write_text(";\n".join(statements) + ";\n")


if __name__ == "__main__":
    target = Path(".bench/graph_1000")
    write_wherry(target / "wherry")
    write_dbt(target / "dbt")
    write_plain(target / "plain")
    print(f"written to {target}")
