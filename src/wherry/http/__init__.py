"""One JSON document over HTTP, with errors that hold no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from wherry.errors import SourceError

#: Seconds until a store that does not answer is given up.
TIMEOUT = 10.0


class _NoRedirect(HTTPRedirectHandler):
    """A token is for one host: nothing is followed elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def get_json(url: str, headers: Mapping[str, str], *, store: str) -> Any:
    """The document at ``url``; None when there is none (404). Raises ``SourceError`` that names the store."""
    request = Request(url, headers=dict(headers))
    host = urlsplit(url).netloc.rpartition("@")[2]
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        hints = {401: "The token is wrong or has expired.", 403: "The token may not read it."}
        hint = hints.get(error.code, "Look at the store's own log.")
        raise SourceError(f"{store} at {host} answers {error.code} {error.reason}.", hint=hint) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(f"{store} at {host} cannot be asked: {reason}.", hint="Is it reachable from here?") from None
