"""Apps for the members of some groups. OIDC Core §3.1.2.3, RFC 6749 §4.1.2.1, §5.2."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from idp.models import Event, Grant
from tests.relying_party import (
    Answer,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    spec,
    unique,
)
from tests.wire.test_several_accounts import use_another

PAGE, LOGIN = "/access_denied", "/account/login/"
GRANTS = ["authorization_code", "implicit", "password", "refresh_token"]


def app_for(group: str, browser: Browser, user: EndUser, **metadata: Any) -> RelyingParty:
    client = make_client(
        allowed_groups=[group],
        grant_types=GRANTS,
        response_types=["code", "id_token token"],
        refresh_without_offline_access=True,
        **metadata,
    )
    return RelyingParty(client, browser, user)


def put_in(user: EndUser, group: str) -> None:
    User.objects.get(email=user.email).groups.add(Group.objects.get(name=group))


def take_out(user: EndUser, group: str) -> None:
    User.objects.get(email=user.email).groups.remove(Group.objects.get(name=group))


@pytest.fixture
def group() -> str:
    return unique("bakers")


@pytest.fixture
def outside(group: str, browser: Browser, user: EndUser) -> RelyingParty:
    """An app for a group that its user is not in."""
    return app_for(group, browser, user, client_name="Bäckerei")


@pytest.fixture
def inside(outside: RelyingParty, group: str) -> RelyingParty:
    """The same with a member."""
    put_in(outside.user, group)
    return outside


def reasons_of(relying_party: RelyingParty) -> list[tuple[str, str, str | None]]:
    events = Event.objects.filter(client_id=relying_party.client.client_id, kind="denied")
    return [(event.error, event.reason, event.user and event.user.email) for event in events]


# --- signing in ---


@spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("response_type", ["code", "id_token token"])
def test_whoever_is_in_no_such_group_is_told_and_can_go_back(
    outside: RelyingParty, response_type: str
) -> None:
    page = outside.visit(response_type=response_type)
    page = outside.browser.sign_in(outside.user, page)
    assert is_page(page, PAGE)
    for words in ("Your account may not use", "Bäckerei", "Ana Lima", outside.user.email):
        assert words in page.text
    answer = outside.answer(outside.browser.submit(page, "back"))
    answer = Answer(answer.url.replace("#", "?"))
    assert answer.error == "access_denied"
    assert answer.state == outside.state
    reason = "The user is in none of the groups that may use this client."
    assert answer.parameters["error_description"] == reason
    assert reasons_of(outside) == [("access_denied", reason, outside.user.email)] * 2


@spec("RFC 6749", "4.1.2.1")
def test_members_get_in(inside: RelyingParty) -> None:
    tokens = inside.tokens()
    assert inside.refresh(tokens["refresh_token"]).status_code == 200


@spec("OIDC Core", "3.1.2.6")
def test_silence(outside: RelyingParty, group: str) -> None:
    outside.browser.sign_in(outside.user)
    assert outside.answer(outside.visit(prompt="none")).error == "access_denied"
    put_in(outside.user, group)
    assert outside.answer(outside.visit(prompt="none")).error == "consent_required"


def test_another_account_may_be_the_right_one(outside: RelyingParty, group: str) -> None:
    member = make_user(groups=[group])
    page = outside.browser.sign_in(outside.user, outside.visit())
    assert 'href="/account/choose/?next=%2Fauthorize%3Finteraction' in page.text
    onward = page.url.params["interaction"]
    use_another(outside.browser, member)
    page = outside.browser.open(f"/authorize?interaction={onward}")
    assert is_page(page, "/consent")
    assert outside.answer(outside.browser.submit(page, "allow")).code


def test_an_open_page_does_not_outlive_its_reason(outside: RelyingParty, group: str) -> None:
    page = outside.browser.sign_in(outside.user, outside.visit())
    put_in(outside.user, group)
    assert is_page(outside.browser.submit(page, "back"), "/consent")


# --- what was given before ---


@spec("RFC 6749", "5.2")
def test_whoever_is_taken_out_gets_no_new_tokens(inside: RelyingParty, group: str) -> None:
    tokens, code = inside.tokens(), inside.authorize().code
    take_out(inside.user, group)
    for refused in (inside.refresh(tokens["refresh_token"]), inside.exchange(code)):
        assert refused.json()["error"] == "invalid_grant"
        assert "none of the groups" in refused.json()["error_description"]
    assert inside.userinfo(tokens["access_token"]).status_code == 200
    assert is_page(inside.visit(), PAGE)
    put_in(inside.user, group)
    assert inside.refresh(tokens["refresh_token"]).status_code == 200


def test_naming_groups_holds_at_once(browser: Browser, user: EndUser, group: str) -> None:
    app = RelyingParty(
        make_client(
            grant_types=["authorization_code", "refresh_token"],
            refresh_without_offline_access=True,
        ),
        browser,
        user,
    )
    tokens = app.tokens()
    make_client(**{**app.client.metadata, "allowed_groups": [group]})
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert is_page(app.visit(), PAGE)
    make_client(**app.client.metadata)
    assert app.refresh(tokens["refresh_token"]).status_code == 200
    assert app.answer(app.visit()).code


# --- attacks ---


@spec("RFC 6749", "4.3.2")
def test_a_password_leads_past_no_group(outside: RelyingParty, group: str) -> None:
    def ask(password: str) -> dict[str, Any]:
        username = outside.user.email
        return outside.token(grant_type="password", username=username, password=password).json()

    refused, wrong = ask(outside.user.password), ask("wrong")
    assert refused["error"] == "invalid_grant"
    assert refused["error_description"] == wrong["error_description"]
    put_in(outside.user, group)
    assert "access_token" in ask(outside.user.password)


def test_agreeing_leads_past_no_group(outside: RelyingParty) -> None:
    page = outside.browser.sign_in(outside.user, outside.visit())
    page = outside.browser.open(f"/consent?interaction={page.url.params['interaction']}")
    assert is_page(outside.browser.submit(page, "allow"), PAGE)
    assert not Grant.objects.filter(client__client_id=outside.client.client_id).exists()


def test_a_deleted_group_lets_nobody_in(inside: RelyingParty, group: str) -> None:
    Group.objects.get(name=group).delete()
    assert is_page(inside.browser.sign_in(inside.user, inside.visit()), PAGE)


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}?interaction={'x' * 43}"])
def test_without_a_request_there_is_no_page(browser: Browser, path: str) -> None:
    assert browser.open(path).status_code == 400


def test_the_page_is_for_its_own_user(outside: RelyingParty) -> None:
    page = outside.browser.sign_in(outside.user, outside.visit())
    with Browser() as elsewhere:
        assert is_page(elsewhere.open(str(page.url)), LOGIN)
