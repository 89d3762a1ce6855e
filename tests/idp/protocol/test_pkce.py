import pytest

from idp.protocol import pkce
from tests.relying_party import spec


@spec("RFC 7636", "B")
def test_the_specifications_example() -> None:
    assert pkce.verifies(
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    )


def test_another_verifier_does_not() -> None:
    assert not pkce.verifies("x" * 43, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")


@pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "x" * 42 + "ü"])
def test_malformed_challenges(challenge: str) -> None:
    assert not pkce.is_challenge(challenge)


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 42 + "\u00fc"])
def test_malformed_verifiers(verifier: str) -> None:
    assert not pkce.is_verifier(verifier)
