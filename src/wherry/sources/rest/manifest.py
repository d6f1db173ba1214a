"""An Airbyte manifest (``manifest.yaml``), read as it is: references, parameters, lines, streams."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import lru_cache
from pathlib import Path
from typing import Any

from wherry.errors import ProjectError
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.ports import Found, TableRequest
from wherry.sources.rest.declared import Declared
from wherry.sources.rest.options import Options

#: What only describes, or says how Airbyte itself runs it.
DESCRIBES = frozenset(
    [
        "type",
        "name",
        "description",
        "title",
        "version",
        "spec",
        "check",
        "metadata",
        "schemas",
        "concurrency_level",
        "max_concurrent_async_job_count",
        "$parameters",
        "$options",
        "schema_loader",
        "schema_normalization",
        "use_cache",
        "primary_key",
        "definitions",
        "streams",
        "dynamic_streams",
        "api_budget",
        "stream_cursor_field",
        "state_migrations",
    ]
)
#: What of a stream says how its rows are fetched, or nothing of them at all.
_HOW = (DESCRIBES - {"type", "name", "primary_key", "$parameters", "stream_cursor_field"}) | {
    "authenticator",
    "error_handler",
    "lookback_window",
}
_OLD_REFERENCE = re.compile(r"\*ref\(([\w./-]+)\)\Z")


class Part(dict[str, Any]):
    """A mapping of the manifest that knows where it stands."""

    line: int = 0
    #: The line of each key.
    lines: Mapping[str, int] = {}


@dataclass(slots=True)
class Problems:
    """What is not read, each with its line."""

    file: str
    found: list[Finding] = field(default_factory=list)

    def add(self, part: Any, key: str, message: str, hint: str = "") -> None:
        line = part.lines.get(key, part.line) if isinstance(part, Part) else 0
        hint = hint or "See the list of what is read in the documentation of web APIs; or declare the table in YAML."
        finding = Finding(code="unsupported-manifest", message=message, hint=hint, file=self.file, line=line, column=1)
        if finding not in self.found:
            self.found.append(finding)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose references are resolved."""

    file: str
    root: Part

    @property
    def streams(self) -> dict[str, Part]:
        return {
            str(self.name_of(stream)): stream
            for stream in self.root.get("streams", ())
            if isinstance(stream, Part) and self.name_of(stream)
        }

    @staticmethod
    def name_of(stream: Part) -> Any:
        return stream.get("name") or (stream.get("$parameters") or {}).get("name")

    def tables(self, options: Options) -> Iterator[Found]:
        """Its streams; one that is not read says why."""
        from wherry.sources.rest.translate import cursor_of, key_of

        for name, stream in sorted(self.streams.items()):
            cursor = cursor_of(stream)
            kind, about = "endpoint", str(stream.get("description") or "")
            try:
                self.declared(options, TableRequest(name=name, mode="full"))
            except ProjectError as error:
                kind, about = "stream that is not read", error.findings[0].message
            yield Found(name=name, kind=kind, key=key_of(stream), cursors=(cursor,) if cursor else (), about=about)

    def meaning(self, table: str) -> str:
        """What decides which rows the stream called like the table has; empty where there is none."""
        stream = self.streams.get(table)
        return json.dumps(_asked(stream), sort_keys=True, default=str) if stream is not None else ""

    def declared(self, options: Options, request: TableRequest) -> Declared:
        """The stream called like the table. Raises ``ProjectError`` with everything of it that is not read."""
        from wherry.sources.rest.translate import Translation

        stream = self.streams.get(request.name)
        if stream is None:
            from difflib import get_close_matches

            close = get_close_matches(request.name, self.streams, n=1)
            hint = f"Did you mean `{close[0]}`?" if close else f"There are: {', '.join(sorted(self.streams))}."
            message = f"`{self.file}` has no stream `{request.name}`."
            raise ProjectError(findings=[Finding(code="unknown-table", message=message, hint=hint)])
        problems = Problems(self.file)
        if self.root.get("api_budget"):
            problems.add(self.root, "api_budget", "`api_budget` is not read.", "Say `rate:` in the source file.")
        declared = Translation(self, options, problems).stream(stream, request)
        errors = [finding for finding in problems.found if "api_budget" not in finding.message or not options.rate]
        if errors:
            raise ProjectError(findings=errors)
        return declared


def read_manifest(options: Options) -> Manifest:
    """The manifest that the source file names. Raises ``ProjectError``."""
    path = Path(options.project or ".") / options.manifest
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        message = f"There is no manifest `{options.manifest}`."
        hint = "Its path is relative to the project."
        raise ProjectError(findings=[Finding(code="no-file", message=message, hint=hint)]) from None
    try:
        return _read(path, options.manifest, changed)
    except OSError as error:
        message = f"The manifest `{options.manifest}` cannot be read: {error.strerror or error}."
        hint = "Name a file that the user that runs wherry may read."
        raise ProjectError(findings=[Finding(code="unreadable", message=message, hint=hint)]) from None
    except RecursionError:
        message = f"`{options.manifest}` holds itself, or is nested too deeply."
        raise ProjectError(findings=[Finding(code="not-yaml", message=message, file=options.manifest)]) from None


@lru_cache(maxsize=50)
def _read(path: Path, file: str, changed: int) -> Manifest:
    import yaml

    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        message = f"`{file}` is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}."
        line = mark.line + 1 if mark else 1
        raise ProjectError(findings=[Finding(code="not-yaml", message=message, file=file, line=line)]) from None
    root = _plain(node, yaml.SafeLoader(""))
    if not isinstance(root, Part) or not root.get("streams"):
        message = f"`{file}` is no manifest: it has no `streams`."
        raise ProjectError(findings=[Finding(code="bad-manifest", message=message, file=file, line=1)])
    resolved = _resolved(root, root, file, ())
    return Manifest(file, _with_parameters(resolved, {}))


def _plain(node: Any, loader: Any) -> Any:
    """Plain values from YAML's nodes, mappings with their lines; dates stay text."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        part = Part((str(key.value), _plain(value, loader)) for key, value in node.value)
        part.line = node.start_mark.line + 1
        part.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
        return part
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, loader) for item in node.value]
    if node is None or node.tag.endswith(("timestamp", "binary")):
        return node.value if node is not None else None
    return loader.construct_object(node)


def _resolved(value: Any, root: Part, file: str, above: tuple[str, ...]) -> Any:
    """The value with what it refers to in the place of references; keys beside ``$ref`` win."""
    if isinstance(value, list):
        return [_resolved(item, root, file, above) for item in value]
    if isinstance(value, str) and (reference := _reference(value)):
        return _target(reference, root, file, above)
    if not isinstance(value, Part):
        return value
    made = Part()
    made.line, made.lines = value.line, dict(value.lines)
    if isinstance(value.get("$ref"), str):
        target = _target(_reference(value["$ref"]) or value["$ref"], root, file, above)
        if not isinstance(target, Part):
            return target
        made.update(target)
        made.lines = {**target.lines, **value.lines}
    for key, item in value.items():
        if key == "definitions" and value is root:
            continue
        if key != "$ref":
            own = _resolved(item, root, file, above)
            beside = made.get(key)
            if key in ("$parameters", "$options") and isinstance(beside, Part) and isinstance(own, Part):
                own = _merged(beside, own)
            made[key] = own
    return made


def _asked(value: Any) -> Any:
    """A part without what says how, but for what goes into requests as it stands."""
    if isinstance(value, list):
        return [_asked(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    verbatim = ("request_", "$")
    return {k: v if k.startswith(verbatim) else _asked(v) for k, v in value.items() if k not in _HOW}


def _merged(first: Part, second: Part) -> Part:
    made = Part({**first, **second})
    made.line, made.lines = second.line, {**first.lines, **second.lines}
    return made


def _reference(text: str) -> str:
    if text.startswith("#/"):
        return text[2:]
    old = _OLD_REFERENCE.match(text)
    return old[1].replace(".", "/") if old else ""


def _target(reference: str, root: Part, file: str, above: tuple[str, ...]) -> Any:
    if reference in above:
        message = f"`{file}`: `#/{reference}` refers to itself."
        raise ProjectError(findings=[Finding(code="bad-manifest", message=message, file=file, line=root.line)])
    found: Any = root
    for name in reference.split("/"):
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Part) and name in found:
            found = found[name]
        else:
            message = f"`{file}` refers to `#/{reference}`, which is not there."
            raise ProjectError(findings=[Finding(code="bad-manifest", message=message, file=file, line=root.line)])
    return _resolved(found, root, file, (*above, reference))


def _with_parameters(value: Any, given: Mapping[str, Any]) -> Any:
    """Parameters go down to every part below the one that has them, each its own over those from above."""
    if isinstance(value, list):
        return [_with_parameters(item, given) for item in value]
    if not isinstance(value, Part):
        return value
    own = {**given, **(value.get("$options") or {}), **(value.get("$parameters") or {})}
    made = Part({k: _with_parameters(v, own) for k, v in value.items() if k not in ("$parameters", "$options")})
    made.line, made.lines = value.line, value.lines
    if own:
        made["$parameters"] = own
    return made
