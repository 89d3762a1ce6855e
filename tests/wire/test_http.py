"""What holds for every endpoint as HTTP has it. RFC 9110, RFC 6749 §5.1, RFC 9700 §2.6."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from foundation.models import Mail
from idp.models import BackchannelNotification, Client, Delivery
from tests.relying_party import ISSUER, RelyingParty, make_client, spec

ALLOWED = {
    "/authorize": {"GET", "HEAD", "POST"},
    "/token": {"POST"},
    "/userinfo": {"GET", "POST"},
    "/register": {"GET", "POST", "PUT", "DELETE"},
    "/jwks": {"GET", "HEAD"},
    "/.well-known/openid-configuration": {"GET", "HEAD"},
    "/.well-known/oauth-authorization-server": {"GET", "HEAD"},
    "/developers/": {"GET", "HEAD"},
    "/developers/errors/invalid_request": {"GET", "HEAD"},
    "/healthz": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
}
MACHINES = [path for path in ALLOWED if path != "/authorize" and "/developers/" not in path]
PAGES = ["/authorize", "/consent", "/account/", "/account/login/", "/account/signup/", "/x"]


def ask(method: str, path: str, **headers: str) -> httpx.Response:
    return httpx.request(method, f"{ISSUER}{path}", headers=headers, verify=False)


@spec("RFC 9110", "15.5.6")
@pytest.mark.parametrize("path", ALLOWED)
def test_other_methods_are_answered_with_those_that_are_allowed(
    provider: object, path: str
) -> None:
    others = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"} - ALLOWED[path]
    answers = {method: ask(method, path) for method in sorted(others)}
    assert {method: answer.status_code for method, answer in answers.items()} == dict.fromkeys(
        answers, 405
    )
    for answer in answers.values():
        assert set(answer.headers["Allow"].split(", ")) == ALLOWED[path]


@spec("OIDC Discovery", "4")
@pytest.mark.parametrize("path", [*MACHINES, "/authorize"])
def test_endpoints_answer_directly(provider: object, path: str) -> None:
    for method in ("GET", "POST"):
        assert not ask(method, path).is_redirect
        assert ask(method, f"{path}/").status_code == 404


@spec("Fetch", "3.6")
@pytest.mark.parametrize(
    "path", [*ALLOWED, *PAGES, "/account/password/reset/", "/static/signet.css"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_answer_is_sniffed(provider: object, path: str, method: str) -> None:
    assert ask(method, path).headers["X-Content-Type-Options"] == "nosniff"


@spec("RFC 6749", "5.1")
@pytest.mark.parametrize("path", MACHINES)
def test_machines_get_no_cookies(returning: RelyingParty, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert "Set-Cookie" not in ask(method, path).headers
        assert "Set-Cookie" not in returning.browser.request(method, path).headers


@spec("RFC 6749", "5.1")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/token"),
        ("POST", "/token"),
        ("GET", "/userinfo"),
        ("POST", "/userinfo?access_token=x"),
        ("PUT", "/userinfo"),
        ("GET", "/register"),
        ("POST", "/register"),
        ("PATCH", "/register"),
        ("DELETE", "/register?client_id=x"),
        ("GET", "/authorize"),
        ("GET", "/account/login/"),
        ("GET", "/account/"),
        ("GET", "/consent"),
        ("GET", "/healthz"),
    ],
)
def test_what_is_a_users_own_is_not_kept(provider: object, method: str, path: str) -> None:
    assert "no-store" in ask(method, path).headers["Cache-Control"]


@spec("RFC 6749", "4.1.2")
def test_answers_to_clients_are_not_kept(returning: RelyingParty) -> None:
    for overrides in ({}, {"prompt": "bogus"}):
        assert "no-store" in returning.visit(**overrides).headers["Cache-Control"]


def test_whoever_watches_is_told_that_all_is_well(provider: object) -> None:
    """Or that an outbox is late, for which no process is taken out of service."""
    now = timezone.now()
    assert ask("GET", "/healthz").json() == {"status": "ok"}
    Delivery.objects.filter(due_at__lt=now).update(due_at=now)  # of other tests
    BackchannelNotification.objects.filter(due_at__lt=now).update(due_at=now)
    Mail.objects.filter(due_at__lt=now).update(due_at=now)
    response = ask("GET", "/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    client = Client.objects.get(client_id=make_client().client_id)
    late = Delivery.objects.create(client=client, due_at=now - timedelta(minutes=3))
    response = ask("GET", "/readyz")
    late.delete()
    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "deliveries": "LateError"}
