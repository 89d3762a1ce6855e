"""Decisions and polls of one device code at the same moment. RFC 8628 §3.3, §3.5."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from idp.models import Grant
from tests.devices import Device, approve, type_code
from tests.relying_party import Browser, EndUser, RelyingParty, spec

AT_ONCE = 8


@spec("RFC 8628", "3.3")
def test_of_many_decisions_at_once_exactly_one_counts(browser: Browser, user: EndUser) -> None:
    device = Device()
    code = device.shows()
    browser.sign_in(user)
    copies = [Browser() for _ in range(AT_ONCE)]
    for copy in copies:
        copy.cookies.update(browser.cookies)
    pages = [type_code(copy, code) for copy in copies]
    together = Barrier(AT_ONCE)

    def decide(number: int) -> str:
        together.wait()
        return copies[number].submit(pages[number], ("approve", "deny")[number % 2]).text

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(decide, range(AT_ONCE)))
    approved = sum("Look at your device" in answer for answer in answers)
    denied = sum("Nothing was let in" in answer for answer in answers)
    assert (approved, denied) in {(1, 0), (0, 1)}
    assert Grant.objects.filter(client__client_id=device.client.client_id).count() == approved
    assert device.poll().status_code == (200 if approved else 400)


@spec("RFC 8628", "3.5")
def test_of_many_polls_at_once_one_is_in_time_and_one_gets_tokens(
    browser: Browser, user: EndUser
) -> None:
    device = Device()
    code = device.shows()
    together = Barrier(AT_ONCE)

    def poll(_: int):
        together.wait()
        return device.poll(waits=False)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        errors = Counter(answer.json()["error"] for answer in threads.map(poll, range(AT_ONCE)))
        assert errors == {"authorization_pending": 1, "slow_down": AT_ONCE - 1}
        assert device.row.interval == 5 + 5 * (AT_ONCE - 1)
        approve(browser, user, code)
        answers = list(threads.map(poll, range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * (AT_ONCE - 1)
    [won] = [answer for answer in answers if answer.status_code == 200]
    lost = {answer.json()["error"] for answer in answers if answer is not won}
    assert lost == {"invalid_grant"}
    # The others were replays: what the first gave is revoked.
    party = RelyingParty(device.client, browser, user)
    assert party.userinfo(won.json()["access_token"]).status_code == 401
