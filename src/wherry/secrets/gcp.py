"""Google Secret Manager: ``gcp-secrets://project`` or ``gcp-secrets://project/prefix-``; the newest version counts.

Who asks is found by google-auth: ``GOOGLE_APPLICATION_CREDENTIALS``, a logged-in gcloud, or the machine's own account.
Protocol: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from wherry.errors import SourceError
from wherry.http import get_json

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def secret(address: str, name: str, variables: Mapping[str, str]) -> str | None:
    """The newest version of the secret ``name``. Raises ``SourceError``."""
    import google.auth
    import google.auth.transport.requests
    from google.auth.exceptions import GoogleAuthError

    parts = urlsplit(address)
    credentials: Any
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        session: Any = google.auth.transport.requests.Request()
        credentials.refresh(session)
    except GoogleAuthError as error:
        hint = "Set GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud."
        raise SourceError(f"Google does not say who we are: {type(error).__name__}.", hint=hint) from None
    server = variables.get("SECRET_MANAGER_ENDPOINT") or "https://secretmanager.googleapis.com"
    path = f"projects/{quote(parts.netloc)}/secrets/{quote(parts.path.strip('/') + name)}/versions/latest:access"
    headers = {"Authorization": f"Bearer {credentials.token}"}
    document = get_json(f"{server}/v1/{path}", headers, store="Google Secret Manager")
    return None if document is None else b64decode(document["payload"]["data"]).decode()
