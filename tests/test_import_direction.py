"""The arrows between the packages of wherry point one way, and a short command loads little."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "wherry"
CORE = {"model", "errors", "quoting", "memory", "duckdb"}
PLUGIN = CORE | {"ports", "http"}  # beside these only its own driver
SIBLINGS = {"sources", "engines", "checks", "publishers", "notifiers", "secrets"}
#: What each part of wherry may import beside itself. A new part gets a line here.
ALLOWED = {
    "model": set(),
    "quoting": set(),
    "memory": set(),
    "duckdb": set(),
    "start": set(),
    "errors": {"model"},
    **dict.fromkeys(("ports", "http", "sql", "author"), CORE),
    **dict.fromkeys(("plan", "project", "policy", "pages"), CORE | {"sql"}),
    **dict.fromkeys(SIBLINGS, PLUGIN),
    "lake": PLUGIN,
    "plugins": PLUGIN | {"checks"},  # custom kinds beside the built-in ones
    "state": PLUGIN | {"lake"},  # one database
    "imports": CORE | {"sql", "project"},  # other tools' files become checks
    "contracts": CORE | {"sql", "project", "imports"},  # which may hold rules in other tools' words
    # The built-in engine and checks; sources come by way of plugins.
    "run": PLUGIN
    | {"plan", "sql", "project", "policy", "lake", "state", "plugins", "author", "engines", "checks"}
    | {"imports", "contracts"},
    "wherry": {"author"},  # from wherry import Table, table
    "__main__": {"cli"},
}
TOP = {*ALLOWED, "serve"} - SIBLINGS
ALLOWED |= {"cli": TOP, "serve": TOP, "testing": TOP | {"engines"}}  # a kind of check is tried on an engine
FILES = [path for path in SOURCE.rglob("*.py") if "templates" not in path.relative_to(SOURCE).parts]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that a file imports, wherever in the file."""
    package = ["wherry", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)


def problem(path: Path, name: str) -> str:
    """What is wrong with this import, or nothing."""
    here, there = path.relative_to(SOURCE).with_suffix("").parts, name.split(".")
    part = "wherry" if here == ("__init__",) else here[0]
    if there[0] != "wherry":
        if there[0] == "sqlglot" and part != "sql":
            return "only wherry.sql imports sqlglot"
        if there[0] in ("duckdb", "_duckdb") and here != ("duckdb",):
            return "only wherry.duckdb imports DuckDB's package: it is slow to import"
        if there[0] == "sqlalchemy" and not path.is_relative_to(SOURCE / "sources"):
            return "only a source imports sqlalchemy, which is an extra"
        return f"wherry.model imports {name}" if part == "model" and there[0] not in sys.stdlib_module_names else ""
    is_part = len(there) > 1 and ((SOURCE / there[1]).is_dir() or (SOURCE / f"{there[1]}.py").is_file())
    target = there[1] if is_part else "wherry"
    if part in SIBLINGS and target == part:
        return f"imports its sibling {name}" if here[1] not in ("__init__", *there[2:3]) else ""
    return "" if target in {part, *ALLOWED.get(part, ())} else f"wherry.{part} may not import {name}"


def test_arrows_point_down() -> None:
    found = [(str(path), line, why) for path in FILES for line, name in imports(path) if (why := problem(path, name))]
    assert not found, "\n".join(f"{path}:{line}: {why}" for path, line, why in found)


def test_project_never_runs_users_code() -> None:
    shipped = SOURCE / "project" / "template.py"  # runs a template's prepare.py, which is ours
    for path in (path for path in FILES if path.is_relative_to(SOURCE / "project") and path != shipped):
        tree = ast.walk(ast.parse(path.read_text()))
        calls = {node.func.id for node in tree if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not calls & {"exec", "eval", "compile", "__import__"}, path
        assert not {name.split(".")[0] for _, name in imports(path)} & {"importlib", "runpy", "pkgutil"}, path


@pytest.mark.skipif(not (SOURCE / "cli" / "__init__.py").exists(), reason="there is no command line yet")
def test_help_loads_little() -> None:
    program = "import sys, wherry.cli\ntry: wherry.cli.main()\nfinally: print(len(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert int(done.stderr.split()[-1]) < 250
