"""The keys that say what a table is: the same in a SQL header, a Python decorator and a source's table."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any, get_args

from wherry.model.asset import Build, BuildWord, Check, Column
from wherry.model.column_pattern import is_pattern, problem_of
from wherry.model.dataclass import dataclass
from wherry.model.finding import Finding
from wherry.project.check_form import CheckFormError, may_split, read_check, refused
from wherry.project.layout_form import LayoutFormError, read_partition, read_sort
from wherry.project.located import Located
from wherry.project.nearest import did_you_mean, nearest

#: What any table may say of itself.
COMMON_KEYS = ("about", "owner", "fresh", "tags", "columns", "checks", "quarantine", "partition", "sort")
#: What a table that is built here may say beside.
BUILD_KEYS = ("build", "grain", "start", "lookback")
HEADER_KEYS = (*BUILD_KEYS, *COMMON_KEYS)
COLUMN_KEYS = ("type", "about", "tags", "checks")
#: What may be said under a pattern of columns.
PATTERN_KEYS = ("checks",)

_FRESH = re.compile(r"within\s+(?:\d+\s+)?(?:second|minute|hour|day|week|month)s?\Z", re.IGNORECASE)
_BUILD = re.compile(r"(\w+)(?:\s+(by|on)\s+(\S.*))?\Z", re.DOTALL)
_LINK = {"incremental": "by", "merge": "on", "history": "on"}


@dataclass(slots=True)
class TableKeys:
    """Reads the keys of one table; collects what is wrong with them."""

    located: Located
    file: str
    #: Path of the table's mapping inside the document.
    path: str = ""
    #: Kinds of checks that the project has of its own.
    custom: Collection[str] = ()
    findings: list[Finding] = field(default_factory=list)
    #: What stands for checks under a key that is misspelt: each fails and says why.
    misspelt: list[Check] = field(default_factory=list)

    def problem(self, code: str, path: str, message: str, hint: str = "") -> None:
        line, column = self.located.at("/".join(p for p in (self.path, path) if p))
        self.findings.append(Finding(code=code, message=message, hint=hint, file=self.file, line=line, column=column))

    def unknown(self, keys: Mapping[str, Any], known: Iterable[str]) -> None:
        """A finding for every key that nobody knows."""
        known = tuple(known)
        for key in keys:
            if key not in known:
                self._unknown(key, key, f"There is no key `{key}` here.", known)

    def _unknown(self, key: str, path: str, message: str, known: Sequence[str], column: str = "") -> None:
        """A finding for a key that nobody knows; where checks were meant, one that fails stands for them."""
        hint = did_you_mean(key, known, f"Known are: {', '.join(known)}.")
        meant = "checks" in known and nearest(key, known) == "checks"
        self.problem("bad-check" if meant else "unknown-key", path, message, hint)
        if meant:
            stand = refused(key, message, file=self.file, line=self.findings[-1].line)
            self.misspelt.append(replace(stand, column=column))

    def read(self, keys: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of ``Asset`` from those of ``keys`` that are known here."""
        fields: dict[str, Any] = {}
        for name in ("about", "owner"):
            if keys.get(name) is not None:
                fields[name] = str(keys[name])
        if (fresh := keys.get("fresh")) is not None:
            if not _FRESH.match(str(fresh).strip()):
                self.problem(
                    "bad-value", "fresh", f"`fresh: {fresh}` is not understood.", "Say for example `within 2 hours`."
                )
            fields["fresh"] = str(fresh)
        fields["tags"] = self._tags(keys.get("tags"), "tags")
        columns, checks = self._columns(keys.get("columns"))
        checks.extend(self._checks(keys.get("checks"), "checks", ""))
        checks.extend(self.misspelt)
        if self._quarantine(keys):
            checks = [replace(check, quarantine=check.quarantine or may_split(check)) for check in checks]
        fields["columns"], fields["checks"] = tuple(columns), tuple(checks)
        fields.update(self._layout(keys))
        if any(key in keys for key in BUILD_KEYS):
            fields["build"] = self._build(keys)
        return fields

    def _quarantine(self, keys: Mapping[str, Any]) -> bool:
        """Whether bad rows of every check are split off."""
        value = keys.get("quarantine", False)
        if not isinstance(value, bool):
            self.problem("bad-value", "quarantine", f"`quarantine: {value}` must be true or false.")
            return False
        return value

    def _layout(self, keys: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        places: dict[str, tuple[int, int]] = {}
        readers: Mapping[str, Callable[[Any], Any]] = {"partition": read_partition, "sort": read_sort}
        for key, read in readers.items():
            if keys.get(key) is None:
                continue
            places[key] = self.located.at("/".join(p for p in (self.path, key) if p))
            fields["layout_places"] = places
            try:
                fields[key] = read(keys[key])
            except LayoutFormError as error:
                self.problem("bad-layout", key, str(error), error.hint)
        return fields

    def _tags(self, written: Any, path: str) -> tuple[str, ...]:
        if written is None:
            return ()
        if not isinstance(written, list):
            written = [written]
        if any(isinstance(tag, list | dict) for tag in written):
            self.problem("bad-value", path, "`tags` must be a list of words.")
            return ()
        return tuple(str(tag) for tag in written)

    def _columns(self, written: Any) -> tuple[list[Column], list[Check]]:
        columns: list[Column] = []
        checks: list[Check] = []
        if written is None:
            return columns, checks
        if not isinstance(written, Mapping):
            self.problem("bad-value", "columns", "`columns` must map each column's name to what is said of it.")
            return columns, checks
        for name, about in written.items():
            path = f"columns/{name}"
            if about is None or isinstance(about, str):
                about = {} if about is None else {"type": about}
            if not isinstance(about, Mapping):
                self.problem("bad-value", path, f"What is said of column `{name}` must be a mapping.")
                continue
            if is_pattern(str(name)):
                checks.extend(self._pattern(str(name), about, path))
                continue
            for key in about:
                if key not in COLUMN_KEYS:
                    said = f"A column has no key `{key}`."
                    self._unknown(key, f"{path}/{key}", said, COLUMN_KEYS, str(name))
            columns.append(
                Column(
                    name=str(name),
                    type=str(about.get("type") or ""),
                    about=str(about.get("about") or ""),
                    tags=self._tags(about.get("tags"), f"{path}/tags"),
                    place=self.located.at("/".join(p for p in (self.path, path) if p)),
                )
            )
            checks.extend(self._checks(about.get("checks"), f"{path}/checks", str(name)))
        return columns, checks

    def _pattern(self, pattern: str, about: Mapping[str, Any], path: str) -> list[Check]:
        """The checks of all columns whose names match."""
        for key in about:
            if key not in PATTERN_KEYS:
                said = f"The pattern `{pattern}` is for checks, and has no key `{key}`."
                self._unknown(key, f"{path}/{key}", said, PATTERN_KEYS, pattern)
        if wrong := problem_of(pattern):
            message = f"`{pattern}` is no regular expression: {wrong}."
            self.problem("bad-check", path, message)
            return [refused(pattern, message, file=self.file, line=self.findings[-1].line)]
        checks = self._checks(about.get("checks"), f"{path}/checks", pattern)
        return [replace(check, matching=pattern) if check.column == pattern else check for check in checks]

    def _checks(self, written: Any, path: str, column: str) -> list[Check]:
        if written is None:
            return []
        checks = []
        for index, item in enumerate(written if isinstance(written, list) else [written]):
            at = f"{path}/{index}"
            line, _ = self.located.at("/".join(p for p in (self.path, at) if p))
            try:
                checks.append(read_check(item, column=column, file=self.file, line=line, custom=self.custom))
            except CheckFormError as error:
                self.problem("bad-check", at, str(error), error.hint)
                checks.append(refused(str(item), str(error), file=self.file, line=line))
        return checks

    def _build(self, keys: Mapping[str, Any]) -> Build:
        written = str(keys.get("build") or "replace").strip()
        match = _BUILD.match(written)
        word = match[1].lower() if match else ""
        words = get_args(BuildWord)
        if match is None or word not in words:
            hint = did_you_mean(
                written.split()[0] if written else "", words, f"The build words are: {', '.join(words)}."
            )
            self.problem("unknown-build", "build", f"There is no build word `{written}`.", hint)
            return Build()
        link, columns = _LINK.get(word), tuple(c.strip().strip('"') for c in (match[3] or "").split(",") if c.strip())
        if (match[2] or None) != link or (link and not columns) or (word == "incremental" and len(columns) != 1):
            form = {"incremental": "incremental by <column>"}.get(word, f"{word} on <key>" if link else word)
            self.problem("bad-build", "build", f"`build: {written}` must read `{form}`.")
        if word == "follow":
            self.problem(
                "unsupported-build",
                "build",
                "`follow` needs a stream, and this version reads none.",
                "Use `incremental by <column>`.",
            )
        for key in ("grain", "start", "lookback"):
            if key in keys and word != "incremental":
                self.problem("bad-build", key, f"`{key}` goes with `build: incremental by <column>`.")
        return Build(
            word=word,  # type: ignore[arg-type]
            columns=columns,
            grain=self._one_of(keys, "grain", ("day", "hour", "month")),
            start=self._moment(keys),
            lookback=self._lookback(keys),
            place=self.located.at("build"),
        )

    def _one_of(self, keys: Mapping[str, Any], name: str, choices: tuple[Any, ...]) -> Any:
        value = keys.get(name, choices[0])
        if value not in choices:
            self.problem("bad-value", name, f"`{name}: {value}` must be one of {', '.join(choices)}.")
            return choices[0]
        return value

    def _moment(self, keys: Mapping[str, Any]) -> str:
        value = str(keys.get("start") or "")
        try:
            moment = datetime.fromisoformat(value) if value else None
        except ValueError:
            moment = None
            self.problem("bad-value", "start", f"`start: {value}` is no date.", "Write it as 2026-01-31.")
        if moment is not None and moment.tzinfo is not None:
            self.problem("bad-value", "start", "`start` is in UTC and takes no zone.")
            return ""
        return moment.isoformat() if moment else ""

    def _lookback(self, keys: Mapping[str, Any]) -> int:
        value = keys.get("lookback", 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.problem("bad-value", "lookback", f"`lookback: {value}` must be a whole number of grains, 0 or more.")
            return 0
        return value
