"""Act as a relying party, a browser and a user, knowing only the wire."""

import hashlib
import hmac
import json
import random
import re
import secrets
import time
from base64 import b32decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from django.conf import settings
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT

from idp import policy
from idp.issuer import origin_of
from tests import clock, secrecy

ISSUER: str = settings.IDP_ISSUER
SIGN_IN, HOME = "/account/login/", "/account/"
#: Where a second factor is asked for, and where one is set up.
CODE_STEP = "/account/login/code/"
SET_UP = "/account/two-steps/app/"
APPS = "/account/two-steps/apps/"
#: A denial's reference; no part of a random value, which may look like one.
REFERENCE = re.compile(r"(?<![\w-])[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}(?![\w-])")


def spec(document: str, section: str) -> pytest.MarkDecorator:
    """Cite the sentence that a test holds us to."""
    return pytest.mark.spec(document, section)


class AuthenticatorApp:
    """An authenticator app on a user's phone, set up from an otpauth address. RFC 6238."""

    def __init__(self, address: str) -> None:
        parameters = dict(parse_qsl(urlsplit(address).query))
        self.secret = parameters["secret"]
        self.period = int(parameters.get("period", 30))
        self._shown = 0

    def code(self) -> str:
        """Return a code that was not asked for before and will hold for a while yet."""
        step, elapsed = divmod(clock.time(), self.period)
        if step <= self._shown or elapsed > self.period / 2:
            clock.advance(max(step, self._shown) * self.period + self.period - clock.time() + 0.5)
            step = clock.time() // self.period
        self._shown = int(step)
        return self.code_at(self._shown)

    def wrong_code(self) -> str:
        """Return what is not the code now, before or after."""
        step = int(clock.time() // self.period)
        right = {self.code_at(near) for near in range(step - 2, step + 3)}
        return next(code for code in map("{:06}".format, range(9)) if code not in right)

    def code_at(self, step: int) -> str:
        digest = hmac.digest(b32decode(self.secret), step.to_bytes(8, "big"), "sha1")
        at = digest[-1] & 15
        number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


@dataclass
class EndUser:
    """A user as the wire knows them, with the authenticator app and recovery codes they set up."""

    email: str
    password: str
    sub: str
    app: AuthenticatorApp | None = None
    recovery_codes: list[str] = field(default_factory=list)


@dataclass
class Registered:
    """A client as its relying party knows it."""

    client_id: str
    secret: str | None
    metadata: dict[str, Any]

    #: Its private key, where it proves itself with one.
    key: Any = None

    @property
    def redirect_uri(self) -> str:
        return self.metadata["redirect_uris"][0]


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(6)}"


#: Users and plain clients that nobody has used yet: to make several costs little more than one.
_unused_users: list[EndUser] = []
_unused_clients: list[Registered] = []


def no_event(*_: Any, **__: Any) -> None:
    """Record nothing: what prepares a test is no event of its users and apps."""


def make_user(**claims: Any) -> EndUser:
    """Create an account, as an operator's `apply` would."""
    from django.db import connection

    from accounts.models import User

    if claims or connection.in_atomic_block:  # what is rolled back is of no use to other tests
        [user] = _made([claims])
        return user
    if not _unused_users or not User.objects.filter(email=_unused_users[-1].email).exists():
        _unused_users[:] = _made([{}] * 20)
    return _unused_users.pop()


def _made(several: list[dict[str, Any]]) -> list[EndUser]:
    from accounts.models import User
    from idp.declaration import Actor, apply

    entries = [_entry(claims) for claims in several]
    secrecy.used.note(*(entry["password"] for entry in entries))
    apply({"users": entries}, dry_run=False, actor=Actor(no_event))
    emails = [entry["email"] for entry in entries]
    subjects = dict(User.objects.filter(email__in=emails).values_list("email", "sub"))
    return [EndUser(it["email"], it["password"], str(subjects[it["email"]])) for it in entries]


def _entry(claims: dict[str, Any]) -> dict[str, Any]:
    email, password = f"{unique('ana')}@example.com", secrets.token_urlsafe(12)
    return {
        "email": email,
        "password": password,
        "email_verified": True,
        "name": "Ana Lima",
        "given_name": "Ana",
        "family_name": "Lima",
        "middle_name": "Maria",
        "nickname": "Aninha",
        "preferred_username": "ana",
        "profile": "https://example.com/ana",
        "picture": "https://example.com/ana.jpg",
        "website": "https://ana.example.com",
        "gender": "female",
        "birthdate": "1985-03-12",
        "zoneinfo": "Europe/Lisbon",
        "locale": "pt-PT",
        "phone_number": "+351 21 000 0000",
        "phone_number_verified": True,
        "address": {"formatted": "Rua do Ouro 1\nLisboa", "country": "Portugal"},
        **claims,
    }


def make_client(**metadata: Any) -> Registered:
    """Register a client, as an operator's `apply` would; None leaves a member out."""
    from django.db import connection

    from idp.models import Client

    if metadata or connection.in_atomic_block:
        [client] = _registered([metadata])
        return client
    last = _unused_clients[-1].client_id if _unused_clients else ""
    if not Client.objects.filter(client_id=last).exists():
        _unused_clients[:] = _registered([{}] * 20)
    return _unused_clients.pop(0)  # in the order in which they were made


def _registered(several: list[dict[str, Any]]) -> list[Registered]:
    from idp.declaration import Actor, apply

    entries = [_client_entry(metadata) for metadata in several]
    apply({"clients": entries}, dry_run=False, actor=Actor(no_event))
    return [Registered(it["client_id"], it.get("client_secret"), it) for it in entries]


def _client_entry(metadata: dict[str, Any]) -> dict[str, Any]:
    entry = {
        "client_id": unique("client"),
        "client_name": "Test app",
        "redirect_uris": ["https://rp.example.com/callback"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "profile": "compatible",
        **metadata,
    }
    entry = {name: value for name, value in entry.items() if value is not None}
    without = {"none", "private_key_jwt", *policy.CERTIFICATE_METHODS}
    if entry.get("token_endpoint_auth_method") not in without:
        entry.setdefault("client_secret", secrets.token_urlsafe(48))
        secrecy.used.note_client(entry["client_id"], entry["client_secret"])
    return entry


def make_api(**columns: Any) -> dict[str, Any]:
    """Register an API, as an operator's `apply` would, and return its entry."""
    from idp.declaration import Actor, apply

    name = unique("api")
    entry = {"identifier": f"https://{name}.example.com", "scopes": [f"{name}:read"], **columns}
    secrecy.used.note(entry.get("encryption_secret"))
    apply({"resource_servers": [entry]}, dry_run=False, actor=Actor(no_event))
    return entry


@dataclass
class Form:
    """A form of a page: where it goes and what it brings along."""

    action: str
    method: str
    #: What it would send as it is; lists for what can be chosen several times.
    fields: dict[str, Any] = field(default_factory=dict)
    #: Boxes that are not ticked, and lists of which nothing is chosen.
    unset: set[str] = field(default_factory=set)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


#: Most of a page is in none, and parsing takes a tenth of a run's time.
_FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.textarea: str | None = None
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        elif not self.forms:
            return
        elif tag == "input" and ("name" in values or values.get("type") == "submit"):
            self._input(values)
        elif tag == "textarea" and "name" in values:
            self.textarea = values["name"]
            self.forms[-1].fields[self.textarea] = ""
        elif tag == "select" and "name" in values:
            self.select = values["name"]
            self.forms[-1].unset.add(self.select)
        elif tag == "option" and self.select and "selected" in values:
            self._choose(self.select, values.get("value", ""))
        elif tag == "button" and "id" in values:
            self.forms[-1].buttons[values["id"]] = (
                values.get("name", ""),
                values.get("value", ""),
            )

    def _input(self, values: dict[str, str]) -> None:
        match values.get("type"):
            case "checkbox" if "checked" in values:
                self._choose(values["name"], values.get("value", "on"))
            case "checkbox":
                self.forms[-1].unset.add(values["name"])
            case "submit":
                name, value = values.get("name", ""), values.get("value", "")
                self.forms[-1].buttons[values.get("id", "")] = (name, value)
            case _:
                self.forms[-1].fields[values["name"]] = values.get("value", "")

    def _choose(self, name: str, value: str) -> None:
        chosen = self.forms[-1].fields.setdefault(name, [])
        if isinstance(chosen, list):
            chosen.append(value)

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.forms[-1].fields[self.textarea] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.textarea = None
        elif tag == "select":
            self.select = None


def keep_secret(response: httpx.Response) -> None:
    """Note what a response brings that no other user may see: cookies, and codes in its address."""
    if "Set-Cookie" in response.headers:
        secrecy.used.note(*response.cookies.values())
    secrecy.used.note_address(response.headers.get("Location", ""))


_REFRESH = re.compile(r'<meta http-equiv="refresh" content="0;url=([^"]*)">')


def gone_on(response: httpx.Response) -> httpx.Response:
    """Do what a page says that goes on by itself: the redirect that it amounts to, or the page."""
    found = _REFRESH.search(response.text) if response.status_code == 200 else None
    if found is None:
        return response
    assert response.headers["Cache-Control"] == "no-store"
    target = unescape(found[1])
    secrecy.used.note_address(target)
    return httpx.Response(
        303, headers={"Location": target}, request=response.request, history=[response]
    )


class Browser(httpx.Client):
    """A browser without JavaScript: cookies, forms, and redirects as far as our own pages go."""

    def __init__(self, issuer: str | None = None) -> None:
        self.issuer = issuer = issuer or ISSUER
        # A network address of its own: limits by address are the tests' subject, not their fate.
        address = ".".join(str(random.randint(1, 250)) for _ in range(4))
        super().__init__(
            base_url=issuer,
            headers={"X-Forwarded-For": address, "User-Agent": "Test"},
            event_hooks={"response": [keep_secret, self._trust_localhost]},
            timeout=30,
            verify=False,  # there is no TLS here, and loading certificates takes its time
            trust_env=False,  # nor a proxy
        )

    def settle(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects while they lead to us: the page, or the redirect that leaves."""
        for _ in range(12):
            assert response.status_code < 500, response.text
            response = gone_on(response)
            if not response.is_redirect:
                return response
            target = urljoin(str(response.url), response.headers["Location"])
            if not target.startswith(f"{self.issuer}/"):
                return response
            response = self.get(target)
        raise AssertionError(f"redirected in a circle: {response.url}")

    def _trust_localhost(self, _response: httpx.Response) -> None:
        """Send Secure cookies there without TLS, too, as real browsers do."""
        for cookie in self.cookies.jar:
            cookie.secure = False

    def open(self, url: str, **parameters: str) -> httpx.Response:
        return self.settle(self.get(url, params=parameters or None))

    def submit(
        self, page: httpx.Response, button: str | None = None, **fields: Any
    ) -> httpx.Response:
        """Fill in the page's form that has these fields or this button, and send it.

        None leaves a box unticked.
        """
        secrecy.used.note(*(value for name, value in fields.items() if "password" in name))
        for form in forms_of(page):
            known = {*form.fields, *form.unset}
            if form.method == "get" and not fields:
                continue  # the search box of a page
            if set(fields) <= known and (button is None or button in form.buttons):
                pressed = dict([form.buttons[button]] if button else [])
                data = {**form.fields, **pressed, **fields}
                data = {name: value for name, value in data.items() if value is not None}
                target = urljoin(str(page.url), form.action or str(page.url))
                return self.settle(self._send(target, data, str(page.url)))
        raise AssertionError(f"no form with {sorted(fields)} {button} on {page.url}:\n{page.text}")

    def _send(self, target: str, data: dict[str, Any], page: str) -> httpx.Response:
        """Send a form as a browser does that shows this page."""
        here = {"Origin": origin_of(self.issuer), "Referer": page}
        return self.post(target, data=data, headers=here)

    def sign_in(self, user: EndUser, page: httpx.Response | None = None) -> httpx.Response:
        """Sign in with all that the user has; without a page, look at none that can be left out."""
        ours = page is None and self.issuer == ISSUER
        page = self._send_password(user) if ours else self.type_password(user, page)
        if user.app is not None and is_page(page, CODE_STEP):
            page = self.submit(page, code=user.app.code())
        return page

    def _send_password(self, user: EndUser) -> httpx.Response:
        """Send what the sign-in page would; return where that leads, or the page for a code."""
        token = self.cookies.get(settings.CSRF_COOKIE_NAME)
        if token is None:
            token = secrets.token_hex(16)
            self.cookies.set(settings.CSRF_COOKIE_NAME, token, domain="localhost.local")
        typed = {"login": user.email, "password": user.password, "csrfmiddlewaretoken": token}
        secrecy.used.note(user.password)
        response = self._send(SIGN_IN, typed, f"{self.issuer}{SIGN_IN}")
        leads_home = response.headers.get("Location") == HOME
        return response if leads_home else self.settle(response)

    def type_password(self, user: EndUser, page: httpx.Response | None = None) -> httpx.Response:
        """Take the first step of signing in."""
        page = page or self.open(SIGN_IN)
        return self.submit(page, login=user.email, password=user.password)

    def set_up_app(self, user: EndUser, page: httpx.Response | None = None) -> httpx.Response:
        """Set up an authenticator app for the user signed in; return the page that follows."""
        page = page or self.open(SET_UP)
        user.app = AuthenticatorApp(otpauth_address(page))
        page = self.submit(page, code=user.app.code())
        user.recovery_codes = recovery_codes_on(page) or user.recovery_codes
        return page

    def removal_of_app(self) -> str:
        """Return the path of the page that removes the first authenticator app."""
        found = re.search(r"/account/two-steps/apps/\d+/remove/", self.open(APPS).text)
        assert found
        return found[0]


def make_user_with_app(**claims: Any) -> EndUser:
    """Create an account with an authenticator app and recovery codes."""
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    from accounts.models import User

    user, secret = make_user(**claims), generate_totp_secret()
    row = User.objects.get(email=user.email)
    app = TOTP.activate(row, secret).instance
    app.data["name"] = "Authenticator app"
    app.save(update_fields=["data"])
    user.app = AuthenticatorApp(f"otpauth://totp/Signet?secret={secret}")
    user.recovery_codes = RecoveryCodes.activate(row).get_unused_codes()
    return user


def otpauth_address(page: httpx.Response) -> str:
    """Return what the page for setting up hands to an app."""
    address = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert address, page.text
    return unescape(address[1])


def recovery_codes_on(page: httpx.Response) -> list[str]:
    return re.findall(r"<li><code>([\d ]+)</code></li>", page.text)


def forms_of(page: httpx.Response) -> list[Form]:
    parser = _Forms()
    parser.feed("".join(_FORM.findall(page.text)))
    return parser.forms


def is_page(response: httpx.Response, path: str) -> bool:
    return response.status_code == 200 and response.url.path == path


def is_error_page(response: httpx.Response) -> bool:
    """Whether the user is told, and the client's address is left alone. OIDC Core §3.1.2.6."""
    html = response.headers["Content-Type"].startswith("text/html")
    return response.status_code == 400 and html and "Location" not in response.headers


@dataclass
class Answer:
    """What came back to the redirect URI."""

    url: str

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def __getattr__(self, name: str) -> str | None:
        return self.parameters.get(name)


#: Parameters that make no difference to what a user agrees to; `scope` is all that does.
_NOT_AGREED_TO = {
    *("scope", "state", "nonce", "response_type", "response_mode", "redirect_uri"),
    *("code_challenge", "code_challenge_method", "code_verifier"),
}


class RelyingParty:
    """A client in use: builds requests, takes answers, exchanges codes."""

    def __init__(self, client: Registered, browser: Browser, user: EndUser) -> None:
        self.client = client
        self.browser = browser
        self.user = user
        self.state = secrets.token_urlsafe(16)
        self.nonce = secrets.token_urlsafe(16)
        self.code_verifier = secrets.token_urlsafe(48)
        secrecy.used.note(self.code_verifier)

    def parameters(self, **overrides: Any) -> dict[str, Any]:
        """Return the parameters of an authorization request; None leaves one out."""
        digest = hashlib.sha256(self.code_verifier.encode()).digest()
        sent = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **overrides,
        }
        return {name: value for name, value in sent.items() if value is not None}

    def visit(self, **overrides: Any) -> httpx.Response:
        """Send the browser to us: the first page, or the redirect that leaves."""
        return self.browser.settle(
            self.browser.get("/authorize", params=self.parameters(**overrides))
        )

    def answer(self, response: httpx.Response) -> Answer:
        """Return what a redirect brings back. Fails where the browser has not left us."""
        response = gone_on(response)
        assert response.is_redirect, f"{response.status_code} {response.url}\n{response.text}"
        return self.answer_of(response.headers["Location"])

    def answer_of(self, location: str) -> Answer:
        """Return what came back to the redirect URI, which it has to be."""
        assert location.startswith(self.client.redirect_uri), location
        secrecy.used.note_address(location)
        return Answer(location)

    def go_on(self, response: httpx.Response) -> Answer:
        """Sign in and agree wherever asked, until the browser leaves us."""
        for _ in range(4):
            if is_page(response, SIGN_IN):
                response = self.browser.sign_in(self.user, response)
            elif is_page(response, "/consent"):
                response = self.browser.submit(response, "allow")
        return self.answer(response)

    def authorize_by_pages(self, **overrides: Any) -> Answer:
        """Send the user through, who signs in and agrees on the pages that ask for it."""
        return self.go_on(self.visit(**overrides))

    def authorize(self, **overrides: Any) -> Answer:
        """Send the user through, who has signed in or does so, and agrees wherever asked.

        Where nothing but scopes is asked for, the user has agreed to them before.
        """
        if not self.browser.cookies and "prompt" not in overrides:
            self.browser.sign_in(self.user)
        scope = overrides.get("scope", "openid")
        if scope and not overrides.keys() - _NOT_AGREED_TO and self.browser.issuer == ISSUER:
            self._agree(scope)
        return self.authorize_by_pages(**overrides)

    def _agree(self, scope: str) -> None:
        """Store the consent that the user would give on the page, in a tenth of the time."""
        from accounts.models import User
        from idp.authorization.consent import remember
        from idp.models import Client
        from idp.statements.sso_session import Agreed

        user = User.objects.filter(sub=self.user.sub).first()
        client = Client.objects.filter(client_id=self.client.client_id).first()
        if user and client:
            remember(user, client, Agreed(frozenset(scope.split())))

    def exchange(self, code: str | None, **overrides: Any) -> httpx.Response:
        """Redeem a code at the token endpoint."""
        return self.token(
            grant_type="authorization_code",
            code=code,
            **{
                "redirect_uri": self.client.redirect_uri,
                "code_verifier": self.code_verifier,
                **overrides,
            },
        )

    def token(self, **parameters: Any) -> httpx.Response:
        """Ask the token endpoint, authenticated as registered."""
        return self.post("/token", **parameters)

    def post(
        self, path: str, headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        """Ask an endpoint for clients, authenticated as registered; None leaves a parameter out."""
        data = {name: value for name, value in parameters.items() if value is not None}
        method = self.client.metadata.get("token_endpoint_auth_method", "client_secret_basic")
        auth = None
        if method == "client_secret_basic":
            auth = (self.client.client_id, self.client.secret or "")
        else:
            data.setdefault("client_id", self.client.client_id)
        if method == "client_secret_post":
            data.setdefault("client_secret", self.client.secret or "")
        if method.endswith("_jwt"):
            data.update(signed_by(self.client))
        response = httpx.post(
            f"{ISSUER}{path}", data=data, auth=auth, headers=headers, timeout=30, verify=False
        )
        if path == "/token" and response.status_code == 200:
            secrecy.used.note_members(response.json())
        return response

    def refresh(self, refresh_token: str, **parameters: Any) -> httpx.Response:
        """Use a refresh token."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **parameters)

    def revoke(self, token: str, **parameters: Any) -> httpx.Response:
        return self.post("/revoke", token=token, **parameters)

    def introspect(self, token: str, **parameters: Any) -> dict[str, Any]:
        """Ask what a token is."""
        response = self.post("/introspect", token=token, **parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def tokens(self, **overrides: Any) -> dict[str, Any]:
        """Authorize and exchange: the token response."""
        response = self.exchange(self.authorize(**overrides).code)
        assert response.status_code == 200, response.text
        return response.json()

    def userinfo(self, access_token: str) -> httpx.Response:
        grant = f"Bearer {access_token}"
        return httpx.get(f"{ISSUER}/userinfo", headers={"Authorization": grant}, verify=False)


def signed_by(client: Registered) -> dict[str, str]:
    """Return the parameters by which a client proves itself with a signature."""
    from tests import assertions

    if client.key is not None:
        return assertions.form_of(assertions.assertion_of(client, client.key))
    key = assertions.shared_key(client)
    return assertions.form_of(assertions.assertion_of(client, key, "HS256"))


def verified(id_token: str) -> dict[str, Any]:
    """Return the claims of a JWT that one of our published keys signed."""
    keys = JWKSet.from_json(httpx.get(f"{ISSUER}/jwks", verify=False).text)
    return json.loads(JWT(jwt=id_token, key=keys, algs=list(policy.SIGNING_ALGORITHMS)).claims)


def was_mailed(email: str, words: str) -> bool:
    """Whether a mail to this address says this, or comes to within a few seconds."""
    return any(words in mail for mail in _mails_to(email))


def was_mailed_by_now(email: str, words: str = "") -> bool:
    """Whether a mail to this address says this, of those that are written: within their request."""
    from foundation.mail import outbox
    from foundation.models import Mail

    on_their_way = Mail.objects.filter(recipient=email, state=Mail.State.WAITING)
    for _ in range(300):
        outbox.deliver()
        if not on_their_way.exists():
            return any(words in mail for mail in _mails_in_files(email))
        time.sleep(0.05)
    raise AssertionError(f"a mail to {email} is still on its way")


def mailed_code(email: str, *, after: str | None = None) -> str:
    """Return the newest code that was mailed to an address; `after` is one to wait beyond."""
    code = re.compile(r"^    (\d{6})$", re.MULTILINE)
    return _newest(email, code, after)


def mailed_link(email: str) -> str:
    """Return the newest link with a token that was mailed to an address, not to a page as such."""
    return _newest(email, re.compile(r"^    (http\S+/[\w:=-]{20,}/)$", re.MULTILINE))


def _newest(email: str, wanted: re.Pattern[str], after: str | None = None) -> str:
    for mail in _mails_to(email):
        found = wanted.search(mail)
        if found and found[1] != after:
            return found[1]
    raise AssertionError(f"nothing like {wanted.pattern} was mailed to {email}")


def _mails_to(email: str) -> Iterator[str]:
    """Yield the mails to this address, newest first, and again and again for a few seconds.

    Mail that this process has written waits for a server, which there may be none of.
    """
    from foundation.mail import outbox

    for _ in range(300):
        outbox.deliver()
        yield from _mails_in_files(email)
        time.sleep(0.05)


def _mails_in_files(email: str) -> Iterator[str]:
    files = settings.MAIL_DIRECTORY.glob("*.log")
    for path in sorted(files, key=lambda path: -path.stat().st_mtime_ns):
        mails = path.read_text().split("-" * 79)
        yield from (mail for mail in reversed(mails) if f"To: {email}" in mail)
