"""Clients with TLS certificates: authentication, and tokens that are bound to them. RFC 8705.

These tests are the reverse proxy: 127.0.0.1 is trusted to pass certificates on (tests.settings).
`tests/deployment/test_nginx.py` has a real one.
"""

import json
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from jwcrypto.jws import JWS

from idp.clients.enabled_grants import EnabledGrants
from idp.endpoints.metadata import provider_metadata
from idp.protocol.vocabulary import CIBA, DEVICE_CODE, TOKEN_EXCHANGE
from tests.assertions import make_key, make_key_client
from tests.certificates import Holder, make_certified_client, named, subject
from tests.dpop import Prover
from tests.elsewhere import Elsewhere
from tests.registering import register
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    make_user,
    spec,
)

BOUND = {"tls_client_certificate_bound_access_tokens": True}
MACHINE = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
X5T = "x5t#S256"


def ask(
    client: Registered, headers: dict[str, str], path: str = "/token", **parameters: Any
) -> httpx.Response:
    form = {"grant_type": "client_credentials"} if path == "/token" else {}
    form |= {"client_id": client.client_id, **parameters}
    return httpx.post(f"{ISSUER}{path}", data=form, headers=headers, verify=False)


def userinfo(token: str, headers: dict[str, str] | None = None) -> httpx.Response:
    sent = {"Authorization": f"Bearer {token}", **(headers or {})}
    return httpx.get(f"{ISSUER}/userinfo", headers=sent, verify=False)


# --- client authentication ----------------------------------------------------------------------

NAMES: dict[str, tuple[str, Holder, Holder]] = {
    "subject_dn": (
        r"1.2.840.113549.1.9.1=a@b.example,CN=Acme\, Inc. \+ Söhne,OU=x,OU=y",
        Holder(
            named(
                (NameOID.ORGANIZATIONAL_UNIT_NAME, "y"),
                (NameOID.ORGANIZATIONAL_UNIT_NAME, "x"),
                (NameOID.COMMON_NAME, "Acme, Inc. + Söhne"),
                (NameOID.EMAIL_ADDRESS, "a@b.example"),
            )
        ),
        Holder(subject("Acme")),
    ),
    "san_dns": (
        "app.example.com",
        Holder(alternatives=(x509.DNSName("x.example"), x509.DNSName("App.example.com"))),
        Holder(subject("app.example.com"), (x509.DNSName("*.example.com"),)),
    ),
    "san_uri": (
        "spiffe://example.org/app",
        Holder(alternatives=(x509.UniformResourceIdentifier("spiffe://example.org/app"),)),
        Holder(alternatives=(x509.DNSName("spiffe://example.org/app"),)),
    ),
    "san_ip": (
        "2001:DB8:0::1",
        Holder(alternatives=(x509.IPAddress(ip_address("2001:db8::1")),)),
        Holder(alternatives=(x509.DNSName("2001:db8::1"),)),
    ),
    "san_email": (
        "app@Example.com",
        Holder(alternatives=(x509.RFC822Name("app@example.com"),)),
        Holder(alternatives=(x509.RFC822Name("App@example.com"),)),
    ),
}


@spec("RFC 8705", "2.1.2")
def test_a_certificate_proves_the_client_that_has_its_name(provider: object) -> None:
    for kind, (name, right, wrong) in NAMES.items():
        client = make_certified_client(**MACHINE, **{f"tls_client_auth_{kind}": name})
        assert ask(client, right.headers()).status_code == 200, kind
        refused = ask(client, wrong.headers())
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), kind
        assert "another name" in refused.json()["error_description"]


@spec("RFC 8705", "2")
def test_it_proves_the_client_at_every_endpoint(browser: Browser, user: EndUser) -> None:
    grants = ["authorization_code", "client_credentials", DEVICE_CODE, CIBA]
    client, holder = make_certified_client(grant_types=grants), Holder()
    party = RelyingParty(client, browser, user)
    token = ask(client, holder.headers()).json()["access_token"]
    of_endpoints: dict[str, dict[str, Any]] = {
        "/introspect": {"token": token},
        "/par": party.parameters(),
        "/device_authorization": {},
        "/bc-authorize": {"scope": "openid", "login_hint": make_user().email},
        "/revoke": {"token": token},
    }
    for path, parameters in of_endpoints.items():
        refused = ask(client, {}, path, **parameters)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), path
        answer = ask(client, holder.headers(), path, **parameters)
        assert answer.status_code in {200, 201}, (path, answer.text)
    introspected = ask(client, holder.headers(), "/introspect", token=token).json()
    assert introspected == {"active": False}


@spec("RFC 8705", "2.2")
def test_a_registered_certificate_proves_its_client(provider: object) -> None:
    first, renewed, other = Holder(), Holder(), Holder()
    method = {"token_endpoint_auth_method": "self_signed_tls_client_auth", **MACHINE}
    certificates = make_client(jwks={"keys": [first.jwk(), renewed.jwk()]}, **method)
    keys = make_client(jwks={"keys": [first.jwk(certified=False)]}, **method)
    same_key = Holder(key=first.key)
    for client, holder, status in (
        (certificates, first, 200),
        (certificates, renewed, 200),
        (certificates, other, 401),
        (certificates, same_key, 401),  # another certificate of the key
        (keys, same_key, 200),
        (keys, other, 401),
    ):
        assert ask(client, holder.self_signed).status_code == status
    encrypting = {**other.jwk(), "use": "enc"}
    client = make_client(jwks={"keys": [encrypting]}, **method)
    assert ask(client, other.self_signed).status_code == 401


@spec("RFC 8705", "2.2.2")
def test_certificates_at_jwks_uri_are_renewed(provider: object, foreign_site: Elsewhere) -> None:
    old, new = Holder(), Holder()

    def publish(holder: Holder) -> str:
        body = json.dumps({"keys": [holder.jwk()]}).encode()
        return foreign_site.says("/certificates", body)

    client = make_client(
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks_uri=publish(old),
        **MACHINE,
    )
    assert ask(client, old.self_signed).status_code == 200
    assert ask(client, new.self_signed).status_code == 401
    assert foreign_site.times("/certificates") == 1  # not again within a minute


def test_other_methods_need_no_certificate_and_it_proves_nobody_else(provider: object) -> None:
    holder = Holder()
    secret = make_client(**MACHINE)
    assert ask(secret, holder.headers()).status_code == 401
    assert ask(secret, holder.headers(), client_secret=secret.secret).status_code == 200
    client = make_certified_client(**MACHINE)
    assert ask(client, holder.headers(), client_secret="x" * 40).status_code == 401


# --- tokens that are bound to a certificate -----------------------------------------------------


@spec("RFC 8705", "3")
@spec("RFC 8705", "3.1")
@spec("RFC 8705", "3.2")
def test_a_token_is_of_use_with_its_certificate_alone(browser: Browser, user: EndUser) -> None:
    key, holder, thief = make_key(), Holder(), Holder()
    client = make_key_client(key, access_token_format="jwt", **BOUND)
    party = RelyingParty(client, browser, user)
    code = party.authorize().code
    unbound = party.exchange(code)
    assert (unbound.status_code, unbound.json()["error"]) == (400, "invalid_request")
    tokens = party.exchange(code, headers=holder.self_signed).json()
    assert tokens["token_type"] == "Bearer"
    token = tokens["access_token"]
    jws = JWS()
    jws.deserialize(token)
    assert json.loads(jws.objects["payload"])["cnf"] == {X5T: holder.thumbprint}
    assert party.introspect(token)["cnf"] == {X5T: holder.thumbprint}
    assert userinfo(token, holder.self_signed).json()["sub"] == user.sub
    for headers in ({}, thief.headers()):
        refused = userinfo(token, headers)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]


@spec("RFC 8705", "4")
def test_refresh_tokens_of_apps_without_a_secret_are_bound(browser: Browser, user: EndUser) -> None:
    holder, thief = Holder(), Holder()
    client = make_client(
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        refresh_without_offline_access=True,
        refresh_token_grace=0,
        **BOUND,
    )
    party = RelyingParty(client, browser, user)
    tokens = party.exchange(party.authorize().code, headers=holder.self_signed).json()
    refused = party.refresh(tokens["refresh_token"], headers=thief.self_signed)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    again = party.refresh(tokens["refresh_token"], headers=holder.self_signed)
    assert again.status_code == 200, again.text
    assert userinfo(again.json()["access_token"], holder.self_signed).status_code == 200
    assert userinfo(again.json()["access_token"], thief.self_signed).status_code == 401


def test_every_grant_gives_bound_tokens(provider: object) -> None:
    holder = Holder()
    grants = ["client_credentials", TOKEN_EXCHANGE]
    client = make_certified_client(**{**MACHINE, "grant_types": grants}, **BOUND)
    token = ask(client, holder.headers()).json()["access_token"]
    members = ask(client, holder.headers(), "/introspect", token=token).json()
    assert members["cnf"] == {X5T: holder.thumbprint}
    plain = make_certified_client(**MACHINE)
    token = ask(plain, holder.headers()).json()["access_token"]
    assert "cnf" not in ask(plain, holder.headers(), "/introspect", token=token).json()


@spec("RFC 7800", "3.1")
def test_a_token_may_be_bound_to_a_key_as_well(browser: Browser, user: EndUser) -> None:
    """FAPI 2.0: a client that a certificate proves may use DPoP; the proof names the alias."""
    holder, owner = Holder(), Prover()
    at_alias = {"htu": "https://mtls.example/token"}
    for bound, names in (({}, {"jkt"}), (BOUND, {"jkt", X5T})):
        client = make_certified_client(holder, **bound)
        party = RelyingParty(client, browser, user)
        headers = {**holder.self_signed, "DPoP": owner.proof(**at_alias)}
        tokens = party.exchange(party.authorize().code, headers=headers).json()
        assert tokens["token_type"] == "DPoP"
        token = tokens["access_token"]
        told = ask(client, holder.self_signed, "/introspect", token=token).json()
        assert told["cnf"].keys() == names
        proof = {"htu": "https://mtls.example/userinfo"}
        both = {"Authorization": f"DPoP {token}", **holder.self_signed}
        for headers, status in (
            ({**both, "DPoP": owner.proof("", "GET", token, **proof)}, 200),
            ({**both, "SslClientCert": "", "DPoP": owner.proof("/userinfo", "GET", token)}, None),
            ({**both, "DPoP": Prover().proof("/userinfo", "GET", token)}, 401),
            (both, 401),
        ):
            expected = status or (401 if bound else 200)
            answer = httpx.get(f"{ISSUER}/userinfo", headers=headers, verify=False)
            assert answer.status_code == expected, answer.text


# --- metadata -----------------------------------------------------------------------------------


@spec("RFC 8705", "5")
@spec("RFC 8705", "3.3")
def test_discovery_has_the_endpoints_for_certificates(
    provider: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert facts["tls_client_certificate_bound_access_tokens"] is True
    methods = facts["token_endpoint_auth_methods_supported"]
    assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(methods)
    aliases = facts["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == "https://mtls.example/token"
    wanted = {"token", "revocation", "introspection", "userinfo", "pushed_authorization_request"}
    assert {f"{name}_endpoint" for name in wanted} <= aliases.keys() <= facts.keys()
    assert "https://mtls.example" in httpx.get(f"{ISSUER}/developers/", verify=False).text
    monkeypatch.setattr("idp.policy.CLIENT_CERTIFICATES", False)
    enabled = EnabledGrants(("client_credentials",), ())
    assert not [name for name in provider_metadata(enabled) if "tls_" in name]


@spec("RFC 8705", "2.1.2")
@spec("RFC 8705", "3.4")
def test_a_client_registers_itself_with_a_certificate(provider: object) -> None:
    uris = {"redirect_uris": ["https://rp.example.com/callback"]}
    method = {"token_endpoint_auth_method": "tls_client_auth", **uris}
    answer = register(**method, tls_client_auth_san_dns="app.example.com", **BOUND)
    assert answer.status_code == 201, answer.text
    assert answer.json()["tls_client_auth_san_dns"] == "app.example.com"
    assert answer.json()["tls_client_certificate_bound_access_tokens"] is True
    assert "client_secret" not in answer.json()
    for wrong in (
        {},
        {"tls_client_auth_san_dns": "a.example", "tls_client_auth_san_uri": "https://a.example"},
        {"tls_client_auth_subject_dn": "backend"},
        {"tls_client_auth_subject_dn": "CN=backend, O=Example"},
        {"tls_client_auth_subject_dn": "CN=#0c0162"},
        {"tls_client_auth_san_ip": "app.example"},
        {"tls_client_auth_san_email": "app"},
        {"tls_client_auth_san_uri": "app"},
        {"tls_client_auth_san_dns": "*.example.com"},
    ):
        refused = register(**method, **wrong)
        assert refused.status_code == 400, wrong
        assert refused.json()["error"] == "invalid_client_metadata"
    through_browser = {"grant_types": ["implicit"], "response_types": ["token"]}
    assert register(**{**uris, **through_browser}, **BOUND).status_code == 400
    self_signed = {**uris, "token_endpoint_auth_method": "self_signed_tls_client_auth"}
    assert register(**self_signed).status_code == 400
    assert register(**self_signed, jwks={"keys": [Holder().jwk()]}).status_code == 201
