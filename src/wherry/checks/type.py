"""``type INTEGER``: the column has that DuckDB type, or one of a family.

Families: ``integer``, ``decimal``, ``float``, ``number`` (all of these), ``text``, ``boolean``, ``date``, ``time``,
``timestamp`` (with or without zone), ``interval``, ``uuid``, ``json``, ``blob``, ``list``, ``struct``, ``map``. A name
in lower case that is a family means the family: ``integer`` is any width, ``INTEGER`` is 32 bits.
"""

from collections.abc import Sequence

from wherry.model.asset import Check
from wherry.model.run import Outcome

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_INTEGERS |= {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
_STAMPS = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
FAMILIES: dict[str, set[str]] = {
    "integer": _INTEGERS,
    "decimal": {"DECIMAL"},
    "float": {"FLOAT", "DOUBLE"},
    "number": {*_INTEGERS, "DECIMAL", "FLOAT", "DOUBLE"},
    "text": {"VARCHAR"},
    "boolean": {"BOOLEAN"},
    "date": {"DATE"},
    "time": {"TIME", "TIME WITH TIME ZONE"},
    "timestamp": _STAMPS,
    "interval": {"INTERVAL"},
    "uuid": {"UUID"},
    "json": {"JSON"},
    "blob": {"BLOB"},
    "list": {"LIST"},
    "struct": {"STRUCT"},
    "map": {"MAP"},
}
_OTHER_NAMES = {
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "DATETIME": "TIMESTAMP",
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
}
_OTHER_NAMES |= {"INT": "INTEGER", "LONG": "BIGINT", "REAL": "FLOAT", "BOOL": "BOOLEAN", "NUMERIC": "DECIMAL"}


def judge_schema(check: Check, columns: Sequence[tuple[str, str]]) -> Outcome:
    wanted = check.arguments.get("types") or [check.arguments["type"]]
    found = next((kind for name, kind in columns if name.lower() == check.column.lower()), None)
    if found is None:
        return Outcome(passed=False, why="there is no such column")
    passed = any(is_of(found, str(kind)) for kind in wanted)
    return Outcome(passed=passed, observed=found, why=f"the type is {found}, not {' or '.join(map(str, wanted))}")


def is_of(found: str, wanted: str) -> bool:
    """Whether a DuckDB type is the wanted one, or of the wanted family."""
    base = "LIST" if found.endswith("]") else found.partition("(")[0].strip().upper()
    if wanted in FAMILIES:
        return base in FAMILIES[wanted]
    other = wanted.strip().upper()
    other = _OTHER_NAMES.get(other, other)
    return other in (found.upper(), base)
