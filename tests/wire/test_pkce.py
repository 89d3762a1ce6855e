"""Proof Key for Code Exchange. RFC 7636, RFC 9700 §2.1.1."""

import pytest

from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec

SHA256 = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@spec("RFC 7636", "4.6")
def test_the_verifier_that_belongs_to_the_challenge_succeeds(
    public_relying_party: RelyingParty,
) -> None:
    assert public_relying_party.tokens()["access_token"]


@spec("RFC 7636", "A")
def test_the_pair_of_the_specification_succeeds(public_relying_party: RelyingParty) -> None:
    code = public_relying_party.authorize(
        code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    ).code
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert public_relying_party.exchange(code, code_verifier=verifier).status_code == 200


@spec("RFC 9700", "2.1.1")
@pytest.mark.parametrize(
    "metadata", [{"token_endpoint_auth_method": "none"}, {"profile": "recommended"}], ids=str
)
def test_the_challenge_is_required_of_public_and_recommended_clients(
    browser: Browser, user: EndUser, metadata: dict[str, str]
) -> None:
    relying_party = RelyingParty(make_client(**metadata), browser, user)
    answer = relying_party.authorize(code_challenge=None, code_challenge_method=None)
    assert answer.error == "invalid_request"


@spec("RFC 6749", "4.1")
def test_a_compatible_client_with_a_secret_may_do_without(relying_party: RelyingParty) -> None:
    answer = relying_party.authorize(code_challenge=None, code_challenge_method=None)
    assert relying_party.exchange(answer.code, code_verifier=None).status_code == 200


@spec("RFC 7636", "4.4.1")
@pytest.mark.parametrize("method", ["plain", None, "s256", "S512", "none"])
def test_only_s256_is_taken(relying_party: RelyingParty, method: str | None) -> None:
    assert relying_party.authorize(code_challenge_method=method).error == "invalid_request"


@spec("RFC 7636", "4.2")
@pytest.mark.parametrize(
    "challenge",
    ["", "x", SHA256[:-1], f"{SHA256}A", f"{SHA256}=", SHA256.replace("-", "+"), f"{SHA256[:-1]}é"],
)
def test_a_malformed_challenge_is_refused(relying_party: RelyingParty, challenge: str) -> None:
    assert relying_party.authorize(code_challenge=challenge).error == "invalid_request"


@spec("RFC 7636", "4.6")
@pytest.mark.parametrize(
    "verifier", [None, "", "x" * 43, "x" * 42, "x" * 129, SHA256, "é" * 50, "a b" * 20]
)
def test_another_verifier_or_none_fails(
    public_relying_party: RelyingParty, verifier: str | None
) -> None:
    code = public_relying_party.authorize().code
    response = public_relying_party.exchange(code, code_verifier=verifier)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_grant"


@spec("RFC 9700", "4.8")
def test_a_verifier_without_a_challenge_fails(relying_party: RelyingParty) -> None:
    code = relying_party.authorize(code_challenge=None, code_challenge_method=None).code
    assert relying_party.exchange(code).json()["error"] == "invalid_grant"
