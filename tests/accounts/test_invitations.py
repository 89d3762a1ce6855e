"""An invitation: a link by mail, a page with one field, and the user is in."""

import pytest
from allauth.account.models import EmailAddress

from accounts import invitations, operations
from accounts.models import Session, User
from idp.models import Event
from tests.relying_party import (
    ISSUER,
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
def guest(provider: object) -> User:
    """A user whose account an operator just made, without a password."""
    return User.objects.create_user(f"{unique('guest')}@example.com")


def test_the_link_lets_one_choose_a_password_and_be_in(browser: Browser, guest: User) -> None:
    link = invitations.invite(guest)
    assert link.startswith(f"{ISSUER}/account/invitation/")
    page = browser.open(link)
    assert guest.email in page.text
    home = browser.submit(page, password1=PASSWORD)
    assert is_page(home, "/account/")
    assert guest.email in home.text
    assert "Your password is set." in home.text
    assert "changed" not in home.text, "it is the first"
    assert was_mailed(guest.email, "A password was set for your account")
    assert EmailAddress.objects.get(user=guest).verified
    with Browser() as elsewhere:
        invited = EndUser(guest.email, PASSWORD, "")
        assert is_page(elsewhere.type_password(invited), "/account/")
    kinds = set(Event.objects.filter(user=guest).values_list("kind", flat=True))
    assert {Event.Kind.EMAIL_VERIFIED, Event.Kind.PASSWORD_CHANGED, Event.Kind.SIGNED_IN} <= kinds


def test_a_weak_password_is_refused_and_the_link_still_works(browser: Browser, guest: User) -> None:
    page = browser.open(invitations.invite(guest))
    for weak in ("short", "passwordpassword1"[:14], guest.email):
        page = browser.submit(page, password1=weak)
        assert 'role="alert"' in page.text
        assert not Session.objects.filter(user=guest).exists()
    assert is_page(browser.submit(page, password1=PASSWORD), "/account/")


def test_a_dead_link_says_what_to_do(browser: Browser, guest: User) -> None:
    link = invitations.invite(guest)
    browser.submit(browser.open(link), password1=PASSWORD)
    with Browser() as later:
        page = later.open(link)
        assert page.status_code == 410
        assert "does not work any more" in page.text
        assert 'href="/account/login/"' in page.text
        assert 'href="/account/password/reset/"' in page.text
        assert guest.email not in page.text


def test_without_the_mail_a_code_does_it(browser: Browser, guest: User) -> None:
    invitations.invite(guest)
    page = browser.submit(browser.open("/account/password/reset/"), email=guest.email)
    page = browser.submit(page, code=mailed_code(guest.email))
    assert is_page(browser.submit(page, password1=PASSWORD), "/account/")


def test_another_user_at_the_browser_is_signed_out(
    browser: Browser, user: EndUser, guest: User
) -> None:
    browser.sign_in(user)
    home = browser.submit(browser.open(invitations.invite(guest)), password1=PASSWORD)
    assert guest.email in home.text
    assert Session.objects.get(user__email=user.email).ending == "another-user"


def test_who_had_a_password_has_the_new_one_and_is_out_elsewhere(
    browser: Browser, user: EndUser
) -> None:
    user_row = User.objects.get(email=user.email)
    operations.require_new_password(user_row)
    with Browser() as elsewhere:
        user_row.refresh_from_db()
        link = invitations.invite(user_row)
        page = browser.submit(browser.open(link), password1=user.password)
        assert "Choose another password" in page.text
        assert is_page(browser.submit(page, password1=PASSWORD), "/account/")
        assert not User.objects.get(pk=user_row.pk).password_change_required
        assert is_page(elsewhere.sign_in(user), "/account/login/")


def test_a_stranger_who_began_to_sign_up_keeps_nothing(browser: Browser) -> None:
    email = f"{unique('neo')}@example.com"
    with Browser() as stranger:
        page = stranger.open("/account/signup/")
        stranger.submit(page, email=email, password1="a stranger's own choice")
        code = mailed_code(email)
        link = invitations.invite(User.objects.get(email=email))
        page = stranger.submit(stranger.open("/account/confirm-email/"), code=code)
        assert is_page(page, "/account/login/")
        assert is_page(
            stranger.sign_in(EndUser(email, "a stranger's own choice", "")), "/account/login/"
        )
        # … nor does beginning anew take the account away.
        page = stranger.open("/account/signup/")
        stranger.submit(page, email=email, password1="a stranger's own choice")
    assert is_page(browser.submit(browser.open(link), password1=PASSWORD), "/account/")


def test_no_disabled_user_is_invited(user: EndUser) -> None:
    user_row = User.objects.get(email=user.email)
    operations.disable(user_row)
    with pytest.raises(ValueError, match="is disabled"):
        invitations.invite(user_row)


def test_the_address_stays_proven_for_who_has_proven_it() -> None:
    user_row = User.objects.get(email=make_user().email)
    invitations.invite(user_row)
    assert EmailAddress.objects.get(user=user_row).verified
