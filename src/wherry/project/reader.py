"""Read a project's folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from wherry.model.asset import Asset, AssetKind
from wherry.model.finding import Finding
from wherry.model.graph import Graph, Unread
from wherry.model.unshown import shown_line, without_passwords
from wherry.project.cache import Cache
from wherry.project.config import Config
from wherry.project.draft import Draft, Drafts
from wherry.project.folders import as_far_as_readable, files_of, read_text
from wherry.project.join import join
from wherry.project.patterns import read_listings
from wherry.project.python_files import read_python_table
from wherry.project.source_files import read_source_file
from wherry.project.sql_files import SqlFiles
from wherry.project.unit_test_files import read_unit_tests

#: Text of a check's file, the file, the tables -> name, SQL and severity of each check in it; or why there is none.
Translate = Callable[[str, str, Sequence[Asset]], Sequence[tuple[str, str, str]] | Finding]


def read_project(
    config: Config,
    cache: Cache,
    translate: Translate | None = None,
    *,
    unlisted: Mapping[str, Unread] | None = None,
    published: Callable[[], Iterable[str]] = tuple,
) -> Graph:
    """The graph of ``config.folder``, with every finding of every file; types are not yet bound.

    ``translate`` makes SQL of those files in checks/ that are written for another tool; ``unlisted`` says, by file, why
    a source could not be asked which tables it has. Where a file may make tables that are not known, ``published``
    gives the names of those that the lake has: they may be its own.

    O(size of the files that changed) parsing and O(all files) hashing.
    """
    drafts = Drafts(custom=custom_kinds(config.folder))
    sql = SqlFiles(cache, drafts)
    # What the environment lacks, a secret store may have; it is asked when the source is.
    known = None if config.secrets else config.variables

    def each(
        folder: str,
        endings: tuple[str, ...],
        read: Callable[[str, str], None],
        lost: Callable[[str, Finding], None] = lambda file, why: drafts.findings.append(why),
    ) -> None:
        for file in files_of(config.folder, folder, endings):
            text = read_text(config.folder, file)
            if isinstance(text, Finding):
                lost(text.file, text)
                continue
            read(file, text)

    def table(file: str, text: str) -> None:
        name = _table_name(file, drafts)
        if name and file.lower().endswith(".sql"):
            sql.table(name, file, text)
        elif name:
            read_python_table(name, file, text, config.folder, drafts)

    def lost_table(file: str, why: Finding) -> None:
        if file.endswith("/"):
            drafts.tell([why])
            return
        drafts.findings.append(why)
        if name := _table_name(file, drafts):
            kind: AssetKind = "sql" if file.lower().endswith(".sql") else "python"
            drafts.assets.append(Draft(asset=Asset(name=name, kind=kind, file=file, held=(why,)), sound=False))

    def lost_functions(file: str, why: Finding) -> None:
        sql.lost_functions(file, why, as_far_as_readable(config.folder / file))

    def check(file: str, text: str) -> None:
        if translate is None or not any(mark in text for mark in ("{{", "{%", "{#")):
            sql.check(file, text)
            return
        answer = translate(text, file, [draft.asset for draft in drafts.assets if draft.asset is not None])
        if isinstance(answer, Finding):
            drafts.findings.append(answer)
            return
        for name, statement, severity in answer:
            sql.check(file, statement, name=name, severity=severity)

    def source(file: str, text: str) -> None:
        read_source_file(file, text, known, drafts, listings, unlisted)

    each("functions", (".sql",), sql.functions, lost_functions)
    listings = read_listings(config.scratch)
    each("sources", (".yml", ".yaml"), source, lambda file, why: drafts.tell([why]))
    each("tables", (".sql", ".py"), table, lost_table)
    each("checks", (".sql",), check)
    each("tests", (".yml", ".yaml"), lambda f, t: read_unit_tests(f, t, drafts))
    return join(drafts, published() if drafts.unread else ())


def custom_kinds(folder: Path) -> frozenset[str]:
    """Kinds of checks that may be the project's own: the names of the files in plugins/."""
    plugins = folder / "plugins"
    return frozenset(path.stem for path in plugins.glob("*.py")) if plugins.is_dir() else frozenset()


def read_functions(config: Config) -> Graph:
    """A graph of the project's SQL functions alone, for queries; broken ones are left out."""
    drafts = Drafts()
    sql = SqlFiles(Cache(None), drafts)
    for file in files_of(config.folder, "functions", (".sql",)):
        sql.functions(file, as_far_as_readable(config.folder / file))
    return join(drafts)


def with_source_lines(findings: tuple[Finding, ...], texts: dict[str, str]) -> tuple[Finding, ...]:
    """The findings in the order of files and lines, each with the text of its line."""
    lines = {file: texts[file].split("\n") for file in {f.file for f in findings} if file in texts}

    def shown(finding: Finding) -> Finding:
        said, hint = without_passwords(finding.message), without_passwords(finding.hint)
        finding = replace(finding, message=said, hint=hint)
        rows = lines.get(finding.file, [])
        if finding.source_line or not 0 < finding.line <= len(rows):
            return finding
        line = shown_line(rows[finding.line - 1], of_source=finding.file.startswith("sources/"))
        return replace(finding, source_line=line)

    return tuple(sorted(map(shown, findings), key=lambda f: (f.file, f.line, f.column, f.code)))


def _table_name(file: str, drafts: Drafts) -> str:
    parts = file.rpartition(".")[0].split("/")[1:]
    if len(parts) <= 2 and "." not in "".join(parts):
        return ".".join(parts if len(parts) == 2 else ("main", *parts))
    hint = "Put it at tables/<schema>/<table>.sql, without dots in either name."
    message = f"The path does not name a table: {'.'.join(parts)} is not schema.table."
    # What it made before, under the name that it had, is not gone.
    drafts.tell([Finding(code="bad-name", message=message, hint=hint, file=file, line=1, column=1)])
    return ""
