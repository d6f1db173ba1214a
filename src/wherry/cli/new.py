"""``wherry new``: a project, or a part of one."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import click

TEMPLATES = ("minimal", "flights")
#: What ``wherry new WORD`` makes beside a folder; the command is ``command`` in ``wherry.cli.new_<word>``.
PARTS = {
    "source": "A source file for what is at a URL.",
    "checks": "Checks for a table: from its rows, or from a file of another tool.",
}
#: The command that makes a folder. No folder is called so.
_FOLDER = "\0folder"


class Parts(click.Group):
    """``wherry new DIR`` makes a folder; ``wherry new WORD`` a part of a project. ``wherry new ./WORD`` is a folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in PARTS and args[0] not in ctx.help_option_names:
            args = [_FOLDER, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _FOLDER:
            return folder_command
        if cmd_name not in PARTS:
            return None
        return import_module(f"wherry.cli.new_{cmd_name}").command  # type: ignore[no-any-return]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "DIR [--template TEMPLATE] [--json]")
        for word in PARTS:
            formatter.write_usage(ctx.command_path, f"{word} ...", prefix="       ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Options"):
            records = [parameter.get_help_record(ctx) for parameter in folder_command.get_params(ctx)]
            formatter.write_dl([record for record in records if record is not None])
        with formatter.section("Parts of a project"):
            formatter.write_dl(list(PARTS.items()))


@click.group(cls=Parts, epilog="Example:  wherry new shop && cd shop && wherry run")
def command() -> None:
    """Make DIR, a folder that runs: sources, tables, checks and tests to change into your own.

    Or make a part of the project you are in, such as checks.
    """


@click.command("DIR")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--template", type=click.Choice(TEMPLATES), default="minimal", show_default=True, help="What to begin with."
)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document on standard output.")
def folder_command(folder: Path, template: str, as_json: bool) -> int:
    from wherry.project.template import make_project

    files = make_project(folder, template)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "template": template, "files": files}))
    else:
        click.echo(f"Made {folder} with {len(files)} files. Next:  cd {folder} && wherry run")
    return 0
