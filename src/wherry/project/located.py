"""YAML that remembers where everything stood."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A value of plain JSON types, and the place of each of its parts."""

    value: Any
    #: ``(line, column)``, 1-based, of each key or item, by its path: keys and indexes joined with ``/``.
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def at(self, path: str) -> tuple[int, int]:
        """The place of ``path``, or of the nearest thing that holds it."""
        while path and path not in self.places:
            path = path.rpartition("/")[0]
        return self.places.get(path, (1, 1))


def read_yaml(text: str, *, file: str, line: int = 0, column: int = 0) -> Located:
    """Read one YAML document that begins ``line`` lines and ``column`` columns into ``file``.

    Scalars are null, true, false, decimal integers, floats or text: dates, ``yes``, ``10:00`` and ``007`` stay the
    text that was written. What is wrong comes back as findings, with the value None.
    """
    import yaml

    loader = yaml.CSafeLoader(text) if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader(text)
    places: dict[str, tuple[int, int]] = {}
    findings: list[Finding] = []

    def place(node: Any) -> tuple[int, int]:
        return node.start_mark.line + 1 + line, node.start_mark.column + 1 + column

    def plain(node: Any, path: str) -> Any:
        places.setdefault(path, place(node))
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [plain(item, f"{path}/{index}" if path else str(index)) for index, item in enumerate(node.value)]
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            below = f"{path}/{key}" if path else key
            if key in result:
                at, across = place(key_node)
                findings.append(
                    Finding(
                        code="duplicate-key",
                        message=f"`{key}` is given twice.",
                        hint="Keep one of them.",
                        file=file,
                        line=at,
                        column=across,
                    )
                )
            places[below] = place(key_node)
            result[key] = plain(value_node, below)
        return result

    try:
        node = loader.get_single_node()
        value = None if node is None else plain(node, "")
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        if mark is not None and not text[mark.index :].strip():
            # What was never closed is found missing at the end only: show where it begins.
            mark = getattr(error, "context_mark", None) or mark
        problem = getattr(error, "problem", None) or "it cannot be read"
        findings.append(
            Finding(
                code="not-yaml",
                message=f"This is not {'JSON' if file.lower().endswith('.json') else 'YAML'}: {problem}.",
                hint=""
                if file.lower().endswith(".json")
                else 'Quote text that holds any of : [ ] { } > , # or a leading symbol, for example ">= 0".',
                file=file,
                line=(mark.line + 1 if mark else 1) + line,
                column=(mark.column + 1 if mark else 1) + column,
            )
        )
        return Located(value=None, findings=tuple(findings))
    finally:
        loader.dispose()
    return Located(value=value, places=places, findings=tuple(findings))


def _scalar(node: Any) -> Any:
    text, tag = node.value, node.tag.rpartition(":")[2]
    if node.style in ("'", '"') or tag == "str":
        return text
    if tag == "null":
        return None
    if tag == "bool" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if tag == "int" and _INTEGER.match(text):
        return int(text)
    if tag == "float":
        try:
            return float(text)
        except ValueError:
            return text
    return text
