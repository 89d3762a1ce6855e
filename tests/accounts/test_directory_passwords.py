"""A password that a directory has: none is given here beside it, unless an operator allows it."""

from dataclasses import replace
from http import HTTPStatus

import pytest
from django.core.exceptions import ValidationError
from django.http import HttpResponse

from accounts import invitations
from accounts.allauth_door import social_accounts
from accounts.models import Session, Upstream, User
from accounts.upstream import kinds
from accounts.upstream.directory import declared
from foundation.models import Mail
from tests.in_process import InProcess
from tests.relying_party import mailed_code, make_user, unique, was_mailed

PAGE = "https://password.corp.example/change"
NEW = "another quiet boat on the river"


@pytest.fixture(autouse=True)
def _with_ldap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind as the extra registers it; no directory is asked in these tests."""
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds._KINDS))
    columns = ("secret_variable", "settings")
    kind = kinds.Kind("ldap", "LDAP", lambda *_: HttpResponse())
    kinds.register(replace(kind, columns=columns, problems=declared.problems))


@pytest.fixture
def directory(database: None) -> Upstream:
    row = Upstream(slug=unique("corp"), name="Corp", kind="ldap")
    row.settings = {"address": "ldaps://ldap.corp.example", "base": "dc=corp"}
    row.settings["password_page"] = PAGE
    row.full_clean()
    row.save()
    return row


def member_of(directory: Upstream) -> User:
    user = User.objects.get(email=make_user().email)
    user.set_unusable_password()
    user.save()
    social_accounts.connect(user, directory.slug, unique("uid"), {})
    return user


def gets(user: User, words: str) -> bool:
    """Ask for a code for a new password; return whether the mail about it has these words."""
    Mail.objects.filter(recipient=user.email).delete()
    visitor = InProcess(REMOTE_ADDR="203.0.113.77")
    answer = visitor.post("/account/password/reset/", {"email": user.email})
    assert answer["Location"].startswith("/account/password/reset/confirm/")
    return was_mailed(user.email, words)


def test_no_password_is_given_beside_the_directorys(directory: Upstream) -> None:
    user = member_of(directory)
    assert gets(user, f"    {PAGE}\n")
    with pytest.raises(ValueError, match="Corp has the password"):
        invitations.send_reset(user)
    for token in (invitations.token_for(user), invitations.reset_token_for(user)):
        gone = InProcess().post(f"/account/invitation/{token}/", {"password1": NEW})
        assert gone.status_code == HTTPStatus.GONE
    browser = InProcess()
    browser.force_login(user)
    shown = browser.post("/account/password/", {"password1": NEW})
    assert shown.status_code == HTTPStatus.OK
    assert PAGE in shown.content.decode()
    assert "Corp" in browser.get("/account/two-steps/").content.decode()
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert Session.objects.get(user=user, ended_at=None)


def test_whoever_has_or_may_have_one_here_gets_a_code(directory: Upstream) -> None:
    """A directory that nobody can sign in with holds nobody back either."""
    user = member_of(directory)
    for columns in (
        {"enabled": False},
        {"settings": {**directory.settings, "local_passwords": True}},
    ):
        before = {name: getattr(directory, name) for name in columns}
        Upstream.objects.filter(pk=directory.pk).update(**columns)
        assert gets(user, "Your code for a new password")
        Upstream.objects.filter(pk=directory.pk).update(**before)
    user.set_password(NEW)
    user.save()
    assert gets(user, "Your code for a new password")


def test_a_code_that_was_mailed_before_the_account_was_connected_is_void(
    directory: Upstream,
) -> None:
    user = User.objects.get(email=make_user().email)
    user.set_unusable_password()
    user.save()
    visitor = InProcess(REMOTE_ADDR="203.0.113.78")
    visitor.post("/account/password/reset/", {"email": user.email})
    code = mailed_code(user.email)
    social_accounts.connect(user, directory.slug, unique("uid"), {})
    answer = visitor.post("/account/password/reset/confirm/", {"code": code})
    assert "/complete/" not in answer.get("Location", "")
    visitor.post("/account/password/reset/complete/", {"password1": NEW})
    user.refresh_from_db()
    assert not user.has_usable_password()


@pytest.mark.parametrize(
    "odd", [{"password_page": "javascript:alert(1)"}, {"local_passwords": "yes"}]
)
def test_settings_that_are_refused(directory: Upstream, odd: dict[str, object]) -> None:
    directory.settings.update(odd)
    with pytest.raises(ValidationError, match=next(iter(odd))):
        directory.full_clean()
