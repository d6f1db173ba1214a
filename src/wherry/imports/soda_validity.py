"""What Soda counts as missing and as invalid: its ``missing ...`` and ``valid ...`` keys as SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wherry.imports import Mistaken
from wherry.imports.soda_formats import FORMATS
from wherry.model.dataclass import dataclass
from wherry.quoting import name, text

MISSING_KEYS = ("missing values", "missing regex", "missing format")
VALID_KEYS = (
    "valid values", "valid regex", "valid format", "valid min", "valid max",
    "valid length", "valid min length", "valid max length",
    "invalid values", "invalid regex", "invalid format",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Validity:
    """The keys about missing and valid values, with blanks between their words."""

    keys: Mapping[str, Any]

    @classmethod
    def among(cls, written: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Validity:
        """Those among ``written``; each group that says nothing is taken from ``defaults``."""
        # Soda 3 has `valid_regex_sql` for `valid regex`.
        own = {key.replace("_", " ").removesuffix(" sql"): value for key, value in written.items()}
        default = {key.replace("_", " ").removesuffix(" sql"): value for key, value in (defaults or {}).items()}
        keys: dict[str, Any] = {}
        for group in (MISSING_KEYS, VALID_KEYS):
            source = own if any(key in own for key in group) else default
            keys.update({key: source[key] for key in group if source.get(key) is not None})
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def says_valid(self) -> bool:
        return any(key in self.keys for key in VALID_KEYS)

    def missing(self, column: str) -> str:
        """A condition that is true for a missing value."""
        parts = [f"{name(column)} IS NULL"]
        if values := _values(self.keys.get("missing values")):
            parts.append(_in(column, values))
        for key in ("missing regex", "missing format"):
            if key in self.keys:
                parts.append(_like(column, self._pattern(key)))
        return _joined(parts, "OR")

    def breaks_valid(self, column: str) -> list[str]:
        """Conditions, each true for a value that is not what a ``valid ...`` key says; null where it is null."""
        parts: list[str] = []
        keys, this, length = self.keys, name(column), f"length(CAST({name(column)} AS VARCHAR))"
        if "valid values" in keys:
            values = _values(keys["valid values"])
            parts.append(f"NOT {_in(column, values)}" if values else "true")
        for key in ("valid format", "valid regex"):
            if key in keys:
                parts.append(f"NOT {_like(column, self._pattern(key))}")
        number = _as_number(column) if is_text_number(keys.get("valid format")) else this
        for key, expression, operator in (
            ("valid length", length, "!="),
            ("valid min length", length, "<"),
            ("valid max length", length, ">"),
            ("valid min", number, "<"),
            ("valid max", number, ">"),
        ):
            if key in keys:
                parts.append(f"{expression} {operator} {_number(keys[key], key)}")
        return parts

    def is_listed_invalid(self, column: str) -> list[str]:
        """Conditions, each true for a value that an ``invalid ...`` key names."""
        parts = []
        if values := _values(self.keys.get("invalid values")):
            parts.append(_in(column, values))
        parts.extend(
            _like(column, self._pattern(key)) for key in ("invalid format", "invalid regex") if key in self.keys
        )
        return parts

    def invalid(self, column: str) -> str:
        """A condition that is true for a value that is not missing and not valid."""
        bad = [*self.breaks_valid(column), *self.is_listed_invalid(column)]
        if not bad:
            raise Mistaken("it says nothing of what is valid")
        return f"(NOT {self.missing(column)} AND {_joined(bad, 'OR')})"

    def usable(self, column: str) -> str:
        """A condition that is true for a value that is neither missing nor invalid, as SodaCL's other metrics have it:
        what is listed as invalid is looked at only where nothing says what is valid."""
        bad = self.breaks_valid(column) or self.is_listed_invalid(column)
        found = f"NOT {self.missing(column)}"
        return f"({found} AND NOT {_joined(bad, 'OR')})" if bad else f"({found})"

    def number(self, column: str) -> str:
        """The column as SodaCL's numeric metrics read it: text in a format of numbers becomes a number."""
        return _as_number(column) if is_text_number(self.keys.get("valid format")) else name(column)

    def _pattern(self, key: str) -> str:
        written = self.keys[key]
        if isinstance(written, Mapping):  # Soda 4: {regex: ..., name: ...}
            written = written.get("regex")
            if isinstance(written, str):
                return written
        elif isinstance(written, str):
            if not key.endswith("format"):
                return written
            if written in FORMATS:
                return FORMATS[written]
            raise Mistaken(f"there is no format `{written}`")
        raise Mistaken(f"`{key}` holds no pattern")


def is_text_number(form: Any) -> bool:
    from wherry.imports.soda_formats import is_number

    return isinstance(form, str) and is_number(form)


def _as_number(column: str) -> str:
    digits = f"regexp_replace(CAST({name(column)} AS VARCHAR), '[^-0-9.,]', '', 'g')"
    return f"TRY_CAST(nullif(replace({digits}, ',', '.'), '') AS DOUBLE)"


def _values(written: Any) -> list[Any]:
    if written is None:
        return []
    return [value for value in (written if isinstance(written, list) else [written]) if value is not None]


def _in(column: str, values: Sequence[Any]) -> str:
    as_text = any(isinstance(value, str) for value in values)
    this = f"CAST({name(column)} AS VARCHAR)" if as_text else name(column)
    listed = ", ".join(text(_plain(value)) if as_text else _plain(value) for value in values)
    return f"({this} IN ({listed}))"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(column: str, pattern: str) -> str:
    return f"regexp_matches(CAST({name(column)} AS VARCHAR), {text(pattern)})"


def _number(value: Any, key: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return text(value)
    raise Mistaken(f"`{key}: {value}` is no number")


def _joined(parts: Sequence[str], word: str) -> str:
    return f"({f' {word} '.join(parts)})"
