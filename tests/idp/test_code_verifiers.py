import pytest

from idp.grants.authorization_code import verifier_matches_challenge
from idp.protocol.errors import InvalidGrant
from tests.relying_party import spec

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@spec("RFC 7636", "B")
def test_the_specifications_example() -> None:
    verifier_matches_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", CHALLENGE)


def test_another_verifier_does_not() -> None:
    with pytest.raises(InvalidGrant, match="does not belong"):
        verifier_matches_challenge("x" * 43, CHALLENGE)


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 42 + "\u00fc"])
def test_malformed_verifiers(verifier: str) -> None:
    with pytest.raises(InvalidGrant, match="43 to 128 characters"):
        verifier_matches_challenge(verifier, CHALLENGE)
