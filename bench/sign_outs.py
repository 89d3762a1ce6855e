"""A sign-out from a hundred apps, of which one is slow and one is dead: who waits for whom."""

import statistics
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from bench.figures import authorization_address
from bench.processes import Postgres, Process, free_port
from bench.providers import (
    MANAGE,
    REDIRECT_URI,
    SIGNET,
    Provider,
    declare,
    manage,
    signet_environment,
)
from bench.wire import Browser
from tests.elsewhere import Authority, Elsewhere, answering, running

APPS = 100
SLOW_SECONDS = 20
_PATIENCE_SECONDS = 60


def measured(directory: Path, database: Postgres) -> str:
    """Sign a user out of all apps; return in words how long that and notifying them took."""
    authority = Authority(directory)
    with running(authority.certify("localhost")) as apps:
        return _measured(directory, database, authority, apps)


def _measured(directory: Path, database: Postgres, authority: Authority, apps: Elsewhere) -> str:
    notified: dict[str, float] = {}
    environment = signet_environment(database.create("sign_outs")) | {
        "IDP_OUTBOUND_ALLOW": "localhost",
        "IDP_OUTBOUND_CA_BUNDLE": str(authority.file),
    }
    manage(environment, "migrate")
    declare(environment, directory, [_app(number, apps, notified) for number in range(APPS)])
    port = free_port()
    serve = [*MANAGE, "serve", "--bind", f"127.0.0.1:{port}", "--with-worker"]
    process = Process(serve, environment, directory / "sign-outs.log")
    try:
        provider = Provider(SIGNET, port, process, "", {"authorize": "/authorize"})
        return _sign_out(provider, notified)
    finally:
        process.stop()


def _app(number: int, apps: Elsewhere, notified: dict[str, float]) -> dict[str, object]:
    path = f"/app-{number}/notified"

    def hear(handler: BaseHTTPRequestHandler) -> None:
        notified.setdefault(path, time.perf_counter())
        if number == 0:
            time.sleep(SLOW_SECONDS)
        answering(b"")(handler)

    apps.pages[path] = hear
    return {
        "client_id": f"app-{number}",
        "client_name": f"App {number}",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [REDIRECT_URI],
        "first_party": True,
        # The last one's server does not listen.
        "backchannel_logout_uri": (
            f"https://localhost:{free_port()}/" if number == 1 else apps.address + path
        ),
    }


def _sign_out(provider: Provider, notified: dict[str, float]) -> str:
    browser = Browser(provider.port)
    for number in range(APPS):
        provider.sign_in(browser, authorization_address(provider, client_id=f"app-{number}")[0])
    began = time.perf_counter()
    provider.sign_out(browser)
    answered = time.perf_counter() - began
    while len(notified) < APPS - 1 and time.perf_counter() - began < _PATIENCE_SECONDS:
        time.sleep(0.05)
    after = sorted(at - began for path, at in notified.items() if path != "/app-0/notified")
    return (
        f"Signing out of {APPS} apps, one slow and one dead: the page came after "
        f"{1000 * answered:.0f} ms; {len(after)} apps were notified: median "
        f"{statistics.median(after):.1f} s, maximum {after[-1]:.1f} s."
    )
