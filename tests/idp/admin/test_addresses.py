"""An operator changes a user's address: never unnoticed, and never alone. ASVS 6.3.7, 7.5.1."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import email_change
from accounts.models import EmailChange, Session, User
from idp.models import Event
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    mailed_link,
    make_user,
    unique,
    was_mailed_by_now,
)


@pytest.fixture
def user_row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@pytest.fixture
def new() -> str:
    return f"{unique('new')}@example.com"


def page_of(user_row: User) -> str:
    return f"accounts/user/{user_row.pk}/change/"


def test_the_old_mailbox_is_told_and_sessions_end(
    operator: Operator, browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    browser.sign_in(user)
    operator.save(page_of(user_row), email=f" {new.upper()} ", email_verified="on", name="Somebody")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert set(user_row.sessions.values_list("ending", flat=True)) == {"email-changed"}
    assert list(EmailAddress.objects.filter(user=user_row).values_list("email", "verified")) == [
        (new, True)
    ]
    page = browser.open(urlsplit(mailed_link(user.email)).path)
    browser.submit(page, "undo")
    user_row.refresh_from_db()
    assert user_row.email == user.email
    assert not user_row.has_usable_password()
    kinds = {event.kind: event for event in events_of(operator)}
    assert kinds["email-changed"].user_id == user_row.pk
    assert kinds["changed"].details["changes"]["email"] == [user.email, new]
    assert kinds["changed"].details["changes"]["name"][1] == "Somebody"


def test_changing_twice_hides_nothing(operator: Operator, user: EndUser, user_row: User) -> None:
    for _ in range(2):
        operator.save(page_of(user_row), email=f"{unique('new')}@example.com", email_verified="on")
    with Browser() as owner:
        page = owner.open(urlsplit(mailed_link(user.email)).path)
        owner.submit(page, "undo")
    user_row.refresh_from_db()
    assert user_row.email == user.email


def test_first_to_doubt_an_address_hides_nothing(
    operator: Operator, user: EndUser, user_row: User, new: str
) -> None:
    """A mailbox that is not taken for proven would not be told of the change that comes next."""
    operator.save(page_of(user_row), email_verified=None)
    link = mailed_link(user.email)
    operator.save(page_of(user_row), email=new, email_verified="on")
    assert mailed_link(user.email) == link
    with Browser() as owner:
        owner.submit(owner.open(urlsplit(link).path), "undo")
    user_row.refresh_from_db()
    assert user_row.email == user.email
    assert EmailAddress.objects.get(user=user_row).verified


def test_a_sign_in_of_the_last_minutes_is_needed(
    operator: Operator, user: EndUser, user_row: User, new: str
) -> None:
    Session.objects.filter(user__email=operator.user.email).update(
        authenticated_at=timezone.now() - timedelta(minutes=16)
    )
    page = operator.save(page_of(user_row), email=new)
    assert "Only shortly after signing in" in page.text
    user_row.refresh_from_db()
    assert user_row.email == user.email
    operator.save(page_of(user_row), name="Another name")
    user_row.refresh_from_db()
    assert user_row.name == "Another name"


def test_a_mailbox_that_nobody_proved_is_not_told(
    operator: Operator, user: EndUser, user_row: User, new: str
) -> None:
    """It may be a stranger's: an invitation went there by mistake."""
    EmailAddress.objects.filter(user=user_row).update(verified=False)
    operator.save(page_of(user_row), email=new)
    assert EmailChange.objects.get(user=user_row).new_email == new
    assert not was_mailed_by_now(user.email)


def test_a_waiting_change_of_the_user_s_own_is_over(
    operator: Operator, browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    browser.sign_in(user)
    wanted = f"{unique('own')}@example.com"
    browser.submit(browser.open("/account/email/"), email=wanted)
    code = mailed_code(wanted)
    operator.save(page_of(user_row), email=new, email_verified="on")
    browser.sign_in(EndUser(new, user.password, ""))
    assert not is_page(browser.open("/account/email/code/", code=code), "/account/email/code/")
    user_row.refresh_from_db()
    assert user_row.email == new


def test_who_took_an_account_gets_no_link_when_it_is_put_back(
    operator: Operator, browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    """An operator helps an owner whose account was taken over: the thief can't undo that."""
    browser.sign_in(user)
    page = browser.submit(browser.open("/account/email/"), email=new)
    browser.submit(page, code=mailed_code(new))
    operator.save(page_of(user_row), email=user.email, email_verified="on")
    user_row.refresh_from_db()
    assert user_row.email == user.email
    changes = EmailChange.objects.filter(user=user_row)
    assert [change.undone_at is None for change in changes] == [False, False]
    assert all(email_change.undone_by(email_change.token_for(it)) is None for it in changes)
    with_a_link = "The link works once"
    assert was_mailed_by_now(user.email, with_a_link)
    assert not was_mailed_by_now(new, with_a_link)


def test_an_operator_who_changes_their_own_address_stays(superuser: Operator, new: str) -> None:
    me = User.objects.get(email=superuser.user.email)
    superuser.save(page_of(me), email=new, email_verified="on")
    assert superuser.open("").status_code == 200
    assert Event.objects.filter(user=me, actor=me, kind="email-changed").exists()


def test_of_two_operators_who_give_one_address_one_does(
    operator: Operator, superuser: Operator, new: str
) -> None:
    """Both forms are right when they are checked; the database lets one through."""
    users = [User.objects.get(email=make_user().email) for _ in range(2)]
    forms = [
        (who.browser, who.open(page_of(user_row)))
        for who, user_row in zip((operator, superuser), users, strict=True)
    ]
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda form: form[0].submit(form[1], email=new), forms))
    assert {page.status_code for page in pages} == {200}
    assert sorted("was changed successfully" in page.text for page in pages) == [False, True]
    assert User.objects.filter(email=new).count() == 1


def test_an_address_that_is_taken_meanwhile_is_not_given_twice(user_row: User, new: str) -> None:
    email_change.change_at_once(User.objects.get(email=make_user().email), new, verified=False)
    with pytest.raises(email_change.TakenError):
        email_change.change_at_once(user_row, new, verified=False)
    user_row.refresh_from_db()
    assert user_row.email != new
