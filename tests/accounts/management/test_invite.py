"""`manage.py invite`: makes the account, gives the rights, prints the link."""

import pytest

from accounts.models import User
from accounts.operations import disable
from tests.accounts.management.commands import called, manage
from tests.relying_party import ISSUER, Browser, EndUser, is_page, mailed_link, unique

PASSWORD = "three wise boats at anchor"


def link_in(output: str) -> str:
    [link] = [line for line in output.splitlines() if line.startswith("http")]
    return link


def test_the_first_operator(browser: Browser) -> None:
    email = f"{unique('op')}@example.com"
    done = manage("invite", email.upper(), "--superuser")
    assert done.returncode == 0, done.stderr
    assert f"Made an account for {email}." in done.stdout
    link = link_in(done.stdout)
    assert link.startswith(f"{ISSUER}/account/invitation/")
    assert mailed_link(email) == link
    assert is_page(browser.submit(browser.open(link), password1=PASSWORD), "/account/")
    user_row = User.objects.get(email=email)
    assert user_row.is_superuser
    assert user_row.is_staff


@pytest.mark.parametrize(("flags", "staff"), [([], False), (["--staff"], True)])
def test_rights_are_given_when_asked_for(flags: list[str], staff: bool) -> None:
    email = f"{unique('new')}@example.com"
    assert called("invite", email, *flags).returncode == 0
    user_row = User.objects.get(email=email)
    assert (user_row.is_staff, user_row.is_superuser) == (staff, False)
    assert not user_row.has_usable_password()


def test_a_user_with_an_account_keeps_it(user: EndUser) -> None:
    done = called("invite", user.email, "--staff")
    assert f"Invited {user.email}." in done.stdout
    user_row = User.objects.get(email=user.email)
    assert str(user_row.sub) == user.sub
    assert user_row.is_staff
    assert user_row.check_password(user.password)  # until the link is used


@pytest.mark.parametrize("email", ["nobody", "", "a@b", "x" * 250 + "@example.com", "a\nb@c.de"])
def test_what_is_no_address_is_refused(email: str) -> None:
    done = called("invite", email)
    assert done.returncode == 1
    assert "CommandError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disabled_account_is_left_alone(user: EndUser) -> None:
    disable(User.objects.get(email=user.email))
    done = called("invite", user.email, "--superuser")
    assert done.returncode == 1
    assert "is disabled" in done.stderr
    assert not User.objects.get(email=user.email).is_superuser
