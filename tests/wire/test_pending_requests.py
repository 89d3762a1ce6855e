"""Requests that wait for their person: tabs, Back, reload, expiry. OIDC Core §3.1.2."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone

from idp.models import PendingAuthorization
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    is_error_page,
    is_page,
    make_api,
    make_client,
    spec,
)

CAP = 500


def pending_at(page: httpx.Response) -> str:
    """Return the address at which the page's request goes on."""
    return parse_qs(urlsplit(str(page.url)).query)["next"][0]


def expire(path: str) -> None:
    """Let an hour pass for a request."""
    PendingAuthorization.objects.filter(pk=path.partition("=")[2]).update(
        arrived_at=timezone.now() - timedelta(hours=1)
    )


@spec("OIDC Core", "3.1.2.3")
def test_two_tabs_each_answer_their_own_request(relying_party: RelyingParty) -> None:
    other = RelyingParty(make_client(), relying_party.browser, relying_party.person)
    first, second = relying_party.visit(), other.visit()
    answer = relying_party.go_on(first)
    assert answer.state == relying_party.state
    answer = other.go_on(relying_party.browser.open(str(second.url)))
    assert answer.state == other.state
    assert other.exchange(answer.code).status_code == 200


@spec("OIDC Core", "3.1.2.3")
def test_a_form_that_was_open_while_another_tab_signed_in(relying_party: RelyingParty) -> None:
    other = RelyingParty(make_client(), relying_party.browser, relying_party.person)
    first, second = relying_party.visit(), other.visit()
    relying_party.go_on(first)
    page = relying_party.browser.sign_in(relying_party.person, second)
    assert other.go_on(page).state == other.state


@spec("OIDC Core", "3.1.2.3")
def test_reloading_and_going_back_lose_nothing(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    page = relying_party.browser.open(str(page.url))
    consent = relying_party.browser.sign_in(relying_party.person, page)
    back = relying_party.browser.open(str(page.url))
    assert is_page(back, "/consent")
    again = relying_party.browser.open(str(consent.url))
    assert relying_party.answer(relying_party.browser.submit(again, "allow")).code


@spec("OIDC Core", "3.1.2.5")
def test_going_back_after_the_answer_gives_another_code(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    answers = [
        relying_party.go_on(page),
        relying_party.answer(relying_party.browser.open(pending_at(page))),
    ]
    assert answers[0].code != answers[1].code
    assert [relying_party.exchange(a.code).status_code for a in answers] == [200, 200]


@spec("OIDC Core", "3.1.2.1")
def test_a_posted_request_is_kept_and_goes_on_by_its_id(relying_party: RelyingParty) -> None:
    response = relying_party.browser.post("/authorize", data=relying_party.parameters())
    assert re.fullmatch(r"/authorize\?pending=[\w-]{43}", response.headers["Location"])
    assert relying_party.go_on(relying_party.browser.settle(response)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_posted_request_that_is_wrong_is_answered_at_once(relying_party: RelyingParty) -> None:
    data = relying_party.parameters(response_type="cake")
    response = relying_party.browser.post("/authorize", data=data)
    assert relying_party.answer(response).error == "unsupported_response_type"


@spec("OIDC Core", "3.1.2.6")
def test_an_expired_request_starts_again_with_one_click(relying_party: RelyingParty) -> None:
    apis = [make_api(scopes=[])["identifier"] for _ in range(2)]
    path = pending_at(relying_party.visit(state="a b&c", resource=apis))
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
    path = pending_at(shown)
    if page == "consent":
        shown = relying_party.browser.sign_in(relying_party.person, shown)
        expire(path)
        ended = relying_party.browser.submit(shown, "allow")
    else:
        expire(path)
        ended = relying_party.browser.sign_in(relying_party.person, shown)
    assert is_error_page(ended)
    assert re.search(r'href="/authorize\?[^"]+"', ended.text)


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize("pending", ["", "x", "x" * 43, "%00", "%ff", "' OR 1=1 --", "x" * 5000])
def test_an_unknown_request_is_answered_on_a_page(browser: Browser, pending: str) -> None:
    assert is_error_page(browser.get(f"/authorize?pending={pending}"))


@spec("OIDC Core", "3.1.2.2")
def test_a_request_is_judged_again_when_it_goes_on(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    moved = ["https://rp.example.com/moved"]
    make_client(client_id=relying_party.client.client_id, redirect_uris=moved)
    assert is_error_page(relying_party.browser.sign_in(relying_party.person, page))


@spec("OIDC Core", "3.1.2.1")
def test_nothing_of_a_kept_request_can_be_changed_from_outside(returning: RelyingParty) -> None:
    path = pending_at(returning.visit(prompt="login"))
    page = returning.browser.open(
        f"{path}&prompt=none&state=other&redirect_uri=https://evil.example"
    )
    assert is_page(page, "/account/login/")
    assert returning.go_on(page).state == returning.state


def test_an_address_keeps_its_newest_requests(relying_party: RelyingParty) -> None:
    oldest = pending_at(relying_party.visit()).partition("=")[2]
    row = PendingAuthorization.objects.get(pk=oldest)
    PendingAuthorization.objects.bulk_create(
        PendingAuthorization(
            client=row.client,
            parameters=row.parameters,
            arrived_at=row.arrived_at + timedelta(microseconds=i + 1),
            ip_address=row.ip_address,
        )
        for i in range(CAP - 1)
    )
    assert PendingAuthorization.objects.filter(ip_address=row.ip_address).count() == CAP
    newest = pending_at(relying_party.visit()).partition("=")[2]
    kept = PendingAuthorization.objects.filter(ip_address=row.ip_address)
    assert kept.count() == CAP
    assert kept.filter(pk=newest).exists()
    assert not kept.filter(pk=oldest).exists()


def test_one_address_does_not_displace_anothers_requests(relying_party: RelyingParty) -> None:
    page = relying_party.visit()
    row = PendingAuthorization.objects.get(pk=pending_at(page).partition("=")[2])
    with Browser() as elsewhere:
        stranger = RelyingParty(relying_party.client, elsewhere, relying_party.person)
        crowd = PendingAuthorization.objects.get(pk=pending_at(stranger.visit()).partition("=")[2])
        PendingAuthorization.objects.bulk_create(
            PendingAuthorization(
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
