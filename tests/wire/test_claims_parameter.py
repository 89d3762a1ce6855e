"""Claims asked for one by one: where they go, and who may ask. OIDC Core §5.4, §5.5."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    spec,
    verified,
)

PROTOCOL = {
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"),
    "at_hash",
}


def asking(**places: Any) -> str:
    return json.dumps(places)


def delivered(relying_party: RelyingParty, **request: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the claims about the user: of the ID token, and of UserInfo."""
    tokens = relying_party.tokens(**request)
    id_token, userinfo = (
        verified(tokens["id_token"]),
        relying_party.userinfo(tokens["access_token"]),
    )
    assert userinfo.json().pop("sub") == id_token["sub"]
    about = {name: value for name, value in id_token.items() if name not in PROTOCOL}
    return about, {name: value for name, value in userinfo.json().items() if name != "sub"}


@spec("OIDC Core", "5.5")
def test_a_claim_asked_for_in_one_place_is_in_that_place_alone(relying_party: RelyingParty) -> None:
    claims = asking(id_token={"nickname": None}, userinfo={"given_name": {"essential": True}})
    assert delivered(relying_party, claims=claims) == (
        {"nickname": "Aninha"},
        {"given_name": "Ana"},
    )


@spec("OIDC Core", "5.5")
def test_claims_come_on_top_of_what_the_scopes_show(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(id_token_claims="userinfo"), browser, user)
    claims = asking(userinfo={"nickname": None}, id_token={"phone_number_verified": None})
    id_token, userinfo = delivered(relying_party, scope="openid email", claims=claims)
    assert id_token == {"phone_number_verified": True}
    assert userinfo == {
        "email": relying_party.user.email,
        "email_verified": True,
        "nickname": "Aninha",
    }


@spec("OIDC Core", "5.5")
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
def test_values_have_their_types_in_either_place(relying_party: RelyingParty, place: str) -> None:
    names = ["email", "email_verified", "updated_at", "address", "phone_number_verified"]
    both = delivered(relying_party, claims=asking(**{place: dict.fromkeys(names)}))
    claims = both[place == "userinfo"]
    assert set(claims) == set(names)
    assert claims["email_verified"] is True
    assert claims["phone_number_verified"] is True
    assert isinstance(claims["updated_at"], int)
    assert claims["address"] == {"formatted": "Rua do Ouro 1\nLisboa", "country": "Portugal"}


@spec("OIDC Core", "5.5")
@pytest.mark.parametrize(
    "ignored",
    [
        {"https://example.com/unknown": None, "password": {"essential": True}, "": None},
        {"is_superuser": None, "id": None, "__class__": None, "name#": None, "email#en": None},
        {"name": {"essential": False, "value": "Somebody else", "more": [1, {"x": None}]}},
        {"sub": None, "auth_time": {"essential": True}, "acr": {"values": ["urn:x"]}},
        {"iss": {"value": "https://evil.example.com"}, "aud": None, "nonce": None, "\ud800": None},
    ],
)
def test_what_is_not_known_is_ignored_and_values_are_the_users(
    relying_party: RelyingParty, ignored: dict[str, Any]
) -> None:
    claims = asking(id_token={**ignored, "zoneinfo": None}, userinfo=ignored, other={"x": 1})
    id_token, userinfo = delivered(relying_party, claims=claims)
    assert id_token.pop("zoneinfo") == "Europe/Lisbon"
    expected = {"name": "Ana Lima"} if "name" in ignored else {}
    assert (id_token, userinfo) == (expected, expected)


@spec("OIDC Core", "5.4")
@pytest.mark.parametrize(
    ("response_type", "expected"),
    [
        ("id_token", {"nickname", "gender", "email", "email_verified"}),
        ("id_token token", {"nickname", "gender"}),
    ],
)
def test_an_id_token_in_front_has_what_was_asked_for_it(
    browser: Browser, user: EndUser, response_type: str, expected: set[str]
) -> None:
    client = make_client(
        grant_types=["authorization_code", "implicit"],
        response_types=["code", response_type],
        first_party=True,
    )
    relying_party = RelyingParty(client, browser, user)
    relying_party.authorize()
    claims = asking(id_token={"nickname": None, "gender": None}, userinfo={"zoneinfo": None})
    answer = relying_party.visit(response_type=response_type, scope="openid email", claims=claims)
    members = dict(parse_qsl(urlsplit(answer.headers["Location"]).fragment))
    assert verified(members["id_token"]).keys() - PROTOCOL == expected


@spec("OIDC Core", "5.3.2")
def test_essential_or_not_what_is_not_known_is_left_out(browser: Browser) -> None:
    bare_user = make_user(nickname="", address={}, phone_number="", phone_number_verified=False)
    asked = {key: {"essential": True} for key in ["nickname", "address", "phone_number", "groups"]}
    asked["phone_number_verified"] = {"essential": True}
    relying_party = RelyingParty(make_client(), browser, bare_user)
    assert delivered(relying_party, claims=asking(id_token=asked, userinfo=asked)) == ({}, {})


@spec("OIDC Core", "5.5")
def test_a_refresh_keeps_what_was_asked_for(browser: Browser, user: EndUser) -> None:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], refresh_without_offline_access=True
    )
    relying_party = RelyingParty(client, browser, user)
    claims = asking(id_token={"nickname": None}, userinfo={"gender": None})
    token = relying_party.tokens(claims=claims)["refresh_token"]
    tokens = relying_party.refresh(token).json()
    assert verified(tokens["id_token"])["nickname"] == "Aninha"
    assert relying_party.userinfo(tokens["access_token"]).json()["gender"] == "female"


@spec("OIDC Core", "5.5")
def test_it_survives_signing_in_and_comes_by_post_too(relying_party: RelyingParty) -> None:
    claims = asking(id_token={"nickname": None, "name": {"value": 'Žižka ☃ " & = +'}})
    sent = relying_party.parameters(claims=claims)
    page = relying_party.browser.settle(relying_party.browser.post("/authorize", data=sent))
    tokens = relying_party.exchange(relying_party.go_on(page).code).json()
    assert verified(tokens["id_token"])["nickname"] == "Aninha"


# --- who may ask ------------------------------------------------------------------------------


@spec("OIDC Core", "5.5")
def test_no_claim_is_got_past_the_scopes_of_the_client(browser: Browser, user: EndUser) -> None:
    client = make_client(scope="openid email", first_party=True)
    everything = dict.fromkeys(["name", "address", "phone_number", "groups", "email", "birthdate"])
    relying_party = RelyingParty(client, browser, user)
    both = delivered(relying_party, claims=asking(id_token=everything, userinfo=everything))
    assert both == ({"email": user.email}, {"email": user.email})


@spec("OIDC Core", "5.5")
def test_without_openid_nothing_is_delivered(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens(scope="email", claims=asking(userinfo={"name": None}))
    assert "id_token" not in tokens
    assert relying_party.userinfo(tokens["access_token"]).status_code == 403


@spec("OIDC Core", "3.1.2.4")
def test_consent_names_each_claim_and_is_asked_for_new_ones_only(
    relying_party: RelyingParty,
) -> None:
    claims = asking(id_token={"birthdate": None}, userinfo={"phone_number": None, "acr": None})
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit(claims=claims))
    assert is_page(page, "/consent")
    shown = ["Your date of birth", "March 12, 1985", "Your phone number", "+351 21 000 0000"]
    assert [text for text in shown if text not in page.text] == []
    assert "Your postal address" not in page.text
    assert relying_party.answer(relying_party.browser.submit(page, "allow")).code
    assert relying_party.answer(relying_party.visit(claims=claims)).code
    moved = asking(userinfo={"birthdate": None})
    assert relying_party.answer(relying_party.visit(claims=moved)).code
    more = asking(id_token={"birthdate": None, "gender": None})
    assert relying_party.answer(relying_party.visit(claims=more, prompt="none")).error == (
        "consent_required"
    )
    assert is_page(relying_party.visit(claims=more), "/consent")


@spec("OIDC Core", "3.1.2.4")
def test_a_claim_that_an_allowed_scope_shows_is_allowed(relying_party: RelyingParty) -> None:
    relying_party.authorize(scope="openid profile")
    claims = asking(id_token={"name": None, "name#pt": None})
    assert relying_party.answer(relying_party.visit(claims=claims)).code
    claims = asking(id_token={"email": None})
    assert is_page(relying_party.visit(claims=claims), "/consent")


# --- sub ----------------------------------------------------------------------------------------


@spec("OIDC Core", "5.5.1")
@pytest.mark.parametrize("place", ["id_token", "userinfo"])
@pytest.mark.parametrize("prompt", ["none", None])
def test_another_subject_than_asked_for_is_refused(
    returning: RelyingParty, place: str, prompt: str | None
) -> None:
    own, other = returning.user.sub, make_user().sub
    for asked in ({"value": other}, {"values": [other, "x"]}, {"value": own.upper()}):
        claims = asking(**{place: {"sub": asked}})
        answer = returning.answer(returning.visit(claims=claims, prompt=prompt))
        assert (answer.error, answer.code) == ("login_required", None)
    for asked in ({"value": own}, {"values": [other, own]}, {"essential": True}, None):
        claims = asking(**{place: {"sub": asked}})
        assert returning.answer(returning.visit(claims=claims, prompt=prompt)).code


# --- languages ----------------------------------------------------------------------------------


@spec("OIDC Core", "5.2")
def test_a_claim_in_the_users_own_language_comes_under_its_tag(
    relying_party: RelyingParty,
) -> None:
    asked = dict.fromkeys(["name#pt", "given_name#PT-pt", "family_name#de", "nickname#pt-BR"])
    both = delivered(relying_party, claims=asking(id_token=asked, userinfo=asked))
    assert both == ({"name#pt": "Ana Lima", "given_name#PT-pt": "Ana"},) * 2


@spec("OIDC Core", "5.2")
@pytest.mark.parametrize("locales", ["de", "pt-PT de", "x-!!", "\u00e9"])
def test_claims_locales_never_is_an_error(relying_party: RelyingParty, locales: str) -> None:
    _, userinfo = delivered(relying_party, scope="openid profile", claims_locales=locales)
    assert userinfo["name"] == "Ana Lima"


# --- what is refused ------------------------------------------------------------------------------

BAD = [
    "x",
    "[]",
    "null",
    '"x"',
    "{",
    '{"id_token": []}',
    '{"userinfo": "name"}',
    '{"id_token": {"name": true}}',
    '{"id_token": {"name": []}}',
    '{"id_token": {"name": {"essential": "true"}}}',
    '{"id_token": {"name": {"essential": null}}}',
    '{"id_token": {"name": {"values": "x"}}}',
    '{"id_token": {"name": {"value": 1, "values": [1]}}}',
    '{"userinfo": {"sub": {"value": 1}}}',
    '{"id_token": {"acr": {"values": [null]}}}',
    '{"id_token": {}, "id_token": {}}',
    '{"id_token": {"name": null, "name": null}}',
    '{"id_token": NaN}',
    "[" * 4000,
    '{"id_token":' * 500,
    json.dumps({"id_token": {f"claim{number}": None for number in range(101)}}),
    json.dumps({"id_token": {"x" * 9000: None}}),
    json.dumps({"other": 1})[:-1] + " " * 9000 + "}",
    "1" * 5000,
]


@spec("OIDC Core", "5.5")
@pytest.mark.parametrize("claims", BAD, ids=lambda claims: claims[:30])
def test_what_cannot_be_understood_goes_back_before_any_page(
    relying_party: RelyingParty, claims: str
) -> None:
    answer = relying_party.answer(relying_party.visit(claims=claims))
    assert answer.error == "invalid_request"
    assert answer.state == relying_party.state


def test_sent_twice_it_is_refused(relying_party: RelyingParty) -> None:
    query = [*list(relying_party.parameters().items()), ("claims", "{}"), ("claims", "{}")]
    response = relying_party.browser.get("/authorize", params=query)
    assert relying_party.answer(response).error == "invalid_request"


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    ["name", "sub", "acr", "email", "address", "groups", "name#de", "sid", "id"]
)
_HOW = st.none() | st.fixed_dictionaries(
    {}, optional={"essential": st.booleans() | _ANY, "value": _ANY, "values": _ANY}
)
_PLACE = st.dictionaries(_NAMES | st.text(max_size=9), _HOW | _ANY, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    claims=st.fixed_dictionaries({}, optional={"id_token": _PLACE, "userinfo": _PLACE | _ANY})
    | _ANY
)
def test_no_claims_request_breaks_anything(first_party: RelyingParty, claims: Any) -> None:
    response = first_party.browser.get(
        "/authorize", params=first_party.parameters(claims=json.dumps(claims))
    )
    answer = first_party.answer(response)
    assert answer.error in {None, "invalid_request", "login_required"}
    if answer.code:
        tokens = first_party.exchange(answer.code).json()
        sub = verified(tokens["id_token"])["sub"]
        assert verified(tokens["id_token"])["iss"] == ISSUER
        assert first_party.userinfo(tokens["access_token"]).json()["sub"] == sub


@pytest.fixture
def first_party(browser: Browser, user: EndUser) -> RelyingParty:
    browser.sign_in(user)
    return RelyingParty(make_client(first_party=True), browser, user)
