"""A code is worth nothing to an attacker who stole or injected it. RFC 9700 §4.5, §4.8."""

import pytest

from idp.models import Event
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    verified,
)

NO_PKCE = {"code_challenge": None, "code_challenge_method": None}


def refused(relying_party: RelyingParty, code: str | None, **overrides: str | None) -> bool:
    response = relying_party.exchange(code, **overrides)
    assert response.json().get("access_token") is None
    return response.status_code == 400 and response.json()["error"] == "invalid_grant"


@spec("RFC 6749", "4.1.2")
def test_a_code_that_comes_twice_revokes_what_it_gave(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    token = relying_party.exchange(code).json()["access_token"]
    assert relying_party.userinfo(token).status_code == 200
    assert refused(relying_party, code)
    response = relying_party.userinfo(token)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_token"
    assert refused(relying_party, code)
    told = Event.objects.filter(kind="reused", client_id=relying_party.client.client_id)
    assert {event.user.email for event in told} == {relying_party.user.email}


@spec("RFC 6749", "4.1.2")
@pytest.mark.parametrize(
    "overrides", [{"code_verifier": "x" * 43}, {"redirect_uri": None}], ids=str
)
def test_a_thiefs_second_try_revokes_too(
    relying_party: RelyingParty, overrides: dict[str, str | None]
) -> None:
    code = relying_party.authorize().code
    token = relying_party.exchange(code).json()["access_token"]
    assert refused(relying_party, code, **overrides)
    assert relying_party.userinfo(token).status_code == 401


@spec("RFC 6749", "4.1.2")
def test_a_replay_leaves_other_sign_ins_alone(returning: RelyingParty) -> None:
    code = returning.answer(returning.visit()).code
    other = returning.tokens()["access_token"]
    returning.exchange(code)
    assert refused(returning, code)
    assert returning.userinfo(other).status_code == 200
    assert returning.answer(returning.visit(prompt="none")).code


@spec("RFC 6749", "4.1.3")
def test_a_code_is_its_clients_own(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    thief = RelyingParty(make_client(), relying_party.browser, relying_party.user)
    thief.code_verifier = relying_party.code_verifier
    assert refused(thief, code)
    token = relying_party.exchange(code).json()["access_token"]
    assert refused(thief, code)
    assert relying_party.userinfo(token).status_code == 200


@spec("RFC 9700", "4.5")
def test_an_injected_code_does_not_fit_the_victims_verifier(
    public_relying_party: RelyingParty,
) -> None:
    client = public_relying_party.client
    with Browser() as elsewhere:
        attacker = RelyingParty(client, elsewhere, make_user())
        stolen = attacker.authorize().code
    assert refused(public_relying_party, stolen)


@spec("RFC 9700", "4.5.3.2")
def test_an_injected_code_brings_the_nonce_of_its_own_request(
    browser: Browser, user: EndUser
) -> None:
    """Without PKCE, a client tells a stolen code by this: at the exchange nothing changes it."""
    client = make_client(profile="recommended", grant_types=["authorization_code", "refresh_token"])
    attacked = RelyingParty(client, browser, user)
    assert attacked.authorize(**NO_PKCE).code
    with Browser() as elsewhere:
        victim = RelyingParty(client, elsewhere, make_user())
        scope = "openid offline_access"
        stolen = victim.authorize(**NO_PKCE, scope=scope, prompt="consent").code
    answer = attacked.exchange(stolen, code_verifier=None, nonce=attacked.nonce).json()
    claims = verified(answer["id_token"])
    assert claims["nonce"] == victim.nonce != attacked.nonce
    again = attacked.refresh(answer["refresh_token"], nonce=attacked.nonce).json()
    assert verified(again["id_token"]).get("nonce") in {None, victim.nonce}


@spec("RFC 9700", "4.5.3")
@pytest.mark.parametrize("left", [{"nonce": None}, {"scope": "profile"}], ids=str)
def test_nonce_and_challenge_cannot_both_be_taken_away(
    browser: Browser, user: EndUser, left: dict[str, str | None]
) -> None:
    relying_party = RelyingParty(make_client(profile="recommended"), browser, user)
    assert relying_party.authorize(**NO_PKCE, **left).error == "invalid_request"


@spec("RFC 9700", "4.8.2")
def test_a_client_that_sends_both_notices_a_challenge_that_was_taken_away(
    browser: Browser, user: EndUser
) -> None:
    relying_party = RelyingParty(make_client(profile="recommended"), browser, user)
    code = relying_party.authorize(**NO_PKCE).code
    assert code, "its nonce stands in"
    assert refused(relying_party, code), "its verifier does not belong"


@spec("RFC 9700", "4.8")
def test_a_challenge_cannot_be_taken_away(public_relying_party: RelyingParty) -> None:
    answer = public_relying_party.authorize(code_challenge=None, code_challenge_method=None)
    assert answer.error == "invalid_request"
    code = public_relying_party.authorize().code
    assert refused(public_relying_party, code, code_verifier=None)


@spec("RFC 9700", "4.8.2")
def test_stripping_the_challenge_is_noticed_by_the_verifier(relying_party: RelyingParty) -> None:
    answer = relying_party.authorize(code_challenge=None, code_challenge_method=None)
    assert refused(relying_party, answer.code)


@spec("RFC 7636", "7.2")
@pytest.mark.parametrize("method", ["plain", None])
def test_the_method_cannot_be_weakened(
    public_relying_party: RelyingParty, method: str | None
) -> None:
    answer = public_relying_party.authorize(
        code_challenge=public_relying_party.code_verifier[:43], code_challenge_method=method
    )
    assert answer.error == "invalid_request"


@spec("RFC 7636", "7.2")
def test_the_challenge_is_no_verifier(public_relying_party: RelyingParty) -> None:
    challenge = public_relying_party.parameters()["code_challenge"]
    code = public_relying_party.authorize().code
    assert refused(public_relying_party, code, code_verifier=challenge)


@spec("RFC 9700", "4.8")
def test_a_code_presented_with_a_wrong_verifier_is_used_up(
    public_relying_party: RelyingParty,
) -> None:
    code = public_relying_party.authorize().code
    assert refused(public_relying_party, code, code_verifier="x" * 43)
    assert refused(public_relying_party, code)


@spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    "change", [str.upper, str.lower, "{} ".format, "{}=".format, lambda code: code[:-1]]
)
def test_a_code_is_compared_exactly(relying_party: RelyingParty, change: object) -> None:
    code = relying_party.authorize().code or ""
    assert refused(relying_party, change(code))  # type: ignore[operator]
