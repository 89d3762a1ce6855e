"""How passwords are stored: normalised, at the strength of settings, earlier ones replaced.

NIST SP 800-63B-4 §3.1.1.2, RFC 9106.
"""

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher, make_password

from accounts import passwords
from accounts.hashing import Argon2
from accounts.models import User
from tests.passkeys import make_user_with_passkey
from tests.passwords import CheapArgon2
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    spec,
)
from tests.wire.test_password_grant import GRANTS, ask

HOME, LOGIN = "/account/", "/account/login/"
TYPED = "über die grüne Brücke"
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, TYPED) for form in ("NFC", "NFD"))
WIDE = COMPOSED.replace("e", "\uff45").replace(" ", "\u3000")
PREFERRED = "argon2_nfkc$"


class EarlierArgon2(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 64, 1


class EarlierPBKDF2(PBKDF2PasswordHasher):
    iterations = 1


def with_password(password: str) -> EndUser:
    user = make_user(password=password)
    return EndUser(user.email, password, user.sub)


def stored_as(user: EndUser, hasher: object) -> None:
    """Store a user's password as an earlier version or another system did."""
    encoded = hasher.encode(user.password, hasher.salt())  # type: ignore[attr-defined]
    User.objects.filter(email=user.email).update(password=encoded)


def user_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def comes_in(email: str, password: str) -> bool:
    with Browser() as browser:
        return is_page(browser.type_password(EndUser(email, password, "")), HOME)


def test_by_default_it_is_what_owasp_names_first() -> None:
    assert Argon2().encode(TYPED, "a" * 22).startswith(f"{PREFERRED}argon2id$v=19$m=7168,t=5,p=1$")


@spec("NIST SP 800-63B-4", "3.1.1.2")
@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED, WIDE], ids=["NFC", "NFD", "wide"])
def test_however_it_is_typed_it_is_the_same(browser: Browser, chosen: str) -> None:
    user = with_password(chosen)
    for typed in (COMPOSED, DECOMPOSED, WIDE):
        assert comes_in(user.email, typed)
    assert not comes_in(user.email, COMPOSED.replace("ü", "u"))
    assert not comes_in(user.email, COMPOSED.upper())
    old_app = RelyingParty(make_client(**GRANTS), browser, user)
    assert ask(old_app, user.email, DECOMPOSED).status_code == 200


@pytest.mark.parametrize("hasher", [EarlierArgon2(), EarlierPBKDF2()], ids=["Argon2", "PBKDF2"])
@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
def test_what_was_stored_as_it_was_sent_still_verifies_and_is_replaced(
    hasher: object, chosen: str
) -> None:
    user = with_password(chosen)
    stored_as(user, hasher)
    assert not comes_in(user.email, "another one altogether")
    assert not user_of(user).password.startswith(PREFERRED)
    assert comes_in(user.email, chosen)
    assert user_of(user).password.startswith(PREFERRED)
    assert comes_in(user.email, COMPOSED)
    assert comes_in(user.email, DECOMPOSED)


def test_another_strength_is_replaced(user: EndUser) -> None:
    stronger = CheapArgon2()
    stronger.time_cost = 2
    stored_as(user, stronger)
    assert comes_in(user.email, user.password)
    assert ",t=1," in user_of(user).password


def test_sessions_elsewhere_outlive_the_replacement_but_no_new_password() -> None:
    user = make_user_with_passkey()
    stored_as(user, EarlierArgon2())
    with Browser() as elsewhere, Browser() as same, Browser() as browser:
        for one in (elsewhere, same):
            assert is_page(user.sign_in(one), HOME)
        before = user_of(user).sessions.filter(ended_at=None).count()
        assert comes_in_with_code(browser, user)
        assert user_of(user).password.startswith(PREFERRED)
        assert is_page(elsewhere.open(HOME), HOME)
        # Signing in again renews the session there, as ever.
        assert is_page(same.open(HOME), HOME)
        page = same.open(LOGIN, fresh="1")
        assert is_page(user.sign_in(same, page), HOME)
        assert user_of(user).sessions.filter(ended_at=None).count() == before + 1
        user_row = user_of(user)
        user_row.set_password("three wise boats at anchor")
        user_row.save(update_fields=["password"])
        for one in (elsewhere, same, browser):
            assert is_page(one.open(HOME), LOGIN)


def comes_in_with_code(browser: Browser, user: EndUser) -> bool:
    """Sign in by password and a recovery code."""
    page = browser.type_password(user)
    return is_page(browser.submit(page, code=user.recovery_codes[0]), HOME)


def test_a_new_password_is_not_undone_by_a_sign_in_with_the_old(user: EndUser) -> None:
    stored_as(user, EarlierArgon2())
    crossing, owner = user_of(user), user_of(user)
    assert passwords.replace(owner, "three wise boats at anchor")
    assert crossing.check_password(user.password)  # it was right when it was read
    assert user_of(user).check_password("three wise boats at anchor")
    assert crossing.password != user_of(user).password


def test_several_who_replace_it_at_once_are_all_in(user: EndUser) -> None:
    stored_as(user, EarlierArgon2())

    def visit(_: int) -> bool:
        with Browser() as browser:
            browser.type_password(user)
            return is_page(browser.open(HOME), HOME)

    with ThreadPoolExecutor(6) as several:
        assert all(several.map(visit, range(6)))
    assert user_of(user).password.startswith(PREFERRED)


def test_what_nobody_could_type_is_no_password() -> None:
    assert make_password(None).startswith("!")
    user = with_password("x7Kq9mPz2RtVw4L" * 60)
    assert comes_in(user.email, user.password)
    with Browser() as browser:
        for odd in ("\0", "x\0" * 40, "\u200d" * 40, "x" * 100_000):
            assert is_page(browser.type_password(EndUser(user.email, odd, "")), LOGIN)
