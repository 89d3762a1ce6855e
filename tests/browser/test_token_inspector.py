"""The token inspector: what a developer reads of tokens, none of which leaves the page."""

import datetime
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from idp import keys
from idp.claims import supported
from idp.policy import SIGNING_ALGORITHMS
from tests import assertions, secrecy
from tests.conftest import Server
from tests.reading import encrypted_client
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_api, make_client

INSPECTOR = f"{ISSUER}/developers/token/"
#: What tests read is at the end of the page's own words.
STORED = """JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href,
                    history.state, document.title])"""


class Inspector:
    """The page, with every request that it makes."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pasted: list[str] = []
        self.sent: list[Request] = []
        page.goto(INSPECTOR)
        page.get_by_label("Token").wait_for()
        page.on("request", lambda request: self.sent.append(request))

    def paste(self, token: str, client_id: str = "") -> None:
        self.page.fill("#client-id", client_id)
        self.page.fill("#token", token)
        self.pasted.append(token)

    def reads(self, title: str, *findings: str) -> None:
        """What came of it: the title, and lines that are there, each from its beginning."""
        expect(self.page.get_by_role("status").get_by_role("heading")).to_have_text(title)
        for words in findings:
            lines = self.page.locator("#verdict p, #result > p, #result li")
            expect(lines.filter(has_text=words).first, words).to_be_visible()

    def nothing_left_the_page(self) -> None:
        assert {request.url for request in self.sent} <= {f"{ISSUER}/jwks"}
        for request in self.sent:
            assert request.method == "GET"
            assert request.post_data is None
        # Nor did a part of it: every header and address is searched, and whatever is kept.
        kept = [self.page.evaluate(STORED), *(str(sent.all_headers()) for sent in self.sent)]
        for part in (part for token in self.pasted for part in token.split(".")):
            assert len(part) < 16 or not [text for text in kept if part[:100] in text]


@pytest.fixture
def inspector(page: Page) -> Iterator[Inspector]:
    opened = Inspector(page)
    yield opened
    opened.nothing_left_the_page()


def made(typ: str | None = "JWT", algorithm: str = "RS256", **claims: Any) -> str:
    """Return what we would sign; None leaves a claim out."""
    now = int(time.time())
    all_claims = {
        "iss": ISSUER,
        "sub": "x",
        "aud": "app",
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    there = {name: value for name, value in all_claims.items() if value is not None}
    token = keys.active_signer(algorithm).sign(there, typ)
    secrecy.used.note(token)
    return token


@pytest.mark.smoke
def test_a_real_id_token_and_who_it_is_for(
    inspector: Inspector, browser: Browser, user: EndUser
) -> None:
    relying_party = RelyingParty(make_client(), browser, user)
    tokens = relying_party.tokens(nonce="n-0S6_WzA2Mj")
    inspector.paste(tokens["id_token"])
    inspector.reads(
        "An ID token",
        "Nothing wrong was found. Not decided here: audience, nonce.",
        "Signature: right",
        "iss is this provider.",
        f"It is for the app {relying_party.client.client_id}. Is that your client_id?",
        "Good for another ",
        "Compare n-0S6_WzA2Mj with the one your app sent",
        user.sub,
        "Binds the access token that came along",
    )
    inspector.page.fill("#client-id", relying_party.client.client_id)
    inspector.reads("An ID token", "Audience: right")
    inspector.page.fill("#client-id", "another-app")
    inspector.reads(
        "An ID token",
        "Refuse it. Wrong: audience.",
        "this token is for another app, not for another-app",
    )
    inspector.paste(f"Authorization: Bearer {tokens['access_token']}")
    inspector.reads("An opaque value", f"ask {ISSUER}/introspect about it")
    inspector.page.get_by_role("button", name="Clear").click()
    expect(inspector.page.get_by_role("status")).to_have_text("")


@pytest.mark.parametrize("typ", ["at+jwt", "JWT"])
def test_a_real_access_token_of_an_api(
    inspector: Inspector, browser: Browser, user: EndUser, typ: str
) -> None:
    api = make_api(access_token_signing_alg="ES256", access_token_typ=typ)
    client = make_client(scope=f"openid {api['scopes'][0]}")
    asked = {"scope": f"openid {api['scopes'][0]}", "resource": api["identifier"]}
    token = RelyingParty(client, browser, user).tokens(**asked)["access_token"]
    inspector.paste(token)
    inspector.reads("A JWT access token", "Signature: right", f"for the API {api['identifier']}")
    # Wrapped, as mails and terminals do it.
    inspector.paste("\n".join(token[at : at + 60] for at in range(0, len(token), 60)))
    inspector.reads("A JWT access token", "Signature: right")


def test_an_encrypted_token_is_its_apps(
    inspector: Inspector, browser: Browser, user: EndUser
) -> None:
    client = encrypted_client("ECDH-ES", "A256GCM")
    inspector.paste(RelyingParty(client, browser, user).tokens()["id_token"])
    inspector.reads("An encrypted token", "Only the app that it is for can read it", "A256GCM")


def test_every_algorithm_is_verified_here(inspector: Inspector) -> None:
    for algorithm in SIGNING_ALGORITHMS:
        inspector.paste(made(algorithm=algorithm))
        inspector.reads("An ID token", "Signature: right", f"({algorithm}).")


def test_a_browser_without_an_algorithm_says_so(inspector: Inspector) -> None:
    inspector.page.evaluate(
        "() => { crypto.subtle.importKey = () => Promise.reject(new Error('NotSupportedError')) }"
    )
    inspector.paste(made(algorithm="EdDSA"))
    inspector.reads("An ID token", "Signature: not decided here", "does not know EdDSA")


def _altered(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{made(sub='somebody else').split('.')[1]}.{signature}"


def _forged() -> str:
    """The same signed with a key of one's own that is called like ours."""
    key = assertions.make_key("RS256")
    kid = keys.active_signer("RS256").kid
    return assertions.sign({"iss": ISSUER, "sub": "x"}, key, "RS256", kid=kid)


WRONG: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (
        lambda: made(exp=int(time.time()) - 185),
        "Expired 3 minutes ago",
    ),
    "of the future": (lambda: made(iat=int(time.time()) + 400), "Made 6 minutes in the future"),
    "not yet": (lambda: made(nbf=int(time.time()) + 400), "Not good yet: in 6 minutes"),
    "without an end": (lambda: made(typ="at+jwt", exp=None), "There is no exp"),
    "time that is text": (lambda: made(exp="tomorrow"), "exp is not a number"),
    "another issuer": (lambda: made(iss="https://evil.example"), "not this provider"),
    "a slash": (lambda: made(iss=f"{ISSUER}/"), "by the slash at its end"),
    "no audience": (lambda: made(aud=None), "There is no aud"),
    "no subject": (lambda: made(typ="at+jwt", sub=None), "Missing: sub, client_id."),
    "altered": (lambda: _altered(made()), "the token was altered, cut off, or not made by"),
    "forged": (lambda: _forged(), "the token was altered, cut off, or not made by"),
    "unknown key": (
        lambda: assertions.sign({"iss": ISSUER, "sub": "x"}, assertions.make_key()),
        "has no key with the kid",
    ),
    "another algorithm": (
        lambda: assertions.sign(
            {"iss": ISSUER}, assertions.make_key(), kid=keys.active_signer("RS256").kid
        ),
        "is for RS256, but alg says ES256",
    ),
    "unsigned": (lambda: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "anyone can write such a token"),
    "cut off": (lambda: made().rpartition(".")[0] + ".", "The third part is missing"),
}


def test_what_is_wrong_is_said_in_words(inspector: Inspector) -> None:
    for name, (token, words) in WRONG.items():
        inspector.paste(token())
        expect(inspector.page.locator("#result .wrong", has_text=words), name).to_be_visible()
        expect(inspector.page.locator("#verdict"), name).to_contain_text("Refuse it.")


def test_other_kinds_are_told_apart(inspector: Inspector) -> None:
    event = "http://schemas.openid.net/event/backchannel-logout"
    inspector.paste(made(exp=None, jti="j", events={event: {}}))
    inspector.reads(
        "A logout token", "where an ID token is due, refuse it", "Time: not decided here"
    )
    inspector.paste(made(exp=None, iat=None, email="a@example.com"))
    inspector.reads("A signed UserInfo answer", "Their email address")
    client = make_client(token_endpoint_auth_method="client_secret_jwt")
    inspector.paste(
        assertions.assertion_of(client, assertions.shared_key(client), "HS256"),
    )
    inspector.reads("A client assertion", "Made with the app’s own key")
    inspector.paste(
        assertions.sign({"iss": ISSUER, "sub": "x"}, assertions.shared_key(client), "HS256")
    )
    inspector.reads("A JWT of another kind", "HS256 takes the client’s secret")


def test_what_is_no_token(inspector: Inspector) -> None:
    for text, words in {
        "hello": "This has 1; was it cut off?",
        "{'access_token': 'x'}".replace("'", '"'): "the token endpoint’s whole answer",
        "https://rp.example.com/callback?code=x": "It is an address.",
        "a.b.c": "Its first part is not JSON",
        "eyJhbGciOiJSUzI1NiJ9.AAAA.x": "Its second part is not JSON",
        "eyJhbGciOiJSUzI1NiJ9.bnVsbA.x": "Its second part is not JSON",
        "eyJhbGciOiJSUzI1NiJ9.e30=.x": "characters of plain base64",
        "<img src=x onerror=alert(1)>": "This has 1",
        "a.b": "This has 2",
        f"{'A' * 3_000_000}.e30.x": "It has 3000006 characters",
    }.items():
        inspector.paste(text)
        inspector.reads("This is not a token", words)


def test_markup_in_a_token_stays_text(inspector: Inspector) -> None:
    markup = "<img src=x onerror=alert(1)>"
    inspector.paste(made(**{"name": markup, markup: "x", "__proto__": "y", "exp": 1e300}))
    inspector.reads("An ID token", markup, "__proto__")
    assert inspector.page.locator("#inspector img").count() == 0


def test_every_claim_of_ours_has_its_words(inspector: Inspector) -> None:
    inspector.paste(made(**dict.fromkeys(set(supported()) - {"iss", "exp"}, 1)))
    inspector.reads("An ID token", "Their birthday")
    expect(inspector.page.get_by_text("No claim of the specifications")).to_have_count(0)
    inspector.paste(made(bakery="x"))
    expect(inspector.page.get_by_text("No claim of the specifications")).to_have_count(1)


def test_a_wrong_clock_of_this_computer(page: Page, provider: Server) -> None:
    page.clock.install(time=datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=30))
    inspector = Inspector(page)
    inspector.paste(made())
    inspector.reads("An ID token", "Time: right", "Good for another")
    inspector.reads("An ID token", "clock is 30 minutes ahead of the provider’s")
    inspector.nothing_left_the_page()


def test_keys_that_cant_be_fetched(inspector: Inspector) -> None:
    inspector.page.route("**/jwks", lambda route: route.fulfill(status=404))
    inspector.paste(made())
    inspector.reads("An ID token", "Signature: not decided here", "did not answer")
    inspector.page.unroute("**/jwks")
    inspector.paste(made())
    inspector.reads("An ID token", "Signature: right")


def test_without_javascript_it_says_what_it_needs(
    open_browser: Callable[..., Any], provider: Server
) -> None:
    page = open_browser(java_script_enabled=False).new_page()
    page.goto(INSPECTOR)
    expect(page.get_by_text("This page needs JavaScript")).to_be_visible()
    expect(page.locator("#token")).to_be_hidden()
