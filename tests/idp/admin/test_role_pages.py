"""The pages of roles: made, given, taken and recorded; and who may do so."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Session, User
from idp.clients.roles import roles_of
from idp.models import Client, Event, Role
from tests.idp.admin.conftest import Operator
from tests.idp.admin.test_staff import send, with_token
from tests.relying_party import Browser, EndUser, Registered, make_client, make_user, unique


@pytest.fixture
def client(database: object) -> Registered:
    return make_client(scope="openid roles", roles={"admin": []})


def role_of(client: Registered, name: str = "admin") -> Role:
    return Role.objects.get(client__client_id=client.client_id, name=name)


def row_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def users_page(client: Registered) -> str:
    return f"idp/role/{role_of(client).pk}/users/"


def roles_page(user: EndUser) -> str:
    return f"accounts/user/{row_of(user).pk}/roles/"


def has(user: EndUser, client: Registered) -> list[str]:
    return roles_of(row_of(user).pk, client.client_id)


def last_event(**about: Any) -> Event:
    return Event.objects.filter(kind="changed", **about).order_by("-id")[0]


def test_a_role_is_made_from_the_app_and_recorded_as_its_change(
    operator: Operator, client: Registered
) -> None:
    row = Client.objects.get(client_id=client.client_id)
    app_page = operator.open(f"idp/client/{row.pk}/change/access/").text
    assert f"/admin/idp/role/?client={row.pk}" in html.unescape(app_page)
    listed = operator.open("idp/role/", client=str(row.pk)).text
    add = re.search(r'href="(/admin/idp/role/add/[^"]*)"', listed)
    assert add
    page = operator.browser.open(html.unescape(add[1]))
    assert f'value="{client.client_id}"' in page.text
    group = Group.objects.create(name=unique("ops"))
    operator.browser.submit(page, name="editor", groups=[str(group.pk)])
    event = last_event(client_id=client.client_id)
    assert event.target == f"client {client.client_id}"
    before, after = event.details["changes"]["roles"]
    assert before == {"admin": []}
    assert after == {"admin": [], "editor": [group.name]}
    operator.save(f"idp/role/{role_of(client, 'editor').pk}/change/", name="writer")
    operator.browser.submit(operator.open(f"idp/role/{role_of(client, 'writer').pk}/delete/"))
    before, after = last_event(client_id=client.client_id).details["changes"]["roles"]
    assert (before["writer"], after) == ([group.name], {"admin": []})


@pytest.mark.parametrize("name", ["admin", "", "x" * 101, "ad\u200bmin"])
def test_odd_and_second_names_are_refused(
    operator: Operator, client: Registered, name: str
) -> None:
    before = Role.objects.count()
    page = operator.save("idp/role/add/", client=client.client_id, name=name)
    assert page.status_code == 200
    assert Role.objects.count() == before


def test_an_unknown_app_is_refused(operator: Operator) -> None:
    page = operator.save("idp/role/add/", client="nowhere", name="admin")
    assert "No app has this client ID." in page.text


def test_a_user_is_given_the_role_and_loses_it_on_its_page(
    operator: Operator, client: Registered, user: EndUser
) -> None:
    page = operator.save(users_page(client), give=user.email.upper())
    assert user.email in page.text
    assert has(user, client) == ["admin"]
    event = last_event(client_id=client.client_id)
    assert (event.user, event.actor) == (row_of(user), row_of(operator.user))
    assert event.target == f"user {user.email}"
    assert event.details["changes"]["roles"] == [{}, {client.client_id: ["admin"]}]
    answer = send(with_token(operator), users_page(client), take=str(row_of(user).pk))
    assert answer.status_code == 302
    assert has(user, client) == []


def test_the_same_on_the_users_page(operator: Operator, client: Registered, user: EndUser) -> None:
    page = operator.save(roles_page(user), give=f"{client.client_id}: admin")
    assert has(user, client) == ["admin"]
    assert client.client_id in page.text
    send(with_token(operator), roles_page(user), take=str(role_of(client).pk))
    assert has(user, client) == []


def test_roles_with_odd_names_are_found_by_what_is_suggested(
    operator: Operator, user: EndUser
) -> None:
    client = make_client(client_id=f"https://{unique('a')}.example: x", roles={"a: b": []})
    operator.save(roles_page(user), give=f"{client.client_id}: a: b")
    assert has(user, client) == ["a: b"]


@pytest.mark.parametrize("typed", ["nowhere: admin", "admin", ": ", "x" * 3000, "a\0: b"])
def test_an_unknown_role_is_refused(operator: Operator, user: EndUser, typed: str) -> None:
    page = operator.save(roles_page(user), give=typed)
    assert "There is no such role" in page.text


def test_an_unknown_user_is_refused(operator: Operator, client: Registered) -> None:
    page = operator.save(users_page(client), give="nobody@example.com")
    assert "No user has this email address" in page.text


def test_a_role_by_a_group_is_shown_where_it_cannot_be_taken(
    operator: Operator, client: Registered
) -> None:
    group = unique("ops")
    member = make_user(groups=[group])
    role_of(client).groups.add(Group.objects.get(name=group))
    page = operator.open(roles_page(member)).text
    assert "a group" in page
    assert 'name="take"' not in page
    assert group in operator.open(users_page(client)).text


# --- suggestions --------------------------------------------------------------------------------


def suggested(operator: Operator, kind: str, term: str) -> httpx.Response:
    return operator.browser.get(f"/admin/idp/role/suggestions/{kind}/", params={"q": term})


def test_fields_suggest_users_and_roles(
    operator: Operator, client: Registered, user: EndUser
) -> None:
    assert user.email in suggested(operator, "users", user.email[:-4]).json()
    for term in (client.client_id, f"{client.client_id}: ", f"{client.client_id}: adm"):
        assert suggested(operator, "roles", term).json() == [f"{client.client_id}: admin"]
    assert suggested(operator, "roles", f"{client.client_id}: owner").json() == []
    for odd in ("", "\0", "%", "x" * 5000):
        for kind in ("users", "roles"):
            assert suggested(operator, kind, odd).status_code in {200, 400}
    assert suggested(operator, "passwords", "a").status_code == 404


def test_they_are_for_those_who_may_see_roles_and_users(user: EndUser) -> None:
    hired = make_user(is_staff=True)
    with Browser() as browser:
        browser.sign_in(hired)
        for kind in ("users", "roles"):
            assert suggested(Operator(hired, browser), kind, user.email).status_code == 403


# --- who may ------------------------------------------------------------------------------------


def test_support_sees_and_gives_nothing(
    support: Operator, client: Registered, user: EndUser
) -> None:
    for path, form in (
        (users_page(client), {"give": user.email}),
        (roles_page(user), {"give": f"{client.client_id}: admin"}),
    ):
        assert 'name="give"' not in support.open(path).text
        assert send(with_token(support), path, **form).status_code == 403
    assert has(user, client) == []


def test_operators_give_no_roles_to_staff(operator: Operator, client: Registered) -> None:
    """Nor to themselves."""
    colleague = make_user(is_staff=True)
    for somebody in (colleague, operator.user):
        answer = send(with_token(operator), users_page(client), give=somebody.email)
        assert answer.status_code == 403
        assert has(somebody, client) == []


def test_superusers_do(superuser: Operator, client: Registered) -> None:
    superuser.save(users_page(client), give=superuser.user.email)
    assert has(superuser.user, client) == ["admin"]


def test_it_takes_a_recent_sign_in(operator: Operator, client: Registered, user: EndUser) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.filter(user=row_of(operator.user)).update(authenticated_at=long_ago)
    for path, form in (
        (users_page(client), {"give": user.email}),
        (roles_page(user), {"give": f"{client.client_id}: admin"}),
    ):
        assert 'id="sign-in-again"' in operator.open(path).text
        assert send(with_token(operator), path, **form).status_code == 302
    assert has(user, client) == []
