"""Claims that the operator has locked, and storage that fails."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from accounts import profile_edits, profile_pictures
from accounts.forms import SignUpForm
from accounts.models import User, field_of
from accounts.profile_form import ProfileForm
from idp.endpoints import profile
from tests.in_process import InProcess
from tests.relying_party import EndUser, unique
from tests.wire.test_profile import PROFILE, picture


@pytest.fixture
def account(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@pytest.fixture
def signed_in(account: User) -> InProcess:
    client = InProcess()
    client.force_login(account)
    return client


@pytest.mark.parametrize("claim", sorted({*profile_edits.EDITABLE} - {"picture"}))
def test_a_locked_claim_is_shown_and_a_forged_form_does_not_change_it(
    signed_in: InProcess, account: User, claim: str, settings: Any
) -> None:
    settings.IDP_PROFILE_LOCKED = [claim]
    before = getattr(account, field_of(claim))
    page = signed_in.get(PROFILE).content.decode()
    assert "Set by the operator of this service." in page
    assert f'name="{claim}"' not in page
    forged = {
        **dict.fromkeys(profile_edits.EDITABLE, "Eve"),
        **dict.fromkeys(("birth_day", "birth_month"), "1"),
        **dict.fromkeys(("website", "profile"), "https://eve.example"),
        "birth_year": "2000",
        "address_country": "X",
        "locale": "de",
        "zoneinfo": "Europe/Berlin",
        "phone_number": "+49 30 1",
        "preferred_username": unique("eve"),
    }
    assert signed_in.post(PROFILE, forged).status_code == 302
    account.refresh_from_db()
    assert getattr(account, field_of(claim)) == before
    assert account.gender == "Eve" or claim == "gender"


def test_a_locked_picture_is_neither_replaced_nor_removed(
    signed_in: InProcess, account: User, settings: Any
) -> None:
    settings.IDP_PROFILE_LOCKED = ["picture"]
    assert b'type="file"' not in signed_in.get(PROFILE).content
    file = SimpleUploadedFile("me.png", picture())
    for forged in ({"picture": file}, {"remove": "yes"}):
        assert signed_in.post(f"{PROFILE}picture/", forged).status_code == 302
    account.refresh_from_db()
    assert (account.picture, account.uploaded_picture) == ("https://example.com/ana.jpg", "")


def test_a_locked_name_is_not_asked_for(account: User, settings: Any) -> None:
    settings.IDP_PROFILE_LOCKED = ["name"]
    account.name = ""
    assert "name" not in SignUpForm().fields
    assert not profile_edits.needs_name(account)
    assert not profile_edits.set_missing_name(account, "Eve")
    assert "name" not in ProfileForm(user=account).fields


def test_storage_that_fails_is_said_in_words(
    account: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(profile_pictures.default_storage, "save", full)
    request = RequestFactory().post(
        f"{PROFILE}picture/", {"picture": SimpleUploadedFile("me.png", picture())}
    )
    problem = profile._problem_with_upload(request, account)
    assert problem
    assert "can’t be stored" in problem
    account.refresh_from_db()
    assert account.picture
