"""What must not be seen: secrets, wherever they would stand in a message."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

#: Shorter texts are no secrets, and would be struck out of ordinary words.
_TELLING = 4


class Veil:
    """Strikes the secrets that it knows out of a text, also as they stand in an address or a header."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        if len(secret) >= _TELLING:
            encoded = base64.b64encode(secret.encode()).decode()
            self._known |= {secret, quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}

    def hide(self, text: str) -> str:
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def covers(self, text: str) -> bool:
        """Whether a secret stands in the text."""
        return any(secret in text for secret in self._known)
