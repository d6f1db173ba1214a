"""What a manifest says of credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wherry.http.client import Client, Credentials
from wherry.sources.rest.auth import credentials_of
from wherry.sources.rest.component import Component, at, text
from wherry.sources.rest.manifest import Part
from wherry.sources.rest.options import Auth, Basic, Key, OAuth2


def manifest_credentials(component: Component, requester: Part, client: Client) -> Credentials | None:
    """What signs the requests; the values that the manifest calls secret are never shown."""
    spec = (component.manifest.root.get("spec") or {}).get("connection_specification") or {}
    for secret in _secrets(spec.get("properties") or {}, component.config):
        client.veil.add(secret)
    auth = (
        auth_of(component, requester.get("authenticator")) if requester.get("authenticator") else component.options.auth
    )
    return credentials_of(replace(component.options, auth=auth), client)


def auth_of(component: Component, part: Any) -> Auth | None:
    kinds = (
        "NoAuth", "BearerAuthenticator", "BasicHttpAuthenticator", "ApiKeyAuthenticator", "OAuthAuthenticator",
        "SelectiveAuthenticator",
    )  # fmt: skip
    known = component.known(part, kinds, "the authenticator")
    kind = known["type"] if known is not None and "type" in known else "NoAuth"
    if known is None or kind == "NoAuth":
        return None
    if kind == "SelectiveAuthenticator":
        path = known.get("authenticator_selection_path") or []
        chosen = str(at(component.config, ".".join(path)))
        choices: Mapping[str, Any] = known.get("authenticators", {})
        return auth_of(component, choices.get(chosen))
    if kind == "BearerAuthenticator":
        return Auth(bearer=text(component.fixed(known, "api_token", "")))
    if kind == "BasicHttpAuthenticator":
        user, word = component.fixed(known, "username", ""), component.fixed(known, "password", "")
        return Auth(basic=Basic(user=text(user), password=text(word)))
    if kind == "ApiKeyAuthenticator":
        value, header = text(component.fixed(known, "api_token", "")), str(component.fixed(known, "header", "") or "")
        option = known.get("inject_into")
        name, into = component.option(option) if isinstance(option, Part) else (header, "header")
        return Auth(key=Key(value=value, header=name) if into == "header" else Key(value=value, query=name))
    grant = str(component.fixed(known, "grant_type", "refresh_token"))
    refresh = text(component.fixed(known, "refresh_token", "")) if grant == "refresh_token" else ""
    scopes = known.get("scopes") or []
    return Auth(
        oauth2=OAuth2(
            token_url=text(component.fixed(known, "token_refresh_endpoint", "")),
            client_id=text(component.fixed(known, "client_id", "")),
            client_secret=text(component.fixed(known, "client_secret", "")),
            refresh_token=refresh,
            scope=" ".join(map(str, scopes)),
            fields={str(k): text(v) for k, v in (component.fixed(known, "refresh_request_body", {}) or {}).items()},
        )
    )


def _secrets(properties: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """The values that the specification calls secret, at any depth."""
    found = []
    for name, about in properties.items():
        value = config.get(name)
        if not isinstance(about, Mapping) or value is None:
            continue
        if about.get("airbyte_secret"):
            found.append(text(value))
        if isinstance(value, Mapping):
            for variant in (about, *(about.get("oneOf") or ())):
                found += _secrets(variant.get("properties") or {}, value)
    return found
