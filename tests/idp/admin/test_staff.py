"""What each kind of staff can do, and what they try in vain. ASVS 8.2; SECURITY line 39."""

import re

import pytest

from accounts.models import User
from idp.admin.clients.tabs import TABS
from idp.models import Client
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import ISSUER, make_client, make_user, unique

LISTS = [
    *("accounts/user/", "accounts/session/", "idp/client/", "idp/consent/"),
    *("idp/grant/", "idp/signingkey/", "idp/event/", "idp/resourceserver/"),
    *("idp/scope/", "idp/initialaccesstoken/", "idp/delivery/", "idp/role/"),
    *("idp/trustedissuer/", "idp/issuerlink/"),
]


def user_of(email: str) -> User:
    return User.objects.get(email=email)


def page_of(user) -> str:
    return f"accounts/user/{user_of(user.email).pk}/change/"


def client_page(client) -> str:
    return f"idp/client/{Client.objects.get(client_id=client.client_id).pk}/change/"


def send(operator: Operator, path: str, **form: str):
    """Send a form that no page offered, with a good token."""
    token = operator.browser.cookies["signet-csrf"]
    return operator.browser.post(
        f"/admin/{path}",
        data={"csrfmiddlewaretoken": token, **form},
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/"},
    )


def with_token(operator: Operator) -> Operator:
    operator.browser.open("/account/logout/")
    return operator


@pytest.mark.parametrize("path", LISTS)
def test_support_sees_every_list(support: Operator, path: str) -> None:
    assert 'class="addlink"' not in support.open(path).text


def test_the_navigation_leads_to_every_list(support: Operator) -> None:
    """The first of a section's lists on every page, the others on these."""
    sections = re.findall(r'href="/admin/([a-z]+/[a-z]+/)"', support.open("").text)
    found = {path for path in sections if path in LISTS}
    for section in sorted(found):
        text = support.open(section).text
        found |= {path for path in LISTS if f'href="/admin/{path}"' in text}
    assert found == set(LISTS)


def test_support_sees_rows_and_helps_users_only(support: Operator, user) -> None:
    app = client_page(make_client())
    for path, has in (
        (page_of(user), ["send-reset", "unlock", "end-sessions"]),
        *((path, []) for path in (app, *(f"{app}{tab.slug}/" for tab in TABS if tab.groups))),
    ):
        page = support.open(path)
        assert re.findall('data-action="([^"]+)"', page.text) == has
        assert 'name="_save"' not in page.text


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("{user}change/", {"email": "x@example.com"}),
        ("{user}action/disable/", {}),
        ("{user}action/require-password/", {}),
        ("accounts/user/", {"action": "disable", "_selected_action": "{pk}"}),
        ("accounts/user/add/", {"email": "x@example.com"}),
        ("{client}change/", {"name": "Evil"}),
        ("{client}change/appearance/", {"name": "Evil", "shown": "name"}),
        ("{client}action/disable/", {}),
        ("{client}secrets/", {}),
        ("{client}delete/", {"post": "yes"}),
        ("idp/scope/add/", {"name": "evil"}),
        ("idp/role/add/", {"name": "evil"}),
        ("{user}roles/", {"give": "x: y"}),
    ],
)
def test_support_changes_nothing(support: Operator, path: str, form: dict[str, str]) -> None:
    user, client = make_user(), make_client()
    user_row, row = user_of(user.email), Client.objects.get(client_id=client.client_id)
    addresses = {"user": f"accounts/user/{user_row.pk}/", "client": f"idp/client/{row.pk}/"}
    form = {name: value.format(pk=user_row.pk) for name, value in form.items()}
    answer = send(with_token(support), path.format(**addresses), **form)
    assert answer.status_code in {200, 302, 403, 405}
    user_row.refresh_from_db()
    row.refresh_from_db()
    assert user_row.is_active
    assert user_row.email == user.email
    assert (row.enabled, row.name, row.secrets.count()) == (True, "Test app", 1)
    assert not events_of(support)


def test_staff_without_permissions_see_nothing(hire) -> None:
    powerless = hire()
    page = powerless.open("")
    assert "/admin/accounts/user/" not in page.text
    assert {powerless.browser.open(f"/admin/{path}").status_code for path in LISTS} == {403}


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_an_operator_gives_nobody_powers(operator: Operator, user, power: str) -> None:
    page = operator.open(page_of(user))
    assert f'name="{power}"' not in page.text
    fields = {"email": user.email, power: "on", "groups": "1"}
    send(operator, page_of(user), **fields)
    email = f"{unique('new')}@example.com"
    send(operator, "accounts/user/add/", email=email, **{power: "on"})
    for user_row in User.objects.filter(email__in=[user.email, email]):
        assert not (user_row.is_staff)
        assert not (user_row.is_superuser)
        assert not (user_row.groups.exists())


@pytest.mark.parametrize("action", ["disable", "require-password", "end-sessions", "unlock"])
def test_an_operator_touches_no_other_staff(
    operator: Operator, superuser: Operator, action
) -> None:
    """A user who can change a superuser's address can become that superuser."""
    path = page_of(superuser.user)
    assert 'data-action="' not in operator.open(path).text
    assert send(operator, path, email="mine@example.com").status_code == 403
    answer = send(operator, path.replace("change/", f"action/{action}/"))
    assert answer.status_code == 403
    user_row = user_of(superuser.user.email)
    assert user_row.is_active
    superuser.open("")


def test_in_a_list_an_operator_touches_no_other_staff(
    operator: Operator, superuser: Operator, user
) -> None:
    chosen = [user_of(superuser.user.email).pk, user_of(user.email).pk]
    page = operator.open("accounts/user/", q=user.email)
    token = operator.browser.cookies["signet-csrf"]
    assert page.status_code == 200
    operator.browser.post(
        "/admin/accounts/user/",
        data={
            "csrfmiddlewaretoken": token,
            "action": "require-password",
            "_selected_action": chosen,
        },
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/"},
    )
    assert not user_of(superuser.user.email).password_change_required
    assert user_of(user.email).password_change_required


def test_an_operator_changes_no_group(operator: Operator) -> None:
    assert operator.browser.open("/admin/auth/group/").status_code == 403
    assert send(operator, "auth/group/add/", name="mine").status_code == 403


def test_nobody_acts_on_themselves(superuser: Operator) -> None:
    path = page_of(superuser.user)
    assert 'data-action="' not in superuser.open(path).text
    send(superuser, path.replace("change/", "action/disable/"))
    superuser.open("")
