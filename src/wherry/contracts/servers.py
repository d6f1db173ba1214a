"""What the standard asks of a contract's servers, by their type."""

from wherry.contracts.forms import Case, Form, Keys, Text, says, whole

#: Types of servers, the keys that they must have, and those that they may have.
KINDS = (
    ("clickhouse mysql synapse", "host port database", ""),
    ("cloudsql postgres postgresql vertica", "host port database schema", ""),
    ("db2", "host port database", "schema"),
    ("denodo", "host port", "database"),
    ("dremio", "host port", "schema"),
    ("hive impala informix zen", "host database", "port"),
    ("oracle", "host port serviceName", ""),
    ("presto", "host", "catalog schema"),
    ("sqlserver", "host database schema", "port"),
    ("trino", "host port catalog schema", ""),
    ("duckdb", "database", "schema"),
    ("athena", "stagingDir schema", "catalog regionName"),
    ("bigquery", "project dataset", ""),
    ("databricks", "catalog schema", "host"),
    ("glue", "account database", "location format"),
    ("redshift", "database schema", "host region account"),
    ("snowflake", "account database schema", "host port warehouse"),
    ("api", "location", ""),
    ("azure", "location format", "delimiter"),
    ("local", "path format", ""),
    ("s3", "location", "endpointUrl format delimiter"),
    ("sftp", "location", "format delimiter"),
    ("kafka", "host", "format"),
    ("kinesis", "", "region format"),
    ("pubsub", "project", ""),
    (
        "custom",
        "",
        "account catalog database dataset delimiter endpointUrl format host location path port project region "
        "regionName schema serviceName stagingDir stream warehouse",
    ),
)
SERVER_TYPES = tuple(sorted(each for types, _, _ in KINDS for each in types.split()))


def form_of(key: str, types: str) -> Form:
    """What a server's key must be."""
    if key == "port":
        return whole()
    if (types, key) == ("sftp", "location"):
        return Text(like="sftp://(?s:.*)", asks="an address that begins with `sftp://`")
    return Text()


def _case(types: str, required: str, optional: str) -> Case:
    def forms(keys: str) -> dict[str, Form]:
        return {key: form_of(key, types) for key in keys.split()}

    return Case(says("type", *types.split()), Keys(required=forms(required), optional=forms(optional)))


SERVER_CASES = tuple(_case(*kind) for kind in KINDS)
