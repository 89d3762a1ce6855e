"""Accounts elsewhere that users connect and disconnect, and what an upstream says about them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, Permission

from accounts.allauth_door import social_accounts
from accounts.models import User
from idp.declaration import apply
from idp.models import Event
from tests.elsewhere import Elsewhere
from tests.relying_party import ISSUER, Browser, EndUser, forms_of, make_user, unique
from tests.upstreams import FakeUpstream, asked_of

ACCOUNTS = "/account/two-steps/accounts/"


def connect(browser: Browser, there: FakeUpstream, **claims: Any) -> httpx.Response:
    """Press the button, and come back from there."""
    page = browser.open(ACCOUNTS)
    action = f"/account/upstream/{there.row.slug}/connect"
    [form] = [form for form in forms_of(page) if form.action == action]
    headers = {"Origin": ISSUER, "Referer": f"{ISSUER}{ACCOUNTS}"}
    asked = asked_of(browser.settle(browser.post(action, data=form.fields, headers=headers)))
    there.grants(there.issuer.token(there.subject, **there.claims(asked, **claims)))
    return there.come_back(browser, asked)


def account_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def removal_of(user: User, slug: str) -> str:
    return f"{ACCOUNTS}{social_accounts.of(user).get(provider=slug).pk}/disconnect/"


def test_an_account_is_connected_listed_and_disconnected(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    user, there = make_user(), FakeUpstream(foreign_site)
    browser.sign_in(user)
    page = connect(browser, there, email="eve@elsewhere.example", name="Not taken over")
    assert page.url.path == ACCOUNTS
    for said in (there.row.name, "eve@elsewhere.example", "Connected since"):
        assert said in page.text
    assert account_of(user).name != "Not taken over"
    assert there.row.name in browser.open("/account/two-steps/").text
    with Browser() as another:
        there.sign_in(another)
        assert another.open("/account/").url.path == "/account/"
        # Another user can't connect it as well.
        other = make_user()
        with Browser() as third:
            third.sign_in(other)
            assert connect(third, there).status_code == 400
        assert not social_accounts.of(account_of(other)).exists()
        # Nobody disconnects what is somebody else's.
        removal = removal_of(account_of(user), there.row.slug)
    with Browser() as attacker:
        attacker.sign_in(make_user())
        assert attacker.open(removal).url.path == ACCOUNTS
    page = browser.submit(browser.open(removal), "disconnect")
    assert page.url.path == ACCOUNTS
    assert not social_accounts.of(account_of(user)).exists()
    kinds = Event.objects.filter(user=account_of(user), kind__startswith="account-")
    assert set(kinds.values_list("kind", flat=True)) == {
        "account-connected",
        "account-disconnected",
    }


def test_who_has_no_password_keeps_a_way_in(browser: Browser, foreign_site: Elsewhere) -> None:
    """Of two ways in, two disconnections at once leave one."""
    ways = [FakeUpstream(foreign_site, {"trusts_email": True}) for _ in range(2)]
    ways[0].sign_in(browser)
    user = User.objects.get(email=ways[0].email)
    assert not user.has_usable_password()
    only = browser.open(removal_of(user, ways[0].row.slug))
    assert "It is your only way to sign in." in only.text
    assert f"You sign in with <bdi>{ways[0].row.name}" in browser.open("/account/password/").text
    connect(browser, ways[1])
    assert social_accounts.of(user).count() == 2
    pages = [browser.open(removal_of(user, way.row.slug)) for way in ways]
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda page: browser.submit(page, "disconnect"), pages))
    assert social_accounts.of(user).count() == 1
    disconnected = Event.objects.filter(user=user, kind="account-disconnected")
    assert disconnected.count() == 1


def test_claims_fill_fields_and_groups(foreign_site: Elsewhere) -> None:
    """At each sign-in: groups given by hand stay, and none has rights in the administration."""
    ours, by_hand, staff = (Group.objects.create(name=unique("Group")) for _ in range(3))
    staff.permissions.add(Permission.objects.get(codename="view_user"))
    mapping = {
        "claims": {"given_name": "first", "zoneinfo": "zone", "preferred_username": "login"},
        "groups_claim": "realm_access.roles",
        "groups": {"a": ours.name, "b": by_hand.name, "c": staff.name, "d": "No such group"},
    }
    columns = {"trusts_email": True, "mapping": mapping, "refresh": "always"}
    there = FakeUpstream(foreign_site, columns)

    def say(roles: Any, **claims: Any) -> tuple[User, set[str]]:
        with Browser() as browser:
            there.sign_in(browser, realm_access={"roles": roles}, **claims)
        user = User.objects.get(email=there.email)
        return user, set(user.groups.values_list("name", flat=True))

    wrong = {"zone": "Nowhere/Land", "login": "admin", "is_staff": True}
    user, groups = say(["a", "c", "d", *map(str, range(1000))], first="Ana", **wrong)
    assert (user.given_name, user.zoneinfo, user.preferred_username) == ("Ana", "", "")
    assert not user.is_staff
    assert groups == {ours.name}
    user.groups.add(by_hand)
    login = unique("eve").lower()
    user, groups = say(["b"], first="Bea\u202e", zone="Europe/Lisbon", login=login)
    assert (user.given_name, user.zoneinfo) == ("Ana", "Europe/Lisbon")
    assert user.preferred_username == login
    assert groups == {by_hand.name}
    assert say("no list")[1] == {by_hand.name}
    changed = Event.objects.filter(user=user, kind="profile-changed").latest("pk")
    assert changed.details["upstream"] == there.row.slug
    # What the upstream gave ends with it.
    assert say(["a"])[1] == {ours.name, by_hand.name}
    apply_without(there.row.slug)
    user.refresh_from_db()
    assert set(user.groups.values_list("name", flat=True)) == {by_hand.name}
    assert not social_accounts.of(user).exists()


def apply_without(slug: str) -> None:
    """Prune an upstream from the configuration, after those that other tests have left."""
    from accounts.models import Upstream

    Upstream.objects.exclude(slug=slug).delete()
    apply({"upstreams": []}, dry_run=False, prune=True)


@pytest.mark.parametrize("refresh", ["first", "always"])
def test_refresh(foreign_site: Elsewhere, refresh: str) -> None:
    there = FakeUpstream(foreign_site, {"trusts_email": True, "refresh": refresh})
    for name in ("First", "Second"):
        with Browser() as browser:
            there.sign_in(browser, name=name)
    expected = {"first": "First", "always": "Second"}[refresh]
    assert User.objects.get(email=there.email).name == expected
