"""Act as an issuer whose software statements the provider believes."""

import json
from typing import Any

from tests.assertions import jwks_of, make_key, sign
from tests.elsewhere import Elsewhere
from tests.fetched_keys import let_a_minute_pass

ISSUER = "https://trust.example"
PATH = "/keys-of-statements"
KEY = make_key()


def publish_keys(site: Elsewhere, *more: Any) -> str:
    """Publish the issuer's keys at a site, and return what names both in the settings."""
    return f"{ISSUER}={site.says(PATH, json.dumps(jwks_of(KEY, *more)).encode())}"


def renew_keys(site: Elsewhere, *keys: Any) -> None:
    """Publish the issuer's keys anew, and let the floor between two fetches pass."""
    let_a_minute_pass("software_statement", publish_keys(site, *keys).removeprefix(f"{ISSUER}="))


def statement(
    key: Any = KEY, algorithm: str = "ES256", header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """Return a software statement; None leaves a claim out."""
    members = {"iss": ISSUER, **claims}
    stated = {name: value for name, value in members.items() if value is not None}
    return sign(stated, key, algorithm, **(header or {}))
