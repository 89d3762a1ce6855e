"""Well-known addresses for password managers: /.well-known/change-password, passkey-endpoints."""

import httpx
import pytest

from tests.relying_party import ISSUER, Browser, EndUser, is_page


def test_password_managers_find_the_page_for_changing_the_password(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    response = browser.get("/.well-known/change-password")
    assert response.status_code == 302
    assert is_page(browser.settle(response), "/account/password/")


def test_the_pages_for_passkeys(browser: Browser) -> None:
    response = browser.get("/.well-known/passkey-endpoints")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "enroll": f"{ISSUER}/account/two-steps/passkeys/new/",
        "manage": f"{ISSUER}/account/two-steps/passkeys/",
    }


@pytest.mark.parametrize("name", ["change-password/", "passkey-endpoints/", ""])
def test_nothing_beside_them(provider: object, name: str) -> None:
    assert httpx.get(f"{ISSUER}/.well-known/{name}").status_code == 404


def test_what_must_not_exist(provider: object) -> None:
    """A Well-Known URL for Changing Passwords, §4: else the others can't be trusted."""
    path = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    assert httpx.get(f"{ISSUER}{path}").status_code == 404
