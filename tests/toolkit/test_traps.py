"""Where the toolkit, left to itself, would let a request through or break."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from accounts.models import User
from tests.in_process import InProcess
from tests.relying_party import make_client, spec
from tests.toolkit.conftest import DOORS, Api, Bakery


@pytest.fixture
def token(bakery: Bakery) -> str:
    tokens = bakery().tokens(scope="openid bread.read")
    access_token: str = tokens["access_token"]
    return access_token


def test_doors_are_shut_to_those_who_bring_nothing(api: Api) -> None:
    for door in DOORS:
        assert api.ask(door).status_code in {401, 403}, door


def test_a_signed_in_browser_is_no_bearer(api: Api, bakery: Bakery) -> None:
    browser = InProcess()
    browser.force_login(User.objects.get(sub=bakery().user.sub))
    for door in DOORS:
        assert browser.get(f"/apis/{api.name}/{door}").status_code in {401, 403}, door


def test_a_bearer_is_no_signed_in_browser(api: Api, token: str) -> None:
    response = InProcess(headers={"authorization": f"Bearer {token}"}).get("/account/")
    assert response["Location"].startswith("/account/login/")


@spec("RFC 9700", "4.3.2")
def test_a_token_in_the_address_is_refused(api: Api, token: str) -> None:
    for door in DOORS:
        assert api.ask(f"{door}?access_token={token}").status_code in {401, 403}, door
        both = api.call(f"{door}?access_token={token}", token)
        assert both.status_code in {401, 403}, door


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer {} {}", "Bearer\t", "Bearer {},{}"],
)
def test_other_headers_are_refused(header: str, api: Api, token: str) -> None:
    sent = header.replace("{}", token)
    for door in DOORS:
        assert api.ask(door, authorization=sent).status_code in {401, 403}, door


@pytest.mark.parametrize("query", ["a=%zz", "a=%", "a=%00", "a=%ff", "[]=1&[]=2", "a;b", "é=1"])
def test_no_address_breaks_a_door(query: str, api: Api, token: str) -> None:
    for door in DOORS:
        response = api.call(f"{door}?{query}", token)
        assert response.status_code in {200, 400}, door


def test_toolkit_pages_are_not_routed() -> None:
    for name in ("list", "register", "authorized-token-list", "authorize", "token", "dcr-register"):
        with pytest.raises(NoReverseMatch):
            reverse(f"oauth2_provider:{name}")
    for path in ("/applications/", "/authorized_tokens/", "/o/applications/", "/register/"):
        with pytest.raises(Resolver404):
            resolve(path)


# --- ClientProtectedResourceView: a client for itself --------------------------------------------


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


def test_a_client_proves_itself_as_at_the_token_endpoint(api: Api) -> None:
    client = make_client()
    right = basic(client.client_id, client.secret or "")
    assert api.ask("for-clients", authorization=right).status_code == 200
    for wrong in (
        basic(client.client_id, "wrong" * 10),
        basic(client.client_id, ""),
        basic("nobody", client.secret or ""),
        "Basic !!!",
        basic(client.client_id, "\0"),
    ):
        assert api.ask("for-clients", authorization=wrong).status_code == 403, wrong
    posted = urlencode({"client_id": client.client_id, "client_secret": client.secret})
    assert api.ask("for-clients", "POST", posted).status_code == 200
    strict = make_client(strict=True)
    posted = urlencode({"client_id": strict.client_id, "client_secret": strict.secret})
    assert api.ask("for-clients", "POST", posted).status_code == 403  # registered for Basic


def test_a_client_id_alone_proves_nothing(api: Api) -> None:
    """A client without a secret may name itself at the token endpoint: so may anyone."""
    public = make_client(token_endpoint_auth_method="none").client_id
    confidential = make_client(token_endpoint_auth_method="client_secret_post")
    for client_id in (public, confidential.client_id):
        for body in ({"client_id": client_id}, {"client_id": client_id, "client_secret": ""}):
            assert api.ask("for-clients", "POST", urlencode(body)).status_code == 403
        assert api.ask("for-clients", authorization=basic(client_id, "")).status_code == 403
    posted = urlencode({"client_id": confidential.client_id, "client_secret": confidential.secret})
    assert api.ask("for-clients", "POST", posted).status_code == 200


def test_a_disabled_client_proves_nothing(api: Api) -> None:
    client = make_client(enabled=False)
    header = basic(client.client_id, client.secret or "")
    assert api.ask("for-clients", authorization=header).status_code == 403
