"""A test sign-in's answer comes to the operator who began it, and nobody else makes it come there.

RFC 9700 §4.1, §4.5.
"""

from collections.abc import Callable
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from accounts.models import User
from idp.models import AccessToken, AuthorizationCode, Client, Interaction
from tests.idp.admin.conftest import Operator
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    forms_of,
    is_error_page,
    make_client,
    spec,
)


def page_of(client: Registered) -> str:
    row = Client.objects.get(client_id=client.client_id)
    return f"/admin/idp/client/{row.pk}/test-sign-in/"


@pytest.fixture
def client() -> Registered:
    """An app whose users are not asked to agree: one redirect leads to the answer."""
    return make_client(first_party=True)


def begun(operator: Operator, client: Registered) -> str:
    """Press the button, and return the address at which the sign-in goes on."""
    page = operator.browser.open(page_of(client))
    form = next(form for form in forms_of(page) if "confirm" in form.buttons)
    headers = {"Origin": ISSUER, "Referer": str(page.url)}
    response = operator.browser.post(str(page.url), data=form.fields, headers=headers)
    return response.headers["Location"]


def answer_at(browser: Browser, address: str) -> str:
    """Go on, and return the address of the answer without opening it."""
    location = browser.get(address).headers["Location"]
    assert "/test-sign-in/answer/?code=" in location, location
    return urljoin(ISSUER, location)


def is_over(page: httpx.Response) -> bool:
    return page.status_code == 200 and "That test is over" in page.text


def tokens_of(client: Registered) -> int:
    return AccessToken.objects.filter(application__client_id=client.client_id).count()


@spec("RFC 9700", "2.1")
def test_no_address_makes_an_answer_come_to_the_administration(
    operator: Operator, relying_party: RelyingParty
) -> None:
    """Not for a stranger's link, not for the operator who follows it, not while a test runs."""
    app = relying_party
    uri = f"{ISSUER}{page_of(app.client)}answer/"
    begun(operator, app.client)
    assert is_error_page(app.visit(redirect_uri=uri))
    of_operator = RelyingParty(app.client, operator.browser, operator.user)
    assert is_error_page(of_operator.visit(redirect_uri=uri))
    state = Interaction.objects.get(client__client_id=app.client.client_id).pk
    assert is_error_page(of_operator.visit(redirect_uri=uri, state=state))
    assert is_error_page(of_operator.visit(redirect_uri=uri, interactions=state))
    assert is_error_page(of_operator.visit(redirect_uri=f"{uri}?x", state=state))


def test_it_goes_on_in_no_other_browser(
    operator: Operator, hire: Callable[..., Operator], client: Registered, user: EndUser
) -> None:
    address = begun(operator, client)
    with Browser() as stranger:
        assert is_error_page(stranger.open(address))
        stranger.sign_in(user)
        assert is_error_page(stranger.open(address))
        assert is_error_page(stranger.open(address.replace("/authorize", "/consent")))
    assert is_error_page(hire(is_superuser=True).browser.open(address))
    again = Browser()  # the same user, elsewhere
    again.sign_in(operator.user)
    assert is_error_page(again.open(address))
    again.close()
    assert not AuthorizationCode.objects.filter(application__client_id=client.client_id).exists()

    operator.browser.submit(operator.browser.open("/account/logout/"))
    assert is_error_page(operator.browser.open(address))


def test_no_other_user_takes_the_answer(
    operator: Operator, hire: Callable[..., Operator], client: Registered, browser: Browser
) -> None:
    address = answer_at(operator.browser, begun(operator, client))
    assert "/account/login/" in str(browser.open(address).url)
    assert is_over(hire(is_superuser=True).browser.open(address))
    elsewhere = address.replace(page_of(client), page_of(make_client()))
    assert is_over(operator.browser.open(elsewhere))
    state = parse_qs(urlsplit(address).query)["state"][0]
    assert is_over(operator.browser.open(address.replace(state, state[::-1])))
    assert tokens_of(client) == 0
    assert "It works" in operator.browser.open(address).text  # none of that has used it up


def test_tokens_of_another_user_are_not_taken(
    operator: Operator, browser: Browser, user: EndUser
) -> None:
    """An attacker posts their own tokens to the operator's test: its nonce is another one."""
    client = make_client(
        first_party=True,
        profile="compatible",
        grant_types=["implicit"],
        response_types=["id_token token"],
    )
    browser.sign_in(user)
    app = RelyingParty(client, browser, user)
    foreign = forms_of(app.visit(response_type="id_token token", response_mode="form_post"))[-1]
    page = operator.browser.open(begun(operator, client))
    own = next(form for form in forms_of(page) if "id_token" in form.fields)
    uri = f"{ISSUER}{page_of(client)}answer/"
    for state in ("", foreign.fields["state"]):
        over = operator.browser.post(uri, data={**own.fields, "state": state})
        assert over.headers["Location"].endswith("?expired")
    for body in (b"\xff=\xff", b"state=%00", b"state=x&state=y", b"{}"):
        sent = operator.browser.post(
            uri, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert sent.headers["Location"].endswith("?expired")
    mixed = {**foreign.fields, "state": own.fields["state"]}
    report = operator.browser.post(uri, data=mixed)
    assert "It failed" in report.text
    assert user.email not in report.text
    live = AccessToken.objects.filter(application__client_id=client.client_id)
    assert live.filter(grant__revoked_at=None).count() == 1  # the attacker's own


def test_an_answer_works_once(operator: Operator, client: Registered) -> None:
    going_on = begun(operator, client)
    address = answer_at(operator.browser, going_on)
    assert "It works" in operator.browser.open(address).text
    assert is_over(operator.browser.open(address))
    assert tokens_of(client) == 1
    assert is_error_page(operator.browser.open(going_on))


@spec("RFC 7636", "1")
def test_its_code_is_of_no_use_elsewhere(operator: Operator, client: Registered) -> None:
    """Neither to a thief, nor to the app itself: only we can say its verifier."""
    uri = f"{ISSUER}{page_of(client)}answer/"

    def code() -> str:
        address = answer_at(operator.browser, begun(operator, client))
        return parse_qs(urlsplit(address).query)["code"][0]

    app = RelyingParty(client, operator.browser, operator.user)
    stolen = app.exchange(code(), redirect_uri=uri)
    assert stolen.json()["error"] == "invalid_grant"
    assert app.exchange(code(), redirect_uri=uri, code_verifier=None).status_code == 400
    another_client = RelyingParty(
        Registered(client.client_id, "x" * 64, client.metadata), operator.browser, operator.user
    )
    assert another_client.exchange(code(), redirect_uri=uri).json()["error"] == "invalid_client"
    assert tokens_of(client) == 0


def test_a_code_of_another_user_is_not_taken(
    operator: Operator, client: Registered, browser: Browser, user: EndUser
) -> None:
    """An attacker who makes the operator open an address puts no other sign-in into the test."""
    foreign = RelyingParty(client, browser, user).authorize().code
    address = answer_at(operator.browser, begun(operator, client))
    own = parse_qs(urlsplit(address).query)["code"][0]
    page = operator.browser.open(address.replace(own, foreign or ""))
    assert "It failed" in page.text
    assert user.email not in page.text
    assert tokens_of(client) == 0


def test_who_may_change_apps_no_more_sees_no_answer(operator: Operator, client: Registered) -> None:
    address = answer_at(operator.browser, begun(operator, client))
    User.objects.get(email=operator.user.email).groups.clear()
    assert operator.browser.open(address).status_code == 403
    assert tokens_of(client) == 0


def test_it_begins_at_the_press_of_its_button_alone(operator: Operator, client: Registered) -> None:
    path = page_of(client)
    response = operator.browser.post(path, data={}, headers={"Origin": "https://evil.example"})
    assert "interaction" not in response.headers.get("Location", "")
    operator.open(path.removeprefix("/admin/"), prompt="login")
    assert not Interaction.objects.filter(client__client_id=client.client_id).exists()
