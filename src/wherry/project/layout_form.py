"""What ``partition:`` and ``sort:`` say: how the files of a table are laid out."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from wherry.model.asset import Partition, Sort, Transform
from wherry.project.nearest import did_you_mean

_TRANSFORMS = tuple(word for word in get_args(Transform) if word != "identity")
_WIDE = ("bucket", "truncate")
_COLUMN = r'"(?:[^"]|"")+"|[^\s(),"]+'
_CALL = re.compile(rf"(\w+)\s*\(\s*(?:(\d+)\s*,\s*)?({_COLUMN})\s*\)\Z")
_PLAIN = re.compile(rf"({_COLUMN})\Z")
_SORTED = re.compile(rf"({_COLUMN})(?:\s+(asc|desc))?\Z", re.IGNORECASE)


class LayoutFormError(Exception):
    """A part of a layout is not understood."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_partition(written: Any) -> tuple[Partition, ...]:
    """``[day(ordered_at), bucket(16, id), region]``. Raises ``LayoutFormError``."""
    return tuple(_partition(part) for part in _parts(written))


def read_sort(written: Any) -> tuple[Sort, ...]:
    """``[ordered_at, id desc]``. Raises ``LayoutFormError``."""
    found = []
    for part in _parts(written):
        match = _SORTED.match(part)
        if match is None:
            raise LayoutFormError(f"`sort: {part}` is not understood.", "Write a column, or a column and `desc`.")
        found.append(Sort(column=_plain(match[1]), descending=(match[2] or "").lower() == "desc"))
    return tuple(found)


def _partition(part: str) -> Partition:
    if plain := _PLAIN.match(part):
        return Partition(column=_plain(plain[1]))
    call = _CALL.match(part)
    if call is None:
        raise LayoutFormError(f"`partition: {part}` is not understood.", _FORMS)
    word = call[1].lower()
    if word not in _TRANSFORMS:
        raise LayoutFormError(
            f"There is no way to partition called `{call[1]}`.", did_you_mean(word, _TRANSFORMS, _FORMS)
        )
    width = int(call[2] or 0)
    if (word in _WIDE) != bool(width) or width > 2**31 - 1:
        form = f"{word}(16, {call[3]})" if word in _WIDE else f"{word}({call[3]})"
        raise LayoutFormError(f"`partition: {part}` must read like `{form}`.")
    return Partition(column=_plain(call[3]), transform=word, width=width)  # type: ignore[arg-type]


_FORMS = "Write a column, or one of year(c), month(c), day(c), hour(c), bucket(16, c), truncate(4, c)."


def _parts(written: Any) -> Iterator[str]:
    """The parts of a list or a text; YAML cuts ``[bucket(16, id)]`` at the comma, so they are joined first."""
    items = written if isinstance(written, list) else [written]
    if any(isinstance(item, list | dict) for item in items):
        raise LayoutFormError("This must be a list of words.", _FORMS)
    text, part, depth, quoted = ", ".join(map(str, items)), "", 0, False
    for letter in text + ",":
        if letter == '"':
            quoted = not quoted
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == "," and not quoted and depth <= 0:
            if part.strip():
                yield part.strip()
            part = ""
        else:
            part += letter
    if part.strip():
        yield part.strip()


def _plain(column: str) -> str:
    return column[1:-1].replace('""', '"') if column.startswith('"') else column
