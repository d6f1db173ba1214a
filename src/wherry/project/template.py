"""Folders that ``wherry new`` begins with."""

import importlib.util
import re
import shutil
from pathlib import Path

from wherry.errors import UsageError

#: A template's own script: called with the new folder, and not copied into it.
PREPARE = "prepare.py"


def make_project(folder: Path, template: str) -> list[str]:
    """Make ``folder`` from a template; the files made, relative to it. Raises ``UsageError`` when it is not empty.

    Made beside its place and moved there when whole, so that a failure leaves nothing behind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty.", hint="Choose another folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}.", hint="Choose another folder.") from None
    origin = Path(__file__).parent.parent / "templates" / template
    beside = folder.parent / f".{folder.name}.new"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        shutil.copytree(origin, beside, ignore=shutil.ignore_patterns(PREPARE, "__pycache__"))
        config = beside / "wherry.toml"
        name = re.sub(r"[^\w-]+", "_", folder.resolve().name) or "project"
        config.write_text(re.sub(r'^name = ".*"$', f'name = "{name}"', config.read_text(), count=1, flags=re.MULTILINE))
        _prepare(origin / PREPARE, beside)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _prepare(script: Path, target: Path) -> None:
    if not script.is_file():
        return
    spec = importlib.util.spec_from_file_location("wherry_template", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.prepare(target)
