"""What a person wrote into a file and must not be shown again, in a terminal or a log: passwords and the like."""

import re

#: The password of an address; to the last @ of the word, since people do not always encode theirs.
_PASSWORD = re.compile(r"(://[^\s/:@]*:)(?!\$\{)\S*@")
#: Keys that hold one, as they are also misspelt.
_SECRET = r"[\w-]*(?:pas+w|pas+ph|pwd|secr|tok+en|bearer|credential|api[_-]?key|authorization|cookie)[\w-]*"
_NAMED = re.compile(_SECRET, re.IGNORECASE)
#: Such a key, and a value that is not a variable's name.
_WRITTEN = re.compile(rf"{_SECRET}[\"']?\s*[:=]\s*[\"'\[{{\s]*\w", re.IGNORECASE)
#: Where a key that is misspelt may hold one.
_AROUND = re.compile(r"\b(auth|headers|params)\b", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{\w+\}")


def without_passwords(text: str) -> str:
    """The text, with ``***`` for passwords in addresses."""
    return _PASSWORD.sub(r"\1***@", text)


def names_a_secret(option: str) -> bool:
    """Whether the value of an option of this name is nobody's business."""
    return bool(_NAMED.search(option) or _AROUND.search(option))


def shown_line(line: str, *, of_source: bool) -> str:
    """A line of a file, as it may be shown; ``of_source``: of a source file, where more may be secret."""
    line = without_passwords(line)
    if not of_source:
        return line
    plain = _VARIABLE.sub("", line)
    if _WRITTEN.search(plain) or (_AROUND.search(line) and plain == line):
        return f"{line.partition(':')[0]}: ***"
    return line
