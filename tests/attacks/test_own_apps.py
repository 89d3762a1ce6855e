"""Nobody but an app's owner changes it, and owners only where the operator allows it."""

from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from accounts.models import User
from idp import policy
from idp.models import AccessToken, Client, Event, Interaction
from tests.idp.admin.conftest import Operator
from tests.idp.admin.test_recent_authentication import a_while_ago
from tests.in_process import InProcess
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    forms_of,
    is_error_page,
    is_page,
    make_client,
    make_user,
)
from tests.wire.test_developer_pages import own
from tests.wire.test_own_apps import csrf_of, from_, is_over, page_of, row_of

EVIL = "https://evil.example/cb"
PAGES = ("addresses", "secrets", "test-sign-in")


@pytest.fixture
def owner(provider: object) -> EndUser:
    return make_user()


@pytest.fixture
def app(owner: EndUser) -> Registered:
    return own(owner, first_party=True)


@pytest.fixture
def owners_browser(owner: EndUser) -> Iterator[Browser]:
    with Browser() as browser:
        browser.sign_in(owner)
        yield browser


def facts_of(client: Registered) -> tuple[object, ...]:
    """Return all that an owner could change or begin."""
    row = row_of(client)
    return (
        row.redirect_uris,
        row.post_logout_redirect_uris,
        list(row.secrets.values_list("pk", "expires_at")),
        Interaction.objects.filter(client=row).exists(),
        Event.objects.filter(client_id=row.client_id).exclude(actor=None).count(),
    )


def attempts(
    browser: Browser, client: Registered, headers: dict[str, str], token: str
) -> list[int]:
    """POST to every page; return the statuses."""
    sent = {"csrfmiddlewaretoken": token, "redirect_uris": EVIL, "overlap": "0"}
    removing = {**sent, "remove": str(row_of(client).secrets.values_list("pk", flat=True)[0])}
    posts = [(name, sent) for name in PAGES] + [("secrets", removing)]
    return [
        browser.post(page_of(client, name), data=data, headers=headers).status_code
        for name, data in posts
    ]


def test_a_stranger_neither_sees_nor_changes_an_app(
    browser: Browser, user: EndUser, app: Registered
) -> None:
    """Signed in, with a CSRF token and an app of their own."""
    before = facts_of(app)
    of_theirs = own(user)
    browser.sign_in(user)
    page = browser.open(page_of(of_theirs, "addresses"))
    token = csrf_of(page)["csrfmiddlewaretoken"]
    nothing = browser.open("/developers/apps/999999999/secrets/")
    for name in PAGES:
        answer = browser.open(page_of(app, name))
        assert answer.status_code == nothing.status_code == 404
        assert app.client_id not in answer.text
    assert attempts(browser, app, from_(page), token) == [404] * 4
    assert facts_of(app) == before


def test_operators_are_no_owners(browser: Browser, app: Registered) -> None:
    """They have the administration, with what it asks of them."""
    before = facts_of(app)
    browser.sign_in(make_user(is_staff=True, is_superuser=True))
    page = browser.open("/developers/")
    token = csrf_of(page)["csrfmiddlewaretoken"]
    assert attempts(browser, app, from_(page), token) == [404] * 4
    assert facts_of(app) == before


def test_an_anonymous_visitor_is_led_to_the_sign_in(browser: Browser, app: Registered) -> None:
    before = facts_of(app)
    for name in PAGES:
        assert is_page(browser.open(page_of(app, name)), "/account/login/")
    page = browser.open("/developers/")
    token = csrf_of(page)["csrfmiddlewaretoken"]
    assert attempts(browser, app, from_(page), token) == [302] * 4
    assert facts_of(app) == before


def test_another_site_makes_an_owner_change_nothing(
    owners_browser: Browser, app: Registered
) -> None:
    before = facts_of(app)
    page = owners_browser.open(page_of(app, "addresses"))
    token = csrf_of(page)["csrfmiddlewaretoken"]
    evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    for headers, sent in ((evil, token), (evil, ""), (from_(page), "")):
        # The form is shown again, and has to be sent from there.
        assert set(attempts(owners_browser, app, headers, sent)) == {302}
    assert facts_of(app) == before


def test_who_owned_an_app_changes_it_no_more(
    owners_browser: Browser, owner: EndUser, app: Registered, user: EndUser
) -> None:
    """Not with a page that was opened before, nor with a test sign-in that had begun."""
    page = owners_browser.open(page_of(app, "addresses"))
    answer = answer_at(owners_browser, begun(owners_browser, app))
    Client.objects.filter(client_id=app.client_id).update(user=User.objects.get(email=user.email))
    before = facts_of(app)
    token = csrf_of(page)["csrfmiddlewaretoken"]
    assert attempts(owners_browser, app, from_(page), token) == [404] * 4
    assert facts_of(app) == before
    assert owners_browser.open(answer).status_code == 404
    assert not AccessToken.objects.filter(application__client_id=app.client_id).exists()


def test_fields_of_operators_are_not_taken(owners_browser: Browser, app: Registered) -> None:
    row = row_of(app)
    page = owners_browser.open(page_of(app, "addresses"))
    sent = {
        **csrf_of(page),
        "redirect_uris": "https://app.example/cb",
        "name": "Evil",
        "enabled": "",
        "user": "evil@example.com",
        "scopes": "everything",
        "skip_authorization": "",
        "profile": "compatible",
        "client_id": "evil",
    }
    answer = owners_browser.post(page_of(app, "addresses"), data=sent, headers=from_(page))
    assert answer.status_code == 302
    after = row_of(app)
    assert after.redirect_uris == ["https://app.example/cb"]
    for column in ("name", "enabled", "user_id", "scopes", "skip_authorization", "profile"):
        assert getattr(after, column) == getattr(row, column)


def test_a_stolen_session_changes_nothing_after_a_while(
    owners_browser: Browser, owner: EndUser, app: Registered
) -> None:
    """The last sign-in was an hour ago: the thief would need the password."""
    before = facts_of(app)
    page = owners_browser.open(page_of(app, "addresses"))
    a_while_ago(Operator(owner, owners_browser))
    token = csrf_of(page)["csrfmiddlewaretoken"]
    assert attempts(owners_browser, app, from_(page), token)[0] == 302
    for name in ("addresses", "secrets"):
        assert is_page(owners_browser.open(page_of(app, name)), "/account/login/")
    after = facts_of(app)
    assert after[:3] == before[:3], "a test sign-in alone needs no password"


def test_nothing_is_there_where_the_operator_does_not_allow_it(
    app: Registered, owner: EndUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "OWNERS_CHANGE_APPS", False)
    before = facts_of(app)
    browser = InProcess()
    browser.force_login(
        User.objects.get(email=owner.email), backend="django.contrib.auth.backends.ModelBackend"
    )
    for name in PAGES:
        assert browser.get(page_of(app, name)).status_code == 404
        sent = {"redirect_uris": EVIL}
        assert browser.post(page_of(app, name), sent).status_code == 404
        assert InProcess().get(page_of(app, name)).status_code == 404
    assert facts_of(app) == before


# --- the test sign-in ---------------------------------------------------------------------------


def begun(browser: Browser, client: Registered) -> str:
    """Press the button, and return the address at which the sign-in goes on."""
    page = browser.open(page_of(client, "test-sign-in"))
    form = next(form for form in forms_of(page) if "confirm" in form.buttons)
    response = browser.post(str(page.url), data=form.fields, headers=from_(page))
    return response.headers["Location"]


def answer_at(browser: Browser, address: str) -> str:
    """Go on, and return the address of the answer without opening it."""
    location = browser.get(address).headers["Location"]
    assert "/developers/apps/" in location, location
    assert "/test-sign-in/answer/?code=" in location, location
    return urljoin(ISSUER, location)


def test_no_address_makes_an_answer_come_to_the_owners_page(
    owners_browser: Browser, owner: EndUser, app: Registered
) -> None:
    """Not for the owner's own request, and not while a test runs."""
    begun(owners_browser, app)
    state = Interaction.objects.get(client__client_id=app.client_id).pk
    party = RelyingParty(app, owners_browser, owner)
    uri = f"{ISSUER}{page_of(app, 'test-sign-in')}answer/"
    assert is_error_page(party.visit(redirect_uri=uri))
    assert is_error_page(party.visit(redirect_uri=uri, state=state))


def test_no_other_user_takes_the_answer(
    owners_browser: Browser, app: Registered, browser: Browser, user: EndUser
) -> None:
    address = begun(owners_browser, app)
    assert is_error_page(browser.open(address))
    answer = answer_at(owners_browser, address)
    browser.sign_in(user)
    assert browser.open(answer).status_code == 404
    other = make_client()
    elsewhere = answer.replace(page_of(app, "test-sign-in"), page_of(other, "test-sign-in"))
    assert owners_browser.open(elsewhere).status_code == 404
    assert not AccessToken.objects.filter(application__client_id=app.client_id).exists()
    page = owners_browser.open(answer)
    assert "It works" in page.text  # none of that has used it up
    assert is_over(owners_browser.open(answer))


def test_an_owner_does_not_read_the_answer_in_the_administration(
    owners_browser: Browser, app: Registered
) -> None:
    answer = answer_at(owners_browser, begun(owners_browser, app))
    admins = answer.replace(
        page_of(app, "test-sign-in"), f"/admin/idp/client/{row_of(app).pk}/test-sign-in/"
    )
    page: httpx.Response = owners_browser.open(admins)
    assert page.status_code == 403
    assert not AccessToken.objects.filter(application__client_id=app.client_id).exists()
