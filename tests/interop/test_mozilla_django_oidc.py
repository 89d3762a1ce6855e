"""mozilla-django-oidc: a Django site with users of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Server
from tests.interop.conftest import Traveller, running
from tests.ports import free_address
from tests.relying_party import ISSUER, Answer, EndUser, make_client

CALLBACK = "/oidc/callback/"
LOGIN = "/oidc/authenticate/"
NOBODY = "No user is signed in."


@contextmanager
def django_site(directory: Path, algorithm: str = "RS256", *, strict: bool) -> Iterator[str]:
    """Run the site: with the library's defaults, or (`strict`) with PKCE and basic."""
    address = free_address()
    client = make_client(
        redirect_uris=[f"{address}{CALLBACK}"],
        token_endpoint_auth_method="client_secret_basic" if strict else "client_secret_post",
        profile="recommended" if strict else "compatible",
        id_token_signed_response_alg=algorithm,
    )
    with running(
        "the Django site",
        [sys.executable, "-m", "tests.interop.mozilla_site"],
        address,
        directory / "log",
        SITE_ADDRESS=urlsplit(address).netloc,
        SITE_DATABASE=str(directory / "site.sqlite3"),
        OIDC_ISSUER=ISSUER,
        OIDC_CLIENT_ID=client.client_id,
        OIDC_CLIENT_SECRET=client.secret or "",
        OIDC_SIGN_ALGO=algorithm,
        **({"OIDC_STRICT": "1"} if strict else {}),
    ):
        yield address


@pytest.fixture(scope="module")
def site(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with django_site(tmp_path_factory.mktemp("site"), strict=False) as address:
        yield address


def sign_in(
    traveller: Traveller, user: EndUser, site: str, button: str = "allow"
) -> httpx.Response:
    return traveller.agree(user, traveller.open(site + LOGIN), button)


@pytest.mark.smoke
def test_signing_in_creates_a_user_and_finds_it_again(
    site: str, traveller: Traveller, user: EndUser
) -> None:
    page = sign_in(traveller, user, site)
    assert str(page.url) == f"{site}/"
    assert f"Signed in as {user.email}, user " in page.text
    assert NOBODY in traveller.press(page, "sign-out").text
    again = traveller.open(site + LOGIN)  # still signed in at the provider: no page on the way
    user_row = page.text.partition(", user ")[2].partition(";")[0]
    assert f"{user.email}, user {user_row}; known 1 time(s)" in again.text


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_with_pkce_and_basic(
    provider: Server, algorithm: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with django_site(tmp_path, algorithm, strict=True) as site:
        assert f"Signed in as {user.email}" in sign_in(traveller, user, site).text


def test_a_no_is_no_sign_in(site: str, traveller: Traveller, user: EndUser) -> None:
    page = sign_in(traveller, user, site, "deny")
    assert page.url.query == b"failed"
    assert NOBODY in page.text


def test_an_answer_with_another_state(site: str, traveller: Traveller, user: EndUser) -> None:
    sign_in(traveller, user, site)
    answer = traveller.until(site + LOGIN, site + CALLBACK)
    page = traveller.open(answer.replace("state=", "state=not-"))
    assert page.status_code == 400


def test_the_code_of_another_request(site: str, traveller: Traveller, user: EndUser) -> None:
    """The ID token carries the nonce of the request that its code came from: the swap is seen."""
    traveller.press(sign_in(traveller, user, site), "sign-out")
    injected = Answer(traveller.until(site + LOGIN, site + CALLBACK))
    awaited = Answer(traveller.until(site + LOGIN, site + CALLBACK))
    assert injected.code
    assert awaited.state
    page = traveller.open(site + CALLBACK, code=injected.code, state=awaited.state)
    assert page.status_code == 400
    assert NOBODY in traveller.open(site).text
