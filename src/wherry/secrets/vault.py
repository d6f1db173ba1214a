"""HashiCorp Vault or OpenBao, the key-value engine version 2: ``vault://host:8200/secret/shop`` (TLS), ``vault+http://``.

The path is mount and secret; the secret's keys are the names. The token is ``VAULT_TOKEN``, the namespace, where there
is one, ``VAULT_NAMESPACE``. Protocol: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from wherry.errors import SourceError
from wherry.http import get_json


def secret(address: str, name: str, variables: Mapping[str, str]) -> str | None:
    """The key ``name`` of the secret at the address. Raises ``SourceError``."""
    parts = urlsplit(address)
    mount, _, path = parts.path.strip("/").partition("/")
    token = variables.get("VAULT_TOKEN", "")
    if not token:
        raise SourceError("Vault needs a token, and VAULT_TOKEN is not set.", hint="Set it in the environment or .env.")
    headers = {"X-Vault-Token": token}
    if namespace := variables.get("VAULT_NAMESPACE"):
        headers["X-Vault-Namespace"] = namespace
    scheme = "http" if parts.scheme == "vault+http" else "https"
    url = f"{scheme}://{parts.netloc}/v1/{quote(mount)}/data/{quote(path)}"
    document = get_json(url, headers, store="Vault")
    value = ((document or {}).get("data") or {}).get("data", {}).get(name)
    return None if value is None else str(value)
