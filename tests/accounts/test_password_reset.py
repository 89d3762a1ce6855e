"""A forgotten password: a typed code, single use, and every session ends."""

from accounts.models import Session, User
from tests.relying_party import (
    Browser,
    Person,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    verified,
)

NEW = "another quiet boat on the river"


def ask(browser: Browser, email: str, **query: str):
    return browser.submit(browser.open("/account/password/reset/", **query), email=email)


def test_the_code_lets_one_choose_a_new_password(browser: Browser, person: Person) -> None:
    page = ask(browser, person.email)
    assert is_page(page, "/account/password/reset/confirm/")
    page = browser.submit(page, code=mailed_code(person.email))
    assert is_page(page, "/account/password/reset/complete/")
    home = browser.submit(page, password1=NEW)
    assert is_page(home, "/account/")
    with Browser() as elsewhere:
        assert is_page(elsewhere.sign_in(person), "/account/login/")
        assert is_page(elsewhere.sign_in(Person(person.email, NEW, "")), "/account/")


def test_it_signs_out_everywhere_else(browser: Browser, person: Person) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(person)
        page = browser.submit(ask(browser, person.email), code=mailed_code(person.email))
        browser.submit(page, password1=NEW)
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    endings = Session.objects.filter(user__email=person.email).values_list("ending", flat=True)
    assert sorted(endings) == ["", "password-reset"]


def test_it_continues_to_the_app(browser: Browser, person: Person) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, person)
    sign_in = relying_party.visit()
    page = ask(browser, person.email, next=sign_in.url.params["next"])
    page = browser.submit(page, code=mailed_code(person.email))
    answer = relying_party.answer(browser.submit(page, password1=NEW))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert claims["sub"] == person.sub
    assert claims["amr"] == ["otp"]


def test_an_unknown_address_looks_the_same(browser: Browser, person: Person) -> None:
    with Browser() as other:
        known, unknown = ask(browser, person.email), ask(other, f"no-{person.email}")
    assert known.url.path == unknown.url.path
    assert "If there is an account" in unknown.text


def test_wrong_codes_end_it(browser: Browser, person: Person) -> None:
    page = ask(browser, person.email)
    right = mailed_code(person.email)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(4):
        page = browser.submit(page, code=wrong)
        assert is_page(page, "/account/password/reset/confirm/")
    page = browser.submit(page, code=wrong)
    assert is_page(page, "/account/password/reset/")
    assert "Start again for another one" in page.text
    assert is_page(browser.open("/account/password/reset/complete/"), "/account/password/reset/")


def test_a_code_cannot_be_skipped(browser: Browser, person: Person) -> None:
    ask(browser, person.email)
    page = browser.open("/account/password/reset/complete/")
    assert is_page(page, "/account/password/reset/confirm/")
    assert User.objects.get(email=person.email).check_password(person.password)
