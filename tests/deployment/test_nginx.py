"""The example of nginx in deploy/, run by nginx with a provider behind."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from idp.models import Event
from tests.conftest import ROOT, Server, free_port
from tests.elsewhere import Authority
from tests.reverse_proxy import running_nginx

pytestmark = pytest.mark.once
CONFIGURATION = (ROOT / "deploy/nginx/signet.conf").read_text()


class Site:
    """The provider, as the example publishes it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.plain, self.behind = free_port(), free_port(), free_port()
        self.issuer = f"https://localhost:{self.port}"
        self.authority = Authority(folder)
        certificate = self.authority.certify("localhost")
        replaced = CONFIGURATION
        for example, here in (
            ("127.0.0.1:8000", f"127.0.0.1:{self.behind}"),
            ("https://id.example.com", self.issuer),
            ("id.example.com", "localhost"),
            ("/etc/ssl/signet/fullchain.pem", str(certificate)),
            ("/etc/ssl/signet/privkey.pem", str(certificate)),
            ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("    listen [::]:80;\n", ""),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("Host $host;", "Host $host:$server_port;"),  # the port of this machine's
        ):
            assert example in replaced, example
            replaced = replaced.replace(example, here)
        self.configuration = replaced

    def get(self, path: str, **options: Any) -> httpx.Response:
        trusted = ssl.create_default_context(cafile=self.authority.file)
        return httpx.get(self.issuer + path, verify=trusted, **options)


@pytest.fixture(scope="module")
def site(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    site = Site(folder)
    server = Server(
        site.issuer,
        folder / "log",
        *("--bind", f"127.0.0.1:{site.behind}"),
        IDP_TRUSTED_PROXY_COUNT="1",
    )
    server.issuer = f"http://127.0.0.1:{site.behind}"
    server.wait()
    with running_nginx(folder, site.port, site.configuration):
        yield site
    server.stop()


def test_http_leads_to_https(site: Site) -> None:
    answer = httpx.get(f"http://localhost:{site.plain}/account/login/?next=%2Fa")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{site.issuer}/account/login/?next=%2Fa"


def test_the_provider_is_at_its_issuer_with_cookies_for_https(site: Site) -> None:
    assert site.get("/.well-known/openid-configuration").json()["issuer"] == site.issuer
    page = site.get("/account/login/")
    assert page.status_code == 200
    assert "__Host-csrf" in page.cookies
    assert "max-age" in page.headers["Strict-Transport-Security"]


def test_what_a_browser_says_of_its_address_and_request_is_not_believed(site: Site) -> None:
    said = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "chosen-by-the-browser"}
    answer = site.get("/authorize?client_id=nobody", headers=said)
    request_id = answer.headers["X-Request-ID"]
    assert request_id != said["X-Request-ID"]
    event = Event.objects.get(details__request_id=request_id)
    assert event.ip_address == "127.0.0.1"


def test_long_authorization_requests_come_through(site: Site) -> None:
    assert site.get(f"/authorize?client_id=nobody&request={'a' * 20_000}").status_code == 400


def test_health_is_for_this_machine_alone(site: Site) -> None:
    assert site.get("/readyz").status_code == 200
    allowed = CONFIGURATION.partition("(healthz|readyz)")[2].partition("}")[0]
    assert "deny all;" in allowed
