"""Azure Key Vault: ``azure-keyvault://shop.vault.azure.net``. Its names know no underscore: ``SHOP_DB_URL`` is
``SHOP-DB-URL`` there.

Who asks is found by azure-identity: variables of the environment, a managed identity, or a logged-in az.
Protocol: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from wherry.errors import SourceError
from wherry.http import get_json

API = "7.4"


def secret(address: str, name: str, variables: Mapping[str, str]) -> str | None:
    """The newest version of the secret ``name``. Raises ``SourceError``."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    host = urlsplit(address).netloc
    credential = DefaultAzureCredential()
    try:
        token = credential.get_token("https://vault.azure.net/.default").token
    except ClientAuthenticationError:
        hint = "Set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or log in with az."
        raise SourceError("Azure does not say who we are.", hint=hint) from None
    finally:
        credential.close()
    server = variables.get("AZURE_KEYVAULT_ENDPOINT") or f"https://{host}"
    url = f"{server}/secrets/{quote(name.replace('_', '-'))}?api-version={API}"
    document = get_json(url, {"Authorization": f"Bearer {token}"}, store="Azure Key Vault")
    return None if document is None else str(document["value"])
