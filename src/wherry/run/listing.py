"""Ask databases for their tables where a source file has a pattern for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from wherry.errors import WherryError
from wherry.model.finding import Finding
from wherry.model.graph import Unread
from wherry.project.config import Config, expand, unset, variables_in
from wherry.project.folders import files_of, read_text
from wherry.project.located import read_yaml
from wherry.project.patterns import is_pattern, read_listings, write_listings
from wherry.project.source_files import SOURCE_KEYS
from wherry.run.redact import redacted


def list_tables(config: Config) -> dict[str, Unread]:
    """Remember which tables there are, for every source file with a pattern; for each that does not tell, why.

    The tables of a database that does not answer now are those that were known before.
    """
    from wherry.run.look import tables_of
    from wherry.run.secrets import with_secrets

    known = read_listings(config.scratch)
    listings = dict(known)
    silent: dict[str, Unread] = {}
    for file in files_of(config.folder, "sources", (".yml", ".yaml")):
        text = read_text(config.folder, file)
        if isinstance(text, Finding) or "{table}" not in text:
            continue
        document: Any = read_yaml(text, file=file).value
        tables = document.get("tables") if isinstance(document, Mapping) else None
        if not isinstance(tables, Mapping) or not any(map(is_pattern, tables.values())):
            continue
        options = {key: value for key, value in document.items() if key not in SOURCE_KEYS}
        own, stem = config, PurePosixPath(file).stem
        try:
            own, lacking = with_secrets(config, variables_in(options)) if config.secrets else (config, {})
            if lacking:
                silent[file] = Unread(finding=next(iter(lacking.values())))
            if not isinstance(document.get("connector"), str) or unset(variables_in(options), own):
                continue  # told with its line, as that of any source
            given = dict(expand(options, own.variables))
            listings[stem] = [found.name for found in tables_of(document["connector"], given, own)]
        except WherryError as error:
            first = redacted(error.at(file, 1, 1).findings[0], variables_in(options), own)
            silent[file] = Unread(finding=first, fault=1 if error.exit_code == 1 else 2)
    if listings != known:
        write_listings(config.scratch, listings)
    return silent
