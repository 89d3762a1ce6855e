"""Addresses of a server before this one: who is answered there, and who is sent on."""

import json
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest

from idp import old_addresses, policy
from idp.mounting import at_old_addresses, mounted
from tests.relying_party import ISSUER, make_client


def paths_of(*entries: str, issuer_path: str = "") -> dict[str, str]:
    """Return our path by each old one, as `policy` has it."""
    ours = {**policy.PATHS, **old_addresses.OTHERS}
    named = old_addresses.parsed(entries)
    return old_addresses.below(issuer_path, {old: ours[name] for old, name in named.items()})


def ask(application: Any, method: str, path: str, **form: str) -> tuple[str, dict[str, str], bytes]:
    body, answer = urlencode(form).encode(), {}
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": urlencode(form) if method == "GET" else "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)) if method == "POST" else "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": ISSUER.partition("://")[2],
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body if method == "POST" else b""),
        "wsgi.errors": BytesIO(),
    }

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        answer.update(status=status, headers=dict(headers))

    content = b"".join(application(environ, start))
    return answer["status"], answer["headers"], content  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("entry", "path", "ours"),
    [
        ("toolkit", "/o/token/", "/token"),
        ("toolkit", "/o/revoke_token", "/revoke"),
        ("toolkit:/", "/introspect/", "/introspect"),
        ("toolkit:/oauth2/", "/oauth2/.well-known/jwks.json", "/jwks"),
        ("oidc-provider", "/openid/userinfo", "/userinfo"),
        ("keycloak:main", "/realms/main/protocol/openid-connect/certs", "/jwks"),
        ("keycloak:main", "/auth/realms/main/protocol/openid-connect/auth", "/authorize"),
        ("/oauth/token=token_endpoint", "/oauth/token", "/token"),
    ],
)
def test_each_server_has_its_addresses(entry: str, path: str, ours: str) -> None:
    assert paths_of(entry)[path] == ours


@pytest.mark.parametrize(
    "entry",
    [
        *(
            "gluu",
            "keycloak:",
            "keycloak:a/b",
            "toolkit:o",
            "/token=tokens",
            "token=token_endpoint",
        ),
        *("/admin/x=token_endpoint", "//evil.example=token_endpoint"),
    ],
)
def test_other_entries_are_refused(entry: str) -> None:
    with pytest.raises(old_addresses.UnusableOldAddressError):
        old_addresses.parsed([entry])


def test_programs_are_answered_and_browsers_sent_on(database: None) -> None:
    from idp.wsgi import HANDLERS, PAGES

    def application(environ: dict[str, Any], start: Any) -> Any:  # without slots
        return HANDLERS.get(environ["PATH_INFO"], PAGES)(environ, start)

    client = make_client()
    old = at_old_addresses(application, paths_of("toolkit"), policy.BROWSER_PATHS, policy.ISSUER)
    form = {"grant_type": "authorization_code", "code": "x", "client_id": client.client_id}
    status, _, content = ask(old, "POST", "/o/token/", **form, client_secret=client.secret or "")
    assert (status[:3], json.loads(content)["error"]) == ("400", "invalid_grant")
    _, _, keys = ask(old, "GET", "/o/.well-known/jwks.json")
    assert json.loads(keys) == json.loads(ask(application, "GET", "/jwks")[2])
    for method in ("GET", "POST"):
        status, headers, _ = ask(old, method, "/o/authorize/", client_id="//evil.example")
        asked = "?client_id=%2F%2Fevil.example" if method == "GET" else ""
        assert (status[:3], headers["Location"]) == ("307", f"{ISSUER}/authorize{asked}")


def test_an_issuer_may_keep_its_old_url() -> None:
    seen = []

    def application(environ: dict[str, Any], _start: Any) -> list[bytes]:
        seen.append(environ["PATH_INFO"])
        return [b""]

    ours = paths_of("toolkit", issuer_path="/o")
    at_old: Any = at_old_addresses(application, ours, policy.BROWSER_PATHS, "https://a.example/o")
    at_path = mounted(at_old, "/o")
    for path in ("/o/token/", "/o/token", "/o/introspect/", "/o/.well-known/jwks.json"):
        list(at_path({"PATH_INFO": path, "QUERY_STRING": ""}, lambda *_: None))
    assert seen == ["/token", "/token", "/introspect", "/jwks"]
    sent: dict[str, Any] = {}
    list(
        at_path(
            {"PATH_INFO": "/o/authorize/", "QUERY_STRING": ""},
            lambda _status, headers: sent.update(headers),
        )
    )
    assert sent["Location"] == "https://a.example/o/authorize"
