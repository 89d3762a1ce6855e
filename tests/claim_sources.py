"""Claims providers of the tests, as an operator would write them for IDP_CLAIM_SOURCES."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from accounts.models import User
from idp.claim_sources import AggregatedClaims, DistributedClaims, Endpoint

#: The same in every process: the provider's signs with it, the tests' verifies.
KEY = JWK.from_pyca(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"bureau").digest()))
SOURCES = [f"tests.claim_sources.{name}" for name in ("Bureau", "Register", "Broken")]


def token_of(user: User) -> str:
    """Return the access token that opens a user's land at the register."""
    return hashlib.sha256(f"register {user.sub}".encode()).hexdigest()


def signed(claims: dict[str, Any]) -> str:
    jwt = JWT(header={"alg": "EdDSA", "typ": "JWT"}, claims=claims)
    jwt.make_signed_token(KEY)
    return jwt.serialize()


class Bureau(AggregatedClaims):
    """Knows all users who have a nickname."""

    provider = "Example Credit Bureau"
    claims = {"credit_score": "credit score", "paid_late": "bills paid late"}

    def jwt(self, user: User, client_id: str, names: frozenset[str]) -> str | None:
        if not user.nickname:
            return None
        known = {"credit_score": 650, "paid_late": 3}
        said = {name: known[name] for name in sorted(names)}
        return signed({"iss": "https://bureau.example.com", "aud": client_id, **said})


class Register(DistributedClaims):
    """Tells clients of users' land itself."""

    provider = "Land Register"
    claims = {"land": "land you own"}

    def endpoint(self, user: User, *_: Any) -> Endpoint | None:
        return Endpoint("https://register.example.com/claims", token_of(user))


class Broken(AggregatedClaims):
    """Fails in a way that would spoil a transaction, with a secret in its words."""

    provider = "Broken"
    claims = {"broken": "something"}

    def jwt(self, user: User, *_: Any) -> str | None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
        except Exception as error:
            raise ValueError(token_of(user)) from error
        return None


class AnyJWT(AggregatedClaims):
    """Gives what it is told to."""

    provider = "Anybody"
    claims = {"one": "the first", "other": "the second"}
    gives: Any = None

    def jwt(self, *_: Any) -> Any:
        return self.gives


class AnyEndpoint(DistributedClaims):
    """Gives what it is told to."""

    provider = "Anybody"
    claims = {"one": "the first", "other": "the second"}
    gives: Any = None

    def endpoint(self, *_: Any) -> Any:
        return self.gives
