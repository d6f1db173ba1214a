"""``wherry new``"""

from __future__ import annotations

import json
from pathlib import Path

import click

TEMPLATES = ("minimal", "flights")


@click.command(epilog="Example:  wherry new shop && cd shop && wherry run")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--template", type=click.Choice(TEMPLATES), default="minimal", show_default=True, help="What to begin with."
)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")
def command(folder: Path, template: str, as_json: bool) -> int:
    """Make DIR, a folder that runs: sources, tables, checks and tests to change into your own."""
    from wherry.project.template import make_project

    files = make_project(folder, template)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "template": template, "files": files}))
    else:
        click.echo(f"Made {folder} with {len(files)} files. Next:  cd {folder} && wherry run")
    return 0
