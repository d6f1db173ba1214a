"""``wherry new checks --from``, for a test that is one SELECT: it becomes a file of checks/."""

from __future__ import annotations

from pathlib import Path

import click

from wherry.cli.common import Place


def converted_sql(place: Place, file: Path, write: bool, target: Path | None) -> int:
    """Print a singular test of dbt in the project's names of tables, or write it to ``target``."""
    from wherry.cli.failure import as_document, show_findings
    from wherry.errors import UsageError
    from wherry.model.finding import Finding
    from wherry.project.reader import with_source_lines
    from wherry.run.agreed import translated

    if write or (target is not None and target.suffix.lower() != ".sql"):
        raise UsageError(
            "A test that is SQL becomes a file of SQL, not a part of a header.",
            hint=f"Say --to checks/{file.stem}.sql, or put {file.name} into checks/: it is read as it is.",
        )
    config = place.config()
    with place.existing_lake(config) as lake:
        project = place.project(config, lake)
    text = file.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    found = translated(text, file.as_posix(), list(project.graph.assets.values()))
    findings = with_source_lines((found,), {found.file: text}) if isinstance(found, Finding) else ()
    # One that warns before it fails is two files.
    made = {} if isinstance(found, Finding) else {_beside(target, n): _text(sql, s) for n, sql, s in found}
    if target is not None:
        for path, sql in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(sql, encoding="utf-8")
    if place.as_json:
        told = [{"name": path.stem, "sql": sql} for path, sql in made.items()]
        written = [str(path) for path in made] if target is not None else []
        place.answer({"checks": told, "written": written, "findings": [as_document(each) for each in findings]})
    else:
        show_findings(findings)
        if target is not None and made:
            click.echo(f"Wrote {', '.join(map(str, made))}. Next:  wherry run")
        elif made:
            click.echo("\n".join(made.values()), nl=False)
            click.echo(f"Nothing was written. --to checks/{file.stem}.sql does.", err=True)
    return 2 if any(each.severity == "error" for each in findings) else 0


def _beside(target: Path | None, name: str) -> Path:
    """The file of a check: ``target``, or one beside it that says it is the warning."""
    path = target if target is not None else Path(f"{name.removesuffix(' (warning)')}.sql")
    return path.with_stem(f"{path.stem}_warning") if name.endswith(" (warning)") else path


def _text(sql: str, severity: str) -> str:
    # The empty line keeps what the test begins with from being read as keys.
    return f"{'-- severity: warn' * (severity == 'warn')}\n\n{sql.strip()}\n".lstrip("\n")
