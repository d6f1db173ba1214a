"""Ask databases for their tables where a source file has a pattern for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.errors import WherryError
from wherry.project.config import Config, expand, variables_in
from wherry.project.located import read_yaml
from wherry.project.patterns import is_pattern, read_listings, write_listings
from wherry.project.source_files import SOURCE_KEYS


def list_tables(config: Config) -> None:
    """Remember which tables there are, for every source file with a pattern.

    A database that does not answer now is one whose tables are known from before; if they are not, its error is raised.
    """
    from wherry.run.look import tables_of
    from wherry.run.secrets import with_secrets

    known = read_listings(config.scratch)
    listings = dict(known)
    for path in sorted((config.folder / "sources").glob("**/*.y*ml")):
        text = path.read_bytes().decode("utf-8-sig", "replace")
        if "{table}" not in text:
            continue
        file = path.relative_to(config.folder).as_posix()
        document: Any = read_yaml(text, file=file).value
        tables = document.get("tables") if isinstance(document, Mapping) else None
        if not isinstance(tables, Mapping) or not any(map(is_pattern, tables.values())):
            continue
        options = {key: value for key, value in document.items() if key not in SOURCE_KEYS}
        try:
            own = with_secrets(config, variables_in(options)) if config.secrets else config
            if variables_in(options) - set(own.variables):
                continue  # told with its line, as that of any source
            given = dict(expand(options, own.variables))
            listings[path.stem] = [found.name for found in tables_of(str(document["connector"]), given, own)]
        except WherryError as error:
            if path.stem not in known:
                raise error.at(file, 1, 1) from None
    if listings != known:
        write_listings(config.scratch, listings)
