"""Roles of an app: who has them, where they are told, and that no other app learns of them."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from idp.declaration import apply
from idp.models import Client, Role
from tests.registering import registered
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_api,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

SCOPE = "openid roles"
REFRESHING = {
    "grant_types": ["authorization_code", "refresh_token"],
    "refresh_without_offline_access": True,
}


def app_with_roles(**metadata: Any) -> Any:
    return make_client(**{"scope": SCOPE, "roles": {"admin": [], "viewer": []}, **metadata})


def give(user: EndUser, client_id: str, *names: str) -> None:
    roles = {client_id: list(names)}
    apply({"users": [{"email": user.email, "roles": roles}]}, dry_run=False)


def told(app: RelyingParty, **request: Any) -> tuple[Any, Any]:
    """Return the claim in the ID token and at UserInfo."""
    tokens = app.tokens(**{"scope": SCOPE, **request})
    userinfo = app.userinfo(tokens["access_token"]).json()
    return verified(tokens["id_token"]).get("roles"), userinfo.get("roles")


@spec("RFC 9068", "2.2.3.1")
def test_a_user_has_their_own_roles_and_those_of_their_groups(browser: Browser) -> None:
    group = unique("ops")
    client = app_with_roles(roles={"editor": [group], "admin": [group], "viewer": [], "none": []})
    user = make_user(groups=[group])
    give(user, client.client_id, "viewer", "admin")
    expected = ["admin", "editor", "viewer"]
    assert told(RelyingParty(client, browser, user)) == (expected, expected)


@spec("OIDC Core", "5.3.2")
def test_without_a_role_there_is_no_claim(browser: Browser, user: EndUser) -> None:
    assert told(RelyingParty(app_with_roles(), browser, user)) == (None, None)


@spec("OIDC Core", "3.1.2.4")
def test_consent_shows_them(browser: Browser, user: EndUser) -> None:
    client = app_with_roles()
    give(user, client.client_id, "admin", "viewer")
    page = browser.sign_in(user, RelyingParty(client, browser, user).visit(scope=SCOPE))
    assert is_page(page, "/consent")
    assert "Your roles in this app" in page.text
    assert "admin, viewer" in page.text


def test_what_is_taken_is_gone_at_once(browser: Browser) -> None:
    group = unique("ops")
    client = app_with_roles(roles={"admin": [group], "viewer": []}, **REFRESHING)
    user = make_user(groups=[group])
    give(user, client.client_id, "viewer")
    app = RelyingParty(client, browser, user)
    tokens = app.tokens(scope=SCOPE)
    User.objects.get(email=user.email).groups.clear()
    assert app.userinfo(tokens["access_token"]).json()["roles"] == ["viewer"]
    Role.objects.get(client__client_id=client.client_id, name="viewer").delete()
    assert "roles" not in app.userinfo(tokens["access_token"]).json()
    refreshed = app.refresh(tokens["refresh_token"]).json()
    assert "roles" not in verified(refreshed["id_token"])


@spec("RFC 9068", "2.2.3.1")
def test_tokens_for_apis_have_the_roles_at_the_app_that_asks(browser: Browser) -> None:
    user = make_user()
    api = make_api(access_token_claims=["roles"])
    scope = f"openid {api['scopes'][0]}"
    mine = make_client(scope=scope, roles={"admin": []})
    others = make_client(scope=scope, roles={"owner": []})
    give(user, mine.client_id, "admin")
    give_more = {mine.client_id: ["admin"], others.client_id: ["owner"]}
    apply({"users": [{"email": user.email, "roles": give_more}]}, dry_run=False)
    for client, expected in ((mine, ["admin"]), (others, ["owner"])):
        app = RelyingParty(client, browser, user)
        token = app.tokens(scope=scope, resource=api["identifier"])["access_token"]
        assert verified(token)["roles"] == expected


# --- what no other app learns -------------------------------------------------------------------


@pytest.fixture
def admin_elsewhere(browser: Browser) -> EndUser:
    """Somebody who is admin at another app, themselves and by a group."""
    group = unique("ops")
    elsewhere = app_with_roles(roles={"admin": [], "owner": [group]})
    user = make_user(groups=[group])
    give(user, elsewhere.client_id, "admin")
    assert told(RelyingParty(elsewhere, browser, user))[0] == ["admin", "owner"]
    return user


ASKED = json.dumps({place: {"roles": {"essential": True}} for place in ("id_token", "userinfo")})


def test_a_role_of_one_app_is_never_seen_by_another(
    browser: Browser, admin_elsewhere: EndUser
) -> None:
    """Not even by one that has roles of the same names."""
    for roles in ({}, {"admin": [], "owner": []}):
        app = RelyingParty(app_with_roles(roles=roles), browser, admin_elsewhere)
        page = app.visit(scope=SCOPE, claims=ASKED)
        assert is_page(page, "/consent")
        assert "owner" not in page.text
        assert told(app, claims=ASKED) == (None, None)


@spec("OIDC Core", "5.5")
@pytest.mark.parametrize("scope", [None, "openid profile groups"])
def test_roles_are_for_no_app_that_is_not_named_for_them(
    browser: Browser, user: EndUser, scope: str | None
) -> None:
    client = make_client(scope=scope, roles={"admin": []})
    give(user, client.client_id, "admin")
    app = RelyingParty(client, browser, user)
    tokens = app.tokens(scope=SCOPE, claims=ASKED)
    assert tokens["scope"] == "openid"
    assert told(app, claims=ASKED) == (None, None)


@spec("RFC 7591", "5")
def test_no_app_that_registers_itself_gets_them(provider: object) -> None:
    asked = registered(scope="openid roles", roles={"admin": ["operators"]})
    assert asked["scope"] == "openid"
    assert "roles" not in asked
    assert not Role.objects.filter(client__client_id=asked["client_id"]).exists()


def test_a_new_app_with_the_client_id_of_a_deleted_one_has_none_of_its_roles(
    browser: Browser, user: EndUser
) -> None:
    client = app_with_roles()
    give(user, client.client_id, "admin")
    Client.objects.get(client_id=client.client_id).delete()
    again = app_with_roles(client_id=client.client_id)
    assert told(RelyingParty(again, browser, user)) == (None, None)


def test_a_new_group_with_the_name_of_a_deleted_one_gives_no_role(browser: Browser) -> None:
    group = unique("ops")
    client = app_with_roles(roles={"admin": [group]})
    Group.objects.get(name=group).delete()
    user = make_user(groups=[group])
    assert told(RelyingParty(client, browser, user)) == (None, None)
