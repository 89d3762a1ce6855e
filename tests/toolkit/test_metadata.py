"""RFC 9728: an API beside us says which scopes it has and that we are who to ask for tokens."""

import httpx
import pytest
from django.http import HttpResponse

from idp.declaration import apply
from idp.toolkit.protected_resource import metadata_url
from tests.conftest import Server
from tests.in_process import InProcess
from tests.relying_party import ISSUER, spec, unique
from tests.toolkit.conftest import HOST, Api, Bakery


def get(url: str, host: str = HOST) -> HttpResponse:
    return InProcess(headers={"host": host}).get(url.removeprefix(ISSUER))


@spec("RFC 9728", "3.1")
@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("https://api.example.com", "https://api.example.com/.well-known/oauth-protected-resource"),
        (
            "https://api.example.com/",
            "https://api.example.com/.well-known/oauth-protected-resource",
        ),
        (
            "https://api.example.com/a/b/",
            "https://api.example.com/.well-known/oauth-protected-resource/a/b/",
        ),
        (
            "https://api.example.com:8443/a?b=c",
            "https://api.example.com:8443/.well-known/oauth-protected-resource/a?b=c",
        ),
    ],
)
def test_the_address_of_metadata(identifier: str, expected: str) -> None:
    assert metadata_url(identifier) == expected


@spec("RFC 9728", "2")
def test_metadata(api: Api) -> None:
    response = get(metadata_url(api.identifier))
    assert response.json() == {
        "resource": api.identifier,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["bread.read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Bread",
    }
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in response.headers


def test_it_is_served(api: Api, provider: Server) -> None:
    """Without anything added to Signet's own addresses."""
    assert httpx.get(metadata_url(api.identifier)).json()["resource"] == api.identifier


@spec("RFC 9728", "3.3")
def test_metadata_is_of_the_api_that_was_asked_about(api: Api) -> None:
    for url in (
        metadata_url(api.identifier).removesuffix("/"),
        metadata_url(api.identifier) + "more",
        f"{ISSUER}/.well-known/oauth-protected-resource/{unique('api')}/",
        f"{ISSUER}/.well-known/oauth-protected-resource.json",
    ):
        assert get(url).status_code == 404, url
    assert get(metadata_url(api.identifier), host="localhost:1").status_code == 404


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_api_that_is_a_host(slash: str) -> None:
    host = f"localhost:{hash(unique('port')) % 60000 + 1}"
    entry = {"identifier": f"http://{host}{slash}", "scopes": ["bread.read"]}
    apply({"resource_servers": [entry]}, dry_run=False)
    response = get("/.well-known/oauth-protected-resource", host=host)
    assert response.json()["resource"] == f"http://{host}{slash}"
    assert response.json()["authorization_servers"] == [ISSUER]


@spec("RFC 9728", "5.1")
def test_a_refusal_says_where_the_metadata_is(api: Api, bakery: Bakery) -> None:
    where = f'resource_metadata="{metadata_url(api.identifier)}"'
    response = api.ask("with-metadata")
    assert response.status_code == 401
    assert where in response["WWW-Authenticate"]
    token = bakery().tokens(scope="openid")["access_token"]
    response = api.call("with-metadata", token)
    assert response.status_code == 403
    assert where in response["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in response["WWW-Authenticate"]


def test_rest_framework_points_to_the_metadata_of_the_host(api: Api) -> None:
    response = api.ask("rest-with-metadata")
    assert response.status_code == 401
    where = f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource"'
    assert where in response["WWW-Authenticate"]
