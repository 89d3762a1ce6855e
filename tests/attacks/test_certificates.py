"""Certificates that are not the sender's, or not what they seem. RFC 8705 §7; RFC 9440 §4."""

from base64 import b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from django.http import HttpResponse

from idp.clients.certificates import NAMES
from tests.certificates import Holder, make_certified_client, named, subject
from tests.in_process import InProcess
from tests.relying_party import Registered, RelyingParty, make_client, spec

MACHINE = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
BOUND = {"tls_client_certificate_bound_access_tokens": True}
DAY = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("database")
CN, O = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME  # noqa: E741  as in a subject


def ask(client: Registered, headers: dict[str, str], sender: str = "127.0.0.1") -> HttpResponse:
    """Ask for a token as a proxy at this address does."""
    form = {"grant_type": "client_credentials", "client_id": client.client_id}
    app = InProcess(headers=headers, REMOTE_ADDR=sender)
    return app.post("/token", urlencode(form), content_type="application/x-www-form-urlencoded")


def error_of(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


UNPROVEN = (401, "invalid_client")


# --- who says so --------------------------------------------------------------------------------


@spec("RFC 9440", "4")
def test_only_a_trusted_proxy_is_believed() -> None:
    client, holder = make_certified_client(**MACHINE), Holder()
    said = {**holder.headers(), "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert ask(client, said).status_code == 200
    assert ask(client, said, "::ffff:127.0.0.1").status_code == 200
    for sender in ("203.0.113.9", "127.0.0.2", "::1", "", "unix:", "127.0.0.1, 203.0.113.9"):
        assert error_of(ask(client, said, sender)) == UNPROVEN, sender
    bound = make_client(
        **MACHINE,
        **BOUND,
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [holder.jwk(certified=False)]},
    )
    assert error_of(ask(bound, said, "203.0.113.9")) == UNPROVEN
    broken = {**said, "SslClientCert": "x"}  # not even looked at
    assert error_of(ask(client, broken, "203.0.113.9")) == UNPROVEN


@spec("RFC 9440", "2.1")
def test_what_is_no_certificate_is_refused_in_words(settings: Any) -> None:
    client, holder = make_certified_client(**MACHINE), Holder()
    pem = holder.headers()["SslClientCert"]
    base64 = b64encode(holder.der).decode()
    odd = {
        "x": "something else",
        f"{pem},{pem}": "something else",
        quote(pem): "something else",
        pem + pem: "something else",
        f":{base64}:": "something else",
        b64encode(holder.der + b"\0").decode(): "something else",
        b64encode(holder.der[:-9]).decode(): "something else",
        "%00" + pem: "something else",
        "-----BEGIN CERTIFICATE-----" * 700: "more than",
        "%20" * 5000 + "!": "something else",  # took a pattern years
        "x" + " " * 15_000 + "!": "something else",
    }
    for header, words in odd.items():
        refused = ask(client, {**holder.headers(), "SslClientCert": header})
        assert error_of(refused) == (400, "invalid_request"), header[:60]
        assert words in refused.json()["error_description"]
    for header in (base64, quote(base64), pem.replace("%0A", "%20")):  # as other proxies have it
        assert ask(client, {**holder.headers(), "SslClientCert": header}).status_code == 200, header
    for header in ("", "-", "(null)"):
        assert error_of(ask(client, {**holder.headers(), "SslClientCert": header})) == UNPROVEN
    settings.IDP_CLIENT_CERTIFICATE_FORMAT = "rfc9440"
    settings.IDP_CLIENT_CERTIFICATE_HEADER = "Client-Cert"
    for header, status in {
        f":{base64}:": 200,
        base64: 400,
        pem: 400,
        f":{base64}:,:{base64}:": 400,
        f":{base64}:;a=1": 400,
        "::": 400,
    }.items():
        sent = {**holder.headers(), "Client-Cert": header}
        assert ask(client, sent).status_code == status, header[:20]


# --- what the certificate is --------------------------------------------------------------------


@spec("RFC 8705", "7.3")
def test_the_right_name_of_no_authority_proves_nobody() -> None:
    client, holder = make_certified_client(**MACHINE), Holder()
    for result in ("FAILED:unable to get local issuer certificate", "NONE", "", "success", "1"):
        assert error_of(ask(client, holder.headers(result))) == UNPROVEN, result
    alone = {"SslClientCert": holder.headers()["SslClientCert"]}
    assert error_of(ask(client, alone)) == UNPROVEN


def test_a_certificate_has_its_time() -> None:
    for lives in ((-2 * DAY, -DAY), (DAY, 2 * DAY)):
        holder = Holder(lives=lives)
        for client in (make_certified_client(**MACHINE), make_certified_client(holder, **MACHINE)):
            refused = ask(client, holder.headers())
            assert error_of(refused) == UNPROVEN
            assert "expired" in refused.json()["error_description"]


def test_a_certificate_proves_its_own_client_alone() -> None:
    mine, yours = Holder(subject("mine")), Holder(subject("yours"))
    by_name = make_certified_client(tls_client_auth_subject_dn="CN=mine,O=Example,C=DE", **MACHINE)
    by_key = make_certified_client(mine, **MACHINE)
    for client in (by_name, by_key):
        assert ask(client, mine.headers()).status_code == 200
        assert error_of(ask(client, yours.headers())) == UNPROVEN
    # The subject of another's certificate, and one's own key with it.
    assert error_of(ask(by_key, Holder(subject("mine")).headers())) == UNPROVEN


#: Subjects that are no `CN=app,O=Example`, whatever they look like.
IMPOSTORS = {
    "in one value": [[(CN, "app,O=Example")]],
    "escaped": [[(O, "Example")], [(CN, "app\\2CO=Example")]],
    "null character": [[(O, "Example")], [(CN, "app\0.evil.example")]],
    "ends in null": [[(O, "Example")], [(CN, "app\0")]],
    "several values at once": [[(O, "Example"), (CN, "app")]],
    "one more": [[(O, "Evil")], [(O, "Example")], [(CN, "app")]],
    "one less": [[(CN, "app")]],
    "twice": [[(O, "Example")], [(CN, "evil")], [(CN, "app")]],
    "other order": [[(CN, "app")], [(O, "Example")]],
    "other attribute": [[(O, "Example")], [(NameOID.ORGANIZATIONAL_UNIT_NAME, "app")]],
    "other letters": [[(O, "Example")], [(CN, "APP")]],
    "spaces": [[(O, "Example")], [(CN, " app")]],
    "lookalike": [[(O, "Example")], [(CN, "аpp")]],  # noqa: RUF001  Cyrillic
}


@spec("RFC 4514", "2")
def test_subjects_are_compared_by_their_parts() -> None:
    compare = NAMES["tls_client_auth_subject_dn"]

    def has(rdns: list[list[tuple[x509.ObjectIdentifier, str]]], expected: str) -> bool:
        parts = [
            x509.RelativeDistinguishedName([x509.NameAttribute(*pair) for pair in rdn])
            for rdn in rdns
        ]
        return compare(Holder(x509.Name(parts)).certificate, expected)

    assert has([[(O, "Example")], [(CN, "app")]], "CN=app,O=Example")
    for trick, rdns in IMPOSTORS.items():
        assert not has(rdns, "CN=app,O=Example"), trick
    both = [[(O, "Example"), (CN, "app")]]
    assert has(both, "O=Example+CN=app")
    assert has(both, "CN=app+O=Example")
    assert not has([[(O, "Example")], [(CN, "app")]], "CN=app+O=Example")
    assert has([[(CN, "app,O=Example")]], r"CN=app\,O\=Example")
    assert not has([[(O, "Example")], [(CN, "app")]], r"CN=app\,O\=Example")
    assert not has([], "CN=app")


def test_a_name_counts_as_what_it_is_registered_as() -> None:
    """A DNS name is not looked for in the subject, and part of a name is not the name."""
    holder = Holder(
        named((CN, "app.example.com")),
        (
            x509.DNSName("app.example.com.evil.example"),
            x509.DNSName("*.example.org"),
            x509.UniformResourceIdentifier("https://app.example.com"),
        ),
    )
    for kind, name in {
        "dns": "app.example.com",
        "uri": "https://app.example.com/",
        "email": "app@example.com",
        "ip": "192.0.2.1",
    }.items():
        assert not NAMES[f"tls_client_auth_san_{kind}"](holder.certificate, name), kind
    assert not NAMES["tls_client_auth_san_dns"](holder.certificate, "a.example.org")


# --- tokens -------------------------------------------------------------------------------------


@spec("RFC 8705", "3")
def test_a_bound_token_is_of_no_use_to_a_thief(relying_party: RelyingParty) -> None:
    holder = Holder()
    party = RelyingParty(make_client(**BOUND), relying_party.browser, relying_party.user)
    tokens = party.exchange(party.authorize().code, headers=holder.self_signed).json()
    grant = {"authorization": f"Bearer {tokens['access_token']}"}

    def userinfo(headers: dict[str, str], sender: str = "127.0.0.1") -> int:
        app = InProcess(headers={**grant, **headers}, REMOTE_ADDR=sender)
        return app.get("/userinfo").status_code

    assert userinfo(holder.self_signed) == 200
    assert userinfo({}) == 401
    assert userinfo(Holder(key=holder.key).self_signed) == 401
    assert userinfo(holder.self_signed, "203.0.113.9") == 401
    assert userinfo({"SslClientCert": "x"}) == 400
