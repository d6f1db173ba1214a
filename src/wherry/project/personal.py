"""Columns that look like they tell who somebody is, by their names: a proposal, for a person to confirm."""

import re

#: Parts of names, in the languages that databases are named in.
_WORDS = (
    "e?mail", "phone", "mobile", "fax", "first_?name", "last_?name", "full_?name", "surname", "given_?name",
    "family_?name", "maiden_?name", "birth", "born", "dob", "gender", "sex", "address", "street", "zip", "postal",
    "postcode", "ssn", "social_?security", "passport", "tax_?id", "national_?id", "driver_?licen[cs]e", "iban",
    "card_?number", "account_?number", "ip_?addr(ess)?", "mac_?addr(ess)?", "latitude", "longitude", "geo", "password",
    "salary", "religion", "nationality", "picture", "photo", "signature", "user_?agent",
)  # fmt: skip
_PERSONAL = re.compile(rf"(^|_)({'|'.join(_WORDS)})(_|$|\d)", re.IGNORECASE)
#: What only names a row of another table.
_REFERENCE = re.compile(r"(^|_)(address|street|geo|picture|photo|signature|gender|religion|nationality)_id$", re.I)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def looks_personal(column: str) -> bool:
    """Whether a column's name is one that personal data often stands under: ``email``, ``BillingAddress``, ``dob``."""
    plain = _CAMEL.sub("_", column).replace(" ", "_").replace("-", "_")
    return _PERSONAL.search(plain) is not None and _REFERENCE.search(plain) is None
