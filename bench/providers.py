"""Signet and its peers, each started as in production and asked for the same."""

import html
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.processes import Postgres, Process, free_port
from bench.wire import ORIGIN, Browser

ROOT = Path(__file__).resolve().parent.parent
CLIENT_ID = "bench"
REDIRECT_URI = "https://app.bench.example/callback"
PASSWORD = "correct horse battery staple"
SCOPE = "openid profile email offline_access"
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
    #: The scope that a client has for itself, and what people's sign-ins ask for.
    machine_scope: str = "read"
    scope: str = SCOPE
    #: What the first authorization request says besides, so that consent is asked for.
    first_time: Mapping[str, str] = field(default_factory=lambda: {"prompt": "consent"})
    #: Whether it has a page to sign in on: it is Signet's alone that is measured.
    has_page: bool = False
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.process.wait_for_port(self.port)
        self.browser = Browser(self.port)

    def sign_in(self, browser: Browser, address: str) -> str:
        """Open an authorization request as somebody new; return the address it ends at."""
        path, answer = browser.open(address)
        while path.startswith("/") and answer.status == 200:
            filled = [_filled(form) for form in _FORM.findall(answer.body.decode())]
            action, fields = next(form for form in filled if form is not None)
            path, answer = browser.open(action or path, fields)
        if not path.startswith(REDIRECT_URI):
            raise RuntimeError(f"{self.name}: {answer.status} at {path}: {answer.body[:2000]!r}")
        return path


def _filled(form: str) -> tuple[str, dict[str, str]] | None:
    """Return where a form of Signet's goes and what Ana answers; None for one she leaves alone."""
    if 'name="password"' in form:
        answers = {"login": "ana@example.com", "password": PASSWORD}
    elif 'id="allow"' in form:
        answers = {"answer": "allow"}
    else:
        return None
    action = _ACTION.match(form)
    hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
    return html.unescape(action[1]) if action else "", {**hidden, **answers}


@contextmanager
def signet(directory: Path, database_url: str, name: str = "Signet") -> Iterator[Provider]:
    """Run Signet with one process of four threads, as `manage.py serve` has it."""
    secret, port = secrets.token_urlsafe(48), free_port()
    environment = {
        "DATABASE_URL": database_url,
        "IDP_ISSUER": ORIGIN,
        "IDP_SECRET_KEYS": secrets.token_urlsafe(48),
        "IDP_TRUSTED_PROXY_COUNT": "1",
        "EMAIL_URL": "smtp://127.0.0.1:25",
    }
    declared = directory / f"{database_url.rpartition('/')[2]}.json"
    declared.write_text(
        json.dumps(
            {
                "users": [
                    {
                        "email": "ana@example.com",
                        "password": PASSWORD,
                        "email_verified": True,
                        "name": "Ana Example",
                        "given_name": "Ana",
                        "family_name": "Example",
                        "locale": "en",
                    }
                ],
                "scopes": [{"name": "read", "description": "Read"}],
                "clients": [
                    {
                        "client_id": CLIENT_ID,
                        "client_name": "Bench",
                        "client_secret": secret,
                        "redirect_uris": [REDIRECT_URI],
                        "grant_types": [
                            "authorization_code",
                            "refresh_token",
                            "client_credentials",
                        ],
                        "scope": f"{SCOPE} read",
                    }
                ],
            }
        )
    )
    manage = [sys.executable, str(ROOT / "manage.py")]
    for command in (["migrate", "-v0"], ["apply", str(declared)], ["check", "--deploy"]):
        subprocess.run(
            [*manage, *command],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    process = Process(
        [*manage, "serve", "--bind", f"127.0.0.1:{port}"], environment, directory / "signet.log"
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
        yield Provider(name, port, process, secret, paths, has_page=True)
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
def oidc_provider(directory: Path, database_url: str) -> Iterator[Provider]:
    """Run oidc-provider on Node.js."""
    home = ROOT / "bench/oidc_provider"
    subprocess.run(["npm", "ci", "--silent"], cwd=home, check=True)
    secret, port = secrets.token_urlsafe(48), free_port()
    process = Process(
        ["node", "server.mjs"],
        _peer_environment(database_url, secret, port) | {"NODE_ENV": "production"},
        directory / "oidc-provider.log",
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
        yield Provider("oidc-provider", port, process, secret, paths)
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


PEERS = {"oidc-provider": oidc_provider, "django-oauth-toolkit": toolkit}


@contextmanager
def started(kind: str, directory: Path, database: Postgres) -> Iterator[Provider]:
    """Run a provider by its name on a database of its own."""
    address = database.create(re.sub(r"\W", "_", kind.lower()))
    make = PEERS.get(kind)
    with make(directory, address) if make else signet(directory, address, kind) as provider:
        yield provider
