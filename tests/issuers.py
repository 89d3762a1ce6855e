"""Act as an issuer that an operator trusts: with keys at a site, for workloads and for users."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from jwcrypto.jwk import JWK

from tests.assertions import jwks_of, make_key, sign
from tests.elsewhere import Elsewhere, answering
from tests.relying_party import ISSUER, Registered, make_client, no_event, unique

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ID_JAG = "oauth-id-jag+jwt"


@dataclass
class Issuer:
    """A server with a discovery document, and keys that it signs with."""

    site: Elsewhere
    path: str = field(default_factory=lambda: f"/{unique('issuer')}")
    key: JWK = field(default_factory=make_key)

    def __post_init__(self) -> None:
        self.name = self.site.address + self.path
        self.jwks_path = f"{self.path}/keys"
        self.discovery_path = f"{self.path}/.well-known/openid-configuration"
        self.publish(self.key)
        self.describe(issuer=self.name, jwks_uri=self.site.address + self.jwks_path)

    def publish(self, *keys: JWK) -> None:
        """Publish these keys, and no others."""
        self.site.says(self.jwks_path, json.dumps(jwks_of(*keys)).encode())

    def describe(self, **members: Any) -> None:
        """Publish a discovery document."""
        self.site.says(self.discovery_path, json.dumps(members).encode())

    def fail(self) -> None:
        """Be out of order."""
        for path in (self.jwks_path, self.discovery_path):
            self.site.pages[path] = answering(b"", status=503)

    def token(
        self,
        subject: str,
        *,
        key: JWK | None = None,
        header: dict[str, Any] | None = None,
        algorithm: str = "ES256",
        **claims: Any,
    ) -> str:
        """Return a token about a subject, for Signet; None leaves a claim out."""
        now = int(time.time())
        stated = {
            "iss": self.name,
            "sub": subject,
            "aud": ISSUER,
            "iat": now,
            "exp": now + 300,
            "jti": unique("jti"),
            **claims,
        }
        stated = {name: value for name, value in stated.items() if value is not None}
        return sign(stated, key or self.key, algorithm, **(header or {}))

    def id_jag(self, subject: str, client: Registered, **claims: Any) -> str:
        """Return an identity assertion grant for a client."""
        header = {"typ": ID_JAG, **claims.pop("header", {})}
        return self.token(subject, header=header, **{"client_id": client.client_id, **claims})


def trust(issuer: Issuer | str, *purposes: str, **members: Any) -> None:
    """Trust an issuer, as an operator's `apply` would."""
    from idp.declaration import Actor, apply

    name = issuer if isinstance(issuer, str) else issuer.name
    entry = {"issuer": name, "purposes": list(purposes), **members}
    apply({"trusted_issuers": [entry]}, dry_run=False, actor=Actor(no_event))


def machine(**metadata: Any) -> Registered:
    """Register a machine-to-machine client that workloads prove."""
    return make_client(
        **{
            "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["client_credentials"],
            "response_types": None,
            "redirect_uris": None,
            "profile": None,
            **metadata,
        }
    )
