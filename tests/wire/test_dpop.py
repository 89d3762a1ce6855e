"""Access tokens that are bound to a key of their client (DPoP). RFC 9449."""

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.conf import settings
from jwcrypto.jwk import JWK

from idp import policy
from idp.jose.signatures import base64url
from idp.models import UsedAssertion
from idp.possession import nonces
from idp.possession.dpop import normalized
from tests.assertions import make_key, sign
from tests.dpop import Prover
from tests.exchanging import ACCESS_TOKEN, EXCHANGE
from tests.in_process import InProcess
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    spec,
    verified,
)

MACHINE = {"grant_types": ["client_credentials"], "redirect_uris": None, "response_types": None}
REFRESHING = {
    "grant_types": ["authorization_code", "refresh_token"],
    "refresh_without_offline_access": True,
}


@pytest.fixture
def make_party(browser: Browser, user: EndUser) -> Callable[..., RelyingParty]:
    return lambda **metadata: RelyingParty(make_client(**metadata), browser, user)


@pytest.fixture
def machine(make_party: Callable[..., RelyingParty]) -> RelyingParty:
    """A client that gets tokens for itself: the shortest way to one."""
    return make_party(**MACHINE)


def ask(party: RelyingParty, *proofs: str, **parameters: str) -> httpx.Response:
    """Ask for a token with these proofs."""
    headers: Any = [("DPoP", proof) for proof in proofs]
    return party.token(grant_type="client_credentials", headers=headers, **parameters)


def ask_here(party: RelyingParty, proof: str) -> Any:
    """Ask this process for a token, with a proof."""
    basic = httpx.BasicAuth(party.client.client_id, party.client.secret or "")._auth_header
    return InProcess().post(
        "/token",
        urlencode({"grant_type": "client_credentials"}),
        content_type="application/x-www-form-urlencoded",
        headers={"authorization": basic, "dpop": proof},
    )


def error_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


# --- the whole way ------------------------------------------------------------------------------


@spec("RFC 9449", "5")
@spec("RFC 9449", "6.2")
@spec("RFC 9449", "7.1")
def test_a_token_is_of_use_to_its_client_alone(make_party: Callable[..., RelyingParty]) -> None:
    party, owner, thief = make_party(**REFRESHING), Prover(), Prover()
    tokens = owner.tokens(party)
    token = tokens["access_token"]
    assert tokens["token_type"] == "DPoP"
    told = party.introspect(token)
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": owner.jkt})
    proof = owner.proof("/userinfo", "GET", token)
    assert owner.userinfo(token, proof).json()["sub"]
    attempts = {
        "a proof that was used": (owner, "DPoP", proof, "invalid_dpop_proof"),
        "no proof": (owner, "DPoP", "", "invalid_dpop_proof"),
        "as a bearer token": (owner, "Bearer", "", "invalid_token"),
        "as a bearer token, proven": (owner, "Bearer", None, "invalid_token"),
        "another key": (thief, "DPoP", None, "invalid_token"),
        "a proof without its hash": (
            owner,
            "DPoP",
            owner.proof("/userinfo", "GET"),
            "invalid_dpop_proof",
        ),
        "a proof of another token": (
            owner,
            "DPoP",
            owner.proof("/userinfo", "GET", "x"),
            "invalid_dpop_proof",
        ),
        "a proof of another method": (
            owner,
            "DPoP",
            owner.proof("/userinfo", "POST", token),
            "invalid_dpop_proof",
        ),
        "a proof of another address": (
            owner,
            "DPoP",
            owner.proof("/token", "GET", token),
            "invalid_dpop_proof",
        ),
    }
    for name, (prover, scheme, with_proof, error) in attempts.items():
        refused = prover.userinfo(token, with_proof, scheme)
        assert error_of(refused) == (401, error), name
        challenge = refused.headers["WWW-Authenticate"]
        assert challenge.startswith(f"{scheme} "), name
        assert f'error="{error}"' in challenge, name
        assert ('algs="ES256 EdDSA PS256' in challenge) == (scheme == "DPoP"), name
    posted = httpx.post(f"{ISSUER}/userinfo", data={"access_token": token}, verify=False)
    assert error_of(posted) == (401, "invalid_token")
    # Its client authenticates itself, so its refresh tokens are bound by that.
    refreshed = party.refresh(tokens["refresh_token"], headers={"DPoP": thief.proof()}).json()
    assert thief.userinfo(refreshed["access_token"]).json()["sub"]
    plain = party.refresh(refreshed["refresh_token"]).json()
    assert plain["token_type"] == "Bearer"
    assert "cnf" not in party.introspect(plain["access_token"])
    assert error_of(thief.userinfo(plain["access_token"])) == (401, "invalid_token")


@spec("RFC 9449", "5")
def test_refresh_tokens_of_public_clients_are_bound(
    make_party: Callable[..., RelyingParty],
) -> None:
    party = make_party(token_endpoint_auth_method="none", **REFRESHING)
    owner, thief = Prover(), Prover()
    tokens = owner.tokens(party)
    for headers in ({}, {"DPoP": thief.proof()}):
        refused = party.refresh(tokens["refresh_token"], headers=headers)
        assert error_of(refused) == (400, "invalid_grant")
    for _ in range(2):  # no attempt of others has used it up
        refreshed = party.refresh(tokens["refresh_token"], headers={"DPoP": owner.proof()})
        assert refreshed.status_code == 200, refreshed.text
        tokens = refreshed.json()
        assert owner.userinfo(tokens["access_token"]).status_code == 200
    assert error_of(party.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


@spec("RFC 9449", "10")
@spec("RFC 9449", "10.1")
def test_a_code_is_bound_to_the_key_of_its_request(make_party: Callable[..., RelyingParty]) -> None:
    party, owner, thief = make_party(), Prover(), Prover()
    code = party.authorize(dpop_jkt=owner.jkt).code
    assert error_of(party.exchange(code)) == (400, "invalid_grant")
    assert error_of(party.exchange(code, headers={"DPoP": thief.proof()})) == (400, "invalid_grant")
    assert party.exchange(code, headers={"DPoP": owner.proof()}).json()["token_type"] == "DPoP"
    assert party.authorize(dpop_jkt="short").error == "invalid_request"
    # Pushed, with a proof instead of the parameter, or beside it.
    both = party.parameters(dpop_jkt=thief.jkt)
    mixed = party.post("/par", headers={"DPoP": owner.proof("/par")}, **both)
    assert error_of(mixed) == (400, "invalid_dpop_proof")
    pushed = party.post("/par", headers={"DPoP": owner.proof("/par")}, **party.parameters())
    named = {"client_id": party.client.client_id, "request_uri": pushed.json()["request_uri"]}
    visit = party.browser.settle(party.browser.get("/authorize", params=named))
    code = party.go_on(visit).code
    assert error_of(party.exchange(code, headers={"DPoP": thief.proof()})) == (400, "invalid_grant")
    assert party.exchange(code, headers={"DPoP": owner.proof()}).json()["token_type"] == "DPoP"


@spec("RFC 9449", "5.2")
def test_a_client_may_demand_it_of_itself(make_party: Callable[..., RelyingParty]) -> None:
    party = make_party(dpop_bound_access_tokens=True, **MACHINE)
    # The official suite (…-refresh-token) takes invalid_dpop_proof for a proof that is there alone.
    assert error_of(ask(party)) == (400, "invalid_request")
    assert ask(party, Prover().proof()).json()["token_type"] == "DPoP"


@spec("RFC 9449", "6.1")
def test_jwt_access_tokens_name_the_key(make_party: Callable[..., RelyingParty]) -> None:
    api, owner = make_api(access_token_format="jwt"), Prover()
    machine = make_party(scope=" ".join(api["scopes"]), **MACHINE)
    answer = ask(machine, owner.proof(), resource=api["identifier"]).json()
    assert verified(answer["access_token"])["cnf"] == {"jkt": owner.jkt}
    plain = ask(machine, resource=api["identifier"]).json()
    assert "cnf" not in verified(plain["access_token"])


@spec("RFC 8693", "2.1")
def test_a_stolen_token_is_not_exchanged_for_a_free_one(
    make_party: Callable[..., RelyingParty],
) -> None:
    party = make_party(
        token_endpoint_auth_method="none", grant_types=["authorization_code", EXCHANGE]
    )
    owner = Prover()
    sent = {
        "subject_token": owner.tokens(party)["access_token"],
        "subject_token_type": ACCESS_TOKEN,
    }
    for headers in ({}, {"DPoP": Prover().proof()}):
        stolen = party.token(grant_type=EXCHANGE, headers=headers, **sent)
        assert error_of(stolen) == (400, "invalid_grant")
    got = party.token(grant_type=EXCHANGE, headers={"DPoP": owner.proof()}, **sent).json()
    assert got["token_type"] == "DPoP"
    assert owner.userinfo(got["access_token"]).status_code == 200


# --- proofs ---------------------------------------------------------------------------------------


@spec("RFC 9449", "4.3")
def test_addresses_may_be_spelled_differently(machine: RelyingParty) -> None:
    in_another_spelling = ISSUER.replace("http", "HTTP", 1) + "/%74oken?x=1#y"
    assert ask(machine, Prover().proof(htu=in_another_spelling)).status_code == 200


@spec("RFC 9449", "4.2")
def test_more_in_a_proof_does_no_harm_and_clocks_may_differ(machine: RelyingParty) -> None:
    """check-dpop-proof-nbf-exp, …-with-iat-10seconds-before and -after, and extra members."""
    now, owner = int(time.time()), Prover()
    for claims in (
        {"nbf": now, "exp": now + 300},
        {"iat": now - 10},
        {"iat": now + 10},
        {"tx_id_key": now},
    ):
        assert ask(machine, owner.proof(**claims)).status_code == 200, claims
    assert ask(machine, owner.proof(header={"tx_id": now})).status_code == 200
    in_capitals: Any = {"DPOP": owner.proof()}
    answer = machine.token(grant_type="client_credentials", headers=in_capitals)
    assert answer.json()["token_type"] == "DPoP"
    for algorithm in ("EdDSA", "PS256"):
        signer = Prover(algorithm, make_key(algorithm))
        assert ask(machine, signer.proof()).status_code == 200, algorithm


def _with_secret(prover: Prover) -> str:
    """Return a proof "signed" with the public key as a secret: an old confusion."""
    public = prover.key.export_public(as_dict=True)
    secret = JWK.from_password(prover.key.export_public())
    return sign({"jti": "a"}, secret, "HS256", typ="dpop+jwt", jwk=public, kid=None)


def _unsigned(prover: Prover) -> str:
    return prover.proof().rpartition(".")[0] + "."


def _foreign(prover: Prover) -> str:
    """Return a proof that names another key than signed it."""
    return prover.proof(header={"jwk": make_key().export_public(as_dict=True)})


def _of_another(algorithm: str) -> str:
    return Prover(algorithm, make_key(algorithm)).proof()


def _with_a_factor(prover: Prover) -> str:
    """Return a proof whose key has a part that only a private one has, but no `d`."""
    return prover.proof(header={"jwk": {**prover.key.export_public(as_dict=True), "p": "AQAB"}})


def _without_alg(prover: Prover) -> str:
    header, rest = prover.proof().split(".", 1)
    return f"{base64url(urlsafe_b64decode(header + '==').replace(b'alg', b'alg2'))}.{rest}"


BAD: dict[str, Callable[[Prover], str]] = {
    "an algorithm that FAPI 2.0 does not allow": lambda _: _of_another("RS256"),
    "another one": lambda _: _of_another("ES384"),
    "no algorithm": _without_alg,
    "two parts of three": lambda it: it.proof().rpartition(".")[0],
    "a factor of a private key": _with_a_factor,
    "no JWT": lambda _: "x",
    "empty": lambda _: "",
    "too long": lambda it: it.proof(padding="x" * 8000),
    "another type": lambda it: it.proof(header={"typ": "JWT"}),
    "no type": lambda it: it.proof(header={"typ": None}),
    "a symmetric algorithm": _with_secret,
    "no signature": _unsigned,
    "another key's": _foreign,
    "no key": lambda it: it.proof(header={"jwk": None}),
    "a private key": lambda it: it.proof(header={"jwk": it.key.export_private(as_dict=True)}),
    "a key that is none": lambda it: it.proof(header={"jwk": {"kty": "EC", "crv": "P-256"}}),
    "a key as text": lambda it: it.proof(header={"jwk": "key"}),
    "no jti": lambda it: it.proof(jti=None),
    "a jti that is a number": lambda it: it.proof(jti=1),
    "a jti that is too long": lambda it: it.proof(jti="x" * 300),
    "no htm": lambda it: it.proof(htm=None),
    "another method": lambda it: it.proof(htm="GET"),
    "a method in small letters": lambda it: it.proof(htm="post"),
    "no htu": lambda it: it.proof(htu=None),
    "another address": lambda it: it.proof("/userinfo"),
    "another host": lambda it: it.proof(htu="https://elsewhere.example.com/token"),
    "an address with a user": lambda it: it.proof(htu=ISSUER.replace("://", "://x@") + "/token"),
    "an address that is none": lambda it: it.proof(htu="https://["),
    "an address that is a list": lambda it: it.proof(htu=[f"{ISSUER}/token"]),
    "no time": lambda it: it.proof(iat=None),
    "a time as text": lambda it: it.proof(iat="now"),
    "an old one": lambda it: it.proof(iat=int(time.time()) - 120),
    "one of later": lambda it: it.proof(iat=int(time.time()) + 120),
    "an expired one": lambda it: it.proof(exp=int(time.time()) - 60),
}


@spec("RFC 9449", "4.3")
def test_a_bad_proof_is_refused_and_its_code_is_not_used_up(
    make_party: Callable[..., RelyingParty],
) -> None:
    party, owner = make_party(), Prover()
    code = party.authorize().code
    for name, make in BAD.items():
        refused = party.exchange(code, headers={"DPoP": make(owner)})
        assert error_of(refused) == (400, "invalid_dpop_proof"), name
    headers: Any = [("DPoP", owner.proof()), ("DPoP", owner.proof())]
    assert error_of(party.exchange(code, headers=headers)) == (400, "invalid_dpop_proof")
    assert party.exchange(code, headers={"DPoP": owner.proof()}).status_code == 200


def test_addresses_are_compared_in_one_spelling() -> None:
    same = ("https://a.example/", "HTTPS://A.example:443", "https://a.example/?x#y")
    assert {normalized(address) for address in same} == {"https://a.example/"}
    assert normalized("https://a.example/%2f%7e") == "https://a.example/%2F~"
    assert normalized("https://a.example:8443/T") == "https://a.example:8443/T"
    for bad in ("", "/token", "ftp://a.example/", "https://u@a.example/", "https://a:b/", "x"):
        assert normalized(bad) is None


# --- attacks --------------------------------------------------------------------------------------


@spec("RFC 9449", "11.1")
def test_of_many_that_replay_a_proof_at_once_one_gets_a_token(machine: RelyingParty) -> None:
    owner = Prover()
    proof = owner.proof()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(machine, proof).status_code, range(16)))
    assert sorted(answers) == [200] + [400] * 15
    # This process is another than the provider's.
    assert ask_here(machine, proof).status_code == 400
    proof = owner.proof()
    assert ask_here(machine, proof).status_code == 200
    assert error_of(ask(machine, proof)) == (400, "invalid_dpop_proof")
    # A jti is its key's own: another client, or another key, may have the same.
    assert ask(machine, Prover().proof(jti="1")).status_code == 200
    assert ask(machine, Prover().proof(jti="1")).status_code == 200


@spec("RFC 9449", "11.1")
def test_proofs_of_who_has_no_credentials_are_not_stored(
    make_party: Callable[..., RelyingParty],
) -> None:
    party = make_party(token_endpoint_auth_method="none")
    for _ in range(5):
        flood = party.exchange("no-code", headers={"DPoP": Prover().proof()})
        assert error_of(flood) == (400, "invalid_grant")
        assert error_of(Prover().userinfo("no-token")) == (401, "invalid_token")
    assert not UsedAssertion.objects.filter(client__client_id=party.client.client_id).exists()


# --- nonces ---------------------------------------------------------------------------------------


@spec("RFC 9449", "8")
@spec("RFC 9449", "9")
def test_nonces(
    machine: RelyingParty,
    make_party: Callable[..., RelyingParty],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user_token = (owner := Prover()).tokens(make_party())["access_token"]
    server = InProcess()
    monkeypatch.setattr(policy, "DPOP_NONCES", True)
    refused = ask_here(machine, owner.proof())
    assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
    nonce = refused["DPoP-Nonce"]
    granted = ask_here(machine, owner.proof(nonce=nonce))
    assert granted.status_code == 200
    assert granted["DPoP-Nonce"] == nonce
    now = time.time()
    monkeypatch.setattr(nonces, "_window", lambda _: int(now) // nonces.WINDOW + 1)
    newer = ask_here(machine, owner.proof(nonce=nonce))
    assert newer.status_code == 200  # that of the window before
    assert newer["DPoP-Nonce"] != nonce
    monkeypatch.setattr(nonces, "_window", lambda _: int(now) // nonces.WINDOW + 2)
    for old_or_made_up in (nonce, "a" * 64, "ä", "\ud800", 1, ["a"]):
        again = ask_here(machine, owner.proof(nonce=old_or_made_up))
        assert (again.status_code, again.json()["error"]) == (400, "use_dpop_nonce")

    def show(**claims: Any) -> Any:
        proof = owner.proof("/userinfo", "GET", user_token, **claims)
        headers = {"authorization": f"DPoP {user_token}", "dpop": proof}
        return server.get("/userinfo", headers=headers)

    refused = show()
    assert refused.status_code == 401
    assert 'error="use_dpop_nonce"' in refused["WWW-Authenticate"]
    assert show(nonce=refused["DPoP-Nonce"]).status_code == 200


# --- what is said of it ---------------------------------------------------------------------------


@spec("RFC 9449", "8")
def test_pages_of_other_origins_may_use_it() -> None:
    assert "dpop" in settings.CORS_ALLOW_HEADERS
    assert {"DPoP-Nonce", "WWW-Authenticate"} <= set(settings.CORS_EXPOSE_HEADERS)
