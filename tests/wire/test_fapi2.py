"""The profile fapi2: FAPI 2.0 Security Profile (final) and FAPI 2.0 Message Signing.

The tables walk the conditions of the official suite's plans `fapi2-security-profile-final` and
`fapi2-message-signing-final`; each row is named after the module that looks at it.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any

import httpx
import jwt
import pytest
from django.utils import timezone

from idp.authorization import pushed_requests
from idp.clients import fapi2
from idp.linter import Severity, findings_for
from idp.models import Client, Interaction, RefreshToken
from tests.assertions import Signing, assertion_of, form_of, jwks_of, make_key
from tests.certificates import Holder, subject
from tests.dpop import Prover
from tests.relying_party import (
    ISSUER,
    Answer,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    make_api,
    make_client,
    spec,
    unique,
    verified,
)

KEY, RSA = make_key(), make_key("RS256")
HOLDER = Holder()
METADATA: dict[str, Any] = {
    "profile": "fapi2",
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": jwks_of(KEY, RSA),
    "id_token_signed_response_alg": "PS256",
    "introspection_signed_response_alg": "PS256",
    "tls_client_certificate_bound_access_tokens": True,
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "redirect_uris": ["https://rp.example.com/callback", "https://rp.example.com/other"],
}
MACHINE = {"grant_type": "client_credentials"}
SIGNS = {"require_signed_request_object": True, "require_signed_authorization_response": True}


@dataclass
class Fapi:
    """A client of the profile: it proves itself with KEY, and its tokens are bound to HOLDER.

    With `by_certificate`, the certificate proves it; with a prover, its tokens are bound by DPoP.
    """

    party: RelyingParty
    holder: Holder = field(default_factory=lambda: HOLDER)
    by_certificate: bool = False
    prover: Prover | None = None

    def ask(
        self,
        path: str,
        assertion: str | None = None,
        headers: dict[str, str] | None = None,
        **parameters: Any,
    ) -> httpx.Response:
        """Send a form as the client does, or with these headers; None leaves a parameter out."""
        client = self.party.client
        key = client.key or KEY
        proof = {} if self.by_certificate else form_of(assertion or assertion_of(client, key))
        data = {"client_id": client.client_id, **proof, **parameters}
        data = {name: value for name, value in data.items() if value is not None}
        headers = self.headers(path) if headers is None else headers
        return httpx.post(f"{ISSUER}{path}", data=data, headers=headers, verify=False)

    def headers(self, path: str) -> dict[str, str]:
        """Return the client's certificate, where it has one, and at /token its proof."""
        with_key = {"DPoP": self.prover.proof(path)} if self.prover and path == "/token" else {}
        return {**self.connection, **with_key}

    @property
    def connection(self) -> dict[str, str]:
        """What comes with every request of the client, unbound ones, too."""
        needs_none = self.prover is not None and not self.by_certificate
        return {} if needs_none else self.holder.headers()

    def userinfo(self, token: str, **with_key: str) -> httpx.Response:
        """Ask UserInfo as the owner, or with these headers; the scheme is spelled oddly."""
        proof = self.prover.proof("/userinfo", "GET", token) if self.prover else None
        headers = with_key or {**self.connection, **({"DPoP": proof} if proof else {})}
        scheme = "dPOp" if self.prover else "bEARER"
        sent = {"Authorization": f"{scheme} {token}", **headers}
        return httpx.get(f"{ISSUER}/userinfo", headers=sent, verify=False)

    def push(self, assertion: str | None = None, **overrides: Any) -> httpx.Response:
        return self.ask("/par", assertion, **self.party.parameters(**overrides))

    def visit(self, request_uri: str, **outside: Any) -> httpx.Response:
        sent = {"client_id": self.party.client.client_id, "request_uri": request_uri, **outside}
        return self.party.browser.settle(self.party.browser.get("/authorize", params=sent))

    def authorize(self, **overrides: Any) -> Answer:
        response = self.push(**overrides)
        assert response.status_code == 201, response.text
        return self.party.go_on(self.visit(response.json()["request_uri"]))

    def redeem(self, code: str | None, **overrides: Any) -> httpx.Response:
        sent = {"redirect_uri": self.party.client.redirect_uri, "code": code}
        verifier = {"code_verifier": self.party.code_verifier}
        grant = {"grant_type": "authorization_code", **sent, **verifier}
        return self.ask("/token", **{**grant, **overrides})


@pytest.fixture
def fapi(browser: Browser, user: EndUser) -> Fapi:
    return of(browser, user)


def of(browser: Browser, user: EndUser, **metadata: Any) -> Fapi:
    client = make_client(**{**METADATA, **metadata})
    client.key = KEY
    return Fapi(RelyingParty(client, browser, user))


# --- the whole way --------------------------------------------------------------------------------


@spec("FAPI 2.0 Security Profile", "5.3.2")
def test_happy_flow(fapi: Fapi) -> None:
    """…happy-flow, ensure-other-scope-order-succeeds, refresh-token, no rotation."""
    answer = fapi.authorize(scope="offline_access openid", prompt="consent")
    assert (answer.iss, answer.state) == (ISSUER, fapi.party.state)
    response = fapi.redeem(answer.code)
    assert response.status_code == 200, response.text
    tokens = response.json()
    assert verified(tokens["id_token"])["nonce"] == fapi.party.nonce
    # ensure-holder-of-key-required
    assert fapi.party.userinfo(tokens["access_token"]).status_code == 401
    bearer = {"Authorization": f"Bearer {tokens['access_token']}", **HOLDER.headers()}
    assert httpx.get(f"{ISSUER}/userinfo", headers=bearer, verify=False).status_code == 200
    bearer |= Holder().headers()
    assert httpx.get(f"{ISSUER}/userinfo", headers=bearer, verify=False).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    row = RefreshToken.objects.get(application__client_id=fapi.party.client.client_id)
    soon = timezone.now() + timedelta(minutes=1)
    RefreshToken.objects.filter(pk=row.pk).update(expires=soon)
    for _ in range(3):  # a lost answer loses nothing
        again = fapi.ask("/token", **refresh)
        assert again.status_code == 200, again.text
        assert "refresh_token" not in again.json()
        assert "nonce" not in verified(again.json()["id_token"])
    row.refresh_from_db()
    assert row.expires > soon + timedelta(days=1)
    wide = fapi.ask("/token", **refresh, scope="openid email")
    assert wide.json()["error"] == "invalid_scope"
    assert fapi.ask("/token", **refresh).status_code == 200
    assert fapi.ask("/revoke", token=tokens["refresh_token"]).status_code == 200
    assert fapi.ask("/token", **refresh).json()["error"] == "invalid_grant"


@spec("FAPI 2.0 Message Signing", "5")
def test_signed_on_both_sides(browser: Browser, user: EndUser) -> None:
    fapi = of(browser, user, **SIGNS)
    signing = Signing(fapi.party, KEY)

    def page_of(**members: Any) -> httpx.Response:
        """Push a signed request, with another one beside it that counts for nothing."""
        request = signing.object(nbf=int(time.time()), response_mode="jwt", **members)
        beside = fapi.party.parameters(state="beside", scope="openid email", client_id=None)
        response = fapi.ask("/par", request=request, **beside)
        assert response.status_code == 201, response.text
        return fapi.visit(response.json()["request_uri"], state="outside", response_mode="query")

    def brought(answer: Answer) -> dict[str, Any]:
        assert set(answer.parameters) == {"response"}
        assert jwt.get_unverified_header(answer.response or "")["alg"] == "PS256"
        claims = verified(answer.response or "")
        assert (claims["iss"], claims["aud"]) == (ISSUER, fapi.party.client.client_id)
        assert 0 < claims["exp"] - time.time() <= 600
        return claims

    # state-only-outside-request-object-not-used, user-rejects-authentication, and silence
    page = browser.sign_in(user, page_of(state=None))
    refused = brought(fapi.party.answer(browser.submit(page, "deny")))
    assert (refused["error"], refused.get("state")) == ("access_denied", None)
    silent = brought(fapi.party.answer(page_of(prompt="none")))
    assert (silent["error"], silent["state"]) == ("consent_required", fapi.party.state)
    claims = brought(fapi.party.go_on(page_of()))
    assert claims["state"] == fapi.party.state
    tokens = fapi.redeem(claims["code"])
    assert (tokens.status_code, tokens.json()["scope"]) == (200, "openid")


# --- every variant --------------------------------------------------------------------------------

VARIANTS = list(product(("private_key_jwt", "mtls"), ("dpop", "mtls")))
#: A second client's redirect URI, as the suite has it, and what signs its requests and answers.
WITH_QUERY = ["https://rp.example.com/callback?dummy1=lorem&dummy2=ipsum"]
UNBOUND = {"invalid_request", "invalid_client"}


def of_variant(
    browser: Browser, user: EndUser, client_auth_type: str, sender_constrain: str, **more: Any
) -> Fapi:
    """Register a client as a variant of the suite has it, with keys of its own."""
    by_certificate, by_dpop = client_auth_type == "mtls", sender_constrain == "dpop"
    key, holder = make_key(), Holder(subject(unique("fapi")))
    named = {
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_subject_dn": holder.certificate.subject.rfc4514_string(),
    }
    metadata = {
        **METADATA,
        "jwks": jwks_of(key),
        "dpop_bound_access_tokens": by_dpop,
        "tls_client_certificate_bound_access_tokens": not by_dpop,
        **(named if by_certificate else {}),
        **more,
    }
    client = make_client(**metadata)
    client.key = key
    party = RelyingParty(client, browser, user)
    return Fapi(party, holder, by_certificate, Prover() if by_dpop else None)


@spec("FAPI 2.0 Security Profile", "5.3.2")
@pytest.mark.parametrize(("client_auth_type", "sender_constrain"), VARIANTS)
def test_every_variant(
    browser: Browser, user: EndUser, client_auth_type: str, sender_constrain: str
) -> None:
    """…happy-flow, refresh-token, ensure-holder-of-key-required, …-client-id-in-token-endpoint,
    …-code-is-bound-to-client, access-token-type-header-case-sensitivity, …-after-one-second.

    The first client signs nothing; the second signs its requests and gets signed answers.
    """
    api = make_api(access_token_format="opaque")
    scopes = {"openid_connect": "openid", "plain_oauth": api["scopes"][0]}
    variant = (client_auth_type, sender_constrain)
    offered = {"scope": f"openid offline_access {api['scopes'][0]}"}
    first = of_variant(browser, user, *variant, **offered)
    second = of_variant(browser, user, *variant, **offered, **SIGNS, redirect_uris=WITH_QUERY)
    for kind, scope in scopes.items():
        asked = {"scope": f"{scope} offline_access", "prompt": "consent"}
        if kind == "plain_oauth":
            asked |= {"nonce": None, "resource": api["identifier"]}
        for one, other in ((first, second), (second, first)):
            walk(one, other, kind, asked)


def walk(one: Fapi, other: Fapi, kind: str, asked: dict[str, Any]) -> None:
    """Go the whole way as one client, while another tries to have what it gets."""
    signs = one.party.client.metadata.get("require_signed_request_object")
    answer = signed_both_ways(one, asked) if signs else one.authorize(**asked).parameters
    assert (answer["iss"], answer["state"]) == (ISSUER, one.party.state)
    code, verifier = answer["code"], {"code_verifier": one.party.code_verifier}
    # Without a holder of key; as another client; with its code.
    refused = one.redeem(code, headers=one.connection if one.prover else {})
    assert refused.json()["error"] in UNBOUND, refused.text
    assert refused.status_code == (401 if refused.json()["error"] == "invalid_client" else 400)
    disguised = one.redeem(code, **as_another(one, other))
    assert (disguised.status_code, disguised.json()["error"]) == (401, "invalid_client")
    stolen = other.redeem(code, redirect_uri=one.party.client.redirect_uri, **verifier)
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    response = one.redeem(code)
    assert response.status_code == 200, response.text
    tokens = response.json()
    assert tokens["token_type"] == ("DPoP" if one.prover else "Bearer")
    assert ("id_token" in tokens) is (kind == "openid_connect")
    token = tokens["access_token"]
    if kind == "openid_connect":
        assert one.userinfo(token).status_code == 200
        assert other.userinfo(token).status_code == 401
        assert one.userinfo(token, Accept="*/*").status_code == 401
    introspection = one.ask("/introspect", token=token)
    assert introspection.status_code == 200, introspection.text
    # Refreshed with another key, as the suite does; not without one, and not by another client.
    grant = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    if one.prover:
        one.prover = Prover()
    again = one.ask("/token", **grant)
    assert again.status_code == 200, again.text
    assert again.json()["token_type"] == tokens["token_type"]
    assert ("id_token" in again.json()) is (kind == "openid_connect")
    refused = one.ask("/token", headers=one.connection if one.prover else {}, **grant)
    assert refused.json()["error"] in UNBOUND
    assert other.ask("/token", **grant).json()["error"] == "invalid_grant"
    # A code that comes again ends what it gave.
    assert one.redeem(code).json()["error"] == "invalid_grant"
    if kind == "openid_connect":
        assert one.userinfo(again.json()["access_token"]).status_code == 401
    assert one.ask("/token", **grant).json()["error"] == "invalid_grant"


def signed_both_ways(fapi: Fapi, asked: dict[str, Any]) -> dict[str, Any]:
    """Authorize with a signed request, and return the claims of the signed answer."""
    signing = Signing(fapi.party, fapi.party.client.key or KEY)
    request = signing.object(nbf=int(time.time()), response_mode="jwt", **asked)
    pushed = fapi.ask("/par", request=request)
    assert pushed.status_code == 201, pushed.text
    return verified(fapi.party.go_on(fapi.visit(pushed.json()["request_uri"])).response or "")


def as_another(one: Fapi, other: Fapi) -> dict[str, Any]:
    """Return the parameters of a client that says it is another, with its own credentials."""
    client_id = other.party.client.client_id
    if one.by_certificate:
        return {"client_id": client_id}
    claims = {"iss": client_id, "sub": client_id}
    forged = assertion_of(one.party.client, one.party.client.key or KEY, **claims)
    return {"client_id": client_id, "assertion": forged}


# --- pushed requests ------------------------------------------------------------------------------

REFUSED_WHEN_PUSHED: dict[str, dict[str, Any]] = {
    "ensure-unsigned-plain-pkce-fails": {"code_challenge_method": "plain"},
    "par-pkce-required": {"code_challenge": None, "code_challenge_method": None},
    "ensure-response-type-code-idtoken-fails": {"response_type": "code id_token"},
    "ensure-response-type-token-fails": {"response_type": "token"},
    "ensure-registered-redirect-uri": {"redirect_uri": "https://rp.example.com/callback/more"},
    "ensure-http-redirect-uri-fails": {"redirect_uri": "http://rp.example.com/callback"},
    "ensure-redirect-uri-in-authorization-request": {"redirect_uri": None},
    "par-authorization-request-containing-request-uri-form-param": {"request_uri": "urn:x"},
}


@spec("FAPI 2.0 Security Profile", "5.3.2.2")
def test_what_is_refused_when_it_is_pushed(fapi: Fapi) -> None:
    for name, overrides in REFUSED_WHEN_PUSHED.items():
        response = fapi.push(**overrides)
        assert response.status_code == 400, (name, response.text)


@spec("FAPI 2.0 Security Profile", "5.3.2.2")
def test_references(fapi: Fapi, browser: Browser, user: EndUser) -> None:
    """par-attempt-reuse-request_uri, …-expired-request_uri, …-for-different-client, and without."""
    pushed = fapi.push().json()
    assert 0 < pushed["expires_in"] < 600
    assert fapi.party.go_on(fapi.visit(pushed["request_uri"])).code
    assert is_error_page(fapi.visit(pushed["request_uri"]))
    of_another = of(browser, user).push().json()["request_uri"]
    assert is_error_page(fapi.visit(of_another))
    late = fapi.push().json()["request_uri"]
    handle = late.removeprefix(pushed_requests.PREFIX)
    earlier = timezone.now() - timedelta(seconds=pushed["expires_in"] + 1)
    Interaction.objects.filter(pushed_as=handle).update(arrived_at=earlier)
    assert is_error_page(fapi.visit(late))
    # require_pushed_authorization_requests need not be set: the profile demands it.
    signed = Signing(fapi.party, KEY).object(nbf=int(time.time()))
    for unpushed in (fapi.party.visit(), fapi.party.visit(request=signed)):
        assert fapi.party.answer(unpushed).error == "invalid_request"
    # par-attempt-invalid-http-method, state-only-outside-…-not-used
    assert httpx.get(f"{ISSUER}/par", verify=False).status_code == 405
    page = fapi.visit(fapi.push(state=None).json()["request_uri"], state="outside")
    assert fapi.party.go_on(page).state is None


# --- client assertions ----------------------------------------------------------------------------

NOW = "seconds from now"
REFUSED_ASSERTIONS: dict[str, dict[str, Any]] = {
    "ensure-client-assertion-with-token-endpoint-aud-fails": {"aud": f"{ISSUER}/token"},
    "ensure-client-assertion-with-par-endpoint-aud-fails": {"aud": f"{ISSUER}/par"},
    "ensure-client-assertion-with-aud-as-array-fails": {"aud": [ISSUER]},
    "ensure-client-assertion-with-wrong-aud-fails": {"aud": "https://other.example"},
    "ensure-client-assertion-with-no-aud-fails": {"aud": None},
    "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": {"exp": (NOW, -300)},
    "ensure-client-assertion-with-no-exp-fails": {"exp": None},
    "ensure-client-assertion-with-no-sub-fails": {"sub": None},
    "ensure-client-assertion-with-wrong-sub-fails": {"sub": "another"},
    "ensure-client-assertion-with-no-iss-fails": {"iss": None},
    "ensure-client-assertion-with-iss-of-another-fails": {"iss": "another"},
    "ensure-client-assertion-with-iat-over-60-seconds-ahead-fails": {"iat": (NOW, 70)},
    "ensure-client-assertion-with-nbf-over-60-seconds-ahead-fails": {"nbf": (NOW, 70)},
    "ensure-client-assertion-without-jti-fails": {"jti": None},
}
ACCEPTED_ASSERTIONS: dict[str, dict[str, Any]] = {
    "test-client-assertion-iat-and-nbf-8-seconds-ahead": {"iat": (NOW, 8), "nbf": (NOW, 8)},
    "test-client-assertion-nbf-10-seconds-ahead": {"nbf": (NOW, 10)},
    "test-client-assertion-without-iat": {"iat": None},
}


def moved(claims: dict[str, Any]) -> dict[str, Any]:
    """Return claims with their times of now."""
    now = int(time.time())
    return {n: now + v[1] if isinstance(v, tuple) else v for n, v in claims.items()}


@spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_client_assertions(fapi: Fapi) -> None:
    client = fapi.party.client
    for name, claims in ACCEPTED_ASSERTIONS.items():
        response = fapi.push(assertion_of(client, KEY, **moved(claims)))
        assert response.status_code == 201, (name, response.text)
    for name, claims in REFUSED_ASSERTIONS.items():
        for path in ("/par", "/token", "/introspect", "/revoke"):
            response = fapi.ask(path, assertion_of(client, KEY, **moved(claims)), token="x")
            assert response.status_code in {400, 401}, (name, path)
            assert response.json()["error"] == "invalid_client", (name, path, response.text)
    # ensure-signed-client-assertion-with-RS256-fails; PS256 with the same key is fine.
    weak = fapi.push(assertion_of(client, RSA, "RS256"))
    assert weak.json()["error"] == "invalid_client"
    assert fapi.push(assertion_of(client, RSA, "PS256")).status_code == 201
    used = assertion_of(client, KEY)
    assert fapi.push(used).status_code == 201
    assert fapi.push(used).json()["error"] == "invalid_client"
    # ensure-client-assertion-in-token-endpoint
    bare = {"client_id": client.client_id, "grant_type": "client_credentials"}
    response = httpx.post(f"{ISSUER}/token", data=bare, headers=HOLDER.headers(), verify=False)
    assert response.json()["error"] == "invalid_client"


# --- signed requests ------------------------------------------------------------------------------

HOUR = 3600
REFUSED_OBJECTS: dict[str, dict[str, Any]] = {
    "ensure-request-object-without-exp-fails": {"exp": None},
    "ensure-request-object-without-nbf-fails": {"nbf": None},
    "ensure-request-object-without-aud-fails": {"aud": None},
    "ensure-request-object-without-iss-fails": {"iss": None},
    "ensure-request-object-with-long-exp-fails": {"exp": (NOW, HOUR + 60)},
    "ensure-request-object-with-long-nbf-fails": {"nbf": (NOW, -HOUR - 60), "exp": (NOW, 60)},
    "ensure-expired-request-object-fails": {"exp": (NOW, -60), "nbf": (NOW, -120)},
    "ensure-request-object-with-nbf-over-60-seconds-ahead-fails": {"nbf": (NOW, 70)},
    "ensure-request-object-with-wrong-aud-fails": {"aud": "https://other.example"},
    "ensure-request-object-of-another-client-fails": {"iss": "another"},
    "ensure-client-id-matches": {"client_id": "another"},
    "par-authorization-request-containing-request_uri": {"request_uri": "urn:x"},
    "ensure-request-object-in-a-request-object-fails": {"request": "x"},
}
ACCEPTED_OBJECTS: dict[str, dict[str, Any]] = {
    "ensure-request-object-with-multiple-aud-succeeds": {"aud": ["https://x.example", ISSUER]},
    "ensure-request-object-with-nbf-8-seconds-ahead-succeeds": {"nbf": (NOW, 8)},
    "ensure-request-object-of-an-hour-succeeds": {"exp": (NOW, HOUR)},
}


@spec("FAPI 2.0 Message Signing", "5.3.1")
def test_request_objects(browser: Browser, user: EndUser) -> None:
    fapi = of(browser, user, require_signed_request_object=True)
    signing = Signing(fapi.party, KEY)

    def pushed(header: dict[str, Any] | None = None, **claims: Any) -> httpx.Response:
        sent = moved({"nbf": (NOW, 0), **claims})
        return fapi.ask("/par", request=signing.object(header, **sent))

    for name, claims in ACCEPTED_OBJECTS.items():
        assert (response := pushed(**claims)).status_code == 201, (name, response.text)
    for name, claims in REFUSED_OBJECTS.items():
        response = pushed(**claims)
        assert response.json().get("error") == "invalid_request_object", (name, response.text)
    assert pushed({"typ": "oauth-authz-req+jwt"}).status_code == 201
    assert pushed({"typ": "at+jwt"}).json()["error"] == "invalid_request_object"
    # ensure-unsigned-authorization-request-…-fails
    assert fapi.push().json()["error"] == "invalid_request"
    # ensure-request-object-signature-algorithm-is-not-none, …-invalid-signature, …-with-RS256-fails
    unsigned = "eyJhbGciOiJub25lIn0." + signing.object().split(".")[1] + "."
    for forged in (unsigned, signing.object(nbf=int(time.time()))[:-4] + "AAAA"):
        response = fapi.ask("/par", request=forged)
        assert response.json()["error"] == "invalid_request_object"
    signing.key, signing.algorithm = RSA, "RS256"
    assert pushed().json()["error"] == "invalid_request_object"
    signing.algorithm = "PS256"
    assert pushed().status_code == 201
    signing.key = make_key()  # ensure-matching-key-in-authorization-request
    signing.algorithm = "ES256"
    assert pushed().json()["error"] == "invalid_request_object"


@spec("FAPI 2.0 Message Signing", "5.4.1")
def test_unsigned_answers_where_signed_ones_are_demanded(browser: Browser, user: EndUser) -> None:
    fapi = of(browser, user, require_signed_authorization_response=True)
    for mode in (None, "query", "form_post"):
        assert fapi.push(response_mode=mode).json()["error"] == "invalid_request"
    assert fapi.push(response_mode="jwt").status_code == 201


# --- codes and tokens -----------------------------------------------------------------------------


@spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_codes(fapi: Fapi, browser: Browser, user: EndUser) -> None:
    """…authorization-code-is-bound-to-client, …incorrect-pkce-verifier, …reuse, …holder-of-key."""
    code, verifier = fapi.authorize().code, fapi.party.code_verifier
    other = of(browser, user)
    stolen = other.redeem(code, code_verifier=verifier)
    assert stolen.json()["error"] == "invalid_grant"
    client = fapi.party.client
    bare = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        **form_of(assertion_of(client, KEY)),
    }
    unbound = httpx.post(f"{ISSUER}/token", data=bare, verify=False)
    assert unbound.json()["error"] == "invalid_request"
    assert fapi.redeem(code).status_code == 200
    assert fapi.redeem(code).json()["error"] == "invalid_grant"
    for wrong in (
        *({"code_verifier": "x" * 43}, {"code_verifier": None}),
        *({"redirect_uri": "https://rp.example.com/other"}, {"redirect_uri": None}),
    ):
        assert fapi.redeem(fapi.authorize().code, **wrong).json()["error"] == "invalid_grant"


# --- clients that fall short ----------------------------------------------------------------------

SHORT: dict[str, dict[str, Any]] = {
    "token_endpoint_auth_method": {"token_endpoint_auth_method": "client_secret_basic"},
    "tls_client_certificate_bound_access_tokens": {
        "tls_client_certificate_bound_access_tokens": False
    },
    "redirect_uris": {"redirect_uris": ["http://localhost:8000/callback"]},
    "id_token_signed_response_alg": {"id_token_signed_response_alg": "RS256"},
    "userinfo_signed_response_alg": {"userinfo_signed_response_alg": "ES512"},
    "authorization_signed_response_alg": {"authorization_signed_response_alg": "RS256"},
    "introspection_signed_response_alg": {"introspection_signed_response_alg": "RS256"},
    "token_endpoint_auth_signing_alg": {"token_endpoint_auth_signing_alg": "ES384"},
    "request_object_signing_alg": {"request_object_signing_alg": "RS256"},
}


@spec("FAPI 2.0 Security Profile", "5.3.2.1")
def test_who_falls_short_is_refused_everywhere_and_the_linter_says_why(
    browser: Browser, user: EndUser
) -> None:
    for column, metadata in SHORT.items():
        fapi = of(browser, user, **metadata)
        row = Client.objects.get(client_id=fapi.party.client.client_id)
        assert fapi2.unmet(row) == [column]
        found = [it.severity for it in findings_for(row, timezone.now()) if it.field == column]
        assert Severity.FAILING in found, column
        refused = fapi.party.answer(fapi.party.visit()).error
        assert refused == "invalid_request", column  # not pushed, which is looked for first
        for path in ("/par", "/token", "/introspect", "/revoke"):
            response = fapi.party.post(path, HOLDER.headers(), token="x", grant_type="x")
            assert response.json()["error"] == "unauthorized_client", (column, path)


def test_who_meets_it_has_no_finding(browser: Browser, user: EndUser) -> None:
    fapi = of(browser, user)
    row = Client.objects.get(client_id=fapi.party.client.client_id)
    assert fapi2.unmet(row) == []
    failing = [it for it in findings_for(row, timezone.now()) if it.severity is Severity.FAILING]
    assert failing == []


@spec("FAPI 2.0 Security Profile", "5.4.1")
def test_access_tokens_are_well_signed_or_not_at_all(browser: Browser, user: EndUser) -> None:
    weak, strong = make_api(), make_api(access_token_signing_alg="ES256")
    opaque = make_api(access_token_format="opaque")
    scopes = [api["scopes"][0] for api in (weak, strong, opaque)]
    fapi = of(browser, user, scope=" ".join(["openid", *scopes]))
    for path, more in {"/par": fapi.party.parameters(), "/token": MACHINE}.items():
        said = fapi.ask(path, **{**more, "scope": scopes[0], "resource": weak["identifier"]}).json()
        assert said["error"] == "invalid_target"
        assert "access_token_signing_alg has to be PS256, ES256, EdDSA" in said["error_description"]
    for api in (strong, opaque):
        sent = {**MACHINE, "scope": api["scopes"][0], "resource": api["identifier"]}
        token = fapi.ask("/token", **sent).json()["access_token"]
        assert (api is opaque) or jwt.get_unverified_header(token)["alg"] == "ES256"
    row = Client.objects.get(client_id=fapi.party.client.client_id)
    failing = [it for it in findings_for(row, timezone.now()) if it.severity is Severity.FAILING]
    assert [it.field for it in failing] == ["scopes"]
    assert weak["identifier"] in failing[0].what
    assert strong["identifier"] not in failing[0].what
    # Others are signed for as their APIs want it.
    party = RelyingParty(make_client(scope=f"openid {scopes[0]}"), browser, user)
    tokens = party.tokens(scope=scopes[0], resource=weak["identifier"])
    assert jwt.get_unverified_header(tokens["access_token"])["alg"] == "RS256"
