"""The command line: one file per verb, loaded when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from wherry.start import quick_start

#: Verb -> what it does, in the order of ``--help``. The command is ``command`` in ``wherry.cli.<verb>``.
VERBS = {
    "new": "Make a folder that runs.",
    "check": "Read, type and check the project; no data is read.",
    "plan": "Show what a run would do, and why.",
    "run": "Bring the lake up to date.",
    "test": "Run the unit tests.",
    "show": "List the tables, or tell all about one.",
    "sql": "Query the lake.",
    "contract": "Write, check and compare data contracts.",
    "diff": "Show what differs between branches, commits or times.",
    "log": "List the lake's commits.",
    "restore": "Go back to a commit.",
    "branch": "List, make and drop branches.",
    "merge": "Publish a branch.",
    "lake": "Take tables of other systems in, write tables for them.",
    "serve": "Offer the lake to other engines.",
    "upkeep": "Make queries fast again, and free the disk.",
}


class Verbs(click.Group):
    """Finds a verb's command without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return import_module(f"wherry.cli.{cmd_name}").command  # type: ignore[no-any-return]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"There is no verb `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 the data is at fault, 2 the project is at fault, 3 wherry is.",
)
@click.version_option(package_name="wherry", message="wherry %(version)s")
def program() -> None:
    """A folder of SQL becomes a checked, branching, open lakehouse.

    Begin with:  wherry new shop && cd shop && wherry run
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """The entry point: runs a verb and turns every error into findings and an exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    quick_start()
    try:
        code = program.main(args=arguments, prog_name="wherry", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        _end(130, "Stopped. Published tables are as they were.")
    except click.ClickException as error:
        if "--json" not in arguments:
            error.show()
            sys.exit(2)
        from wherry.cli.failure import tell
        from wherry.errors import UsageError

        sys.exit(tell(UsageError(error.format_message()), as_json=True, trace=False))
    except KeyboardInterrupt:
        _end(130, "Stopped. Published tables are as they were; the next run goes on from here.")
    except BrokenPipeError:
        sys.stdout = None
        sys.exit(0)
    except Exception as error:
        from wherry.cli.failure import tell

        sys.exit(tell(error, as_json="--json" in arguments, trace=bool(os.environ.get("WHERRY_TRACE"))))


def _end(code: int, message: str) -> NoReturn:
    click.echo(f"\n{message}", err=True)
    sys.exit(code)
