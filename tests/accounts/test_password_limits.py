"""Wrong passwords of strangers turn no owner away, and a mailed code stops guessing."""

from accounts import operations, password_limits
from accounts.models import User
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    make_user_with_app,
    spec,
    unique,
    was_mailed,
    was_mailed_by_now,
)

LOGIN, HOME, CODE = "/account/login/", "/account/", "/account/login/mailed-code/"
WRONG = "not the password at all"


def guess(email: str, times: int = password_limits.UNKNOWN_BROWSERS.allowed) -> None:
    """Type wrong passwords, each at a browser and from a network of its own."""
    for _ in range(times):
        with Browser() as guesser:
            assert is_page(guesser.type_password(EndUser(email, WRONG, "")), LOGIN)


def test_ten_wrong_passwords_of_strangers_ask_the_next_stranger_for_a_mailed_code(
    browser: Browser, user: EndUser
) -> None:
    guess(user.email, 9)
    guess(user.email.upper(), 1)
    page = browser.type_password(user)
    assert is_page(page, CODE)
    assert is_page(browser.open(HOME), LOGIN)
    home = browser.submit(page, code=mailed_code(user.email))
    assert is_page(home, HOME)
    assert was_mailed(user.email, "typed your right password")


def test_the_code_page_leads_on_to_the_app(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    guess(user.email)
    page = browser.sign_in(user, relying_party.visit())
    assert is_page(page, CODE)
    answer = relying_party.answer(browser.submit(page, code=mailed_code(user.email)))
    assert answer.code
    assert relying_party.exchange(answer.code).status_code == 200


@spec("ASVS", "6.3.1")
def test_the_owner_at_a_known_browser_is_never_turned_away(browser: Browser, user: EndUser) -> None:
    browser.type_password(user)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    guess(user.email)
    with Browser() as guesser:
        for _ in range(30):
            guesser.type_password(EndUser(user.email, WRONG, ""))
    assert is_page(browser.type_password(EndUser(user.email, WRONG, "")), LOGIN)
    assert is_page(browser.type_password(user), HOME)


def test_a_known_browser_beyond_its_own_limit_is_a_stranger(
    browser: Browser, user: EndUser
) -> None:
    browser.type_password(user)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    for _ in range(
        password_limits.KNOWN_BROWSER.allowed + password_limits.UNKNOWN_BROWSERS.allowed
    ):
        assert is_page(browser.type_password(EndUser(user.email, WRONG, "")), LOGIN)
    page = browser.type_password(user)
    assert is_page(page, CODE)
    assert is_page(browser.submit(page, code=mailed_code(user.email)), HOME)


def test_a_right_password_forgives_no_wrong_one_of_a_stranger(user: EndUser) -> None:
    guess(user.email, 9)
    for _ in range(2):
        with Browser() as owner:
            assert is_page(owner.type_password(user), HOME)
    guess(user.email, 1)
    with Browser() as owner:
        assert is_page(owner.type_password(user), CODE)


@spec("ASVS", "6.3.8")
def test_right_and_wrong_known_and_unknown_look_the_same_before_the_code(user: EndUser) -> None:
    unknown = f"{unique('unknown')}@example.com"
    disabled = make_user()
    User.objects.filter(email=disabled.email).update(is_active=False)
    seen = set()
    for email, password in (
        (user.email, user.password),
        (user.email, WRONG),
        (unknown, WRONG),
        (disabled.email, disabled.password),
    ):
        if password != WRONG or email == unknown:
            guess(email)
        with Browser() as browser:
            page = browser.type_password(EndUser(email, password, ""))
            assert is_page(page, CODE)
            answers = [page, *(browser.submit(page, code="12345x") for _ in range(5))]
            cookies = tuple(sorted(browser.cookies))
            seen.add((tuple(_bare(answer, email) for answer in answers), cookies))
    assert len(seen) == 1
    assert "Too many wrong codes" in str(seen)


def _bare(page, email: str) -> tuple[str, str]:
    text = page.text.replace(email, "…").split("<main")[1].split("<footer")[0]
    for token in set(text.split('csrfmiddlewaretoken" value="')[1:]):
        text = text.replace(token.split('"')[0], "")
    return page.url.path, text


def test_no_mail_goes_out_for_a_wrong_password(user: EndUser) -> None:
    guess(user.email)
    with Browser() as guesser:
        guesser.type_password(EndUser(user.email, WRONG, ""))
        assert not was_mailed_by_now(user.email)
        page = guesser.type_password(user)
    assert mailed_code(user.email)
    assert is_page(page, CODE)


def test_wrong_codes_are_few_and_the_text_says_what_helps(browser: Browser, user: EndUser) -> None:
    guess(user.email)
    page = browser.type_password(user)
    right = mailed_code(user.email)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(4):
        page = browser.submit(page, code=wrong)
        assert is_page(page, CODE)
        assert "Set a new password" in page.text
    page = browser.submit(page, code=wrong)
    assert is_page(page, LOGIN)
    assert "Sign in again for another one" in page.text
    assert is_page(browser.open(CODE), LOGIN)
    page = browser.type_password(user)
    assert is_page(browser.submit(page, code=mailed_code(user.email, after=right)), HOME)


def test_the_code_is_no_second_factor_and_the_second_step_follows(browser: Browser) -> None:
    careful = make_user_with_app()
    guess(careful.email)
    page = browser.type_password(careful)
    assert is_page(page, CODE)
    page = browser.submit(page, code=mailed_code(careful.email))
    assert is_page(page, "/account/login/code/")
    assert is_page(browser.submit(page, code=careful.app.code()), HOME)


def test_a_disabled_account_is_told_to_its_mailbox_alone(browser: Browser, user: EndUser) -> None:
    User.objects.filter(email=user.email).update(is_active=False)
    guess(user.email)
    page = browser.submit(browser.type_password(user), code=mailed_code(user.email))
    assert is_page(page, "/account/inactive/")


def test_a_password_changed_meanwhile_ends_it(browser: Browser, user: EndUser) -> None:
    guess(user.email)
    page = browser.type_password(user)
    code = mailed_code(user.email)
    user_row = User.objects.get(email=user.email)
    user_row.set_password("three wise boats at anchor")
    user_row.save()
    assert is_page(browser.submit(page, code=code), LOGIN)
    assert is_page(browser.open(HOME), LOGIN)


def test_the_code_of_one_browser_is_none_at_another(browser: Browser, user: EndUser) -> None:
    guess(user.email)
    with Browser() as attacker:
        theirs = attacker.type_password(EndUser(user.email, WRONG, ""))
        browser.type_password(user)
        assert is_page(attacker.submit(theirs, code=mailed_code(user.email)), CODE)
        assert is_page(attacker.open(HOME), LOGIN)


def test_a_network_of_many_wrong_passwords_refuses_nobody_behind_it() -> None:
    neighbour, other = make_user(), make_user()
    with Browser() as known:
        known.type_password(other)
        known.submit(known.open("/account/logout/"), "confirm-logout")
        with Browser() as guesser:
            guesser.headers["X-Forwarded-For"] = known.headers["X-Forwarded-For"]
            for _ in range(password_limits.IP_ADDRESS.allowed):
                guesser.type_password(EndUser(f"{unique('unknown')}@example.com", WRONG, ""))
            page = guesser.type_password(neighbour)
            assert is_page(page, CODE)
            assert is_page(guesser.submit(page, code=mailed_code(neighbour.email)), HOME)
        assert is_page(known.type_password(other), HOME)
    with Browser() as elsewhere:
        assert is_page(elsewhere.type_password(make_user()), HOME)


def test_ipv6_counts_by_its_network(browser: Browser, user: EndUser) -> None:
    with Browser() as guesser:
        for number in range(password_limits.IP_ADDRESS.allowed):
            guesser.headers["X-Forwarded-For"] = f"[2001:db8:77:1::{number:x}]:4{number:03}"
            guesser.type_password(EndUser(f"{unique('unknown')}@example.com", WRONG, ""))
    browser.headers["X-Forwarded-For"] = "2001:db8:77:1:ffff::1"
    assert is_page(browser.type_password(user), CODE)
    with Browser() as elsewhere:
        elsewhere.headers["X-Forwarded-For"] = "2001:db8:77:2::1"
        assert is_page(elsewhere.type_password(make_user()), HOME)


def test_unlocking_forgets_what_strangers_tried_on_this_account_alone(user: EndUser) -> None:
    other = make_user()
    guess(user.email)
    guess(other.email)
    operations.unlock(User.objects.get(email=user.email))
    with Browser() as browser:
        assert is_page(browser.type_password(user), HOME)
    with Browser() as browser:
        assert is_page(browser.type_password(other), CODE)


def test_a_new_password_begins_anew(browser: Browser, user: EndUser) -> None:
    guess(user.email)
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    assert is_page(browser.submit(page, password1="three wise boats at anchor"), HOME)
    with Browser() as elsewhere:
        new = EndUser(user.email, "three wise boats at anchor", "")
        assert is_page(elsewhere.type_password(new), HOME)
