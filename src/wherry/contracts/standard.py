"""What the Open Data Contract Standard, 3.1, asks of a contract and of each of its parts.

The standard: https://bitol-io.github.io/open-data-contract-standard/
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wherry.contracts.forms import (
    ANYTHING,
    FLAG,
    NULL,
    Case,
    Form,
    Keys,
    Later,
    Listed,
    Number,
    Text,
    one_of,
    says,
    whole,
    word,
)
from wherry.contracts.servers import SERVER_CASES, SERVER_TYPES

TEXT = Text()
TEXTS = Listed(TEXT)
SETTINGS = Keys(open=True)
SCALAR = one_of(TEXT, Number(), FLAG, NULL)


def texts(keys: str) -> dict[str, Form]:
    """Keys, with blanks between them, that have text."""
    return dict.fromkeys(keys.split(), TEXT)


# What many parts have.

ID: dict[str, Form] = {"id": Text(like="[A-Za-z0-9_-]+", asks="of letters, digits, `_` and `-`")}
CUSTOM: dict[str, Form] = {
    "customProperties": Listed(
        Keys(required={"property": TEXT, "value": ANYTHING}, optional={**ID, "description": TEXT})
    )
}
DEFINITIONS: dict[str, Form] = {
    "authoritativeDefinitions": Listed(Keys(required=texts("url type"), optional={**ID, "description": TEXT}))
}
TAGS: dict[str, Form] = {"tags": TEXTS}
DESCRIBED: dict[str, Form] = {**ID, "description": TEXT, **CUSTOM}


# People, places and promises.

ROLE = Keys(
    required={"role": TEXT},
    optional={**DESCRIBED, **texts("access firstLevelApprovers secondLevelApprovers")},
)
SERVER = Keys(
    required={"server": TEXT, "type": word(*SERVER_TYPES)},
    optional={**DESCRIBED, "environment": TEXT, "roles": Listed(ROLE)},
    cases=SERVER_CASES,
)
MEMBER = Keys(
    required={"username": TEXT},
    optional={**DESCRIBED, **TAGS, **DEFINITIONS, **texts("name role dateIn dateOut replacedByUsername")},
)
TEAM = Keys(optional={**DESCRIBED, **TAGS, **DEFINITIONS, "name": TEXT, "members": Listed(MEMBER)})
CHANNEL = Keys(required={"channel": TEXT}, optional={**DESCRIBED, **texts("url tool scope invitationUrl")})
PRICE = Keys(optional={**ID, "priceAmount": Number(), **texts("priceCurrency priceUnit")})
SERVICE_LEVEL = Keys(
    required={"property": TEXT, "value": SCALAR},
    optional={**ID, "valueExt": SCALAR, **texts("unit element driver description scheduler schedule")},
)


# Rules about rows.

RANGE = Listed(Number(), at_least=2, at_most=2, distinct=True)
COMPARISONS: dict[str, Form] = {
    **dict.fromkeys(("mustBe", "mustNotBe"), ANYTHING),
    **dict.fromkeys(("mustBeGreaterThan", "mustBeGreaterOrEqualTo"), Number()),
    **dict.fromkeys(("mustBeLessThan", "mustBeLessOrEqualTo"), Number()),
    **dict.fromkeys(("mustBeBetween", "mustNotBeBetween"), RANGE),
}
METRIC = Keys(
    required={"metric": word("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")},
    optional={"rule": TEXT, "arguments": SETTINGS},
    exclusive=COMPARISONS,
)
QUERY = Keys(required={"query": TEXT}, exclusive=COMPARISONS)
FOREIGN = Keys(required={"engine": TEXT, "implementation": one_of(TEXT, SETTINGS)})


def is_metric(rule: Mapping[str, Any]) -> bool:
    """A metric says so, or has one."""
    return rule.get("type") == "library" or isinstance(rule.get("metric"), str)


RULE = Keys(
    optional={
        **DESCRIBED, **TAGS, **DEFINITIONS,
        "type": word("text", "library", "sql", "custom"),
        "dimension": word(
            "accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"
        ),
        **texts("name businessImpact method severity unit scheduler schedule"),
    },
    cases=(Case(is_metric, METRIC), Case(says("type", "sql"), QUERY), Case(says("type", "custom"), FOREIGN)),
)  # fmt: skip


# Relationships: `orders.id`, or a path of parts and their ids, in this file or another.

NAME = "[A-Za-z_][A-Za-z0-9_]*"
STEP = f"{NAME}/[A-Za-z0-9_-]+"
ELSEWHERE = "(?:https?://)?[A-Za-z0-9._/-]+[.]yaml#"
REFERENCE = Text(
    like=rf"{NAME}[.]{NAME}|(?:{ELSEWHERE})?/?{STEP}(?:/{STEP})*",
    asks="`table.column`, or a path such as `schema/orders/properties/id`",
)
ENDS = one_of(REFERENCE, Listed(REFERENCE, at_least=1))


def unlike_ends(link: Mapping[str, Any]) -> str:
    """One column refers to one column, several to several."""
    ends = [type(link[key]) for key in ("from", "to") if isinstance(link.get(key), str | list)]
    return "must have text in both `from` and `to`, or a list in both" if len(set(ends)) > 1 else ""


FROM_COLUMN = Keys(
    required={"to": ENDS},
    optional={"type": word("foreignKey"), **CUSTOM},
    otherwise="It comes from the property that holds it, and may have `to`, `type` and `customProperties`.",
)
FROM_TABLE = replace(FROM_COLUMN, required={"from": ENDS, "to": ENDS}, together=unlike_ends, otherwise="")


# Tables and their columns.


def options(logical: str, forms: Mapping[str, Form], **more: Form) -> Case:
    """What columns of some logical types may have."""
    own = {"logicalTypeOptions": Keys(optional=forms), **more}
    return Case(says("logicalType", *logical.split()), Keys(optional=own))


def bounds(form: Form) -> dict[str, Form]:
    return dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), form)


def number_options(*formats: str) -> dict[str, Form]:
    return {**bounds(Number()), "multipleOf": Number(more_than=0), "format": word(*formats)}


COUNT = whole(at_least=0)
MOMENT: dict[str, Form] = {**bounds(TEXT), "format": TEXT}
SUBCOLUMNS = Listed(Later(lambda: COLUMN))
ITEMS = Later(lambda: ITEM)
LOGICAL = (
    options("string", {"minLength": COUNT, "maxLength": COUNT, **texts("pattern format")}),
    options("date", MOMENT),
    options("timestamp time", {**MOMENT, "timezone": FLAG, "defaultTimezone": TEXT}),
    options("integer", number_options(*(f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64, 128)))),
    options("number", number_options("f32", "f64")),
    options(
        "object",
        {"minProperties": COUNT, "maxProperties": COUNT, "required": Listed(TEXT, at_least=1, distinct=True)},
        properties=SUBCOLUMNS,
    ),
    options("array", {"minItems": COUNT, "maxItems": COUNT, "uniqueItems": FLAG}, items=ITEMS),
)
#: A column without a logical type has no options, since these would have to suit all types.
UNTYPED = Keys(
    optional={
        "logicalTypeOptions": Keys(otherwise="Give the `logicalType` that this is an option of."),
        "properties": SUBCOLUMNS,
        "items": ITEMS,
    }
)
ELEMENT: dict[str, Form] = {**DESCRIBED, **TAGS, **DEFINITIONS, **texts("businessName physicalName physicalType")}
TABLE = Keys(
    required={"name": TEXT},
    optional={
        **ELEMENT,
        "logicalType": word("object"),
        "dataGranularityDescription": TEXT,
        "properties": SUBCOLUMNS,
        "relationships": Listed(FROM_TABLE),
        "quality": Listed(RULE),
    },
)
ITEM: Keys = Keys(
    optional={
        **ELEMENT,
        "name": TEXT,
        "logicalType": word("string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"),
        "logicalTypeOptions": SETTINGS,
        **dict.fromkeys(("primaryKey", "required", "unique", "partitioned", "criticalDataElement"), FLAG),
        **dict.fromkeys(("primaryKeyPosition", "partitionKeyPosition"), whole()),
        **texts("classification encryptedName transformLogic transformDescription"),
        "transformSourceObjects": TEXTS,
        "examples": Listed(ANYTHING),
        "relationships": Listed(FROM_COLUMN),
        "quality": Listed(RULE),
    },
    cases=(*LOGICAL, Case(lambda column: "logicalType" not in column, UNTYPED)),
)
COLUMN: Keys = replace(ITEM, required={"name": TEXT})


CONTRACT = Keys(
    required={
        "apiVersion": word("v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0", "v2.2.2", "v2.2.1", "v2.2.0"),
        "kind": word("DataContract"),
        **texts("id version status"),
    },
    optional={
        **texts("name tenant domain dataProduct contractCreatedTs slaDefaultElement"),
        "description": Keys(optional={**texts("purpose usage limitations"), **DEFINITIONS, **CUSTOM}, open=True),
        "servers": Listed(SERVER),
        "schema": Listed(TABLE),
        "team": one_of(TEAM, Listed(MEMBER)),
        "roles": Listed(ROLE),
        "support": Listed(CHANNEL),
        "price": PRICE,
        "slaProperties": Listed(SERVICE_LEVEL),
        **TAGS, **DEFINITIONS, **CUSTOM,
    },
)  # fmt: skip
