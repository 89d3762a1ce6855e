"""Proof Key for Code Exchange. RFC 7636, RFC 9700 §2.1.1."""

import pytest

from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec, verified

BARE = {"code_challenge": None, "code_challenge_method": None}
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
@pytest.mark.parametrize("profile", ["recommended", "compatible"])
def test_the_challenge_is_required_of_public_clients(
    browser: Browser, user: EndUser, profile: str
) -> None:
    client = make_client(token_endpoint_auth_method="none", profile=profile)
    answer = RelyingParty(client, browser, user).authorize(**BARE)
    assert answer.error == "invalid_request"
    assert "switch on PKCE" in (answer.error_description or "")
    assert "nonce" not in (answer.error_description or ""), "it would not help"


@pytest.fixture
def recommended(browser: Browser, user: EndUser) -> RelyingParty:
    """A website with a secret and the profile that operators have by default."""
    return RelyingParty(make_client(profile="recommended"), browser, user)


@spec("RFC 9700", "2.1.1")
def test_a_nonce_stands_in_for_the_challenge_of_a_client_with_a_secret(
    recommended: RelyingParty,
) -> None:
    answer = recommended.authorize(**BARE)
    tokens = recommended.exchange(answer.code, code_verifier=None).json()
    assert verified(tokens["id_token"])["nonce"] == recommended.nonce


@spec("RFC 9700", "2.1.1")
@pytest.mark.parametrize(
    "without",
    [{"nonce": None}, {"nonce": ""}, {"scope": "profile email"}, {"scope": "OpenID profile"}],
    ids=str,
)
def test_a_nonce_stands_in_only_where_an_id_token_brings_it(
    recommended: RelyingParty, without: dict[str, str | None]
) -> None:
    answer = recommended.authorize(**BARE, **without)
    assert answer.error == "invalid_request"
    assert "PKCE" in (answer.error_description or "")
    assert "nonce" in (answer.error_description or "")


@spec("RFC 9700", "2.1.1")
def test_an_openid_that_the_client_may_not_ask_for_brings_no_nonce(
    browser: Browser, user: EndUser
) -> None:
    client = make_client(profile="recommended", scope="profile")
    answer = RelyingParty(client, browser, user).authorize(**BARE, scope="openid profile")
    assert answer.error == "invalid_request"


@spec("RFC 6749", "5.2")
def test_the_page_about_a_missing_challenge_names_the_switch(recommended: RelyingParty) -> None:
    answer = recommended.authorize(**BARE, nonce=None)
    page = recommended.browser.open(answer.error_uri or "")
    assert page.status_code == 200
    reference = (answer.error_uri or "").partition("reference=")[2]
    for words in ("code_challenge", "S256", "OAUTH2_CHALLENGE_METHOD", "nonce", reference):
        assert words in page.text


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
