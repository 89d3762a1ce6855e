"""The example of nginx in deploy/, run by nginx with a provider behind."""

import re
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto.jwk import JWK

from idp.models import Event
from tests.conftest import ROOT, Server
from tests.elsewhere import Authority
from tests.ports import free_port
from tests.relying_party import Registered, make_client, make_user, spec
from tests.reverse_proxy import running_nginx

pytestmark = pytest.mark.once
CONFIGURATION = (ROOT / "deploy/nginx/signet.conf").read_text()
WITH_CERTIFICATES = (ROOT / "deploy/nginx/signet-mtls.conf").read_text()
#: What the files of signet-mtls.conf are set up with.
VARIABLES = dict(re.findall("#   (IDP_[A-Z_]+)=(.+)", WITH_CERTIFICATES))
CERTIFICATE = VARIABLES["IDP_CLIENT_CERTIFICATE_HEADER"]
VERIFIED = VARIABLES["IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER"]


class Site:
    """The provider, as the example publishes it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.plain, self.behind = free_port(), free_port(), free_port()
        self.issuer = f"https://localhost:{self.port}"
        self.mtls_port = free_port()
        self.mtls = f"https://127.0.0.1:{self.mtls_port}"
        self.authority = Authority(folder)
        certificate = self.authority.certify("localhost")
        self.clients = Clients(folder)
        of_mtls = WITH_CERTIFICATES
        for example, here in (
            ("mtls.id.example.com", "127.0.0.1"),
            ("/etc/ssl/signet/client-authorities.pem", str(self.clients.trusted)),
            ("/etc/ssl/signet/fullchain.pem", str(self.authority.certify("127.0.0.1"))),
            ("/etc/ssl/signet/privkey.pem", str(folder / "127.0.0.1.pem")),
            ("listen 443 ", f"listen 127.0.0.1:{self.mtls_port} "),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("Host $host;", "Host $host:$server_port;"),
        ):
            assert example in of_mtls, example
            of_mtls = of_mtls.replace(example, here)
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
        self.configuration = replaced + of_mtls

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", self.issuer + path, **options)

    def ask(
        self, method: str, url: str, certificate: Path | None = None, **options: Any
    ) -> httpx.Response:
        """Send a request over a TLS connection with this client certificate, or with none."""
        trusted = ssl.create_default_context(cafile=self.authority.file)
        if certificate is not None:
            trusted.load_cert_chain(certificate)
        return httpx.request(method, url, verify=trusted, **options)


class Clients:
    """Authorities and certificates of clients, all made by OpenSSL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted, self.other = self._authority("clients"), self._authority("others")

    def certified(self, name: str, subject: str, authority: Path) -> Path:
        """Return a file with a key and a certificate of an authority for it."""
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.crt"
        self._openssl("req", *_NEW_KEY, self._key(name), "-subj", subject, "-out", request)
        signing = ("-CA", authority, "-CAkey", authority, "-days", "1", "-out", certificate)
        self._openssl("x509", "-req", "-in", request, *signing)
        return self._joined(name, certificate)

    def self_signed(self, name: str, subject: str) -> Path:
        """Return a file with a key and a certificate that is signed with it."""
        certificate = self.folder / f"{name}.crt"
        which = ("-x509", "-days", "1", "-subj", subject, "-out", certificate)
        self._openssl("req", *_NEW_KEY, self._key(name), *which)
        return self._joined(name, certificate)

    def _authority(self, name: str) -> Path:
        return self.self_signed(f"authority-{name}", f"/CN=Authority of {name}")

    def _key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _joined(self, name: str, certificate: Path) -> Path:
        whole = self.folder / f"client-{name}.pem"
        whole.write_text(self._key(name).read_text() + certificate.read_text())
        return whole

    def _openssl(self, *arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")


@pytest.fixture(scope="module")
def site(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    site = Site(folder)
    server = Server(
        site.issuer,
        folder / "log",
        *("--bind", f"127.0.0.1:{site.behind}"),
        IDP_TRUSTED_PROXY_COUNT="1",
        **{**VARIABLES, "IDP_MTLS_URL": site.mtls},
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


@spec("FAPI 2.0 Security Profile", "5.2.2")
def test_tls_is_as_rfc_9325_recommends(site: Site) -> None:
    for port in (site.port, site.mtls_port):
        assert shakes_hands(site, port, "ECDHE-ECDSA-AES128-GCM-SHA256")
        for other in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            assert not shakes_hands(site, port, other), other


def shakes_hands(site: Site, port: int, cipher: str) -> bool:
    """Whether nginx agrees on a cipher suite of TLS 1.2."""
    context = ssl.create_default_context(cafile=site.authority.file)
    context.check_hostname = False
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain) as secured,
        ):
            return secured.cipher() is not None
    except ssl.SSLError:
        return False


def test_health_is_for_this_machine_alone(site: Site) -> None:
    assert site.get("/readyz").status_code == 200
    allowed = CONFIGURATION.partition("(healthz|readyz)")[2].partition("}")[0]
    assert "deny all;" in allowed


# --- apps with certificates (deploy/nginx/signet-mtls.conf) --------------------------------------

SUBJECT = "/C=DE/O=Example/CN=backend"
NAMED = {
    "token_endpoint_auth_method": "tls_client_auth",
    "tls_client_auth_subject_dn": "CN=backend,O=Example,C=DE",
}
MACHINE = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
BOUND = {"tls_client_certificate_bound_access_tokens": True}


def token(
    site: Site,
    client: Registered,
    certificate: Path | None,
    headers: dict[str, str] | None = None,
    **form: str,
) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": client.client_id, **form}
    options = {"headers": headers or {}}
    return site.ask("POST", f"{site.mtls}/token", certificate, data=form, **options)


def jwk_of(certificate: Path) -> dict[str, Any]:
    pem = certificate.read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    public = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.PEM)
    return {**JWK.from_pem(public).export_public(as_dict=True), "x5c": [b64encode(der).decode()]}


def headers_of(certificate: Path) -> dict[str, str]:
    """Return what nginx says of a certificate of an authority, as an attacker would."""
    pem = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.PEM)
    return {CERTIFICATE: quote(pem), VERIFIED: "SUCCESS"}


def test_apps_prove_themselves_with_certificates(site: Site) -> None:
    aliases = site.get("/.well-known/openid-configuration").json()["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{site.mtls}/token"
    named = make_client(**NAMED, **MACHINE)
    right = site.clients.certified("right", SUBJECT, site.clients.trusted)
    other = site.clients.certified("other", "/C=DE/O=Example/CN=other", site.clients.trusted)
    forged = site.clients.certified("forged", SUBJECT, site.clients.other)
    alone = site.clients.self_signed("alone", SUBJECT)
    for certificate, status in ((right, 200), (other, 401), (forged, 401), (alone, 401)):
        assert token(site, named, certificate).status_code == status, certificate.name
    registered = make_client(
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [jwk_of(alone)]},
        **MACHINE,
    )
    for certificate, status in ((alone, 200), (right, 401), (forged, 401)):
        assert token(site, registered, certificate).status_code == status, certificate.name


def test_tokens_are_bound_to_certificates(site: Site) -> None:
    aliases = site.get("/.well-known/openid-configuration").json()["mtls_endpoint_aliases"]
    client = make_client(**NAMED, **BOUND, grant_types=["authorization_code", "password"])
    owner = site.clients.certified("owner", SUBJECT, site.clients.trusted)
    thief = site.clients.certified("thief", SUBJECT, site.clients.trusted)
    user = make_user()
    signed_in = {"username": user.email, "password": user.password, "scope": "openid"}
    tokens = token(site, client, owner, grant_type="password", **signed_in).json()
    form = {"client_id": client.client_id, "token": tokens["access_token"]}
    told = site.ask("POST", aliases["introspection_endpoint"], thief, data=form).json()
    assert told["cnf"].keys() == {"x5t#S256"}
    sent = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = aliases["userinfo_endpoint"]
    assert site.ask("GET", userinfo, owner, headers=sent).json() == {"sub": user.sub}
    assert site.ask("GET", userinfo, thief, headers=sent).status_code == 401
    copied = {**sent, **headers_of(owner)}
    for certificate, url in (
        (thief, userinfo),
        (None, userinfo),
        (None, site.issuer + "/userinfo"),
    ):
        assert site.ask("GET", url, certificate, headers=copied).status_code == 401


def test_nobody_says_that_they_have_a_certificate(site: Site) -> None:
    named = make_client(**NAMED, **MACHINE)
    right = site.clients.certified("copied", SUBJECT, site.clients.trusted)
    alone = site.clients.self_signed("spoofer", SUBJECT)
    said = headers_of(right)
    # As WSGI has them, which is without a hyphen: no other name is taken for one of these.
    assert "-" not in CERTIFICATE + VERIFIED
    spelled = {"Ssl_Client_Cert": said[CERTIFICATE], "Ssl_Client_Verify": "SUCCESS"}
    form = {"grant_type": "client_credentials", "client_id": named.client_id}
    for headers in (said, spelled, {**said, **spelled}):
        for certificate in (None, alone):
            assert token(site, named, certificate, headers=headers).status_code == 401
        at_issuer = site.ask("POST", f"{site.issuer}/token", data=form, headers=headers)
        assert at_issuer.status_code == 401
    # Past nginx, from an address that is not nginx's.
    past = f"http://127.0.0.1:{site.behind}/token"
    host = {"Host": f"localhost:{site.port}"}
    for sender, status in (("127.0.0.2", 401), ("127.0.0.1", 200)):
        transport = httpx.HTTPTransport(local_address=sender)
        with httpx.Client(transport=transport) as client:
            assert client.post(past, data=form, headers={**said, **host}).status_code == status


def test_the_host_for_certificates_has_no_pages(site: Site) -> None:
    for path in ("/", "/authorize", "/account/login/", "/admin/", "/token/x"):
        assert site.ask("GET", site.mtls + path).status_code == 404, path
