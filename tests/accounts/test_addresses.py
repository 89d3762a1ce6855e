"""An email address is one, whether its domain is written in Unicode or as A-labels. RFC 5890."""

import importlib

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core.exceptions import ValidationError

from accounts.addresses import LONGEST, cleaned_email, normalised_email, shown_email
from accounts.models import User
from idp.admin.users import UserForm
from idp.declaration import apply
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user,
    unique,
    was_mailed,
)

PASSWORD = "three wise boats at anchor"


@pytest.fixture
def names() -> tuple[str, str]:
    """The same address of nobody, in Unicode and as it is stored."""
    name = unique("eva")
    return f"{name}@bücher.example", f"{name}@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ana@Example.COM ", "ana@example.com"),
        ("ana@BÜCHER.example", "ana@xn--bcher-kva.example"),
        ("ana@XN--BCHER-KVA.example", "ana@xn--bcher-kva.example"),
        ("ana@bu\N{COMBINING DIAERESIS}cher.example", "ana@xn--bcher-kva.example"),
        ("ana@bücher\N{IDEOGRAPHIC FULL STOP}example", "ana@xn--bcher-kva.example"),
        ("ana@\N{FULLWIDTH LATIN SMALL LETTER A}.example", "ana@a.example"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("no address", "no address"),
        ("ana@_ü.example", "ana@_ü.example"),
        ("ana@" + "ü" * 5000, "ana@" + "ü" * 5000),
    ],
)
def test_one_spelling(typed: str, stored: str) -> None:
    assert normalised_email(typed) == stored
    assert normalised_email(stored) == stored


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("ana@example.com", "ana@example.com"),
        ("ana@xn--zzzzzz99.example", "ana@xn--zzzzzz99.example"),
        ("ana@xn--a.example", "ana@xn--a.example"),
    ],
)
def test_users_see_the_unicode_of_what_has_one(stored: str, shown: str) -> None:
    assert shown_email(stored) == shown


@pytest.mark.parametrize("domain", [".".join(["ü" * 18] * 13), "_ü.example"])
def test_an_address_that_cannot_be_stored_is_refused(browser: Browser, domain: str) -> None:
    typed = f"ana@{domain}"
    assert len(typed) <= LONGEST
    with pytest.raises(ValidationError):
        cleaned_email(typed)
    with pytest.raises(ValidationError):
        User(email=typed, password="!").full_clean()
    page = browser.submit(browser.open("/account/signup/"), email=typed, password1=PASSWORD)
    assert is_page(page, "/account/signup/")
    assert "error-text" in page.text


def test_both_spellings_sign_in_and_reset(browser: Browser, names: tuple[str, str]) -> None:
    made = make_user()
    User.objects.get(email=made.email).set_email(names[0], verified=True)
    EmailAddress.objects.filter(email=made.email).delete()
    for typed in names:
        with Browser() as each:
            home = each.type_password(EndUser(typed, made.password, ""))
            assert is_page(home, "/account/")
            assert names[0] in home.text
    page = browser.submit(browser.open("/account/password/reset/"), email=names[0])
    assert names[0] in page.text
    page = browser.submit(page, code=mailed_code(names[1]))
    assert is_page(browser.submit(page, password1=PASSWORD), "/account/")


def test_a_sign_up_in_the_other_spelling_is_the_same_user(
    browser: Browser, names: tuple[str, str]
) -> None:
    page = browser.submit(browser.open("/account/signup/"), email=names[0], password1=PASSWORD)
    assert is_page(browser.submit(page, code=mailed_code(names[1])), "/account/")
    with Browser() as other:
        other.submit(other.open("/account/signup/"), email=names[1], password1=PASSWORD)
    assert was_mailed(names[1], "already")
    assert User.objects.filter(email=names[0]).count() == 1


def test_two_accounts_cannot_have_both(names: tuple[str, str]) -> None:
    user = User.objects.create_user(names[0])
    assert user.email == names[1]
    with pytest.raises(ValidationError):
        User(email=names[0], password="!").full_clean()
    apply({"users": [{"email": names[0], "name": "Eva"}]}, dry_run=False)
    assert User.objects.get(email=names[0]).name == "Eva"


def test_an_operator_adds_nobody_twice(names: tuple[str, str]) -> None:
    User.objects.create_user(names[1])
    form = UserForm({"email": names[0]})
    assert "email" in form.errors


def test_rows_from_before_are_normalised_and_conflicts_left(names: tuple[str, str]) -> None:
    migration = importlib.import_module("accounts.migrations.0007_email_domains")
    users = [User.objects.create_user(f"{unique('old')}@example.com") for _ in range(3)]
    other = f"{unique('old')}@straße.example"
    for user, email in zip(users, [names[1], names[0], other], strict=True):
        _store(user, email)
    migration.normalise(apps, None)
    stored = [User.objects.values_list("email", flat=True).get(pk=user.pk) for user in users]
    assert stored == [names[1], names[0], normalised_email(other)]
    User.objects.filter(pk=users[1].pk).delete()


def _store(user: User, email: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = %s WHERE id = %s", [email, user.pk])
