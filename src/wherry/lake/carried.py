"""What is to be known of a table from its next commit on."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any

from wherry.lake.names import key


class Carried:
    """States that wait for the next commit of their table."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._lock = Lock()

    def put(self, branch: str, name: str, state: Mapping[str, Any]) -> None:
        # A copy, and an early complaint about what JSON cannot hold.
        kept = json.loads(json.dumps(state))
        with self._lock:
            self._states[branch, key(name)] = kept

    def get(self, branch: str, name: str) -> Mapping[str, Any] | None:
        with self._lock:
            return self._states.get((branch, key(name)))

    def remove(self, branch: str, name: str, state: Mapping[str, Any] | None = None) -> None:
        """Forget a state; when ``state`` is given, only that very one."""
        with self._lock:
            found = self._states.get((branch, key(name)))
            if found is not None and (state is None or found is state):
                del self._states[branch, key(name)]
