"""`manage.py createsuperuser`, as a process: the first operator, with a password like anybody's."""

from accounts.models import User
from tests.accounts.management.commands import Terminal, manage
from tests.relying_party import Browser, EndUser, is_page, unique

PASSWORD = "three wise boats at anchor"


def operator() -> EndUser:
    return EndUser(f"{unique('op')}@example.com", PASSWORD, "")


def test_at_a_terminal(browser: Browser) -> None:
    new = operator()
    terminal = Terminal("createsuperuser", "--email", new.email)
    terminal.answer("Password: ", "short")
    terminal.answer("Password (again): ", "short")
    terminal.wait_for("at least 15 characters")
    terminal.answer("[y/N]: ", "n")
    terminal.answer("Password: ", new.password)
    terminal.answer("Password (again): ", new.password)
    assert terminal.finish() == 0
    assert new.password not in terminal.shown
    user_row = User.objects.get(email=new.email)
    assert user_row.is_superuser
    assert user_row.is_staff
    assert is_page(browser.type_password(new), "/account/")  # the address counts as proven


def test_nobody_talks_it_out_of_the_rules(provider: object) -> None:
    new = operator()
    terminal = Terminal("createsuperuser", "--email", new.email)
    terminal.answer("Password: ", "short")
    terminal.answer("Password (again): ", "short")
    terminal.answer("[y/N]: ", "y")
    assert terminal.finish() == 1
    assert "This password is too short" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert not User.objects.filter(email=new.email).exists()


def test_without_a_terminal(browser: Browser) -> None:
    new = operator()
    done = manage(
        "createsuperuser",
        *("--noinput", "--email", new.email.upper()),
        DJANGO_SUPERUSER_PASSWORD=new.password,
    )
    assert done.returncode == 0, done.stderr
    assert is_page(browser.type_password(new), "/account/")


def test_without_a_terminal_the_password_is_judged_too(provider: object) -> None:
    new = operator()
    for weak in ("short", "x" * 14, new.email):
        done = manage(
            "createsuperuser",
            *("--noinput", "--email", new.email),
            DJANGO_SUPERUSER_PASSWORD=weak,
        )
        assert done.returncode == 1, weak
        assert "password" in done.stderr
        assert "Traceback" not in done.stderr
    assert not User.objects.filter(email=new.email).exists()


def test_an_address_is_taken_whatever_its_capitals(user: EndUser) -> None:
    done = manage(
        "createsuperuser",
        *("--noinput", "--email", user.email.upper()),
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    assert done.returncode == 1
    assert "already taken" in done.stderr
