"""A project's folder that was renamed says where its lake was, and goes on with a link there."""

import shutil
from pathlib import Path

from fixtures.commands import Wherry


def test_a_renamed_folder_goes_on_with_a_link(shop: Path, wherry: Wherry) -> None:
    log = shop / "tables" / "marts" / "log.sql"
    log.write_text("-- build: append\nSELECT order_id FROM staging.orders\n")
    assert wherry("run", "--project", shop).code == 0
    new = shop.rename(shop.with_name("renamed"))
    (new / "tables/staging/orders.sql").write_text("SELECT 2 AS order_id, DATE '2026-01-01' AS day, 2.5 AS amount\n")
    done = wherry("run", "--project", new)
    said = f"The lake's files were written in `{shop}/.wherry/lake`"
    command = f"ln -s {new}/.wherry/lake {shop}/.wherry/lake"
    assert done.code == 1
    assert said in done.err and command in done.err and "HTTP" not in done.err
    asked = wherry("sql", "--project", new, "SELECT count(*) FROM marts.log")
    assert asked.code == 1 and said in asked.err and "HTTP" not in asked.err
    (shop / ".wherry").mkdir(parents=True)
    (shop / ".wherry" / "lake").symlink_to(new / ".wherry" / "lake")
    assert wherry("run", "--project", new).code == 0
    assert "2" in wherry("sql", "--project", new, "--format", "csv", "SELECT count(*) FROM marts.log").out


def test_a_commit_that_the_lake_refuses_is_told_in_its_words(shop: Path, wherry: Wherry) -> None:
    log = shop / "tables" / "marts" / "log.sql"
    log.write_text("-- build: append\nSELECT order_id FROM staging.orders\n")
    assert wherry("run", "--project", shop).code == 0
    copy = shop.with_name("copy")
    shop.rename(copy)
    shutil.copytree(copy, shop)
    (copy / "tables/staging/orders.sql").write_text("SELECT 2 AS order_id, DATE '2026-01-01' AS day, 2.5 AS amount\n")
    done = wherry("run", "--project", copy)
    assert done.code == 1
    assert f"what is in `{copy}/.wherry/lake` is a copy of them. Use the lake there." in done.err
    assert "non-200" not in done.err
