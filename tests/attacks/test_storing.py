"""No browser or reverse proxy stores what belongs to a user. RFC 9111 §5.2.2.5."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from tests.attacks.raw import send
from tests.conftest import Server
from tests.idp.admin.conftest import Operator, hire, superuser  # noqa: F401  fixtures
from tests.relying_party import Browser, RelyingParty, spec

#: What is public, and says so.
PUBLISHED = {
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/jwks",
    "/check_session",
}
#: What users come across who go where nothing is, by ways that no form of ours takes.
ODD = [
    ("GET", "/account/x.css"),
    ("GET", "/account/login/style.css"),
    ("GET", "/account/logo.png?x=1"),
    ("GET", "/static/nothing.css"),
    ("GET", "/authorize/x.js"),
    ("GET", "/account/?%zz"),
    ("GET", "/account/%00.css"),
    ("GET", "/authorize"),
    ("GET", "/consent"),
    ("GET", "/account/signed-out/"),
    ("POST", "/account/login/"),
    ("POST", "/account/logout/"),
    ("POST", "/language"),
    ("POST", "/consent"),
    ("PUT", "/consent"),
    ("DELETE", "/account/sessions/"),
    ("POST", "/token"),
    ("OPTIONS", "/token"),
    ("PUT", "/userinfo"),
]


def paths(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Yield an address for every route, with something for what varies."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern, route)
        elif isinstance(pattern, URLPattern) and "(?P" not in route:
            for name in pattern.pattern.converters:
                route = route.replace(f"<int:{name}>", "1").replace(f"<path:{name}>", "1")
                route = route.replace(f"<str:{name}>", "x").replace(f"<slug:{name}>", "flask")
            yield route


def is_never_stored(path: str, cache_control: str | None) -> bool:
    if path in PUBLISHED:
        return cache_control is not None and "public" in cache_control
    return cache_control == "no-store"


@spec("ASVS", "14.3.2")
def test_every_address_with_no_user_signed_in(browser: Browser) -> None:
    asked = {path: browser.get(path) for path in paths(get_resolver()) if "readyz" not in path}
    assert len(asked) > 60
    stored = {
        path: (answer.status_code, answer.headers.get("Cache-Control"))
        for path, answer in asked.items()
        if not is_never_stored(path, answer.headers.get("Cache-Control"))
    }
    assert not stored


@spec("ASVS", "14.3.2")
def test_every_page_of_an_operator(superuser: Operator) -> None:  # noqa: F811
    left = ("/admin/logout/", "/account/logout/")
    for path in paths(get_resolver()):
        if path in left or path in PUBLISHED:
            continue
        answer = superuser.browser.get(path)
        assert is_never_stored(path, answer.headers.get("Cache-Control")), path


@pytest.mark.parametrize(("method", "path"), ODD)
def test_errors_and_odd_ways(provider: Server, method: str, path: str) -> None:
    answer = send(method, path)
    assert answer.headers["cache-control"] == "no-store", answer.status


def test_pages_of_a_sign_in_and_after_a_sign_out(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    login = relying_party.visit()
    consent = browser.sign_in(relying_party.user, login)
    going = browser.submit(consent, "allow").history[0]
    question = browser.open("/end_session")
    left = browser.submit(question, "confirm-logout")
    assert left.url.path == "/account/signed-out/"
    for page in (login, consent, going, question, left):
        assert page.headers["Cache-Control"] == "no-store", page.url


@pytest.mark.parametrize("file", ["signet.css", "mark.svg", "password.js"])
def test_static_files_may_be_stored(browser: Browser, file: str) -> None:
    answer = browser.get(f"{settings.STATIC_URL}{file}")
    assert answer.status_code == 200
    assert "public" in answer.headers["Cache-Control"]


def test_a_host_that_is_not_ours(provider: Server) -> None:
    answer = send("GET", "/account/login/", headers={"Host": "evil.example"})
    assert (answer.status, answer.headers["cache-control"]) == (400, "no-store")


def test_too_many_requests(browser: Browser) -> None:
    for _ in range(70):
        page = browser.open("/account/password/reset/")
        answer = browser.submit(page, email="nobody@example.com")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert answer.headers["Cache-Control"] == "no-store"
