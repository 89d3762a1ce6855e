"""A mixed load over HTTP: sign-ins, consents, code exchanges, refreshes, UserInfo and sign-outs.

Each thread is one user after another, who knows only the wire. All that is acknowledged goes into a
ledger, and every request into a record.
"""

import hashlib
import itertools
import random
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests import secrecy
from tests.relying_party import Browser, EndUser, is_page
from tests.scale.ledger import Granted, Ledger, Visit
from tests.scale.record import NotAnsweredError, Record

USERS = 60
PASSWORD = "correct horse battery"
CLIENT_ID, CLIENT_SECRET = "bakery", "a-secret-of-the-bakery-that-is-long-enough"
REDIRECT_URI = "https://rp.example.com/callback"
AFTER = "https://rp.example.com/signed-out"
#: Who is there, for `apply`.
DECLARED = f"""
clients:
  - client_id: {CLIENT_ID}
    client_name: Bakery
    client_secret: {CLIENT_SECRET}
    grant_types: [authorization_code, refresh_token, client_credentials]
    redirect_uris: [{REDIRECT_URI}]
    refresh_without_offline_access: true
    post_logout_redirect_uris: [{AFTER}]
users:
""" + "".join(
    f"  - {{email: u{number}@example.com, password: {PASSWORD}, email_verified: true}}\n"
    for number in range(USERS)
)
#: Users at the same time, and how long each waits between two steps, in seconds.
AT_ONCE, PAUSE = 6, 0.02
#: nginx closes idle connections when it is configured anew, which a request may cross: browsers
#: send it again. Here each request has a connection of its own.
ALONE = {"Connection": "close"}
#: Of how many seconds before a crash PostgreSQL may lose codes (docs/adr/0020).
LOST = 1.0


class Visitor(Browser):
    """A browser whose requests are recorded."""

    def __init__(self, issuer: str, record: Record, cookies: httpx.Cookies | None = None) -> None:
        self.record = record
        super().__init__(issuer)
        self.cookies = cookies or self.cookies
        self.headers.update(ALONE)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        send = super().send
        return self.record.send(request.url.path, lambda: send(request, **options))

    def authorize(self, code_verifier: str, **more: str) -> httpx.Response:
        """Ask for authorization: the page, or the redirect that leaves."""
        digest = hashlib.sha256(code_verifier.encode()).digest()
        return self.open(
            "/authorize",
            client_id=CLIENT_ID,
            redirect_uri=REDIRECT_URI,
            response_type="code",
            scope="openid email",
            code_challenge=urlsafe_b64encode(digest).rstrip(b"=").decode(),
            code_challenge_method="S256",
            **more,
        )

    def comes_back_at_once(self) -> bool:
        """Whether the user is signed in, and has agreed."""
        return code_in(self.authorize(secrets.token_urlsafe(48), prompt="none")) is not None

    def has_session(self) -> bool:
        return not is_page(self.open("/account/"), "/account/login/")


class App:
    """The client's own requests."""

    def __init__(self, issuer: str, record: Record) -> None:
        self.issuer, self.record = issuer, record
        self.http = httpx.Client(timeout=30, auth=(CLIENT_ID, CLIENT_SECRET), headers=ALONE)
        secrecy.used.note_client(CLIENT_ID, CLIENT_SECRET)

    def post(self, path: str, **data: str) -> httpx.Response:
        address = self.issuer + path
        return self.record.send(path, lambda: self.http.post(address, data=data))

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        address = self.issuer + path
        return self.record.send(path, lambda: self.http.get(address, headers=headers, auth=None))

    def exchange(self, grant: Granted) -> httpx.Response:
        assert grant.code is not None
        code, grant.code = grant.code, None  # if there is no answer, it may be used up
        response = self.post(
            "/token",
            grant_type="authorization_code",
            code=code,
            redirect_uri=REDIRECT_URI,
            code_verifier=grant.code_verifier,
        )
        if response.status_code == 200:
            _write_down(grant, response.json())
        return response

    def refresh(self, grant: Granted) -> httpx.Response:
        assert grant.refresh_token is not None
        token, grant.refresh_token = grant.refresh_token, None  # as above
        grant.access_token = None
        response = self.post("/token", grant_type="refresh_token", refresh_token=token)
        if response.status_code == 200:
            _write_down(grant, response.json())
        return response

    def browser_of(self, visit: Visit) -> Visitor:
        return Visitor(self.issuer, self.record, visit.cookies)

    def redeems(self, grant: Granted) -> bool:
        return self.exchange(grant).status_code == 200

    def is_active(self, token: str) -> bool:
        return self.post("/introspect", token=token).json()["active"] is True


def _write_down(grant: Granted, answer: dict[str, str]) -> None:
    secrecy.used.note_members(answer)
    grant.tokens_at = time.monotonic()
    grant.access_token, grant.refresh_token = answer["access_token"], answer["refresh_token"]
    grant.id_token = answer["id_token"]


def code_in(response: httpx.Response) -> str | None:
    """Return the code that a redirect takes to the app, or None."""
    return dict(parse_qsl(urlsplit(response.headers.get("Location", "")).query)).get("code")


class Load:
    """Users who come and go until it is stopped."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.record, self.ledger = Record(), Ledger()
        self.problems: list[str] = []
        self._over = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._come_and_go) for _ in range(AT_ONCE)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, seconds: float) -> tuple[float, float]:
        """Let it go on for some time; return from when to when, on the monotonic clock."""
        began = time.monotonic()
        time.sleep(seconds)
        return began, time.monotonic()

    def missing(self, codes_lost: tuple[float, float] | None = None) -> list[str]:
        """Return what was acknowledged and is not there, and what users found wrong."""
        return [*self.problems, *self.ledger.missing(App(self.issuer, Record()), codes_lost)]

    def _come_and_go(self) -> None:
        app = App(self.issuer, self.record)
        while not self._over.is_set():
            email = f"u{next(self._numbers) % USERS}@example.com"
            with Visitor(self.issuer, self.record) as visitor:
                visit = Visit(visitor.cookies, email)
                self.ledger.visits.append(visit)
                try:
                    self._visit(visitor, visit, app)
                except NotAnsweredError:
                    self._over.wait(0.1)
                except Exception as problem:  # noqa: BLE001  told by the test
                    self.problems.append(f"{email}: {problem!r}"[:2000])
        app.http.close()

    def _visit(self, visitor: Visitor, visit: Visit, app: App) -> None:
        """Sign in, agree, let the app work for a while, and sign out or not."""
        grant = self._first_grant(visitor, visit)
        if random.random() < 0.1:
            return  # the code is redeemed afterwards
        self._redeem(visit, grant, app)
        self._read(visit, grant, app)
        self._refresh(visit, grant, app)
        self._read(visit, grant, app)
        again = self._grant(visit, visitor.authorize(verifier := _verifier()), verifier)
        self._redeem(visit, again, app)
        if random.random() < 0.4:
            self._sign_out(visitor, visit, again)

    def _first_grant(self, visitor: Visitor, visit: Visit) -> Granted:
        verifier = _verifier()
        page = visitor.authorize(verifier)
        user = EndUser(visit.email, PASSWORD, "")
        page = visitor.type_password(user, page)
        visit.signed_in_at = time.monotonic()
        if is_page(page, "/consent"):
            page = visitor.submit(page, "allow")
        visit.consented_at = time.monotonic()
        return self._grant(visit, page, verifier)

    def _grant(self, visit: Visit, answer: httpx.Response, verifier: str) -> Granted:
        code = code_in(answer)
        if code is None:
            raise AssertionError(f"no code: {answer.status_code} {answer.url} {answer.headers}")
        grant = Granted(verifier, code, time.monotonic())
        visit.grants.append(grant)
        self._over.wait(PAUSE)
        return grant

    def _redeem(self, visit: Visit, grant: Granted, app: App) -> None:
        response = app.exchange(grant)
        if response.status_code != 200:
            self._refused(visit, grant.code_at, "code", response)

    def _refresh(self, visit: Visit, grant: Granted, app: App) -> None:
        at = grant.tokens_at
        response = app.refresh(grant)
        if response.status_code != 200:
            self._refused(visit, at, "refresh_token", response)

    def _read(self, visit: Visit, grant: Granted, app: App) -> None:
        """Let the app use the token; what fails may be asked again, so the visit goes on."""
        token = grant.access_token
        assert token is not None
        for _ in range(3):
            with suppress(NotAnsweredError):
                response = app.get("/userinfo", token)
                if response.status_code != 200:
                    self._refused(visit, grant.tokens_at, "access_token", response)
            self._over.wait(PAUSE)
        with suppress(NotAnsweredError):
            if not app.is_active(token):
                self.ledger.broken.append((grant.tokens_at, f"access_token of {visit.email}"))
        with suppress(NotAnsweredError):
            app.get("/.well-known/openid-configuration")

    def _sign_out(self, visitor: Visitor, visit: Visit, grant: Granted) -> None:
        assert grant.id_token is not None
        visit.may_be_signed_out = True
        left = visitor.open(
            "/end_session", id_token_hint=grant.id_token, post_logout_redirect_uri=AFTER
        )
        assert left.headers.get("Location", "").startswith(AFTER), left.text
        visit.signed_out_at = time.monotonic()

    def _refused(self, visit: Visit, at: float, what: str, response: httpx.Response) -> None:
        self.ledger.broken.append((at, f"{what} of {visit.email}: {response.text}"))
        raise NotAnsweredError(what)


def _verifier() -> str:
    verifier = secrets.token_urlsafe(48)
    secrecy.used.note(verifier)
    return verifier


@contextmanager
def load(issuer: str, warm: float = 3) -> Iterator[Load]:
    """Put a load on a provider while the block lasts, after some seconds for it to get warm."""
    running = Load(issuer)
    running.start()
    try:
        running.go_on(warm)
        yield running
    finally:
        running.stop()


def report(running: Load, before: tuple[float, float], after: tuple[float, float]) -> None:
    """Print a load's figures for docs/operators/high-availability.md, which pytest -s shows."""
    p99 = [f"{running.record.p99(*time):.3f}" for time in (before, after)]
    print(f"{running.ledger.counts()}; p99 before and after, in seconds: {p99}")


def whole(running: Load, codes_lost: tuple[float, float] | None = None) -> None:
    """Check that everything acknowledged is there, and that there was something of each kind."""
    missing = running.missing(codes_lost)
    assert not missing, missing
    assert all(running.ledger.counts().values()), running.ledger.counts()
