"""Verifiers that remember our keys, across a rotation: PyJWT, joserfc, and jose on Node.

What was signed before, during and after is believed, without anybody being told.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import joserfc.jwt
import jwt
import pytest
from django.utils import timezone
from joserfc.jwk import KeySet

from idp import keys, policy
from idp.declaration import apply
from tests.conftest import Server
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec, unique

PROGRAM = Path(__file__).parent / "openid_client" / "verify.mjs"
#: Returns the claims, or None where the library does not believe the token.
Verifier = Callable[[str, str, str], dict[str, Any] | None]


@pytest.fixture
def pyjwt(provider: Server) -> Verifier:
    known = jwt.PyJWKClient(f"{ISSUER}/jwks", cooldown_duration=0)

    def verify(token: str, typ: str, audience: str) -> dict[str, Any] | None:
        algorithms = list(policy.SIGNING_ALGORITHMS)
        try:
            key = known.get_signing_key_from_jwt(token)
            decoded = jwt.decode_complete(
                token, key, algorithms=algorithms, audience=audience, issuer=ISSUER
            )
        except (jwt.InvalidTokenError, jwt.PyJWKClientError):
            return None
        claims: dict[str, Any] = decoded["payload"]
        return claims if decoded["header"]["typ"] == typ else None

    return verify


@pytest.fixture
def joserfc_verifier(provider: Server) -> Verifier:
    remembered: list[KeySet] = []

    def fetch() -> None:
        remembered[:] = [KeySet.import_key_set(httpx.get(f"{ISSUER}/jwks").json())]

    def verify(token: str, typ: str, audience: str) -> dict[str, Any] | None:
        for _ in range(2):
            try:
                algorithms = list(policy.SIGNING_ALGORITHMS)
                decoded = joserfc.jwt.decode(token, remembered[0], algorithms=algorithms)
            except (joserfc.errors.JoseError, ValueError):
                fetch()  # a key that we did not know: look once
                continue
            registry = joserfc.jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": ISSUER},
                aud={"essential": True, "value": audience},
                exp={"essential": True},
            )
            registry.validate(decoded.claims)
            return decoded.claims if decoded.header["typ"] == typ else None
        return None

    fetch()
    return verify


@pytest.fixture
def jose(provider: Server) -> Iterator[Verifier]:
    assert (PROGRAM.parents[2] / "node_modules").is_dir(), "run `npm ci` in tests/ first"
    program = subprocess.Popen(
        ["node", str(PROGRAM), ISSUER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def verify(token: str, typ: str, audience: str) -> dict[str, Any] | None:
        assert program.stdin is not None
        assert program.stdout is not None
        asked = {"token": token, "typ": typ, "audience": audience}
        program.stdin.write(json.dumps(asked) + "\n")
        program.stdin.flush()
        answer = json.loads(program.stdout.readline())
        claims: dict[str, Any] | None = answer.get("claims")
        return claims

    with program:
        yield verify
        program.terminate()


def rotate(algorithm: str) -> None:
    """Publish a new key and make it the active one, at its time; wait until the server has it."""
    now = timezone.now()
    before = keys.active_signer(algorithm).kid
    assert keys.rotate(algorithm, now).endswith("is published")
    later = now + policy.KEY_PUBLISHED_BEFORE + timedelta(seconds=1)
    assert keys.rotate(algorithm, later).endswith("is active")
    time.sleep(policy.PUBLISHED_FOR.total_seconds() + 0.5)
    published = {key["kid"] for key in httpx.get(f"{ISSUER}/jwks").json()["keys"]}
    after = keys.key_set().signers[algorithm].kid
    assert after != before
    assert {before, after} <= published


@spec("OIDC Core", "10.1.1")
@spec("RFC 9068", "4")
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "PS256", "ES512"])
def test_a_rotation_is_not_noticed(
    algorithm: str,
    browser: Browser,
    user: EndUser,
    pyjwt: Verifier,
    joserfc_verifier: Verifier,
    jose: Verifier,
) -> None:
    api = f"https://{unique('api')}.example.com/"
    entry = {"identifier": api, "scopes": ["bread.read"], "access_token_signing_alg": algorithm}
    apply({"resource_servers": [entry]}, dry_run=False)
    client = make_client(id_token_signed_response_alg=algorithm, scope="openid bread.read")
    party = RelyingParty(client, browser, user)

    def all_believe(tokens: dict[str, Any]) -> None:
        for verify in (pyjwt, joserfc_verifier, jose):
            for token, typ, audience in (
                (tokens["access_token"], "at+jwt", api),
                (tokens["id_token"], "JWT", client.client_id),
            ):
                claims = verify(token, typ, audience)
                assert claims is not None, (verify, typ)
                assert claims["sub"] == user.sub
            # Neither passes for the other, nor for another provider's.
            assert verify(tokens["id_token"], "at+jwt", client.client_id) is None
            assert verify(tokens["access_token"], "at+jwt", api)

    before = party.tokens(scope="openid bread.read", resource=api)
    all_believe(before)
    rotate(algorithm)
    after = party.tokens(scope="openid bread.read", resource=api)
    kids = {jwt.get_unverified_header(tokens["id_token"])["kid"] for tokens in (before, after)}
    assert len(kids) == 2
    all_believe(after)
    all_believe(before)


def test_an_emergency_ends_belief(
    browser: Browser,
    user: EndUser,
    pyjwt: Verifier,
    joserfc_verifier: Verifier,
    jose: Verifier,
) -> None:
    """A key in wrong hands is gone from JWKS: who fetches it anew believes nothing it signed."""
    client = make_client(id_token_signed_response_alg="ES256")
    party = RelyingParty(client, browser, user)
    old = party.tokens()["id_token"]
    keys.replace_at_once("ES256")
    time.sleep(policy.PUBLISHED_FOR.total_seconds() + 0.5)
    new = party.tokens()["id_token"]
    for verify in (pyjwt, joserfc_verifier, jose):
        assert verify(new, "JWT", client.client_id) is not None
        assert verify(old, "JWT", client.client_id) is None
