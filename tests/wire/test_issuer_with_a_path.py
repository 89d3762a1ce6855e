"""An issuer with a path: every address, page, link and cookie is below it.

OIDC Core §2, OIDC Discovery §4, RFC 8414 §3.1. The path is one that a path of ours begins with.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

from idp.issuer import origin_of
from tests import secrecy
from tests.conftest import ROOT, Server, database_url
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, forms_of, make_client, make_user, spec, unique

PATH = "/auth"
REDIRECT_URI = "https://rp.example.com/callback"
DISCOVERY = [
    "/auth/.well-known/openid-configuration",
    "/auth/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/auth",
    "/.well-known/oauth-authorization-server/auth",
]
#: Where an element of a page leads, or what it loads.
ADDRESS = re.compile(r'(?:href|src|action)="([^"#]+)"')


@pytest.fixture(scope="module")
def issuer(provider: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second server on the same database, whose issuer has a path."""
    issuer = f"http://localhost:{free_port()}{PATH}"
    server = Server(issuer, tmp_path_factory.mktemp("path") / "log")
    server.wait()
    yield issuer
    server.stop()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-8000:]


@pytest.fixture
def visitor(issuer: str) -> Iterator[Browser]:
    """A browser at this issuer."""
    with Browser(issuer) as browser:
        yield browser


@spec("RFC 8414", "3.1")
@pytest.mark.parametrize("path", DISCOVERY)
def test_metadata_is_found_where_either_specification_has_it(issuer: str, path: str) -> None:
    found = httpx.get(origin_of(issuer) + path, headers={"Origin": "https://anywhere.example"})
    assert found.status_code == 200
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    facts = found.json()
    assert facts["issuer"] == issuer
    addresses = [value for value in facts.values() if str(value).startswith("http")]
    assert len(addresses) > 8
    assert all(f"{address}/".startswith(f"{issuer}/") for address in addresses)


@spec("OIDC Core", "3.1")
def test_signing_in_to_an_app(issuer: str, visitor: Browser, user: EndUser) -> None:
    client = make_client(redirect_uris=[REDIRECT_URI])
    query = {"client_id": client.client_id, "redirect_uri": REDIRECT_URI, "response_type": "code"}
    page = visitor.open(f"{issuer}/authorize", scope="openid email", nonce="n", **query)
    assert page.url.path == "/auth/account/login/"
    page = visitor.sign_in(user, page)
    assert page.url.path == "/auth/consent"
    answer = visitor.submit(page, "allow")
    members = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert members["iss"] == issuer
    form = {
        "grant_type": "authorization_code",
        "code": members["code"],
        "redirect_uri": REDIRECT_URI,
    }
    auth = (client.client_id, client.secret or "")
    tokens = httpx.post(f"{issuer}/token", data=form, auth=auth).json()
    secrecy.used.note_members(tokens)
    keys = JWKSet.from_json(httpx.get(f"{issuer}/jwks").text)
    assert json.loads(JWT(jwt=tokens["id_token"], key=keys).claims)["iss"] == issuer
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx.get(f"{issuer}/userinfo", headers=bearer).json()["email"] == user.email
    hint = {"id_token_hint": tokens["id_token"]}
    assert visitor.open(f"{issuer}/end_session", **hint).url.path == "/auth/account/signed-out/"


@spec("RFC 6265", "4.1.2.4")
def test_every_cookie_is_for_the_path_alone(visitor: Browser, user: EndUser) -> None:
    visitor.sign_in(user)
    other = make_user()
    another = next(form for form in forms_of(visitor.open("/account/choose/")) if form.fields)
    headers = {"Origin": origin_of(visitor.issuer), "Referer": f"{visitor.issuer}/account/choose/"}
    chosen = visitor.post(
        "/account/choose/", data={**another.fields, "another": "sign-in"}, headers=headers
    )
    visitor.sign_in(other, visitor.settle(chosen))
    visitor.post("/account/login/", headers=headers)  # an old page: a message in a cookie
    cookies = {cookie.name: cookie.path for cookie in visitor.cookies.jar}
    ours = {f"signet-{name}" for name in ("session", "csrf", "accounts", "messages")}
    assert ours | {"op_browser_state", "signet-known-browser"} <= set(cookies)
    assert set(cookies.values()) == {PATH}
    for response in (visitor.get("/account/"), visitor.get("/account/choose/")):
        for cookie in response.headers.get_list("Set-Cookie"):
            assert f"Path={PATH};" in cookie


def addresses_on(page: httpx.Response) -> set[str]:
    """Return the addresses at our host that a page names."""
    found = (urljoin(str(page.url), unescape(it)) for it in ADDRESS.findall(page.text))
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    return {address for address in found if address.startswith(origin)}


def test_every_link_is_below_the_path_and_leads_somewhere(
    issuer: str, visitor: Browser, user: EndUser
) -> None:
    """All pages that are reached by links from the first ones, with their scripts and styles."""
    visitor.sign_in(user)
    left = {f"{issuer}/account/", f"{issuer}/developers/", f"{issuer}/account/sessions/"}
    seen: set[str] = set()
    while left:
        address = left.pop()
        seen.add(address)
        page = visitor.get(address)
        assert page.status_code < 400 or page.status_code == 405, (page.status_code, address)
        if not page.headers.get("Content-Type", "").startswith("text/html"):
            continue
        found = addresses_on(page)
        assert all(it.startswith(f"{issuer}/") for it in found), (address, found)
        left |= found - seen
    assert len(seen) > 40
    assert f"{issuer}/static/signet.css" in seen


def test_the_administration_is_below_it(issuer: str, visitor: Browser) -> None:
    from accounts.models import User

    user = make_user()
    User.objects.filter(email=user.email).update(is_staff=True, is_superuser=True)
    page = visitor.sign_in(user, visitor.open("/admin/idp/client/"))
    assert str(page.url) == f"{issuer}/admin/idp/client/"
    assert all(it.startswith(f"{issuer}/") for it in addresses_on(page))
    assert f'href="{PATH}/account/"' in page.text


@spec("ASVS", "10.6.2")
@pytest.mark.parametrize(
    "target",
    [
        "/shop",
        "/auth/../shop",
        "/auth/%2e%2e/shop",
        "/auth/..%2fshop",
        "/auth\\..\\shop",
        "/authx/",
        "/auth@shop.example/",
        "//shop.example/auth/",
        "https://shop.example/auth/",
        "{origin}/shop",
    ],
)
def test_other_apps_of_the_host_are_no_page_of_ours(
    issuer: str, visitor: Browser, user: EndUser, target: str
) -> None:
    target = target.format(origin=origin_of(issuer))
    page = visitor.open("/account/login/", next=target)
    signed_in = visitor.submit(page, login=user.email, password=user.password)
    assert str(signed_in.url) == f"{issuer}/account/"
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', signed_in.text)
    assert token
    switch = {"csrfmiddlewaretoken": token[1], "language": "de", "next": target}
    headers = {"Origin": origin_of(issuer), "Referer": f"{issuer}/account/"}
    switched = visitor.post("/language", data=switch, headers=headers)
    leads_to = urljoin(f"{issuer}/", switched.headers["Location"])
    assert leads_to == f"{issuer}/account/"


@pytest.mark.parametrize("root", ["", PATH])
def test_password_managers_find_the_pages(issuer: str, visitor: Browser, root: str) -> None:
    """They look at the root of the host, which a reverse proxy may pass on with the path."""
    origin = origin_of(issuer)
    found = visitor.get(f"{origin}{root}/.well-known/change-password")
    assert found.headers["Location"] == "/auth/account/password/"
    pages = visitor.get(f"{origin}{root}/.well-known/passkey-endpoints").json()
    assert pages["manage"] == f"{issuer}/account/two-steps/passkeys/"


@pytest.mark.parametrize("path", ["", "/"])
def test_the_path_itself_leads_to_the_account(issuer: str, visitor: Browser, path: str) -> None:
    response = httpx.get(issuer + path)
    assert response.status_code == 302
    assert response.headers["Location"] == f"{PATH}/account/"


def test_a_proxy_may_have_taken_the_path_off(issuer: str) -> None:
    """What begins like the path, and is not below it, is not shortened."""
    origin = origin_of(issuer)
    for path in ("/authorize", "/token", "/jwks", "/healthz", "/static/signet.css", "/admin/"):
        inside, outside = (httpx.get(base + path) for base in (issuer, origin))
        assert (inside.status_code, inside.headers.get("Location", "").partition("?")[0]) == (
            outside.status_code,
            outside.headers.get("Location", "").partition("?")[0],
        ), path
    assert httpx.get(f"{origin}/auth/auth/jwks").status_code == 404
    assert httpx.get(f"{origin}/authjwks").status_code == 404


def test_mailed_links_are_below_it(issuer: str, visitor: Browser) -> None:
    """Of a command, which has no request to take the path from."""
    made = subprocess.run(
        [sys.executable, "manage.py", "invite", f"{unique('new')}@example.com"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SIGNET_TEST_SERVER": "1",
            "DATABASE_URL": database_url(),
            "IDP_ISSUER": issuer,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    link = re.search(rf"{re.escape(issuer)}/account/\S+", made.stdout)
    assert link, made.stdout
    page = visitor.get(link[0])
    assert page.status_code == 200
    assert "Choose a password" in page.text


def test_machines_are_answered_as_machines(issuer: str) -> None:
    """Whose answers are JSON, and who may read them, follows from the path below the issuer's."""
    spa = "https://spa.example.com"
    make_client(token_endpoint_auth_method="none", redirect_uris=[f"{spa}/callback"])
    refused = httpx.post(f"{issuer}/token", headers={"Origin": spa})
    assert refused.json()["error"] == "invalid_request"
    assert refused.headers["Access-Control-Allow-Origin"] == spa
    assert refused.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Set-Cookie" not in refused.headers
    assert refused.json()["error_uri"].startswith(f"{issuer}/developers/errors/")
    large = httpx.post(f"{issuer}/token", content=b"a" * 300_000)
    assert (large.status_code, large.json()["error"]) == (413, "invalid_request")
