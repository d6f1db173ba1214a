"""Names of types that suites of Great Expectations use, of pandas, Spark and SQL, as types of ours."""

_FAMILIES = {
    "integer": "int int8 int16 int32 int64 uint8 uint16 uint32 uint64 integer integertype longtype shorttype bytetype "
    "int_ int0 number_integer",
    "BIGINT": "bigint",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "float": "float float16 float32 float64 float_ double floattype doubletype double_precision real",
    "decimal": "decimal numeric decimaltype number",
    "text": "str string object str_ unicode varchar char text nvarchar stringtype string_ bytes_ character",
    "boolean": "bool boolean bool_ booleantype bit",
    "date": "date datetype",
    "time": "time",
    "timestamp": "datetime datetime64 timestamp timestamptype timestampntztype datetime64[ns] timestamptz "
    "timestamp_ntz timestamp_tz datetime2",
    "list": "list arraytype array ndarray",
    "struct": "dict structtype struct",
    "map": "maptype map",
    "blob": "bytes binary binarytype blob bytea varbinary",
    "uuid": "uuid",
    "json": "json jsonb",
}
_TYPES = {each: family for family, names in _FAMILIES.items() for each in names.split()}


def type_of(written: str) -> str:
    """The type or family that a name means; empty when it is not known."""
    bare = written.strip().lower().rpartition(".")[2].partition("(")[0]
    return _TYPES.get(bare, "")
