"""Groups, and claims that operators add by scopes of their own. OIDC Core §5.1.2, §5.4."""

import json

import pytest

from idp.declaration import DeclarationError, apply, entry_of
from idp.models import Scope
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

GROUPS = ["dept-bread", "dept-cake", "bakers", "operators", "support"]


def make_scope(claims: dict[str, str], description: str = "Your department") -> str:
    name = unique("own")
    apply({"scopes": [{"name": name, "description": description, "claims": claims}]}, dry_run=False)
    return name


def at_userinfo(relying_party: RelyingParty, **request: str) -> dict[str, object]:
    tokens = relying_party.tokens(**request)
    return relying_party.userinfo(tokens["access_token"]).json()


@pytest.fixture
def baker(provider: object) -> EndUser:
    return make_user(groups=GROUPS)


def test_groups_are_sorted_and_without_those_of_the_administration(
    browser: Browser, baker: EndUser
) -> None:
    relying_party = RelyingParty(make_client(scope="openid groups"), browser, baker)
    page = browser.sign_in(baker, relying_party.visit(scope="openid groups"))
    assert "The groups you belong to" in page.text
    assert "bakers, dept-bread, dept-cake" in page.text
    claims = json.dumps({"id_token": {"groups": None}})
    tokens = relying_party.exchange(
        relying_party.go_on(relying_party.visit(scope="openid groups", claims=claims)).code
    ).json()
    expected = ["bakers", "dept-bread", "dept-cake"]
    assert verified(tokens["id_token"])["groups"] == expected
    assert relying_party.userinfo(tokens["access_token"]).json()["groups"] == expected


@pytest.mark.parametrize("scope", [None, "openid profile"])
def test_groups_are_for_no_client_that_is_not_named_for_them(
    browser: Browser, baker: EndUser, scope: str | None
) -> None:
    relying_party = RelyingParty(make_client(scope=scope), browser, baker)
    claims = json.dumps({"userinfo": {"groups": {"essential": True}}})
    tokens = relying_party.tokens(scope="openid groups", claims=claims)
    assert tokens["scope"] == "openid"
    assert "groups" not in relying_party.userinfo(tokens["access_token"]).json()


@spec("OIDC Core", "5.3.2")
def test_who_is_in_no_group_of_others_has_no_claim(browser: Browser) -> None:
    member = make_user(groups=["support"])
    relying_party = RelyingParty(make_client(scope="openid groups"), browser, member)
    assert at_userinfo(relying_party, scope="openid groups") == {"sub": member.sub}


@spec("OIDC Core", "5.1.2")
def test_an_own_scope_shows_its_claims(browser: Browser, baker: EndUser) -> None:
    department, phone, text = unique("department"), unique("phone"), unique("text")
    sources = {department: "groups dept-*", phone: "phone_number", text: "text Bakery Ltd"}
    scope = make_scope(sources)
    relying_party = RelyingParty(make_client(scope=f"openid {scope}"), browser, baker)
    page = browser.sign_in(baker, relying_party.visit(scope=f"openid {scope}"))
    for shown in ("Your department", "dept-bread, dept-cake", "+351 21 000 0000", "Bakery Ltd"):
        assert shown in page.text
    browser.submit(page, "allow")
    assert at_userinfo(relying_party, scope=f"openid {scope}") == {
        "sub": baker.sub,
        department: ["dept-bread", "dept-cake"],
        phone: "+351 21 000 0000",
        text: "Bakery Ltd",
    }


@spec("OIDC Core", "5.5")
def test_an_own_claim_can_be_asked_for_by_itself_by_who_may_have_its_scope(
    browser: Browser, baker: EndUser
) -> None:
    one, other = unique("one"), unique("other")
    scope = make_scope({one: "groups", other: "nickname"})
    claims = json.dumps({"id_token": {one: None}})
    allowed = RelyingParty(make_client(scope=f"openid {scope}"), browser, baker)
    tokens = allowed.tokens(claims=claims)
    assert verified(tokens["id_token"])[one] == ["bakers", "dept-bread", "dept-cake"]
    assert other not in verified(tokens["id_token"])
    assert set(allowed.userinfo(tokens["access_token"]).json()) == {"sub"}
    stranger = RelyingParty(make_client(scope="openid profile"), browser, baker)
    assert one not in verified(stranger.tokens(claims=claims)["id_token"])


@spec("OIDC Core", "5.5")
def test_a_claim_that_an_operator_has_taken_away_is_gone_at_once(
    browser: Browser, baker: EndUser
) -> None:
    claim = unique("claim")
    scope = make_scope({claim: "text x"})
    relying_party = RelyingParty(make_client(scope=f"openid {scope}"), browser, baker)
    asked = json.dumps({"userinfo": {claim: None}})
    tokens = relying_party.tokens(scope=f"openid {scope}", claims=asked)
    assert relying_party.userinfo(tokens["access_token"]).json()[claim] == "x"
    apply({"scopes": [{"name": scope}]}, dry_run=False)
    assert relying_party.userinfo(tokens["access_token"]).json() == {"sub": baker.sub}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "text x"},
        {"iss": "text x"},
        {"email": "text x"},
        {"groups": "groups x*"},
        {"acr": "text x"},
        {"_claim_names": "text x"},
        {"name#de": "text x"},
        {"a b": "text x"},
        {"": "text x"},
        {"fine": "password"},
        {"fine": "sub"},
        {"fine": "is_superuser"},
        {"fine": "text"},
        {"fine": "text " + "x" * 301},
        {"fine": "groups *"},
        {"fine": "groups a*b*"},
        {"fine": ""},
        {"fine": 1},
        {f"many{number}": "text x" for number in range(51)},
    ],
    ids=str,
)
def test_what_would_be_unsafe_or_empty_is_refused(database: object, claims: object) -> None:
    with pytest.raises(DeclarationError, match="claims"):
        apply({"scopes": [{"name": unique("own"), "claims": claims}]}, dry_run=False)


def test_a_claim_means_one_thing(database: object) -> None:
    claim = unique("claim")
    make_scope({claim: "text x"})
    make_scope({claim: "text x"})
    with pytest.raises(DeclarationError, match="fills this claim"):
        make_scope({claim: "text y"})


def test_export_has_what_apply_made(database: object) -> None:
    claims = {unique("b"): "groups dept-*", unique("a"): "text Bakery Ltd"}
    name = make_scope(claims)
    entry = entry_of(Scope.objects.get(name=name))
    assert entry == {"name": name, "description": "Your department", "claims": claims}
    assert apply({"scopes": [entry]}, dry_run=False) == []
