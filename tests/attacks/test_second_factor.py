"""Getting in with a password alone, although the account asks for more. ASVS 6.3, 6.5."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from accounts import code_limits, operations
from accounts.allauth_door import factors
from accounts.models import Session, User
from accounts.second_factor import is_set_up, remove_all
from foundation import rate_limits
from foundation.models import RateCount
from foundation.rate_limits import RateLimit
from tests import clock
from tests.attacks.test_pages import SCRIPT, is_inert
from tests.relying_party import (
    APPS,
    CODE_STEP,
    ISSUER,
    SET_UP,
    AuthenticatorApp,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    make_user_with_app,
    otpauth_address,
    spec,
)

LOGIN, HOME = "/account/login/", "/account/"
NEW_CODES = "/account/two-steps/recovery-codes/new/"
LIMIT = 20  # wrong codes in ten minutes, as settings say


@pytest.fixture
def victim(provider: object) -> EndUser:
    """A user with an authenticator app, whose password is known to the attacker."""
    return make_user_with_app()


def spend(limit: RateLimit, by: str, left: int = 1) -> None:
    """Let many attempts have been counted, all but some of those that a limit allows."""
    rate_limits.count((limit, by))
    spent = RateCount.objects.filter(key=rate_limits._key((limit, by)))
    spent.update(count=limit.allowed - left)


def removal_of_app(user: EndUser) -> str:
    row = factors.of(User.objects.get(email=user.email)).get(type=factors.APP)
    return f"/account/two-steps/apps/{row.pk}/remove/"


def is_out(browser: Browser) -> bool:
    return is_page(browser.open(HOME), LOGIN)


# --- The same code twice ---


@spec("RFC 6238", "5.2")
def test_a_code_that_signed_a_user_in_signs_no_other_user_in(victim: EndUser) -> None:
    code = victim.app.code()
    with Browser() as browser, Browser() as attacker:
        pages = [each.type_password(victim) for each in (browser, attacker)]
        assert is_page(browser.submit(pages[0], code=code), HOME)
        assert is_page(attacker.submit(pages[1], code=code), CODE_STEP)
        assert is_out(attacker)


@spec("RFC 6238", "5.2")
def test_the_code_typed_when_setting_up_is_used_up(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    code = AuthenticatorApp(otpauth_address(page)).code()
    browser.submit(page, code=code)
    with Browser() as attacker:
        assert is_page(attacker.submit(attacker.type_password(user), code=code), CODE_STEP)
        assert is_out(attacker)


@spec("RFC 6238", "5.2")
def test_a_code_is_gone_when_its_time_is_over(browser: Browser, victim: EndUser) -> None:
    page = browser.type_password(victim)
    old = victim.app.code()
    for _ in range(2):
        victim.app.code()  # the one after the next: the old one's time is over
    assert is_page(browser.submit(page, code=old), CODE_STEP)


@spec("RFC 6238", "5.2")
@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_the_codes_before_and_after_work_once(victim: EndUser, steps: int) -> None:
    """Clocks differ. Using one uses up those before it."""
    victim.app.code()
    code = victim.app.code_at(victim.app._shown + 1 + steps)
    clock.advance(victim.app.period)
    for answer in (HOME, CODE_STEP):
        with Browser() as browser:
            assert is_page(browser.submit(browser.type_password(victim), code=code), answer)
    before = victim.app.code_at(victim.app._shown + steps)
    with Browser() as browser:
        assert is_page(browser.submit(browser.type_password(victim), code=before), CODE_STEP)


@spec("RFC 6238", "5.2")
@pytest.mark.parametrize("steps", [-2, 2, 3])
def test_no_code_further_off_works(victim: EndUser, steps: int) -> None:
    victim.app.code()
    code = victim.app.code_at(victim.app._shown + 1 + steps)
    clock.advance(victim.app.period)
    with Browser() as browser:
        assert is_page(browser.submit(browser.type_password(victim), code=code), CODE_STEP)


@spec("RFC 6238", "5.2")
def test_a_code_does_not_come_back_after_a_while(victim: EndUser) -> None:
    """Of the next step, it is valid for longest: used at once, and again until it expires."""
    victim.app.code()
    code = victim.app.code_at(victim.app._shown + 2)
    clock.advance(victim.app.period)
    with Browser() as browser:
        assert is_page(browser.submit(browser.type_password(victim), code=code), HOME)
    for _ in range(2):
        clock.advance(victim.app.period)
        with Browser() as browser:
            assert is_page(browser.submit(browser.type_password(victim), code=code), CODE_STEP)


@spec("RFC 6238", "5.2")
def test_a_step_used_at_one_app_is_used_at_no_other(browser: Browser, victim: EndUser) -> None:
    """The steps are counted for each app, so that the second app works within the same half
    minute.
    """
    browser.sign_in(victim)
    browser.submit(browser.open("/account/two-steps/recovery-codes/"), "saved-codes")
    page = browser.open(SET_UP)
    other = AuthenticatorApp(otpauth_address(page))
    browser.submit(page, code=other.code())
    step = int(clock.time() // 30) + 1
    for app, answer in ((victim.app, HOME), (other, HOME), (victim.app, CODE_STEP)):
        with Browser() as elsewhere:
            page = elsewhere.type_password(victim)
            assert is_page(elsewhere.submit(page, code=app.code_at(step)), answer)


@spec("ASVS", "6.5.1")
def test_a_recovery_code_works_once(victim: EndUser) -> None:
    for answer in (HOME, CODE_STEP):
        with Browser() as browser:
            page = browser.type_password(victim)
            assert is_page(browser.submit(page, code=victim.recovery_codes[0]), answer)


@spec("ASVS", "6.5.1")
@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_many_browsers_with_one_code_at_once_exactly_one_gets_in(
    victim: EndUser, kind: str
) -> None:
    browsers = [Browser() for _ in range(6)]
    pages = [browser.type_password(victim) for browser in browsers]
    code = victim.app.code() if kind == "app" else victim.recovery_codes[0]
    together = Barrier(len(browsers))

    def type_code(number: int) -> bool:
        together.wait()
        return is_page(browsers[number].submit(pages[number], code=code), HOME)

    with ThreadPoolExecutor(len(browsers)) as threads:
        got_in = list(threads.map(type_code, range(len(browsers))))
    assert sum(got_in) == 1
    for browser in browsers:
        browser.close()


# --- Past the step ---


@spec("ASVS", "6.3.3")
@pytest.mark.parametrize(
    "path", [HOME, "/account/two-steps/", SET_UP, "remove", NEW_CODES, "/admin/"]
)
def test_the_password_alone_opens_no_page(browser: Browser, victim: EndUser, path: str) -> None:
    path = removal_of_app(victim) if path == "remove" else path
    browser.type_password(victim)
    assert not is_page(browser.open(path), path)
    assert not Session.objects.filter(user__email=victim.email).exists()


@spec("ASVS", "6.3.3")
def test_the_password_alone_answers_no_app(browser: Browser, victim: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, victim)
    page = browser.type_password(victim, relying_party.visit())
    assert is_page(page, CODE_STEP)
    assert relying_party.answer(relying_party.visit(prompt="none")).error == "login_required"
    assert is_page(relying_party.visit(), LOGIN)
    assert is_page(browser.open(page.url.params["next"]), LOGIN)


@spec("ASVS", "6.4.3")
def test_a_password_reset_does_not_get_around_it(browser: Browser, victim: EndUser) -> None:
    new = "another quiet boat on the river"
    page = browser.submit(browser.open("/account/password/reset/"), email=victim.email)
    page = browser.submit(page, code=mailed_code(victim.email))
    page = browser.submit(page, password1=new)
    assert is_page(page, CODE_STEP)
    assert is_out(browser)
    assert is_page(browser.type_password(EndUser(victim.email, new, "")), CODE_STEP)
    assert is_set_up(User.objects.get(email=victim.email))


@spec("ASVS", "7.5.1")
def test_a_user_at_the_keyboard_cannot_renew_the_sign_in_with_the_password(
    browser: Browser, victim: EndUser
) -> None:
    browser.sign_in(victim)
    before = Session.objects.filter(user__email=victim.email).latest("created_at").pk
    Session.objects.filter(pk=before).update(authenticated_at="2020-01-01T00:00Z")
    removal = removal_of_app(victim)
    browser.type_password(victim, browser.open(LOGIN, fresh="1", next=removal))
    assert is_page(browser.open(removal), LOGIN)
    assert Session.objects.get(pk=before).authenticated_at.year == 2020


@spec("ASVS", "6.3.3")
def test_ones_own_code_is_no_code_for_another(browser: Browser, victim: EndUser) -> None:
    attacker = make_user_with_app()
    own = browser.type_password(attacker)
    theirs = browser.type_password(victim)
    code = attacker.app.code()
    for page in (own, theirs):
        assert is_page(browser.submit(page, code=code), CODE_STEP)
    page = browser.submit(theirs, code=attacker.recovery_codes[0])
    assert is_page(page, CODE_STEP)
    assert is_out(browser)


@spec("ASVS", "6.3.3")
def test_a_secret_of_ones_own_is_no_secret_for_another(browser: Browser, victim: EndUser) -> None:
    """The secret that waits in a browser session goes when another user signs in there."""
    attacker = make_user()
    browser.sign_in(attacker)
    prepared = otpauth_address(browser.open(SET_UP))
    other = make_user()
    browser.sign_in(other, browser.open(LOGIN, fresh="1"))
    assert otpauth_address(browser.open(SET_UP)) != prepared


@spec("ASVS", "7.4.3")
@pytest.mark.parametrize("what", ["password", "disabled", "removed"])
def test_a_step_begun_before_something_happened_to_the_account_is_void(
    browser: Browser, victim: EndUser, what: str
) -> None:
    page = browser.type_password(victim)
    user_row = User.objects.get(email=victim.email)
    if what == "password":
        user_row.set_password("another quiet boat on the river")
        user_row.save()
    elif what == "disabled":
        User.objects.filter(pk=user_row.pk).update(is_active=False)
    else:
        remove_all(user_row)
    assert is_page(browser.submit(page, code=victim.app.code()), LOGIN)
    assert is_out(browser)


@spec("ASVS", "3.5.1")
@pytest.mark.parametrize("path", ["remove", NEW_CODES])
def test_nothing_is_turned_off_by_get_or_by_another_site(
    browser: Browser, victim: EndUser, path: str
) -> None:
    path = removal_of_app(victim) if path == "remove" else path
    browser.sign_in(victim)
    left = victim.recovery_codes[0]
    browser.open(path)
    browser.post(path)
    token = browser.cookies["signet-csrf"]
    browser.post(
        path, data={"csrfmiddlewaretoken": token}, headers={"Origin": "https://evil.example"}
    )
    with Browser() as elsewhere:
        page = elsewhere.type_password(victim)
        assert is_page(elsewhere.submit(page, code=left), HOME)


# --- Guessing ---


@spec("ASVS", "6.3.1")
def test_codes_cannot_be_guessed_for_long(victim: EndUser) -> None:
    spend(code_limits.SECOND_FACTOR, victim.email)
    with Browser() as guesser:
        page = guesser.submit(guesser.type_password(victim), code=victim.app.wrong_code())
        assert "That code is not right" in page.text
    with Browser() as guesser:  # from another network
        page = guesser.submit(guesser.type_password(victim), code=victim.app.code())
        assert is_page(page, CODE_STEP)
        assert "Too many wrong codes" in page.text
        page = guesser.submit(page, code=victim.recovery_codes[0])
        assert is_page(page, CODE_STEP)
        assert is_out(guesser)
    with Browser() as neighbour:
        assert is_page(neighbour.sign_in(make_user_with_app()), HOME)


@spec("ASVS", "6.3.1")
def test_guessing_strangers_do_not_stop_a_known_browser(browser: Browser, victim: EndUser) -> None:
    browser.sign_in(victim)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    spend(code_limits.SECOND_FACTOR, victim.email, 0)
    spend(code_limits.SECOND_FACTOR_IN_A_ROW, f"app {victim.email}", 0)
    assert is_page(browser.sign_in(victim), HOME)


@spec("NIST SP 800-63B-4", "3.2.2")
def test_after_a_hundred_wrong_codes_in_a_row_another_way_is_open(victim: EndUser) -> None:
    spend(code_limits.SECOND_FACTOR_IN_A_ROW, f"app {victim.email}", 0)
    with Browser() as browser:
        page = browser.submit(browser.type_password(victim), code=victim.app.code())
        assert is_page(page, CODE_STEP)
        assert "in a row" in page.text
        assert is_page(browser.submit(page, code=victim.recovery_codes[0]), HOME)
    with Browser() as browser:
        assert is_page(
            browser.submit(browser.type_password(victim), code=victim.app.code()), CODE_STEP
        )
    operations.unlock(User.objects.get(email=victim.email))
    with Browser() as browser:
        assert is_page(browser.sign_in(victim), HOME)


@spec("NIST SP 800-63B-4", "3.2.2")
def test_wrong_codes_that_were_not_judged_are_none_in_a_row(victim: EndUser) -> None:
    spend(code_limits.SECOND_FACTOR, victim.email, 0)
    with Browser() as guesser:
        page = guesser.type_password(victim)
        for _ in range(3):
            page = guesser.submit(page, code=victim.app.wrong_code())
    rate_limits.check((code_limits.SECOND_FACTOR_IN_A_ROW, f"app {victim.email}"))
    key = rate_limits._key((code_limits.SECOND_FACTOR_IN_A_ROW, f"app {victim.email}"))
    assert not RateCount.objects.filter(key=key).exists()


@spec("ASVS", "6.3.1")
def test_a_right_code_begins_the_count_anew(victim: EndUser) -> None:
    spend(code_limits.SECOND_FACTOR, victim.email, 2)
    for _ in range(2):
        with Browser() as browser:
            page = browser.submit(browser.type_password(victim), code=victim.app.wrong_code())
            assert is_page(browser.submit(page, code=victim.app.code()), HOME)


@spec("ASVS", "6.3.1")
def test_nor_by_stepping_up(browser: Browser, victim: EndUser) -> None:
    browser.sign_in(victim)
    page = browser.open("/account/login/more/", next=HOME)
    for _ in range(LIMIT):
        page = browser.submit(page, code=victim.app.wrong_code())
        assert "That code is not right" in page.text
    user_row = User.objects.get(email=victim.email)
    spend(code_limits.SECOND_FACTOR, user_row.email, 0)
    page = browser.submit(page, code=victim.app.code())
    assert "Too many wrong codes" in page.text


@spec("ASVS", "6.3.1")
def test_nor_while_setting_up(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    app = AuthenticatorApp(otpauth_address(page))
    spend(code_limits.SET_UP, str(User.objects.get(email=user.email).pk))
    browser.submit(page, code=app.wrong_code())
    page = browser.submit(page, code=app.code())
    assert is_page(page, SET_UP)
    assert "Too many wrong codes" in page.text


# --- Addresses and words from outside ---


@spec("ASVS", "3.7.2")
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_only_paths_of_our_own_are_gone_on_to(browser: Browser, user: EndUser, target: str) -> None:
    browser.sign_in(user)
    page = browser.set_up_app(user, browser.open(SET_UP, next=target))
    assert f'href="{target}"' not in page.text
    assert 'href="/account/two-steps/"' in page.text
    with Browser() as elsewhere:
        page = elsewhere.type_password(user, elsewhere.open(LOGIN, next=target))
        assert is_page(elsewhere.submit(page, code=user.app.code()), HOME)
        response = elsewhere.get("/account/login/again/", params={"next": target})
        assert response.headers["Location"].startswith("/account/login/?fresh=1&next=")
        page = elsewhere.sign_in(user, elsewhere.settle(response))
        assert str(page.url).startswith(ISSUER)


@spec("ASVS", "1.2.1")
def test_what_comes_from_outside_is_text(browser: Browser) -> None:
    user = make_user(name=SCRIPT)
    browser.sign_in(user)
    for path in (SET_UP, "/account/two-steps/"):
        assert is_inert(browser.open(path, next=SCRIPT))
    assert is_inert(browser.set_up_app(user, browser.open(SET_UP, next=SCRIPT)))
    row = factors.of(User.objects.get(email=user.email)).get(type=factors.APP)
    for path in (
        *(APPS, removal_of_app(user), f"/account/two-steps/{row.pk}/name/", NEW_CODES),
        "/account/two-steps/recovery-codes/",
    ):
        assert is_inert(browser.open(path, next=SCRIPT))
    with Browser() as elsewhere:
        page = elsewhere.type_password(user, elsewhere.open(LOGIN, next=SCRIPT))
        assert is_page(page, CODE_STEP)
        assert is_inert(page)
        assert is_inert(elsewhere.submit(page, code=SCRIPT))
