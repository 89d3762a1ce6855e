import pytest

from idp.protocol import pkce
from idp.protocol.errors import InvalidGrant
from tests.relying_party import spec

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@spec("RFC 7636", "B")
def test_the_specifications_example() -> None:
    pkce.verifier_matches_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", CHALLENGE)


def test_another_verifier_does_not() -> None:
    with pytest.raises(InvalidGrant, match="does not belong"):
        pkce.verifier_matches_challenge("x" * 43, CHALLENGE)


@pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "ü"])
def test_malformed_challenges(challenge: str) -> None:
    assert not pkce.is_challenge(challenge)


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 42 + "\u00fc"])
def test_malformed_verifiers(verifier: str) -> None:
    with pytest.raises(InvalidGrant, match="43 to 128 characters"):
        pkce.verifier_matches_challenge(verifier, CHALLENGE)
