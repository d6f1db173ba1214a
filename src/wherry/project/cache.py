"""What was read before, by the hash of its text, so that an unchanged folder is not read again."""

import contextlib
import json
import os
from hashlib import blake2b
from pathlib import Path
from typing import Any

#: Raised whenever the meaning of a cached value changes.
FORMAT = 6


def digest(*parts: str) -> str:
    """A short hash of ``parts`` that keeps them apart."""
    hashed = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8, "big"))
        hashed.update(encoded)
    return hashed.hexdigest()


class Cache:
    """A dictionary of JSON values in one file, which forgets what one whole reading did not ask for.

    Losing or spoiling the file costs time only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._old: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._new = False
        if path is not None:
            with contextlib.suppress(OSError, ValueError, RecursionError):
                stored = json.loads(path.read_bytes())
                if isinstance(stored, dict) and stored.get("format") == FORMAT:
                    entries = stored.get("entries")
                    self._old = entries if isinstance(entries, dict) else {}

    def get(self, key: str) -> Any | None:
        """The value kept under ``key``, or None."""
        value = self._used.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self._used[key] = value
        return value

    def put(self, key: str, value: Any) -> None:
        self._used[key] = value
        self._new = True

    def save(self) -> None:
        """Write what was used, at once or not at all. A disk that is full or read-only is no reason to stop."""
        if self._path is None or (not self._new and len(self._used) == len(self._old)):
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(f".{os.getpid()}.tmp")
            beside.write_text(json.dumps({"format": FORMAT, "entries": self._used}, separators=(",", ":")))
            beside.replace(self._path)
