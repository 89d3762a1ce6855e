"""What only one can have, asked for by several at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connection

from accounts import invitations
from accounts.allauth_door import factors
from accounts.models import Session, User
from tests.passkeys import (
    NEW_PASSKEY,
    PASSKEY,
    SecurityKey,
    make_user_with_passkey,
    options_of,
    send,
)
from tests.relying_party import (
    SET_UP,
    AuthenticatorApp,
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user,
    make_user_with_app,
    otpauth_address,
    spec,
    unique,
)

pytestmark = pytest.mark.usefixtures("provider")
AT_ONCE = 8
EMAIL = "/account/email/"


def at_once(what: Callable[[int], httpx.Response], times: int = AT_ONCE) -> list[httpx.Response]:
    """Return what each of several threads gets that do this at the same moment."""
    together = Barrier(times)

    def do(number: int) -> httpx.Response:
        together.wait()
        return what(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(do, range(times)))


def copies_of(browser: Browser) -> list[Browser]:
    """Return browsers with the cookies of this one, for parallel requests."""
    copies = [Browser() for _ in range(AT_ONCE)]
    for copy in copies:
        copy.cookies.update(browser.cookies)
    return copies


@pytest.fixture
def browsers() -> list[Browser]:
    """Browsers at different places."""
    return [Browser() for _ in range(AT_ONCE)]


def test_an_invitation_is_accepted_once(browsers: list[Browser]) -> None:
    user = make_user(password=None)
    user_row = User.objects.get(email=user.email)
    path = urlsplit(invitations.invite(user_row)).path
    pages = [browser.open(path) for browser in browsers]
    assert all(is_page(page, path) for page in pages)

    def accept(number: int) -> httpx.Response:
        return browsers[number].submit(pages[number], password1=f"{number} boats in a calm harbour")

    answers = at_once(accept)
    assert sorted(answer.status_code for answer in answers) == [200] + [410] * (AT_ONCE - 1)
    assert Session.objects.filter(user=user_row).count() == 1
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    user_row.refresh_from_db()
    assert user_row.check_password(f"{winner} boats in a calm harbour")


def test_of_two_users_who_change_to_one_address_one_gets_it() -> None:
    email = f"{unique('wanted')}@example.com"
    users, browsers = [make_user(), make_user()], [Browser(), Browser()]
    pages, codes = [], [""]
    for browser, user in zip(browsers, users, strict=True):
        browser.sign_in(user)
        pages.append(browser.submit(browser.open(EMAIL), email=email))
        codes.append(mailed_code(email, after=codes[-1]))
    answers = at_once(
        lambda number: browsers[number].submit(pages[number], code=codes[number + 1]), 2
    )
    assert {answer.status_code for answer in answers} == {200}
    won = ["Your email address is changed" in answer.text for answer in answers]
    assert sum(won) == 1
    winner, other = users[won.index(True)], users[won.index(False)]
    assert str(User.objects.get(email=email).sub) == winner.sub
    assert EmailAddress.objects.filter(email=email, verified=True).count() == 1
    assert User.objects.filter(email=other.email).exists()


@spec("WebAuthn", "13.4.3")
def test_one_new_passkey_sent_several_times_is_kept_once(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    made = SecurityKey().make(options_of(browser, NEW_PASSKEY))
    copies = copies_of(browser)
    at_once(lambda number: send(copies[number], page, made, name="Blue key"))
    rows = Authenticator.objects.filter(user__email=user.email, type="webauthn")
    assert rows.count() == 1


@spec("WebAuthn", "7.1")
def test_each_challenge_asked_for_at_the_same_moment_can_be_answered(
    browser: Browser, user: EndUser
) -> None:
    """A page asks for one by itself, and for another when its button is pressed."""
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    copies = copies_of(browser)
    asked = {"Accept": "application/json"}
    answers = at_once(lambda number: copies[number].get(NEW_PASSKEY, headers=asked))
    for answer in answers:
        added = send(browser, page, SecurityKey().make(answer.json()["publicKey"]))
        assert not is_page(added, NEW_PASSKEY), added.text
    assert Authenticator.objects.filter(user__email=user.email, type="webauthn").count() == AT_ONCE


@spec("WebAuthn", "13.4.3")
def test_one_answer_of_a_passkey_signs_in_once() -> None:
    user = make_user_with_passkey()
    assert user.key
    before = Session.objects.filter(user__email=user.email).count()
    with Browser() as browser:
        page = browser.open("/account/login/")
        answer = user.key.use(options_of(browser, PASSKEY))
        copies = copies_of(browser)
        pages = at_once(lambda number: send(copies[number], page, answer))
    assert sum(is_page(page, "/account/") for page in pages) == 1
    assert Session.objects.filter(user__email=user.email).count() == before + 1


@spec("RFC 6238", "5.2")
def test_of_parallel_requests_with_one_code_exactly_one_uses_it() -> None:
    """The step is used up in the app's row, also for codes of the steps before it."""
    app = factors.of(User.objects.get(email=make_user_with_app().email)).get(type=factors.APP)
    step = 5  # none of this app's was used

    def use(number: int) -> bool:
        try:
            return factors.use_step(app, step - number % 2)
        finally:
            connection.close()

    used = at_once(use)  # type: ignore[arg-type]
    app.refresh_from_db()
    assert used.count(True) in {1, 2}, "the step before it, then it"
    assert app.data["last_step"] == step
    assert not factors.use_step(app, step)


def test_of_parallel_presses_of_the_button_one_sets_an_app_up(browser: Browser) -> None:
    user = make_user()
    browser.sign_in(user)
    page = browser.open(SET_UP)
    code = AuthenticatorApp(otpauth_address(page)).code()
    copies = copies_of(browser)
    at_once(lambda number: copies[number].submit(page, code=code))
    rows = Authenticator.objects.filter(user__email=user.email)
    assert sorted(row.type for row in rows) == ["recovery_codes", "totp"]


def test_of_parallel_sign_ins_with_one_code_one_gets_in(browsers: list[Browser]) -> None:
    user = make_user_with_app()
    pages = [browser.type_password(user) for browser in browsers]
    assert user.app
    code = user.app.code()
    answers = at_once(lambda number: browsers[number].submit(pages[number], code=code))
    assert sum(is_page(answer, "/account/") for answer in answers) == 1
