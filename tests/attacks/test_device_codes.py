"""Codes of devices: guessing, phishing, forged and framed approvals. RFC 8628 §5."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from foundation import rate_limits
from foundation.models import RateCount
from foundation.rate_limits import RateLimit
from idp.authorization import device_codes
from idp.models import Client, DeviceCode, Event, Grant
from tests.attacks.test_pages import SCRIPT, is_inert
from tests.devices import PAGE, Device, approve, make_device_client, type_code
from tests.relying_party import Browser, EndUser, forms_of, make_user, spec

#: A minute of guessing 1,000 codes is a second of this many.
GUESSES = 17


def spend(limit: RateLimit, by: str) -> None:
    """Let as many attempts have been counted as a limit allows."""
    rate_limits.count((limit, by))
    key = rate_limits._key((limit, by))
    RateCount.objects.filter(key=key).update(count=limit.allowed)


def is_waiting(device: Device) -> bool:
    return bool(device.row.status == DeviceCode.AUTHORIZATION_PENDING)


@pytest.fixture
def device(provider: object) -> Device:
    return Device()


@spec("RFC 8628", "5.1")
def test_guessing_stops_although_a_guess_is_right(
    device: Device, browser: Browser, user: EndUser
) -> None:
    code = device.shows()
    browser.sign_in(user)
    wrong = ["".join(letters) for letters in zip(*["BCDFGHJKLMNPQRSTV"] * 8, strict=True)]
    copies = [Browser() for _ in range(4)]
    for copy in copies:
        copy.cookies.update(browser.cookies)

    def guess(number: int) -> int:
        return copies[number % 4].get(PAGE, params={"user_code": wrong[number]}).status_code

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(guess, range(GUESSES)))
    allowed = device_codes.ATTEMPTS.allowed
    assert sorted(answers) == [200] * allowed + [429] * (GUESSES - allowed)
    refused = browser.get(PAGE, params={"user_code": code})
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    events = Event.objects.filter(user__email=user.email, kind="device-code-wrong")
    assert events.count() == allowed, "what is not looked up is not recorded"
    with Browser() as owner:  # nobody else is locked out
        approve(owner, make_user(), code)
    assert device.tokens()


@spec("RFC 8628", "5.1")
def test_one_network_cannot_guess_with_many_accounts(
    device: Device, browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    spend(device_codes.ATTEMPTS_IP_ADDRESS, browser.headers["X-Forwarded-For"])
    assert browser.get(PAGE, params={"user_code": device.shows()}).status_code == 429


def test_right_codes_are_not_counted(device: Device, browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    code = device.shows()
    for _ in range(device_codes.ATTEMPTS.allowed + 2):
        assert "Approve" in type_code(browser, code).text


@spec("RFC 8628", "5.1")
def test_a_flood_of_requests_is_refused(device: Device) -> None:
    client_id = device.client.client_id
    spend(device_codes.REQUESTS, f"{client_id} {device.address}")
    refused = device.ask()
    assert refused.status_code == 429
    assert refused.json()["error"] == "invalid_request"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    elsewhere = Device(device.client)
    assert elsewhere.ask().status_code == 200
    spend(device_codes.REQUESTS_IP_ADDRESS, elsewhere.address)
    assert elsewhere.ask().status_code == 429
    other_app = Device()
    other_app.address = elsewhere.address
    assert other_app.ask().status_code == 429


@spec("RFC 8628", "5.4")
def test_a_phishers_link_approves_nothing(device: Device, browser: Browser, user: EndUser) -> None:
    """Neither by itself, nor with the answer in it, nor by a form of another site."""
    browser.sign_in(user)
    device.shows()
    link = device.asked["verification_uri_complete"]
    page = browser.get(link)
    for told in ("only if you started this", "trying to get into your account", device.address):
        assert told in page.text
    browser.get(f"{link}&answer=approve&shown_as=")
    form = next(form for form in forms_of(page) if "approve" in form.buttons)
    data = {**form.fields, "answer": "approve"}
    evil = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    forged = browser.post(link, data=data, headers=evil)
    del data["csrfmiddlewaretoken"]
    for refused in (forged, browser.post(link, data=data)):
        assert refused.is_redirect or refused.status_code == 403
        assert "Look at your device" not in browser.settle(refused).text
    assert is_waiting(device)
    assert "Look at your device" in browser.submit(page, "approve").text, "the user's own form"


@spec("RFC 9700", "4.16")
def test_no_page_of_it_is_framed(device: Device, browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    for page in (browser.get(PAGE), type_code(browser, device.shows())):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"


@spec("RFC 8628", "3.3")
def test_an_app_that_changes_its_name_meanwhile_is_shown_anew(
    device: Device, browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    app = Client.objects.get(client_id=device.client.client_id)
    app.registration_source = Client.RegistrationSource.DCR
    app.save()
    page = type_code(browser, device.shows())
    app.refresh_from_db()
    app.name = "Your Bank"
    app.save()
    again = browser.submit(page, "approve")
    assert "Your Bank" in again.text
    assert is_waiting(device)
    Client.objects.filter(pk=app.pk).update(enabled=False)
    assert "is wrong, was used before" in browser.submit(again, "approve").text
    assert is_waiting(device)


@spec("RFC 8628", "3.3")
def test_a_code_is_approved_once_by_one_user(
    device: Device, browser: Browser, user: EndUser
) -> None:
    code = device.shows()
    browser.sign_in(user)
    page = type_code(browser, code)
    other = make_user()
    with Browser() as another:
        approve(another, other, code)
    assert "is wrong, was used before" in browser.submit(page, "approve").text
    [grant] = Grant.objects.filter(client__client_id=device.client.client_id)
    assert grant.user.email == other.email


@spec("ASVS", "1.2.1")
def test_what_a_device_sends_is_text(browser: Browser, user: EndUser, provider: object) -> None:
    device = Device(make_device_client(client_name=SCRIPT))
    browser.sign_in(user)
    code = device.shows()
    DeviceCode.objects.filter(pk=device.row.pk).update(user_agent=f"curl/8 {SCRIPT}")
    assert is_inert(type_code(browser, code))
    for typed in (SCRIPT, "\0", "x" * 5000, "😀" * 8, "BCDF-GHJ", "ÀBCDFGHJ"):
        page = browser.get(PAGE, params={"user_code": typed})
        assert page.status_code < 500
        assert is_inert(page)


def test_a_disabled_user_or_client_gets_no_tokens(
    device: Device, browser: Browser, user: EndUser
) -> None:
    from accounts.models import User

    approve(browser, user, device.shows())
    User.objects.filter(email=user.email).update(is_active=False)
    assert device.error() == "invalid_grant"
