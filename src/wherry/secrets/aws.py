"""AWS Secrets Manager: ``aws-secrets://eu-west-1/shop``.

A secret called ``shop/NAME`` holds the value; or the one called ``shop`` is a JSON object with the key ``NAME``.
Credentials and region are found the way AWS's own tools find them; ``AWS_ENDPOINT_URL`` is another server's address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from wherry.errors import SourceError


def secret(address: str, name: str, variables: Mapping[str, str]) -> str | None:
    """The secret ``name`` under the address's prefix. Raises ``SourceError``."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(address)
    prefix = parts.path.strip("/")
    client = boto3.client(
        "secretsmanager",
        region_name=parts.netloc or None,
        endpoint_url=variables.get("AWS_ENDPOINT_URL") or None,
        aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID") or None,
        aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY") or None,
        aws_session_token=variables.get("AWS_SESSION_TOKEN") or None,
    )

    def value_of(secret_id: str) -> str | None:
        try:
            return str(client.get_secret_value(SecretId=secret_id).get("SecretString", ""))
        except client.exceptions.ResourceNotFoundException:
            return None
        except (BotoCoreError, ClientError) as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
            hint = "Check the credentials, and that they allow secretsmanager:GetSecretValue."
            raise SourceError(f"AWS Secrets Manager refuses `{secret_id}`: {code}.", hint=hint) from None

    try:
        own = value_of(f"{prefix}/{name}" if prefix else name)
        if own is None and prefix and (shared := value_of(prefix)) is not None:
            with suppress(ValueError):
                found = json.loads(shared)
                return str(found[name]) if isinstance(found, dict) and name in found else None
        return own
    finally:
        client.close()
