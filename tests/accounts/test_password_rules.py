"""Which passwords may be chosen, and what is said of others. NIST SP 800-63B-4 §3.1.1.2."""

import random
import threading
import time

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.password_rules import PasswordRules
from tests.accounts.test_sign_up import newcomer, sign_up
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    spec,
)

__all__ = ["newcomer"]

ANA = User(
    email="ana.lima@bakery.example.com",
    name="Ana Maria Lima",
    given_name="Ana",
    family_name="Lima",
    birthdate="1985-03-12",
)


def said_of(password: str, user_row: User | None = ANA, app_name: str = "Bread Harbour") -> str:
    """Return what is wrong with a password, or nothing."""
    try:
        PasswordRules().validate(password, user_row, app_name=app_name)
    except ValidationError as problem:
        [message] = problem.messages
        return message
    return ""


@spec("NIST SP 800-63B-4", "3.1.1.2")
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("passwordpassword", "it repeats “password”"),
        ("Passw0rd Passw0rd!", "it repeats “Passw0rd”"),
        ("hallo welt hallo welt", "it repeats “hallo welt”"),
        ("aaaaaaaaaaaaaaa", "it repeats “a”"),
        ("abcabcabcabcabc1", "it repeats “abc”"),
        ("monkey1monkey2monkey3", "“monkey123” is a common password"),
        ("aaaabbbbccccddddeeee", "“abcde” is a sequence"),
        ("zyxwvutsrqponmlkj", "“zyxwvutsrqponmlkj” is a sequence"),
        ("123456789012345", "“1234567890” is a common password"),
        ("qwertyuiopasdfgh", "“qwertyuiop” is a common password"),
        ("qazwsxedcrfvtgb", "“qazwsxedcrfvtgb” is a common password"),
        ("ghjkl;'/.,mnbvc", "is a row of keys"),
        ("Password123456789!", "“123456789” is a common password"),
        ("januaryfebruary", "“january” is a common word"),
        ("2031-05-07?ninety", "is a date"),
        ("ana.lima@bakery.example.com", "is about you, the app or this site"),
        ("AnaMariaLima1985", "“AnaMariaLima” is about you, the app or this site"),
        ("limabakeryexample1", "is about you, the app or this site"),
        ("Ana 12.03.1985 Lima", "is about you, the app or this site"),
        ("breadharbour2024", "“breadharbour” is about you, the app or this site"),
        ("signet.localhost1", "“localhost” is about you, the app or this site"),
        ("\uff50assword\u3000pa\uff53\uff53word", "it repeats “password”"),
    ],
)
def test_what_is_easy_to_guess_is_refused_and_it_is_said_why(password: str, reason: str) -> None:
    said = said_of(password)
    assert said.startswith("This password is too easy to guess: ")
    assert reason in said


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "staple battery horse",
        "operator horse battery",
        "three wise boats at anchor",
        "tall blue garden gate",
        "x7Kq9mPz2RtVw4L",
        "XkPq-7731-velvet",
        "über die grüne brücke",
        "пять тихих лодок над рекой",
        "静かな川に浮かぶ五つの小さな古い舟です",
        "my dog eats purple socks",
        "words of 64 characters and more are welcome here, as they have to be: " * 3,
        "x7Kq" * 3 + "correct horse battery staple",
    ],
)
def test_what_is_not_is_taken(password: str) -> None:
    assert said_of(password) == ""


def test_words_of_an_app_count_on_the_way_to_it_only() -> None:
    assert said_of("velvet thunder 7") == ""
    assert "about you, the app" in said_of("velvet thunder 7", app_name="Velvet Thunder")


@spec("NIST SP 800-63B-4", "3.1.1.2")
@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("x7Kq9mPz2RtVw4", "This password is too short. Use at least 15 characters."),
        ("password", "This password is too short. Use at least 15 characters."),
        ("\ufdfa", "This password is too short. Use at least 15 characters."),  # NFKC: 18 letters
        ("e\u0301" * 14, "This password is too short. Use at least 15 characters."),
        ("x7Kq" * 251, "This password is too long. Use at most 1000 characters."),
        ("three wise\tboats at anchor", "no tabs, line breaks"),
        ("three wise\nboats at anchor", "no tabs, line breaks"),
        ("three wise\0boats at anchor", "no tabs, line breaks"),
        ("three wise\x7fboats at anchor", "no tabs, line breaks"),
        ("three wise\ud800boats at anchor", "no tabs, line breaks"),
    ],
)
def test_length_and_characters_come_first(password: str, said: str) -> None:
    assert said in said_of(password)


def test_judging_takes_no_time_whatever_is_sent() -> None:
    """zxcvbn tries each meaning of each of these: with sixty of them it takes minutes."""
    like_letters = "4@8({[<3691!|70$5+%2"
    chance = random.Random(1)
    passwords = ["".join(chance.choices(like_letters, k=60)) for _ in range(5)]
    passwords += ["ab" * 500, "".join(chance.choices("ab", k=1000)), "a" * 999 + "b"]
    began = time.thread_time()
    for password in passwords:
        said_of(password)
    assert time.thread_time() - began < 2.5


def test_words_of_others_never_count() -> None:
    """zxcvbn keeps the words of a call where all threads see them."""
    wrong: list[str] = []

    def judge(name: str, other: str) -> None:
        for _ in range(40):
            if not said_of(f"{name} of 7 winds", User(email=f"{name}@x.example", name=name)):
                wrong.append(f"{name} is their own name")
            if said_of(f"{other} on 4 gates!", User(email=f"{name}@x.example", name=name)):
                wrong.append(f"{other} is not the name of {name}")

    names = ("quillfeather", "bramblewick")
    threads = [threading.Thread(target=judge, args=pair) for pair in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_signing_up_says_it_and_knows_app_and_address(browser: Browser, newcomer: EndUser) -> None:
    relying_party = RelyingParty(make_client(client_name="Velvet Thunder"), browser, newcomer)
    sign_in = relying_party.visit()
    page = browser.open("/account/signup/", next=sign_in.url.params["next"])
    for password, reason in (
        ("passwordpassword", "it repeats “password”"),
        ("velvet thunder 7", "“velvet thunder” is about you, the app or this site"),
        (newcomer.email, "is about you, the app or this site"),
    ):
        page = browser.submit(page, email=newcomer.email, password1=password)
        assert is_page(page, "/account/signup/")
        assert "too easy to guess" in page.text
        assert reason in page.text
        assert not User.objects.filter(email=newcomer.email).exists()
    page = browser.submit(page, email=newcomer.email, password1="three wise boats at anchor")
    assert is_page(page, "/account/confirm-email/")


def test_a_reset_says_it(browser: Browser, user: EndUser) -> None:
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    page = browser.submit(page, password1="qwertyuiopasdfgh")
    assert "“qwertyuiop” is a common password" in page.text
    assert User.objects.get(email=user.email).check_password(user.password)


def test_sign_ups_are_judged_without_an_app(browser: Browser, newcomer: EndUser) -> None:
    assert is_page(sign_up(browser, newcomer), "/account/confirm-email/")
