"""Sign as a client does: assertions that prove it, its requests, and keys of its own."""

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jws import JWS

from idp import policy
from tests import secrecy
from tests.relying_party import ISSUER, Registered, RelyingParty, make_client, unique

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KINDS: dict[str, dict[str, Any]] = {
    "RS": {"kty": "RSA", "size": 2048},
    "PS": {"kty": "RSA", "size": 2048},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    "Ed": {"kty": "OKP", "crv": "Ed25519"},
}


def make_key(algorithm: str = "ES256") -> JWK:
    """Return a private key for an algorithm, with a kid."""
    kind = _KINDS.get(algorithm) or _KINDS[algorithm[:2]]
    return JWK.generate(kid=unique("key"), **kind)


def jwks_of(*keys: JWK) -> dict[str, Any]:
    """Return the public parts of keys as a set."""
    return {"keys": [key.export_public(as_dict=True) for key in keys]}


def shared_key(client: Registered) -> JWK:
    """Return a client's secret as a key."""
    return JWK.from_password(client.secret or "")


def sign(claims: dict[str, Any], key: JWK, algorithm: str = "ES256", **header: Any) -> str:
    """Return claims as a signed JWT; None leaves a member of the header out."""
    jws = JWS(json.dumps(claims).encode())
    protected = {"alg": algorithm, "kid": key.get("kid"), **header}
    jws.add_signature(key, protected=json.dumps({n: v for n, v in protected.items() if v}))
    signed = jws.serialize(compact=True)
    secrecy.used.note(signed)
    return signed


def claims_of(client_id: str, **overrides: Any) -> dict[str, Any]:
    """Return the claims of an assertion; None leaves one out."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "jti": unique("jti"),
        "iat": now,
        "exp": now + 60,
        **overrides,
    }
    return {name: value for name, value in claims.items() if value is not None}


def assertion_of(client: Registered, key: JWK, algorithm: str = "ES256", **claims: Any) -> str:
    """Return an assertion of a client."""
    return sign(claims_of(client.client_id, **claims), key, algorithm)


def form_of(assertion: str) -> dict[str, str]:
    """Return the parameters that an assertion comes in."""
    return {"client_assertion_type": TYPE, "client_assertion": assertion}


def make_key_client(key: JWK, **metadata: Any) -> Registered:
    """Register a client that proves itself with a key."""
    client = make_client(
        **{
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": None if "jwks_uri" in metadata else jwks_of(key),
            **metadata,
        }
    )
    client.key = key
    return client


def make_shared_client(**metadata: Any) -> Registered:
    """Register a client that proves itself by signing with its secret."""
    return make_client(**{"token_endpoint_auth_method": "client_secret_jwt", **metadata})


@dataclass
class Signing:
    """A relying party that signs its requests."""

    relying_party: RelyingParty
    key: JWK
    algorithm: str = "ES256"

    def object(self, header: dict[str, Any] | None = None, **members: Any) -> str:
        """Return the whole request as a request object; None leaves a member out."""
        client_id, now = self.relying_party.client.client_id, int(time.time())
        claims = {
            **self.relying_party.parameters(),
            "iss": client_id,
            "aud": ISSUER,
            "exp": now + 60,
            "iat": now,
            **members,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return sign(claims, self.key, self.algorithm, **(header or {}))

    def visit(self, **parameters: Any) -> httpx.Response:
        """Send these parameters, and the client_id, alone."""
        sent = {"client_id": self.relying_party.client.client_id, **parameters}
        browser = self.relying_party.browser
        return browser.settle(browser.get("/authorize", params=sent))

    def authorize(self, **parameters: Any) -> Any:
        return self.relying_party.go_on(self.visit(**parameters))

    def error(self, request: str, **parameters: Any) -> str | None:
        """Return the error that comes back to the address outside."""
        answer = self.relying_party.visit(request=request, **parameters)
        # In the fragment, where the object wants tokens.
        url = urlsplit(self.relying_party.answer(answer).url)
        return dict(parse_qsl(url.query) + parse_qsl(url.fragment)).get("error")


def encrypt(text: str, alg: str, enc: str, **header: Any) -> str:
    """Encrypt to one of our published keys; one that is new is waited for."""
    key = _published_for(alg)
    protected = {"alg": alg, "enc": enc, "kid": key["kid"], "cty": "JWT", **header}
    return str(JWE(text.encode(), protected, recipient=key).serialize(compact=True))


def _published_for(alg: str) -> JWK:
    until = time.monotonic() + policy.PUBLISHED_FOR.total_seconds() + 1
    while time.monotonic() < until:
        keys = JWKSet.from_json(httpx.get(f"{ISSUER}/jwks", verify=False).text)
        for key in keys:
            if (key.get("alg"), key.get("use")) == (alg, "enc"):
                return key
        time.sleep(0.2)
    raise AssertionError(f"no key for {alg} is published")
