"""A proposed source file reads back as what was found, whatever it is called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.project.draft import Drafts
from wherry.project.personal import looks_personal
from wherry.project.source_files import read_source_file
from wherry.project.source_text import Proposed, scalar, source_text


def proposed(name: str, **said: object) -> Proposed:
    fields = {"kind": "table", "columns": (), "key": (), "cursors": (), "rows": None, "size": None, "about": ""}
    return Proposed(name=name, **{**fields, **said})  # type: ignore[arg-type]


def read(text: str) -> Drafts:
    drafts = Drafts()
    read_source_file("sources/s.yml", text, None, drafts)
    assert drafts.findings == [], text
    return drafts


def test_what_was_found_is_written_with_its_reasons() -> None:
    columns = (("id", "BIGINT"), ("email", "VARCHAR"), ("updated_at", "TIMESTAMP"))
    text = source_text(
        "postgres",
        {"url": "${SHOP_DB_URL}"},
        "raw",
        [
            proposed("public.orders", columns=columns, key=("id",), cursors=("updated_at", "id"), rows=1_200_000),
            proposed("public.lines", key=("order_id", "line"), size=3_000_000, about="Lines\nof orders"),
            proposed("public.log", cursors=("at",)),
            proposed("public.big_spenders", kind="view"),
        ],
    )
    assert text == (
        "connector: postgres\n"
        'url: "${SHOP_DB_URL}"\n'
        "# fresh: within 1 day            # be told when it is older\n"
        "\n"
        "tables:\n"
        "  # about 1,200,000 rows, 3 columns\n"
        "  public.orders:\n"
        "    as: raw.orders\n"
        "    mode: incremental\n"
        "    cursor: updated_at\n"
        "    key: id\n"
        "    columns:\n"
        "      email: {tags: [pii]}   # looks personal by its name\n"
        "  # 3.0 MB. Lines of orders\n"
        "  public.lines:\n"
        "    as: raw.lines\n"
        "    mode: full\n"
        "    key: [order_id, line]\n"
        "  public.log:\n"
        "    as: raw.log\n"
        "    mode: full\n"
        "    # where rows are only added: mode: incremental, cursor: at; no key was found\n"
        "  # view\n"
        "  # public.big_spenders:\n"
        "  #   as: raw.big_spenders\n"
        "  #   mode: full\n"
    )
    drafts = read(text)
    assert [draft.asset.name for draft in drafts.assets] == ["raw.orders", "raw.lines", "raw.log"]
    orders = drafts.assets[0].asset
    assert orders.source is not None and (orders.source.cursor, orders.source.key) == ("updated_at", ("id",))
    assert [(column.name, column.tags) for column in orders.columns] == [("email", ("pii",))]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(names=st.lists(TEXTS, min_size=1, max_size=5, unique=True), column=TEXTS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_name_reads_back(names: list[str], column: str) -> None:
    text = source_text("sql", {"url": "a: b # c"}, "raw", [proposed(name, key=(column,)) for name in names])
    drafts = read(text)
    tables = [draft.asset.source for draft in drafts.assets]
    assert [table and table.table for table in tables] == names
    assert all(table and table.key == (column,) and table.options == {"url": "a: b # c"} for table in tables)
    assert len({draft.asset.name.lower() for draft in drafts.assets}) == len(names)


@pytest.mark.parametrize("word", ["yes", "No", "null", "1", "1.5", "2026-01-01", "~", "a: b", "- x", "", "a b", "é"])
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    assert scalar(word).startswith('"')


def test_names_of_personal_columns() -> None:
    personal = [
        "email",
        "E_Mail",
        "BillingAddress",
        "dob",
        "first name",
        "customer_phone",
        "ip_address",
        "IBAN",
        "Postcode",
        "tax_id",
    ]
    assert [name for name in personal if not looks_personal(name)] == []
    plain = [
        "address_id",
        "billingAddressId",
        "photo_id",
        "id",
        "amount",
        "status",
        "sextant",
        "emailed",
        "product_name",
        "addressed",
        "geometry",
        "zipper",
    ]
    assert [name for name in plain if looks_personal(name)] == []
