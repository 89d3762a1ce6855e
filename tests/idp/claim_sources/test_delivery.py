"""What a source may give, and that nothing of anything else goes out. OIDC Core §5.6.2."""

from typing import Any

import pytest

from accounts.models import User
from idp.claim_sources import Endpoint, delivery
from tests.claim_sources import AnyEndpoint, AnyJWT, signed

ONE = frozenset({"one"})
URL = "https://claims.example.com/one"
ENCRYPTED = "eyJhbGciOiJkaXIifQ..x.y.z"


def delivered(
    kind: Any, gives: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    settings.IDP_CLAIM_SOURCES = [f"tests.claim_sources.{kind.__name__}"]
    monkeypatch.setattr(kind, "gives", gives)
    return delivery.members(User(), "client", ONE)


@pytest.mark.parametrize(
    "jwt",
    [
        None,
        "",
        b"bytes",
        {"one": 1},
        "a.b.c",
        ENCRYPTED,
        signed({}),
        signed({"other": 1}),
        signed({"one": 1, "other": 2}),
        signed({"one": 1, "birthdate": "1985-03-12"}),
        signed({"one": 1}).rpartition(".")[0] + ".",
    ],
    ids=repr,
)
def test_only_a_jwt_with_what_was_asked_for_goes_out(
    settings: Any, monkeypatch: pytest.MonkeyPatch, jwt: Any
) -> None:
    assert delivered(AnyJWT, jwt, settings, monkeypatch) == {}


def test_a_jwt_may_say_more_of_itself(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jwt = signed({"iss": "https://claims.example.com", "sub": "7", "one": 1, "checked_by": "us"})
    assert delivered(AnyJWT, jwt, settings, monkeypatch) == {
        "_claim_names": {"one": "src1"},
        "_claim_sources": {"src1": {"JWT": jwt}},
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        URL,
        Endpoint(""),
        Endpoint("http://claims.example.com/"),
        Endpoint("https://"),
        Endpoint("https://[x/"),
        Endpoint("https://user:password@claims.example.com/"),
        Endpoint("https://claims.example.com/a b"),
        Endpoint(URL, ""),
        Endpoint(URL, "two words"),
        Endpoint(URL, "line\nbreak"),
    ],
    ids=repr,
)
def test_only_an_https_address_goes_out(
    settings: Any, monkeypatch: pytest.MonkeyPatch, endpoint: Any
) -> None:
    assert delivered(AnyEndpoint, endpoint, settings, monkeypatch) == {}


def test_an_access_token_is_not_needed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = delivered(AnyEndpoint, Endpoint(URL), settings, monkeypatch)
    assert claims["_claim_sources"] == {"src1": {"endpoint": URL}}
