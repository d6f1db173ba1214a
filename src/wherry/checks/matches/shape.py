"""Regular expressions that say which few characters may stand in each place, ``^[A-Z]{2}[0-9]{6}$``: what they mean."""

from __future__ import annotations

import re

from wherry.model.dataclass import dataclass

#: Places of a shape, at most.
_MOST = 64
_BOUNDS = re.compile(r"\{(\d{1,3})(?:(,)(\d{1,3})?)?\}")
_PLAIN = re.compile(r"[ -~]")
_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_GLOB = frozenset("*?[]\\")
_COUNTS: dict[str, tuple[int, int | None]] = {"+": (1, None), "*": (0, None), "?": (0, 1)}
#: What would count a count.
_AGAIN = tuple("+*?{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Characters that are repeated."""

    #: From and to, in ASCII.
    ranges: tuple[tuple[str, str], ...]
    least: int = 1
    #: None: as many as there are.
    most: int | None = 1


def places(pattern: str) -> list[Place] | None:
    """The places of a regular expression (RE2) that is nothing but those, from end to end; None for others."""
    if len(pattern) < 2 or pattern[0] != "^" or pattern[-1] != "$":
        return None
    body, at, found = pattern[1:-1], 0, list[Place]()
    while at < len(body):
        read = _characters(body, at)
        if read is None:
            return None
        ranges, at = read
        counted = _counted(body, at)
        if counted is None:
            return None
        least, most, at = counted
        found.append(Place(ranges=ranges, least=least, most=most))
    return found


def lengths(pattern: str) -> tuple[int, int | None] | None:
    """How many characters a value has in which a regular expression is found, at least and at most; None: unknown."""
    found = places(pattern)
    if found is None:
        return None
    most = [each.most for each in found]
    return sum(each.least for each in found), None if None in most else sum(each for each in most if each is not None)


def glob(pattern: str, like: str = "") -> str | None:
    """A GLOB that fits no value in which the regular expression is not found; None where there is none that is faster.

    It fits all values in which it is found where their length is fixed, else those of the length of ``like``.
    """
    found = places(pattern)
    if found is None or any(len(each.ranges) != 1 for each in found):
        return None
    counts = [each.least for each in found]
    open_ = [number for number, each in enumerate(found) if each.most != each.least]
    if open_:
        (first, *others), left = open_, len(like) - sum(counts)
        most = found[first].most
        if others or left < 0 or (most is not None and counts[first] + left > most):
            return None
        counts[first] += left
    if not 0 < sum(counts) <= _MOST:
        return None
    written = [_written(*each.ranges[0]) for each in found]
    if None in written:
        return None
    return "".join(str(each) * count for each, count in zip(written, counts, strict=True))


def _written(low: str, high: str) -> str | None:
    """A place of a GLOB."""
    if low == high:
        return None if low in _GLOB else low
    return f"[{low}-{high}]" if low.isalnum() and high.isalnum() else None


def _characters(body: str, at: int) -> tuple[tuple[tuple[str, str], ...], int] | None:
    """The characters that may stand at ``at``, and where what follows begins."""
    if body[at] == "[":
        return _class(body, at + 1)
    if body[at] == "\\":
        escaped = _escaped(body, at + 1)
        return None if escaped is None else ((escaped,), at + 2)
    if body[at] in _SPECIAL or not _PLAIN.fullmatch(body[at]):
        return None
    return ((body[at], body[at]),), at + 1


def _escaped(body: str, at: int) -> tuple[str, str] | None:
    if at >= len(body) or not _PLAIN.fullmatch(body[at]):
        return None
    if body[at] == "d":
        return "0", "9"
    return None if body[at].isalnum() else (body[at], body[at])


def _class(body: str, at: int) -> tuple[tuple[tuple[str, str], ...], int] | None:
    ranges: list[tuple[str, str]] = []
    while at < len(body) and body[at] != "]":
        if body[at] == "\\":
            escaped = _escaped(body, at + 1)
            if escaped is None or body[at + 2 : at + 3] == "-":
                return None
            ranges.append(escaped)
            at += 2
            continue
        if body[at] in "[^" or not _PLAIN.fullmatch(body[at]):
            return None
        low = high = body[at]
        at += 1
        if body[at : at + 1] == "-" and body[at + 1 : at + 2] not in ("", "]"):
            high = body[at + 1]
            if not (low.isalnum() and high.isalnum() and high.isascii() and low <= high):
                return None
            at += 2
        ranges.append((low, high))
    return (tuple(ranges), at + 1) if at < len(body) and ranges else None


def _counted(body: str, at: int) -> tuple[int, int | None, int] | None:
    """How often what stands before ``at`` is repeated, and where what follows begins."""
    mark = body[at : at + 1]
    if not mark or mark not in _COUNTS:
        return (1, 1, at) if mark != "{" else _bounds(body, at)
    return None if body[at + 1 : at + 2] in _AGAIN else (*_COUNTS[mark], at + 1)


def _bounds(body: str, at: int) -> tuple[int, int | None, int] | None:
    count = _BOUNDS.match(body, at)
    if count is None or body[count.end() : count.end() + 1] in _AGAIN:
        return None
    least = int(count[1])
    most = least if not count[2] else int(count[3]) if count[3] else None
    return None if most is not None and most < least else (least, most, count.end())
