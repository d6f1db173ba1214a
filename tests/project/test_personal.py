"""Which columns are proposed as personal, by their names alone."""

import pytest

from wherry.project.personal import looks_personal


@pytest.mark.parametrize("column", ["email", "E-Mail", "billing_address", "BillingAddress", "dob", "tax_id", "phone_2"])
def test_personal(column: str) -> None:
    assert looks_personal(column)


@pytest.mark.parametrize(
    "column", ["id", "address_id", "billingAddressId", "photo_id", "created_at", "sextant", "total"]
)
def test_not_personal(column: str) -> None:
    assert not looks_personal(column)
