"""What an operator sees beside an app and what the documentation says are the same."""

import ast
from pathlib import Path

import pytest

from idp.clients.quick_starts import QUICK_STARTS, QuickStart, Values, quick_starts_of
from idp.models import Client

DOCUMENTED = Values(
    issuer="https://id.example.com",
    client_id="…",
    redirect_uri="https://shop.example.com/callback",
)
MACHINE = Values(
    issuer="https://id.example.com", client_id="client_id", resource="https://api.example.com"
)
PAGE = Path(__file__).parents[3] / "docs/relying-parties.md"


@pytest.mark.parametrize("start", QUICK_STARTS, ids=lambda start: start.name)
def test_the_documentation_says_the_same(start: QuickStart) -> None:
    values = MACHINE if "curl" in start.name else DOCUMENTED
    assert f"## {start.name}\n\n```" in PAGE.read_text()
    assert f"\n{start.filled(values)}\n```" in PAGE.read_text()


def test_they_follow_how_the_client_proves_itself() -> None:
    client = Client(
        client_id='a "shop"',
        grant_types=["authorization_code"],
        redirect_uris=["https://shop.example/callback"],
        token_endpoint_auth_method="client_secret_post",
        id_token_signed_response_alg="ES256",
        scopes=["openid", "email"],
    )
    texts = dict(quick_starts_of(client))
    assert list(texts) == [start.name for start in QUICK_STARTS[:3]]
    django, flask, express = texts.values()
    for python in (django, flask):
        ast.parse(python)
    assert "OIDC_TOKEN_USE_BASIC_AUTH = False" in django
    assert '"token_endpoint_auth_method": "client_secret_post"' in flask
    assert "ClientSecretPost" in express
    assert r'"a \"shop\""' in express
    assert all('"openid email"' in text for text in texts.values())
    client.token_endpoint_auth_method = "private_key_jwt"
    assert quick_starts_of(client) == []
