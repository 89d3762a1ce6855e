"""Requests that wait for their user: tabs, Back, reload, expiry. OIDC Core §3.1.2."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone

from idp.models import Grant, Interaction
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_api,
    make_client,
    make_user,
    spec,
)

CAP = 500


def interaction_at(page: httpx.Response) -> str:
    """Return the address at which the page's request goes on."""
    return parse_qs(urlsplit(str(page.url)).query)["next"][0]


def expire(path: str) -> None:
    """Let an hour pass for a request."""
    Interaction.objects.filter(pk=path.partition("=")[2]).update(
        arrived_at=timezone.now() - timedelta(hours=1)
    )


@spec("OIDC Core", "3.1.2.3")
def test_two_tabs_each_answer_their_own_request(relying_party: RelyingParty) -> None:
    other = RelyingParty(make_client(), relying_party.browser, relying_party.user)
    first, second = relying_party.visit(), other.visit()
    answer = relying_party.go_on(first)
    assert answer.state == relying_party.state
    answer = other.go_on(relying_party.browser.open(str(second.url)))
    assert answer.state == other.state
    assert other.exchange(answer.code).status_code == 200


@spec("OIDC Core", "3.1.2.3")
def test_a_form_that_was_open_while_another_tab_signed_in(relying_party: RelyingParty) -> None:
    other = RelyingParty(make_client(), relying_party.browser, relying_party.user)
    first, second = relying_party.visit(), other.visit()
    relying_party.go_on(first)
    page = relying_party.browser.sign_in(relying_party.user, second)
    assert other.go_on(page).state == other.state


@spec("OIDC Core", "3.1.2.3")
def test_reloading_and_going_back_lose_nothing(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    page = relying_party.browser.open(str(page.url))
    consent = relying_party.browser.sign_in(relying_party.user, page)
    back = relying_party.browser.open(str(page.url))
    assert is_page(back, "/consent")
    again = relying_party.browser.open(str(consent.url))
    assert relying_party.answer(relying_party.browser.submit(again, "allow")).code


def is_answered_page(page: httpx.Response) -> bool:
    """Whether it says that there is nothing left to do, and gives nothing to the app."""
    return (
        page.status_code == 200
        and page.headers["Cache-Control"] == "no-store"
        and 'href="/account/"' in page.text
        and "code=" not in page.text
    )


@spec("OIDC Core", "3.1.2.5")
@pytest.mark.parametrize("prompt", [None, "login", "consent", "select_account"])
def test_going_back_after_the_answer_gives_no_other_code(
    relying_party: RelyingParty, prompt: str | None
) -> None:
    login = relying_party.visit(prompt=prompt)
    consent = relying_party.browser.sign_in(relying_party.user, login)
    assert is_page(consent, "/consent")
    answer = relying_party.answer(relying_party.browser.submit(consent, "allow"))
    for address in (interaction_at(login), str(login.url), str(consent.url)):
        page = relying_party.browser.open(address)
        assert is_answered_page(page), address
        assert "You are already signed in to <bdi>Test app</bdi>" in page.text
        assert 'href="https://rp.example.com/"' in page.text
    assert is_answered_page(relying_party.browser.submit(consent, "allow"))
    assert is_answered_page(relying_party.browser.submit(consent, "deny"))
    assert Grant.objects.filter(user__sub=relying_party.user.sub).count() == 1
    assert relying_party.exchange(answer.code).status_code == 200


@spec("OIDC Core", "3.1.2.5")
def test_an_answered_request_is_not_begun_again_when_its_time_is_over(
    relying_party: RelyingParty,
) -> None:
    login = relying_party.visit()
    assert relying_party.go_on(login).code
    expire(interaction_at(login))
    page = relying_party.browser.open(interaction_at(login))
    assert is_answered_page(page)
    assert relying_party.state not in page.text


@spec("OIDC Core", "3.1.2.6")
def test_a_no_is_brought_once_and_is_no_yes_later(relying_party: RelyingParty) -> None:
    login = relying_party.visit()
    consent = relying_party.browser.sign_in(relying_party.user, login)
    denied = relying_party.answer(relying_party.browser.submit(consent, "deny"))
    assert denied.error == "access_denied"
    for page in (
        relying_party.browser.submit(consent, "allow"),
        relying_party.browser.open(interaction_at(login)),
    ):
        assert is_answered_page(page)
        assert "already signed in" not in page.text
        assert "start again from there" in page.text


@spec("OIDC Core", "3.1.2.3")
def test_another_user_is_not_told_that_they_are_signed_in(relying_party: RelyingParty) -> None:
    login = relying_party.visit()
    relying_party.go_on(login)
    with Browser() as another:
        page = another.open(interaction_at(login))
        assert "already signed in" not in page.text
        assert 'href="/account/"' not in page.text
        another.sign_in(make_user())
        assert is_answered_page(another.open(interaction_at(login)))
        assert "already signed in" not in another.open(interaction_at(login)).text


@spec("OIDC Core", "3.1.2.6")
def test_a_silent_request_that_was_posted_is_answered_once_without_a_page(
    relying_party: RelyingParty,
) -> None:
    relying_party.authorize()
    parameters = relying_party.parameters(prompt="none")
    kept = relying_party.browser.post("/authorize", data=parameters).headers["Location"]
    assert relying_party.answer(relying_party.browser.get(kept)).code
    assert relying_party.answer(relying_party.browser.get(kept)).error == "interaction_required"


@spec("OIDC Core", "4")
def test_the_way_back_is_one_that_the_operator_entered_or_where_the_answer_went(
    browser: Browser, user: EndUser
) -> None:
    for metadata, way in (
        (
            {"initiate_login_uri": "https://rp.example.com/begin"},
            "https://rp.example.com/begin?iss=",
        ),
        ({"client_uri": "https://www.example.com/home"}, "https://www.example.com/home"),
        ({"redirect_uris": ["com.example.app:/x"], "application_type": "native"}, None),
    ):
        relying_party = RelyingParty(make_client(**metadata), browser, user)
        login = relying_party.visit(prompt="login")
        relying_party.go_on(login)
        page = browser.open(interaction_at(login))
        assert is_answered_page(page)
        found = re.search('id="open-app" href="([^"]+)"', page.text)
        assert (found and unescape(found[1]).startswith(way)) if way else found is None


@spec("OIDC Core", "3.1.2.5")
def test_silent_single_sign_on_keeps_no_request(relying_party: RelyingParty) -> None:
    """Each visit is a request of its own: a code of its own, for the same app."""
    relying_party.authorize()
    codes = {relying_party.answer(relying_party.visit()).code for _ in range(2)}
    assert len(codes) == 2


@spec("OIDC Core", "3.1.2.1")
def test_a_posted_request_is_kept_and_goes_on_by_its_id(relying_party: RelyingParty) -> None:
    response = relying_party.browser.post("/authorize", data=relying_party.parameters())
    assert re.fullmatch(r"/authorize\?interaction=[\w-]{43}", response.headers["Location"])
    assert relying_party.go_on(relying_party.browser.settle(response)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_posted_request_that_is_wrong_is_answered_at_once(relying_party: RelyingParty) -> None:
    data = relying_party.parameters(response_type="cake")
    response = relying_party.browser.post("/authorize", data=data)
    assert relying_party.answer(response).error == "unsupported_response_type"


@spec("OIDC Core", "3.1.2.6")
def test_an_expired_request_starts_again_with_one_click(relying_party: RelyingParty) -> None:
    apis = [make_api(scopes=[])["identifier"] for _ in range(2)]
    path = interaction_at(relying_party.visit(state="a b&c", resource=apis))
    expire(path)
    page = relying_party.browser.open(path)
    assert is_error_page(page)
    links = re.findall(r'href="(/authorize\?[^"]+)"', page.text)
    again = unescape(links[0])
    assert parse_qs(urlsplit(again).query)["resource"] == apis
    answer = relying_party.go_on(relying_party.browser.open(again))
    assert answer.state == "a b&c"
    assert answer.code


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize("page", ["sign-in", "consent"])
def test_a_page_that_was_open_for_too_long_does_not_dead_end(
    relying_party: RelyingParty, page: str
) -> None:
    shown = relying_party.visit()
    path = interaction_at(shown)
    if page == "consent":
        shown = relying_party.browser.sign_in(relying_party.user, shown)
        expire(path)
        ended = relying_party.browser.submit(shown, "allow")
    else:
        expire(path)
        ended = relying_party.browser.sign_in(relying_party.user, shown)
    assert is_error_page(ended)
    assert re.search(r'href="/authorize\?[^"]+"', ended.text)


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize(
    "interactions", ["", "x", "x" * 43, "%00", "%ff", "' OR 1=1 --", "x" * 5000]
)
def test_an_unknown_request_is_answered_on_a_page(browser: Browser, interactions: str) -> None:
    assert is_error_page(browser.get(f"/authorize?interaction={interactions}"))


@spec("OIDC Core", "3.1.2.2")
def test_a_request_is_judged_again_when_it_goes_on(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    moved = ["https://rp.example.com/moved"]
    make_client(client_id=relying_party.client.client_id, redirect_uris=moved)
    assert is_error_page(relying_party.browser.sign_in(relying_party.user, page))


@spec("OIDC Core", "3.1.2.1")
def test_nothing_of_a_kept_request_can_be_changed_from_outside(returning: RelyingParty) -> None:
    path = interaction_at(returning.visit(prompt="login"))
    page = returning.browser.open(
        f"{path}&prompt=none&state=other&redirect_uri=https://evil.example"
    )
    assert is_page(page, "/account/login/")
    assert returning.go_on(page).state == returning.state


def test_an_address_keeps_its_newest_requests(relying_party: RelyingParty) -> None:
    oldest = interaction_at(relying_party.visit()).partition("=")[2]
    row = Interaction.objects.get(pk=oldest)
    Interaction.objects.bulk_create(
        Interaction(
            client=row.client,
            parameters=row.parameters,
            arrived_at=row.arrived_at + timedelta(microseconds=i + 1),
            ip_address=row.ip_address,
        )
        for i in range(CAP - 1)
    )
    assert Interaction.objects.filter(ip_address=row.ip_address).count() == CAP
    newest = interaction_at(relying_party.visit()).partition("=")[2]
    kept = Interaction.objects.filter(ip_address=row.ip_address)
    assert kept.count() == CAP
    assert kept.filter(pk=newest).exists()
    assert not kept.filter(pk=oldest).exists()


def test_one_address_does_not_displace_anothers_requests(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    row = Interaction.objects.get(pk=interaction_at(page).partition("=")[2])
    with Browser() as elsewhere:
        stranger = RelyingParty(relying_party.client, elsewhere, relying_party.user)
        crowd = Interaction.objects.get(pk=interaction_at(stranger.visit()).partition("=")[2])
        Interaction.objects.bulk_create(
            Interaction(
                client=row.client,
                parameters=row.parameters,
                arrived_at=timezone.now(),
                ip_address=crowd.ip_address,
            )
            for _ in range(CAP)
        )
        stranger.visit()
    assert relying_party.go_on(page).code
    assert str(page.url).startswith(ISSUER)
