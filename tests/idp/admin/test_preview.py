"""What would this app get about this user: the page says what then really comes."""

import html
import json
import re

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from idp.models import Client, PairwiseSubject
from tests.idp.admin.conftest import Operator
from tests.relying_party import (
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_api,
    make_client,
    make_user,
    unique,
    verified,
)

SCOPES = "openid profile email address phone groups"


def page_of(client: Registered) -> str:
    return f"idp/client/{Client.objects.get(client_id=client.client_id).pk}/preview/"


def previewed(operator: Operator, client: Registered, user: EndUser, scope: str) -> str:
    return operator.browser.get(
        f"/admin/{page_of(client)}", params={"user": user.email, "scopes": scope.split()}
    ).text


def claims_in(section: str, text: str) -> dict[str, str]:
    part = text.partition(f'id="{section}"')[2].partition("</dl>")[0]
    pairs = re.findall(r"<code>(.*?)</code></dt><dd><bdi>(.*?)</bdi>", part, re.DOTALL)
    return {name: html.unescape(value) for name, value in pairs}


def as_shown(claims: dict[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in claims.items()
    }


@pytest.mark.parametrize("setting", ["scopes", "userinfo"])
def test_it_is_what_then_comes(
    superuser: Operator, browser: Browser, user: EndUser, setting: str
) -> None:
    client = make_client(scope=SCOPES, id_token_claims=setting)
    text = previewed(superuser, client, user, SCOPES)
    tokens = RelyingParty(client, browser, user).tokens(scope=SCOPES)
    real = RelyingParty(client, browser, user).userinfo(tokens["access_token"]).json()
    assert claims_in("at-userinfo", text) == as_shown(real)
    shown = claims_in("in-id-token", text)
    assert shown.items() <= as_shown(verified(tokens["id_token"])).items()
    assert set(shown) == (set(real) if setting == "scopes" else {"sub"})
    assert "asked to agree first" in text
    assert "asked to agree first" not in previewed(superuser, client, user, SCOPES)


def test_only_an_id_token_that_comes_alone_has_the_claims(
    superuser: Operator, user: EndUser
) -> None:
    opened = {"grant_types": ["authorization_code", "implicit"], "id_token_claims": "userinfo"}
    both = make_client(response_types=["code", "id_token"], **opened)
    text = previewed(superuser, both, user, "openid email")
    assert set(claims_in("in-id-token", text)) == {"sub"}
    assert claims_in("in-id-token-alone", text)["email"] == user.email
    opened["grant_types"] = ["implicit"]
    alone = make_client(response_types=["id_token"], **opened)
    text = previewed(superuser, alone, user, "openid email")
    assert claims_in("in-id-token-alone", text)["email"] == user.email
    assert not claims_in("at-userinfo", text)  # without an access token, none is to be had
    assert not claims_in("in-id-token", text)


def test_what_tokens_for_apis_say_is_shown_apart(superuser: Operator, user: EndUser) -> None:
    api = make_api(name="Bread", access_token_claims=["email", "groups"])
    scope = f"openid {api['scopes'][0]}"
    text = previewed(superuser, make_client(scope=scope), user, scope)
    assert "In access tokens for <bdi>Bread</bdi>" in text
    assert claims_in("in-access-token-1", text) == {"email": user.email}


def test_an_app_that_acts_for_itself_gets_no_claims(superuser: Operator, user: EndUser) -> None:
    machine = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=[])
    text = previewed(superuser, machine, user, "openid email")
    assert "acts for itself" in text
    assert "asked to agree" not in text
    assert not claims_in("at-userinfo", text)


def test_a_link_that_names_a_user_means_all_scopes(superuser: Operator, user: EndUser) -> None:
    client = make_client(scope="openid email")
    text = superuser.open(page_of(client), user=user.email).text
    assert claims_in("at-userinfo", text)["email"] == user.email


def test_looking_makes_no_subject_and_shows_the_one_there_is(
    superuser: Operator, browser: Browser, user: EndUser
) -> None:
    client = make_client(subject_type="pairwise")
    before = PairwiseSubject.objects.count()
    assert "made at the first sign-in" in previewed(superuser, client, user, "openid")
    assert PairwiseSubject.objects.count() == before
    sub = verified(RelyingParty(client, browser, user).tokens()["id_token"])["sub"]
    assert claims_in("at-userinfo", previewed(superuser, client, user, "openid"))["sub"] == sub


def test_what_is_missing_and_what_stands_in_the_way_is_said(superuser: Operator) -> None:
    another_user = make_user(phone_number="", phone_number_verified=False)
    User.objects.filter(email=another_user.email).update(is_active=False)
    client = make_client(required_acr="phr", enabled=False, allowed_groups=[unique("bakers")])
    text = previewed(superuser, client, another_user, "openid phone")
    assert "<code>phone_number</code>" in text.partition("Left out")[2]
    for words in (
        *("The app is disabled", "The account is disabled", "requires a second factor"),
        "in none of the groups",
    ):
        assert words in text
    assert "neither an ID token" in previewed(superuser, client, another_user, "phone")


def test_nobody_and_no_scope_of_the_apps_is_said_plainly(
    superuser: Operator, user: EndUser
) -> None:
    client = make_client()
    unknown = EndUser("nobody@nowhere.example", "", "")
    assert "No user has this address." in previewed(superuser, client, unknown, "openid")
    assert "not one of the available choices" in previewed(superuser, client, user, "bread")
    assert "Type a user’s email address." in superuser.open(page_of(client), user="").text


def test_it_takes_the_permission_to_see_users(hire, provider: object, user: EndUser) -> None:
    path = f"/admin/{page_of(make_client())}"
    apps_alone = hire()
    User.objects.get(email=apps_alone.user.email).user_permissions.add(
        Permission.objects.get(codename="view_client")
    )
    support = hire(groups=["support"])
    assert apps_alone.browser.open(path).status_code == 403
    assert support.browser.open(path).status_code == 200
    app = path.removeprefix("/admin/").replace("preview/", "change/access/")
    assert [path in whose.open(app).text for whose in (apps_alone, support)] == [False, True]
