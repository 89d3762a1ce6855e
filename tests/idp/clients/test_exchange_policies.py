"""What operators write about token exchange is refused where it means nothing. RFC 8693 §2.1."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from idp import policy
from idp.clients import validation
from idp.models import Client
from idp.models.catalog import Catalog

API = "https://stock.example.com"
CHAT = "https://chat.example.com"


def problems_with(**columns: Any) -> str:
    client = Client(client_id="x", **columns)
    try:
        validation.check(client, Catalog(scopes={API: frozenset({"read"})}))
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


@pytest.mark.parametrize(
    "columns",
    [
        {"token_exchange_clients": ["any"], "token_exchange_id_tokens": True},
        {"token_exchange_resources": {API: {"read": "email"}}},
        {"token_exchange_resources": {API: {}}},
        {"connected_applications": {CHAT: {"client_id": "acme", "scopes": ["a"], "email": True}}},
    ],
)
def test_a_sound_policy(columns: dict[str, Any]) -> None:
    assert problems_with(**columns) == ""
    public = problems_with(**columns, token_endpoint_auth_method="none")
    assert "cannot exchange others’ tokens" in public


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"token_exchange_resources": {"https://x.example": {}}}, "no API https://x.example"),
        ({"token_exchange_resources": {API: {"write": "read"}}}, "has no scope write"),
        ({"token_exchange_resources": {API: {"read": "unheard-of"}}}, "no scope unheard-of"),
        ({"token_exchange_resources": {API: ["read"]}}, "which scope the token has to have"),
        ({"token_exchange_resources": {API: {"read": 1}}}, "which scope the token has to have"),
        ({"connected_applications": {"chat": {"client_id": "a"}}}, "chat: "),
        ({"connected_applications": {CHAT: "acme"}}, "Write client_id"),
        ({"connected_applications": {CHAT: {}}}, "client_id is missing"),
        ({"connected_applications": {CHAT: {"client_id": 1}}}, "another type"),
        ({"connected_applications": {CHAT: {"client_id": "a", "scopes": "b"}}}, "another type"),
        ({"connected_applications": {CHAT: {"client_id": "a", "all": True}}}, "Unknown: all"),
        ({"connected_applications": {policy.ISSUER: {"client_id": "a"}}}, "another issuer"),
    ],
)
def test_a_policy_that_means_nothing(columns: dict[str, Any], words: str) -> None:
    assert words in problems_with(**columns)
