"""Sign in with an account at another OpenID provider. OIDC Core §3.1, docs/adr/0047."""

import json
import time
from base64 import b64decode
from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from jwcrypto.common import base64url_decode

from accounts.models import User
from idp.models import Event
from tests.elsewhere import Elsewhere, answering
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    spec,
    unique,
)
from tests.upstreams import SECRET, FakeUpstream, asked_of, challenge_of, make_upstream

LOGIN = "/account/login/"


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


@spec("OIDC Core", "3.1.2.1")
def test_a_provider_signs_in_and_is_connected_by_proof(browser: Browser) -> None:
    """This server is its own upstream: everything between the two is real."""
    user, slug = make_user(), unique("up")
    client = make_client(
        token_endpoint_auth_method="private_key_jwt",
        jwks=httpx.get(f"{ISSUER}/jwks", verify=False).json(),
        redirect_uris=[f"{ISSUER}/account/upstream/{slug}/callback"],
        scope="openid profile email",
    )
    make_upstream(
        ISSUER,
        slug=slug,
        name=f"House {slug}",
        client_id=client.client_id,
        client_auth="private_key_jwt",
        trusts_email=True,
    )
    there = RelyingParty(client, browser, user)
    page = browser.open(LOGIN)
    offered = f"Sign in with <bdi>House {slug}</bdi>"  # beside those of other tests
    assert offered in page.text
    page = browser.open(f"/account/upstream/{slug}/")
    page = browser.sign_in(user, page)  # there
    if is_page(page, "/consent"):
        page = browser.submit(page, "allow")
    assert is_page(page, LOGIN)
    assert f"There is an account here with <strong><bdi>{user.email}</bdi></strong>" in page.text
    assert offered not in page.text
    page = browser.sign_in(user, page)  # here
    assert page.url.path == "/account/"
    connected = Event.objects.get(kind="account-connected", user__email=user.email)
    assert connected.details["subject"] == user.sub
    # From now on the upstream signs in, in any browser.
    with Browser() as another:
        there.browser = another
        page = another.sign_in(user, another.open(f"/account/upstream/{slug}/"))
        if is_page(page, "/consent"):
            page = another.submit(page, "allow")
        assert page.url.path == "/account/", page.text


@spec("RFC 7636", "4.2")
def test_a_new_user_gets_an_account_with_what_the_provider_says(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    upstream = FakeUpstream(foreign_site, {"trusts_email": True})
    asked = upstream.begin(browser)
    assert asked["tenant"] == "1"
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    upstream.grants(
        upstream.issuer.token(upstream.subject, **upstream.claims(asked, email=None)),
    )
    said = {"sub": upstream.subject, "email": upstream.email, "email_verified": True}
    foreign_site.says(upstream.userinfo_path, json.dumps(said).encode())
    page = upstream.come_back(browser, asked)
    assert page.url.path == "/account/", page.text
    user = User.objects.get(email=upstream.email)
    assert user.name == "Eve Elsewhere"
    [form] = foreign_site.forms(upstream.token_path)
    assert challenge_of(form["code_verifier"]) == asked["code_challenge"]
    assert form["redirect_uri"] == asked["redirect_uri"]
    headers = dict(foreign_site.asked)[upstream.token_path]
    pair = b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "our+client:the+secret%3A+of%2Four+client"
    assert dict(foreign_site.asked)[upstream.userinfo_path]["Authorization"] == "Bearer at"


def test_an_address_that_is_not_trusted_is_proved_by_a_code(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    upstream = FakeUpstream(foreign_site, {"client_auth": "client_secret_post"})
    page = upstream.sign_in(browser)
    assert is_page(page, "/account/confirm-email/"), page.text
    assert not is_signed_in(browser)
    page = browser.submit(page, code=mailed_code(upstream.email))
    assert page.url.path == "/account/", page.text
    [form] = foreign_site.forms(upstream.token_path)
    assert form["client_secret"] == SECRET
    assert form["client_id"] == "our client"
    with Browser() as another:
        assert upstream.sign_in(another).url.path == "/account/"


@spec("OIDC Core", "3.1.2.1")
def test_what_an_app_asks_for_is_passed_on(browser: Browser, foreign_site: Elsewhere) -> None:
    columns = {"trusts_email": True, "email_domains": ["home.example"], "client_auth": "none"}
    upstream = FakeUpstream(foreign_site, columns)
    slug, user = upstream.row.slug, make_user()
    app = RelyingParty(make_client(), browser, user)
    wanted = {"acr_values": "phr", "login_hint": "eve@example.org"}
    # A hint of the app leads there at once …
    asked = asked_of(app.visit(idp_hint=slug, prompt="login", **wanted))
    assert asked["prompt"] == "login"
    assert asked["max_age"] == "0"
    assert asked["acr_values"] == "phr"
    assert asked["login_hint"] == "eve@example.org"
    # … and the answer has to say that it has happened.
    token = upstream.issuer.token(upstream.subject, **upstream.claims(asked))
    upstream.grants(token)
    page = upstream.come_back(browser, asked)
    assert page.status_code == 400
    assert "answered in a way that we can’t accept" in page.text
    # A clock there that is a little behind is no old authentication.
    with Browser() as app.browser:
        asked = asked_of(app.visit(idp_hint=slug, prompt="login"))
        said = upstream.claims(asked, auth_time=int(time.time()) - 3)
        upstream.grants(upstream.issuer.token(upstream.subject, **said))
        page = upstream.come_back(app.browser, asked)
        assert app.answer(app.browser.submit(page, "allow")).code
    app.browser = browser
    asked = asked_of(app.visit(idp_hint=slug, max_age="60"))
    assert (asked["max_age"], asked.get("prompt")) == ("60", None)
    upstream.grants(
        upstream.issuer.token(
            upstream.subject,
            **upstream.claims(asked, auth_time=int(time.time()), acr="x", amr=["pwd"]),
        )
    )
    page = upstream.come_back(browser, asked)
    if is_page(page, "/consent"):
        page = browser.submit(page, "allow")
    assert app.answer(page).code
    signed_in = Event.objects.filter(kind="signed-in", user__email=upstream.email).latest("id")
    assert signed_in.client_id == app.client.client_id
    # A hint that names nothing is ignored.
    with Browser() as another:
        app.browser = another
        page = app.visit(idp_hint="nothing-of-this-name")
        assert is_page(page, LOGIN)
        # An address of its domain leads there, and without a password only.
        page = another.submit(page, login="Ana@Home.example", password="wrong")
        assert f"/account/upstream/{slug}/?login_hint" not in str(page.url)
        assert "People with this address sign in with" in page.text
        asked = asked_of(another.submit(page, login="Ana@Home.example", password=""))
        assert asked["login_hint"] == "Ana@Home.example"
        assert asked["client_id"] == "our client"
        page = another.submit(another.open(LOGIN), login="ana@elsewhere.example", password="")
        assert is_page(page, LOGIN)


@spec("RFC 7523", "3")
def test_an_assertion_is_for_the_issuer_or_for_whom_it_wants(foreign_site: Elsewhere) -> None:
    """Some take their issuer alone, some their token endpoint's address alone; it is remembered."""
    upstream = FakeUpstream(foreign_site, {"trusts_email": True, "client_auth": "private_key_jwt"})
    audiences = []

    def sign_in(browser: Browser) -> httpx.Response:
        asked = upstream.begin(browser)
        upstream.grants(upstream.issuer.token(upstream.subject, **upstream.claims(asked)))
        grant = foreign_site.pages[upstream.token_path]

        def judge(handler: BaseHTTPRequestHandler) -> None:
            form = foreign_site.forms(upstream.token_path)[-1]
            claims = json.loads(base64url_decode(form["client_assertion"].split(".")[1]))
            audiences.append(claims["aud"])
            takes = claims["aud"] == foreign_site.address + upstream.token_path
            (grant if takes else refuse)(handler)

        foreign_site.pages[upstream.token_path] = judge
        return upstream.come_back(browser, asked)

    refuse = answering(b'{"error": "invalid_client"}', status=401)
    for _ in range(2):
        with Browser() as browser:
            assert sign_in(browser).url.path == "/account/"
    endpoint = foreign_site.address + upstream.token_path
    assert audiences == [upstream.issuer.name, endpoint, endpoint]


def test_an_app_says_what_its_sign_in_page_offers(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    one, two, three = (FakeUpstream(foreign_site, {"trusts_email": True}).row for _ in range(3))
    columns = {"upstreams": [one.slug, two.slug], "own_sign_in": False}
    app = RelyingParty(make_client(**columns), browser, make_user())
    page = app.visit()
    assert is_page(page, LOGIN)
    shown = [row.name in page.text for row in (one, two, three)]
    assert shown == [True, True, False]
    assert 'name="password"' not in page.text
    assert is_page(app.visit(idp_hint=three.slug), LOGIN)
    # With one way only there is nothing to choose.
    two.enabled = False
    two.save()
    assert asked_of(app.visit())["redirect_uri"].endswith(f"/account/upstream/{one.slug}/callback")
    # With none, nobody is shut out.
    one.enabled = False
    one.save()
    assert 'name="password"' in app.visit().text
    # Our own account page offers all.
    page = browser.open(LOGIN)
    assert three.name in page.text
    assert 'name="password"' in page.text


@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_refusals_are_pages_with_a_reference(
    browser: Browser, foreign_site: Elsewhere, error: str
) -> None:
    upstream = FakeUpstream(foreign_site)
    page = upstream.come_back(browser, upstream.begin(browser), code=None, error=error)
    assert page.status_code == 400
    assert upstream.row.name in page.text
    event = Event.objects.filter(kind="sign-in-failed", details__upstream=upstream.row.slug).get()
    assert event.reference in page.text
    assert error in event.reason
    other = FakeUpstream(foreign_site)
    other.issuer.fail()
    page = browser.open(f"/account/upstream/{other.row.slug}/")
    assert page.status_code == 400
    assert "can’t be reached" in page.text
