"""The example of Caddy in deploy/, run by Caddy with a provider behind."""

import ssl
from pathlib import Path

import httpx
import pytest

from idp.models import Event
from tests.conftest import ROOT, Server
from tests.elsewhere import Authority
from tests.idp.management.test_worker import soon
from tests.interop.conftest import running
from tests.ports import free_port
from tests.programs import builds

pytestmark = pytest.mark.programs


def test_the_provider_is_at_its_issuer_and_believes_caddy_alone(tmp_path: Path) -> None:
    port, behind = free_port(), free_port()
    authority, issuer = Authority(tmp_path), f"https://localhost:{port}"
    certificate = authority.certify("localhost")
    example = (ROOT / "deploy/caddy/Caddyfile").read_text()
    assert "\nid.example.com {" in example
    assert "127.0.0.1:8000 {" in example
    site = f"{{\n\tadmin off\n\tauto_https off\n}}\n{issuer} {{\n\ttls {certificate} {certificate}"
    text = example.replace("id.example.com {", site).replace(
        "127.0.0.1:8000 {", f"127.0.0.1:{behind} {{"
    )
    (tmp_path / "Caddyfile").write_text(text[text.index("{\n\tadmin") :])
    server = Server(issuer, tmp_path / "log", "--bind", f"127.0.0.1:{behind}")
    server.issuer = f"http://127.0.0.1:{behind}"
    server.wait()
    caddy = builds.go("caddy", "github.com/caddyserver/caddy/v2/cmd/caddy")
    command = [caddy, "run", f"--config={tmp_path}/Caddyfile", "--adapter=caddyfile"]
    trusted = ssl.create_default_context(cafile=authority.file)
    with (
        httpx.Client(base_url=issuer, verify=trusted) as client,
        running("caddy", command, f"http://localhost:{behind}/healthz", tmp_path / "caddy.log"),
    ):
        soon(lambda: _answers(client))
        assert client.get("/.well-known/openid-configuration").json()["issuer"] == issuer
        said = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "chosen-by-the-browser"}
        said |= {"X_Forwarded_For": "203.0.113.9", "X-Request_ID": "chosen-by-the-browser"}
        request = f"/authorize?client_id=nobody&request={'a' * 20_000}"
        answer = client.get(request, headers=said)
        event = Event.objects.get(details__request_id=answer.headers["X-Request-ID"])
        assert (answer.status_code, event.ip_address) in {(400, "127.0.0.1"), (400, "::1")}
        assert answer.headers["X-Request-ID"] != said["X-Request-ID"]
        assert client.get("/readyz").status_code == 404
        assert "__Host-csrf" in client.get("/account/login/").cookies
    server.stop()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/account/login/").status_code == 200
    except httpx.TransportError:
        return False
