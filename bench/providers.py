"""Signet and its peers, each started as in production and asked for the same."""

import html
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.processes import Postgres, Process, free_port
from bench.wire import ORIGIN, Answer, Browser

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
#: Its names in the results: on a small database, on a large one, and in several processes.
SIGNET, GROWN, PROCESSES = "Signet", "Signet, grown", "Signet, processes"
NAMED = "oidc-provider-named"
CLIENT_ID = "bench"
REDIRECT_URI = "https://app.bench.example/callback"
PASSWORD = "correct horse battery staple"
SCOPE = "openid profile email offline_access"
#: How many users sign in at once in a storm, and to which app; they have no tokens of it yet.
CROWD, CROWD_CLIENT_ID = 50, "crowd"
#: The app of devices, whose codes no user approves.
DEVICE_CLIENT_ID = "device"
_FORM = re.compile(r"<form(.*?)</form>", re.DOTALL)
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')
_ACTION = re.compile(r'[^>]*action="([^"]*)"')


@dataclass(eq=False)
class Provider:
    """A provider that runs, and where it answers what."""

    name: str
    port: int
    process: Process
    client_secret: str
    paths: Mapping[str, str]
    machine_id: str = CLIENT_ID
    device_id: str = DEVICE_CLIENT_ID
    #: The scope that a client has for itself, and what users' sign-ins request.
    machine_scope: str = "read"
    scope: str = SCOPE
    #: What the first authorization request says besides, so that consent is asked for.
    first_time: Mapping[str, str] = field(default_factory=lambda: {"prompt": "consent"})
    #: Whether it has pages to sign in on; the peers here sign users in without any.
    has_pages: bool = False
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.process.wait_for_port(self.port)
        self.browser = Browser(self.port)

    def sign_in(self, browser: Browser, address: str) -> Answer:
        """Open an authorization request as a new user; return the answer that leaves for the app.

        Raises RuntimeError where it ends elsewhere.
        """
        path, answer = browser.open(address)
        while path.startswith("/") and answer.status == 200:
            path, answer = _answered(browser, path, answer)
        if not path.startswith(REDIRECT_URI):
            raise RuntimeError(f"{self.name}: {answer.status} at {path}: {answer.body[:2000]!r}")
        return answer

    def sign_out(self, browser: Browser) -> Answer:
        """Sign the user at a browser out; return the page that says so."""
        return _answered(browser, *browser.open("/account/logout/"))[1]


def _answered(browser: Browser, path: str, page: Answer) -> tuple[str, Answer]:
    """Fill in what a page asks for, and return where that leads."""
    filled = [_filled(form, browser.email) for form in _FORM.findall(page.body.decode())]
    action, fields = next(form for form in filled if form is not None)
    return browser.open(action or path, fields)


def _filled(form: str, email: str) -> tuple[str, dict[str, str]] | None:
    """Return where a form of Signet's goes and what a user answers; None for one to leave alone."""
    if 'name="password"' in form:
        answers = {"login": email, "password": PASSWORD}
    elif 'id="allow"' in form:
        answers = {"answer": "allow"}
    elif 'id="confirm-logout"' in form:
        answers = {}
    else:
        return None
    action = _ACTION.match(form)
    hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
    return html.unescape(action[1]) if action else "", {**hidden, **answers}


def signet_environment(database_url: str) -> dict[str, str]:
    """Return what Signet runs with: as behind a proxy that speaks TLS."""
    return {
        "DATABASE_URL": database_url,
        "IDP_ISSUER": ORIGIN,
        "IDP_SECRET_KEYS": secrets.token_urlsafe(48),
        "IDP_TRUSTED_PROXY_COUNT": "1",
        "EMAIL_URL": "smtp://127.0.0.1:25",
        # Every sign-in is at a new browser, and there is no mail server.
        "IDP_NEW_DEVICE_MAIL": "off",
        "DJANGO_SETTINGS_MODULE": "idp.settings",
    }


def manage(environment: Mapping[str, str], *arguments: str) -> None:
    """Run one of Signet's commands."""
    subprocess.run(
        [*MANAGE, *arguments],
        env={**os.environ, **environment},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def crowd_emails() -> list[str]:
    """Return who signs in at once (bench.storm)."""
    return [f"crowd-{number}@example.com" for number in range(CROWD)]


def declare(
    environment: Mapping[str, str], directory: Path, clients: list[dict[str, object]]
) -> None:
    """Make Ana, a crowd to sign in at once, and these clients."""
    crowd = [
        {"email": email, "password": PASSWORD, "email_verified": True} for email in crowd_emails()
    ]
    ana = {
        "email": "ana@example.com",
        "password": PASSWORD,
        "email_verified": True,
        "name": "Ana Example",
        "given_name": "Ana",
        "family_name": "Example",
        "locale": "en",
    }
    scopes = [{"name": "read", "description": "Read"}]
    file = directory / "declared.json"
    file.write_text(json.dumps({"users": [ana, *crowd], "scopes": scopes, "clients": clients}))
    manage(environment, "apply", str(file))


@contextmanager
def signet(
    directory: Path, database_url: str, name: str, grown: Sequence[int] | None, workers: int = 1
) -> Iterator[Provider]:
    """Run Signet with processes of four threads each, as `manage.py serve` has them."""
    secret, port = secrets.token_urlsafe(48), free_port()
    environment = signet_environment(database_url)
    manage(environment, "migrate")
    if grown is not None:
        numbers = zip(("--users", "--clients", "--tokens"), map(str, grown), strict=True)
        filling = [sys.executable, "-m", "bench.fill", *chain.from_iterable(numbers)]
        subprocess.run(filling, env={**os.environ, **environment}, cwd=ROOT, check=True)
    client = {
        "client_id": CLIENT_ID,
        "client_name": "Bench",
        "client_secret": secret,
        "redirect_uris": [REDIRECT_URI],
        "grant_types": [
            *("authorization_code", "refresh_token", "client_credentials"),
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "scope": f"{SCOPE} read",
        # As with oidc-provider: claims of scopes are at UserInfo, the ID token has none.
        "id_token_claims": "userinfo",
    }
    of_the_crowd = {
        "client_id": CROWD_CLIENT_ID,
        "client_name": "Crowd",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [REDIRECT_URI],
        "scope": SCOPE,
        "first_party": True,
    }
    of_devices = {
        "client_id": DEVICE_CLIENT_ID,
        "client_name": "Device",
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": [],
    }
    declare(environment, directory, [client, of_the_crowd, of_devices])
    manage(environment, "check", "--deploy")
    process = Process(
        [*MANAGE, "serve", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)],
        environment,
        directory / "signet.log",
    )
    paths = {
        "discovery": "/.well-known/openid-configuration",
        "jwks": "/jwks",
        "token": "/token",
        "authorize": "/authorize",
        "userinfo": "/userinfo",
        "introspection": "/introspect",
    }
    try:
        yield Provider(name, port, process, secret, paths, has_pages=True)
    finally:
        process.stop()


def _peer_environment(database_url: str, secret: str, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "ISSUER": ORIGIN,
        "PORT": str(port),
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": secret,
        "REDIRECT_URI": REDIRECT_URI,
    }


@contextmanager
def oidc_provider(directory: Path, database_url: str, *, named: bool = False) -> Iterator[Provider]:
    """Run oidc-provider on Node.js; `named`: with prepared statements, which is not its default."""
    name = NAMED if named else "oidc-provider"
    home = ROOT / "bench/oidc_provider"
    subprocess.run(["npm", "ci", "--silent"], cwd=home, check=True)
    secret, port = secrets.token_urlsafe(48), free_port()
    process = Process(
        ["node", "server.mjs"],
        _peer_environment(database_url, secret, port)
        | {"NODE_ENV": "production", "NAMED_STATEMENTS": str(int(named))},
        directory / f"{name}.log",
        cwd=home,
    )
    paths = {
        "discovery": "/.well-known/openid-configuration",
        "jwks": "/jwks",
        "token": "/token",
        "authorize": "/auth",
        "userinfo": "/me",
        "introspection": "/token/introspection",
    }
    try:
        yield Provider(name, port, process, secret, paths)
    finally:
        process.stop()


@contextmanager
def toolkit(directory: Path, database_url: str) -> Iterator[Provider]:
    """Run plain django-oauth-toolkit on the server that Signet has, too."""
    secret, port = secrets.token_urlsafe(48), free_port()
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    environment = _peer_environment(database_url, secret, port) | {
        "DJANGO_SETTINGS_MODULE": "bench.toolkit.settings",
        "RSA_KEY": key.decode(),
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-m", "bench.toolkit.prepare"],
        env={**os.environ, **environment},
        check=True,
    )
    granian = str(Path(sys.executable).with_name("granian"))
    process = Process(
        [
            granian,
            "--interface=wsgi",
            f"--port={port}",
            "--blocking-threads=4",
            "--no-access-log",
            "bench.toolkit.wsgi:application",
        ],
        environment,
        directory / "toolkit.log",
        cwd=ROOT,
    )
    paths = {
        "discovery": "/o/.well-known/openid-configuration",
        "jwks": "/o/.well-known/jwks.json",
        "token": "/o/token/",
        "authorize": "/o/authorize/",
        "userinfo": "/o/userinfo/",
        "introspection": "/o/introspect/",
    }
    try:
        yield Provider(
            "django-oauth-toolkit",
            port,
            process,
            secret,
            paths,
            machine_id=f"{CLIENT_ID}-machine",
            scope="openid profile email",
            first_time={},
        )
    finally:
        process.stop()


PEERS = {
    "oidc-provider": oidc_provider,
    NAMED: partial(oidc_provider, named=True),
    "django-oauth-toolkit": toolkit,
}


@contextmanager
def started(
    name: str, directory: Path, database: Postgres, grown: Sequence[int] | None, workers: int
) -> Iterator[Provider]:
    """Run a provider by its name, on a database of its own."""
    address = database.create(re.sub(r"\W+", "_", name.lower()))
    make = PEERS.get(name)
    running = (
        make(directory, address)
        if make
        else signet(
            directory,
            address,
            name,
            grown if name == GROWN else None,
            workers if name == PROCESSES else 1,
        )
    )
    with running as provider:
        yield provider
