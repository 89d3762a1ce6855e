"""Claims of scopes in the ID token: where, to whom, and what they cost. OIDC Core §5.4."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from accounts.models import User
from idp.declaration import apply, entry_of
from idp.models import Client
from tests.registering import as_client, register, registered
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

#: What every ID token has.
ALWAYS = {
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid")
}
SCOPE = "openid profile email phone address"
REFRESHING = {
    "grant_types": ["authorization_code", "refresh_token"],
    "refresh_without_offline_access": True,
}


def about_the_user(id_token: str) -> dict[str, Any]:
    return {name: value for name, value in verified(id_token).items() if name not in ALWAYS}


@spec("OIDC Core", "5.4")
def test_an_operators_app_reads_what_its_scopes_show_from_the_id_token(
    relying_party: RelyingParty,
) -> None:
    tokens = relying_party.tokens(scope=SCOPE)
    at_userinfo = relying_party.userinfo(tokens["access_token"]).json()
    assert at_userinfo.pop("sub") == relying_party.user.sub
    assert at_userinfo["email"] == relying_party.user.email
    assert about_the_user(tokens["id_token"]) == at_userinfo


@spec("OIDC Core", "5.4")
def test_userinfo_alone_has_them_where_the_client_says_so(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(id_token_claims="userinfo"), browser, user)
    tokens = app.tokens(scope=SCOPE)
    assert about_the_user(tokens["id_token"]) == {}
    assert app.userinfo(tokens["access_token"]).json()["name"] == "Ana Lima"


def test_only_what_was_granted_is_in_it(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(scope="openid email"), browser, user)
    id_token = app.tokens(scope=SCOPE)["id_token"]
    assert about_the_user(id_token) == {"email": user.email, "email_verified": True}


@spec("OIDC Core", "12.2")
def test_a_refreshed_one_has_the_claims_as_they_are_then(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(**REFRESHING), browser, user)
    token = app.tokens(scope="openid profile")["refresh_token"]
    User.objects.filter(email=user.email).update(name="Ana Maria Lima")
    tokens = app.refresh(token).json()
    assert about_the_user(tokens["id_token"])["name"] == "Ana Maria Lima"


@spec("RFC 6749", "6")
def test_a_refresh_for_fewer_scopes_shows_less(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(**REFRESHING), browser, user)
    token = app.tokens(scope="openid profile email")["refresh_token"]
    tokens = app.refresh(token, scope="openid email").json()
    assert set(about_the_user(tokens["id_token"])) == {"email", "email_verified"}


@spec("OIDC Core", "5.4")
@pytest.mark.parametrize(
    "response_type", ["code id_token", "id_token token", "code id_token token"]
)
def test_one_that_comes_through_the_browser_never_has_them_beside_others(
    browser: Browser, user: EndUser, response_type: str
) -> None:
    app = RelyingParty(make_client(**in_front(response_type)), browser, user)
    members = fragment(app, response_type)
    assert {"name", "email"}.isdisjoint(verified(members["id_token"]))


@spec("OIDC Core", "3.3.3.6")
def test_after_the_hybrid_flow_the_one_of_the_token_endpoint_has_them(
    browser: Browser, user: EndUser
) -> None:
    app = RelyingParty(make_client(**in_front("code id_token")), browser, user)
    members = fragment(app, "code id_token")
    later = verified(app.exchange(members["code"]).json()["id_token"])
    before = verified(members["id_token"])
    assert later["email"] == user.email
    assert [later[name] for name in ("iss", "sub", "sid")] == [
        before[name] for name in ("iss", "sub", "sid")
    ]


@spec("OIDC Core", "5.4")
@pytest.mark.parametrize("setting", ["scopes", "userinfo"])
def test_one_that_comes_alone_has_them_whatever_the_setting(
    browser: Browser, user: EndUser, setting: str
) -> None:
    app = RelyingParty(make_client(id_token_claims=setting, **in_front("id_token")), browser, user)
    assert verified(fragment(app, "id_token")["id_token"])["email"] == user.email


def in_front(response_type: str) -> dict[str, Any]:
    grants = ["authorization_code", "implicit"]
    return {"grant_types": grants, "response_types": ["code", response_type]}


def fragment(app: RelyingParty, response_type: str) -> dict[str, str]:
    app.authorize(scope=SCOPE)
    answer = app.visit(response_type=response_type, scope=SCOPE)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).fragment))


def test_groups_and_operators_own_claims_are_in_it(browser: Browser) -> None:
    scope, claim = unique("staff"), unique("company")
    apply({"scopes": [{"name": scope, "claims": {claim: "text Bakery"}}]}, dry_run=False)
    baker = make_user(groups=["bakers"])
    app = RelyingParty(make_client(scope=f"openid groups {scope}"), browser, baker)
    id_token = app.tokens(scope=f"openid groups {scope}")["id_token"]
    assert about_the_user(id_token) == {"groups": ["bakers"], claim: "Bakery"}


@spec("OIDC Core", "3.1.2.1")
def test_what_was_asked_for_userinfo_alone_stays_there(relying_party: RelyingParty) -> None:
    claims = json.dumps({"userinfo": {"email": None}})
    id_token = relying_party.tokens(claims=claims)["id_token"]
    assert about_the_user(id_token) == {}


@spec("OIDC Core", "2")
def test_no_value_of_a_user_passes_for_a_claim_of_the_token(browser: Browser) -> None:
    """The token's own claims are set last: `sub`, `aud` and others are never the user's texts."""
    odd = make_user(name="https://evil.example.com", nickname="admin", locale="de")
    app = RelyingParty(make_client(subject_type="pairwise"), browser, odd)
    claims = verified(app.tokens(scope=SCOPE)["id_token"])
    assert (claims["iss"], claims["aud"]) == (ISSUER, app.client.client_id)
    assert claims["sub"] != odd.sub


# --- who gets it --------------------------------------------------------------------------------


@spec("RFC 7591", "3.2.1")
def test_an_app_that_registers_itself_has_to_ask_for_it(browser: Browser, user: EndUser) -> None:
    for asked, names in (({}, set()), ({"id_token_claims": "scopes"}, {"email", "email_verified"})):
        information = registered(**asked)
        assert information["id_token_claims"] == asked.get("id_token_claims", "userinfo")
        tokens = RelyingParty(as_client(information), browser, user).tokens(scope="openid email")
        assert set(about_the_user(tokens["id_token"])) == names


@pytest.mark.parametrize("odd", ["everything", "", 1, ["scopes"]])
def test_anything_else_is_refused(provider: object, odd: Any) -> None:
    answer = register(id_token_claims=odd).json()
    assert answer["error"] == "invalid_client_metadata"
    assert answer["error_description"].startswith("id_token_claims: ")


def test_a_file_says_it_and_export_repeats_it(database: object) -> None:
    client_id = make_client(id_token_claims="userinfo").client_id
    client = Client.objects.get(client_id=client_id)
    assert entry_of(client)["id_token_claims"] == "userinfo"
    Client.objects.filter(pk=client.pk).update(id_token_claims="scopes")
    assert "id_token_claims" not in entry_of(Client.objects.get(pk=client.pk))
