"""A forgotten password: a typed code, single use, and every session ends."""

from accounts.models import Session, User
from foundation.models import Mail
from tests.in_process import InProcess
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    verified,
)

NEW = "another quiet boat on the river"


def test_an_unknown_address_costs_a_row_as_a_known_one_does(user: EndUser) -> None:
    """Else the time of the response would tell which addresses have an account."""
    Mail.objects.all().delete()
    for email, recipient in ((user.email, user.email), ("nobody@example.com", "")):
        asker = InProcess(REMOTE_ADDR="203.0.113.9")
        answer = asker.post("/account/password/reset/", {"email": email})
        assert answer.status_code == 302
        [row] = Mail.objects.all()
        assert row.recipient == recipient
        row.delete()


def ask(browser: Browser, email: str, **query: str):
    return browser.submit(browser.open("/account/password/reset/", **query), email=email)


def test_the_code_lets_one_choose_a_new_password(browser: Browser, user: EndUser) -> None:
    page = ask(browser, user.email)
    assert is_page(page, "/account/password/reset/confirm/")
    page = browser.submit(page, code=mailed_code(user.email))
    assert is_page(page, "/account/password/reset/complete/")
    home = browser.submit(page, password1=NEW)
    assert is_page(home, "/account/")
    with Browser() as elsewhere:
        assert is_page(elsewhere.sign_in(user), "/account/login/")
        assert is_page(elsewhere.type_password(EndUser(user.email, NEW, "")), "/account/")


def test_it_signs_out_everywhere_else(browser: Browser, user: EndUser) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        page = browser.submit(ask(browser, user.email), code=mailed_code(user.email))
        browser.submit(page, password1=NEW)
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    endings = Session.objects.filter(user__email=user.email).values_list("ending", flat=True)
    assert sorted(endings) == ["", "password-reset"]


def test_it_continues_to_the_app(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    sign_in = relying_party.visit()
    page = ask(browser, user.email, next=sign_in.url.params["next"])
    page = browser.submit(page, code=mailed_code(user.email))
    answer = relying_party.answer(browser.submit(page, password1=NEW))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert claims["sub"] == user.sub
    assert claims["amr"] == ["otp"]


def test_an_unknown_address_looks_the_same(browser: Browser, user: EndUser) -> None:
    with Browser() as other:
        known, unknown = ask(browser, user.email), ask(other, f"no-{user.email}")
    assert known.url.path == unknown.url.path
    assert "If there is an account" in unknown.text


def test_wrong_codes_end_it(browser: Browser, user: EndUser) -> None:
    page = ask(browser, user.email)
    right = mailed_code(user.email)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(4):
        page = browser.submit(page, code=wrong)
        assert is_page(page, "/account/password/reset/confirm/")
    page = browser.submit(page, code=wrong)
    assert is_page(page, "/account/password/reset/")
    assert "Start again for another one" in page.text
    assert is_page(browser.open("/account/password/reset/complete/"), "/account/password/reset/")


def test_a_code_cannot_be_skipped(browser: Browser, user: EndUser) -> None:
    ask(browser, user.email)
    page = browser.open("/account/password/reset/complete/")
    assert is_page(page, "/account/password/reset/confirm/")
    assert User.objects.get(email=user.email).check_password(user.password)
