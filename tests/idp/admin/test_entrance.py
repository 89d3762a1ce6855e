"""One door: the hosted sign-in. No user comes in beside it. SECURITY lines 35, 41."""

import re
import time
from typing import Any

import pytest

from accounts.models import Session, User
from tests.in_process import InProcess
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    Browser,
    EndUser,
    is_page,
    make_user,
    make_user_with_app,
)

TWO_STEPS = "/account/two-steps/?"

PAGES = [
    "",
    "accounts/user/",
    "accounts/user/add/",
    "accounts/user/1/change/",
    "accounts/user/1/action/disable/",
    "accounts/session/",
    "idp/client/",
    "idp/client/add/",
    "idp/client/1/secrets/",
    "idp/client/1/findings/",
    "idp/consent/",
    "idp/grant/",
    "idp/signingkey/",
    "idp/event/",
    "idp/event/export/csv/",
    "idp/resourceserver/",
    "idp/scope/",
    "idp/initialaccesstoken/",
    "idp/trustedissuer/",
    "accounts/upstream/",
    "auth/group/",
    "configuration/",
    "configuration/import/x/",
    "jsi18n/",
    "autocomplete/",
    "r/1/1/",
]


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_sign_in_first(browser: Browser, path: str) -> None:
    page = browser.open(f"/admin/{path}")
    assert is_page(page, "/account/login/")
    assert "Signet administration" not in page.text


@pytest.mark.parametrize("path", PAGES)
def test_users_who_are_no_staff_stay_outside(browser: Browser, user: EndUser, path: str) -> None:
    browser.sign_in(user)
    assert browser.open(f"/admin/{path}").status_code == 403


def test_signing_in_leads_to_the_page_that_was_asked_for(browser: Browser, superuser) -> None:
    page = browser.open("/admin/idp/event/")
    assert browser.sign_in(superuser.user, page).url.path == "/admin/idp/event/"


def test_django_s_own_sign_in_form_opens_nothing(browser: Browser, superuser) -> None:
    """It would be a second door, without limits on guessing and without a second factor."""
    form = {
        "username": superuser.user.email,
        "password": superuser.user.password,
        "next": "/admin/",
    }
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.open("/account/login/").text)
    assert token
    for path in ("/admin/login/", "/admin/"):
        answer = browser.post(
            path,
            data={**form, "csrfmiddlewaretoken": token[1]},
            headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/login/"},
        )
        assert is_page(browser.settle(answer), "/account/login/")
    assert is_page(browser.open("/admin/"), "/account/login/")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_the_entrance_leads_nowhere_else(superuser, target: str) -> None:
    answer = superuser.browser.get("/admin/login/", params={"next": target})
    assert answer.headers["Location"] == "/admin/"


def test_a_user_who_is_staff_no_longer_is_out_at_once(superuser) -> None:
    from accounts.models import User

    superuser.open("")
    User.objects.filter(email=superuser.user.email).update(is_staff=False, is_superuser=False)
    assert superuser.browser.open("/admin/").status_code == 403


def test_the_ways_out_are_the_hosted_ones(superuser) -> None:
    assert is_page(superuser.browser.open("/admin/logout/"), "/account/logout/")
    assert is_page(superuser.browser.open("/admin/password_change/"), "/account/password/reset/")


def test_pages_keep_the_strict_policy(superuser) -> None:
    policy = superuser.open("").headers["Content-Security-Policy"].split("; ")
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", [page for page in PAGES if "1/" not in page and "aut" not in page])
def test_every_page_opens_for_a_superuser(superuser, path: str) -> None:
    assert superuser.browser.open(f"/admin/{path}").status_code == 200


@pytest.fixture
def strict(settings: Any) -> InProcess:
    """A browser at an administration that asks for a second factor, in this process."""
    settings.IDP_STAFF_SECOND_FACTOR = True
    return InProcess()


def signed_in_with(strict: InProcess, user: EndUser, *methods: str) -> None:
    user_row = User.objects.get(email=user.email)
    strict.force_login(user_row)
    records = [{"method": method, "at": time.time()} for method in methods]
    Session.objects.filter(user=user_row, ended_at=None).update(methods=records)


@pytest.mark.parametrize("path", PAGES)
def test_a_password_alone_opens_nothing(strict: InProcess, path: str) -> None:
    user = make_user(is_staff=True, is_superuser=True)
    signed_in_with(strict, user, "password")
    answer = strict.get(f"/admin/{path}", follow=True)
    assert answer.redirect_chain
    last, _status = answer.redirect_chain[-1]
    assert last.startswith(TWO_STEPS)
    assert f"next=%2Fadmin%2F{path.replace('/', '%2F')}" in last


def test_whoever_has_a_second_factor_is_asked_for_it(strict: InProcess) -> None:
    user = make_user_with_app(is_staff=True, is_superuser=True)
    signed_in_with(strict, user, "password")
    answer = strict.get("/admin/login/?next=/admin/idp/event/")
    assert answer["Location"] == "/account/login/more/?next=%2Fadmin%2Fidp%2Fevent%2F"


def test_a_second_factor_opens_it(strict: InProcess) -> None:
    user = make_user_with_app(is_staff=True, is_superuser=True)
    signed_in_with(strict, user, "password", "mfa")
    assert strict.get("/admin/").status_code == 200


def test_without_a_second_factor_an_operator_sees_no_story_elsewhere(strict: InProcess) -> None:
    """The page behind error_uri shows operators an event: it is not a way around the entrance."""
    user = make_user(is_staff=True, is_superuser=True)
    page = strict.get("/authorize", {"client_id": "nobody"})
    reference = REFERENCE.search(page.content.decode())
    assert reference
    address = f"/developers/errors/invalid_request?reference={reference[0]}"
    signed_in_with(strict, user, "password")
    assert "client_is_known" not in strict.get(address).content.decode()
    signed_in_with(strict, user, "password", "mfa")
    assert reference[0] in strict.get(address).content.decode()
