"""Requests that the client signed, by value and by reference. OIDC Core §6, RFC 9101."""

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone
from jwcrypto.jwk import JWK

from foundation.models import RateCount
from idp.models import Interaction
from tests.assertions import Signing, encrypt, jwks_of, make_key, make_key_client, shared_key
from tests.elsewhere import Elsewhere, answering
from tests.registering import register, registered
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    spec,
    unique,
    verified,
)

KEY = make_key()
#: Its header asks for a password's hash, a hundred million times.
PBES2 = "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIiwicDJjIjo5OTk5OTk5OX0.A.A.A.A"
JWT = "application/oauth-authz-req+jwt"


@pytest.fixture
def signing(browser: Browser, user: EndUser) -> Signing:
    return Signing(RelyingParty(make_key_client(KEY), browser, user), KEY)


def of(client: Registered, signing: Signing) -> Signing:
    """Return another client, at the same browser and of the same user."""
    party = signing.relying_party
    return Signing(RelyingParty(client, party.browser, party.user), KEY)


# --- by value -----------------------------------------------------------------------------------


@spec("RFC 9101", "5")
def test_a_request_that_is_inside_alone(signing: Signing) -> None:
    answer = signing.authorize(request=signing.object())
    assert answer.state == signing.relying_party.state
    tokens = signing.relying_party.exchange(answer.code).json()
    assert verified(tokens["id_token"])["nonce"] == signing.relying_party.nonce


@spec("RFC 9101", "6.3")
def test_outside_of_it_nothing_counts(signing: Signing) -> None:
    inside = signing.object(nonce=None, state=None, resource="")  # what is empty is absent
    answer = signing.authorize(request=inside, nonce="x", state="x", scope="openid email")
    assert answer.state is None
    tokens = signing.relying_party.exchange(answer.code).json()
    assert "nonce" not in verified(tokens["id_token"])
    assert tokens["scope"] == "openid"


@spec("OIDC Core", "6.1")
def test_what_is_inside_goes_before_what_is_outside(signing: Signing) -> None:
    party = signing.relying_party
    inside = signing.object(state="inside", scope="openid", nonce=None)
    answer = party.authorize(request=inside, state="outside", scope="openid email", nonce="n")
    assert answer.state == "inside"
    tokens = party.exchange(answer.code).json()
    assert tokens["scope"] == "openid"
    assert verified(tokens["id_token"])["nonce"] == "n"


@spec("OIDC Core", "6.1")
def test_it_survives_sign_in_consent_and_a_post(signing: Signing) -> None:
    party = signing.relying_party
    form = {"client_id": party.client.client_id, "request": signing.object(max_age=600)}
    page = party.browser.settle(party.browser.post("/authorize", data=form))
    assert is_page(page, "/account/login/")
    assert "request=" not in str(page.url)
    assert party.go_on(page).code


@spec("OIDC Core", "6.1")
@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES512", "EdDSA"])
def test_the_registered_algorithm(signing: Signing, algorithm: str) -> None:
    key = make_key(algorithm)
    client = make_key_client(key, request_object_signing_alg=algorithm)
    other = of(client, signing)
    other.key, other.algorithm = key, algorithm
    assert other.authorize(request=other.object()).code


@spec("OIDC Core", "6.1")
def test_signed_with_the_secret_where_that_is_registered(signing: Signing) -> None:
    other = of(make_client(request_object_signing_alg="HS256"), signing)
    other.key, other.algorithm = shared_key(other.relying_party.client), "HS256"
    assert other.authorize(request=other.object()).code
    unregistered = of(make_client(), signing)
    unregistered.key = shared_key(unregistered.relying_party.client)
    unregistered.algorithm = "HS256"
    assert unregistered.error(unregistered.object()) == "invalid_request_object"


@spec("RFC 9101", "10.2")
def test_signatures_that_prove_nothing(signing: Signing) -> None:
    stranger = make_key()
    head, body, _signature = signing.object().split(".")
    none = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    forged = [
        *(f"{none}.{body}.", f"{none}.{body}", f"{head}.{body}.", f"{head}.{body}.AAAA"),
        *("x", "a.b.c", "....", "x" * 20_000),
        signing.object({"typ": "at+jwt"}),
        signing.object({"typ": "client-authentication+jwt"}),
    ]
    signing.key = stranger
    forged += [signing.object(), signing.object({"kid": KEY["kid"]})]
    forged += [signing.object({"jwk": stranger.export_public(as_dict=True), "kid": KEY["kid"]})]
    public = JWK.from_password(KEY.export_public())
    signing.key, signing.algorithm = public, "HS256"
    forged += [signing.object()]
    assert {signing.error(request) for request in forged} == {"invalid_request_object"}
    registered = of(make_key_client(KEY, request_object_signing_alg="ES384"), signing)
    assert registered.error(registered.object()) == "invalid_request_object"


@spec("RFC 9101", "4")
@pytest.mark.parametrize(
    "members",
    [
        *({"iss": "another"}, {"iss": 1}, {"aud": "https://another.example"}, {"aud": []}),
        *({"exp": 1}, {"exp": "x"}, {"exp": True}, {"exp": 10**40}),
        *({"nbf": int(time.time()) + 86400}, {"nbf": []}),
        *({"client_id": "another"}, {"response_type": "token"}),
        *({"request": "x"}, {"request_uri": "https://rp.example.com/x"}),
        *({"state": 1}, {"scope": ["openid"]}, {"nonce": {"a": 1}}, {"max_age": True}),
        *({"max_age": 1.5}, {"max_age": -1}, {"nonce": "a\0b"}, {"nonce": "\ud800"}),
        *({"resource": [1]}, {"resource": {}}, {"claims": []}, {"redirect_uri": ["x"]}),
    ],
    ids="-".join,
)
def test_members_that_are_refused(signing: Signing, members: dict[str, Any]) -> None:
    assert signing.error(signing.object(**members)) == "invalid_request_object"


@spec("RFC 9101", "10.8")
def test_an_assertion_is_no_request_and_a_request_no_assertion(signing: Signing) -> None:
    party = signing.relying_party
    as_request = signing.object(sub=party.client.client_id, jti="x")
    assert signing.error(as_request) == "invalid_request_object"
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": signing.object(jti="y"),
    }
    assert httpx.post(f"{ISSUER}/token", data=form, verify=False).status_code == 401


@spec("RFC 9101", "4")
def test_what_is_only_recommended_is_needed_in_the_recommended_profile(signing: Signing) -> None:
    strict = of(make_key_client(KEY, profile="recommended"), signing)
    for name in ("iss", "aud", "exp"):
        assert strict.error(strict.object(**{name: None})) == "invalid_request_object"
        assert signing.authorize(request=signing.object(**{name: None})).code
    assert strict.authorize(request=strict.object()).code


@spec("OIDC Core", "3.1.2.6")
def test_where_errors_go(signing: Signing) -> None:
    """To a registered address: outside, or inside once that is signed; else to no address."""
    party = signing.relying_party
    forged, evil = signing.object() + "x", "https://evil.example/"
    assert is_error_page(signing.visit(request=forged))
    assert is_error_page(party.visit(request=forged, redirect_uri=evil))
    assert is_error_page(signing.visit(request=signing.object(redirect_uri=evil)))
    assert is_error_page(party.visit(request=signing.object(redirect_uri=evil)))
    assert is_error_page(signing.visit(request=signing.object(redirect_uri=evil, exp=1)))
    old = party.answer(signing.visit(request=signing.object(exp=1)))
    assert (old.error, old.state) == ("invalid_request_object", party.state)
    assert party.answer(signing.visit(request=signing.object(prompt="none"))).error


@spec("RFC 6749", "3.1")
def test_it_comes_once_and_in_one_way(signing: Signing) -> None:
    request = signing.object()
    both = signing.relying_party.visit(request=request, request_uri="https://rp.example.com/x")
    assert signing.relying_party.answer(both).error == "invalid_request"
    twice = signing.relying_party.visit(request=[request, request])
    assert signing.relying_party.answer(twice).error == "invalid_request"


@spec("RFC 9101", "10.5")
def test_a_client_that_has_to_sign(signing: Signing) -> None:
    required = make_key_client(KEY, require_signed_request_object=True)
    signing = of(required, signing)
    party = signing.relying_party
    plain = party.answer(party.visit())
    assert (plain.error, plain.state) == ("invalid_request", party.state)
    assert is_error_page(party.visit(redirect_uri="https://evil.example/"))
    page = signing.visit(request=signing.object(scope="openid email"))
    assert is_page(page, "/account/login/")  # and what is kept meanwhile needs no other signature
    assert party.go_on(page).code
    page = signing.visit(request=signing.object(scope="openid email", prompt="login"))
    kept = Interaction.objects.filter(client__client_id=required.client_id)
    kept.update(arrived_at=timezone.now() - timedelta(hours=1))
    gone = party.browser.get(parse_qs(urlsplit(str(page.url)).query)["next"][0])
    assert is_error_page(gone)
    assert "Start again" not in gone.text  # that would be without the signature
    form = {**party.parameters(), "prompt": "none"}
    refused = party.browser.settle(party.browser.post("/authorize", data=form))
    assert party.answer(refused).error == "invalid_request"
    # What is not signed counts for nothing, although response_type is there, too.
    answer = party.authorize(request=signing.object(nonce=None), nonce="x", state="x")
    assert answer.state == party.state
    assert "nonce" not in verified(party.exchange(answer.code).json()["id_token"])


@spec("RFC 9101", "10.5")
def test_registering_to_sign(provider: object) -> None:
    wish = {"require_signed_request_object": True}
    information = registered(**wish, jwks=jwks_of(KEY))
    assert information["require_signed_request_object"] is True
    assert registered(**wish, request_object_signing_alg="HS256")["client_secret"]
    for members in (wish, {**wish, "jwks": jwks_of(KEY), "require_signed_request_object": "yes"}):
        assert register(**members).json()["error"] == "invalid_client_metadata"


# --- encrypted ----------------------------------------------------------------------------------


@spec("RFC 9101", "6.1")
def test_encrypted_to_us(signing: Signing) -> None:
    enc = "A128CBC-HS256"
    others = {
        alg: of(make_key_client(KEY, request_object_encryption_alg=alg), signing)
        for alg in ("RSA-OAEP-256", "ECDH-ES")
    }
    for alg, other in others.items():
        sealed = encrypt(other.object(), alg, enc)
        assert other.authorize(request=sealed).code
        bad = [
            encrypt(other.object(), alg, "A256GCM"),
            encrypt(other.object(), alg, enc, zip="DEF"),
            encrypt(json.dumps({"response_type": "code"}), alg, enc),
            sealed[:-4] + "AAAA",
            PBES2,
        ]
        assert {other.error(request) for request in bad} == {"invalid_request_object"}
        assert signing.error(encrypt(signing.object(), alg, enc)) == "invalid_request_object"


# --- by reference -------------------------------------------------------------------------------


def left_at(foreign_site: Elsewhere, path: str, text: str, content_type: str = JWT) -> str:
    return foreign_site.says(path, text.encode(), content_type)


@spec("OIDC Core", "6.2")
def test_by_reference(signing: Signing, foreign_site: Elsewhere) -> None:
    path = f"/{unique('request')}"
    address = foreign_site.address + path
    other = of(make_key_client(KEY, request_uris=[address]), signing)
    left_at(foreign_site, path, other.object())
    assert other.authorize(request_uri=address).code
    other.relying_party.state = "another"  # nothing is kept that has no hash
    left_at(foreign_site, path, other.object())
    assert other.authorize(request_uri=address).state == "another"


@spec("OIDC Core", "6.2")
def test_a_fragment_is_the_hash_of_what_is_there(signing: Signing, foreign_site: Elsewhere) -> None:
    path = f"/{unique('request')}"
    other = of(make_key_client(KEY), signing)
    text = other.object(exp=int(time.time()) + 600)
    digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    uri = f"{left_at(foreign_site, path, text)}#{digest}"
    make_key_client(KEY, client_id=other.relying_party.client.client_id, request_uris=[uri])
    for _ in range(3):
        assert other.authorize(request_uri=uri).code
    assert foreign_site.times(path) == 1


@spec("OIDC Core", "6.2")
@pytest.mark.parametrize("registered", ["", "#first"])
def test_a_fragment_that_is_no_hash_keeps_nothing_and_refuses_nothing(
    signing: Signing, foreign_site: Elsewhere, registered: str
) -> None:
    """It is a key for caches: another one says that there is something else now."""
    path = f"/{unique('request')}"
    base = foreign_site.address + path
    other = of(make_key_client(KEY, request_uris=[f"{base}{registered}"]), signing)
    for number, uri in enumerate((f"{base}#first", f"{base}#first", f"{base}#second", base)):
        other.relying_party.state = f"state {number}"
        left_at(foreign_site, path, other.object())
        assert other.authorize(request_uri=uri).state == f"state {number}"
    assert foreign_site.times(path) >= 4


@spec("RFC 9101", "10.4")
def test_a_fragment_that_is_the_hash_of_something_else_keeps_nothing(
    signing: Signing, foreign_site: Elsewhere
) -> None:
    """A visitor who sends the address can't have one request kept under the name of another."""
    path = f"/{unique('request')}"
    other = of(make_key_client(KEY, request_uris=[foreign_site.address + path]), signing)
    first, second = other.object(), other.object(state="second")
    digest = urlsafe_b64encode(hashlib.sha256(second.encode()).digest()).decode().rstrip("=")
    uri = f"{left_at(foreign_site, path, first)}#{digest}"
    assert other.authorize(request_uri=uri).state == other.relying_party.state
    left_at(foreign_site, path, second)
    assert other.authorize(request_uri=uri).state == "second"


def refused(signing: Signing, uri: str) -> str | None:
    party = signing.relying_party
    return party.answer(party.visit(request_uri=uri)).error


@spec("RFC 9101", "10.4")
def test_only_what_is_registered_is_fetched(signing: Signing, foreign_site: Elsewhere) -> None:
    path = f"/{unique('request')}"
    address = left_at(foreign_site, path, signing.object())
    pushed = "urn:ietf:params:oauth:request_uri:x"
    for uri in (address, f"{address}#x", f"{address}?x", "x", pushed):
        assert refused(signing, uri) == "invalid_request_uri"
    assert not foreign_site.times(path)


@spec("RFC 9101", "10.4")
def test_what_cannot_be_fetched(signing: Signing, foreign_site: Elsewhere) -> None:
    path = f"/{unique('request')}"
    address = foreign_site.address + path
    private = "https://10.255.255.1/request.jwt"
    other = of(make_key_client(KEY, request_uris=[address, private]), signing)
    for page in (
        answering(b"", status=404),
        answering(other.object().encode(), "text/html"),
        answering(b"", status=302, Location=f"{foreign_site.address}/x"),
        answering(b"x" * 70_000, JWT),
    ):
        foreign_site.pages[path] = page
        assert refused(other, address) == "invalid_request_uri"
    assert refused(other, private) == "invalid_request_uri"
    foreign_site.pages[path] = answering("é".encode(), JWT)
    assert refused(other, address) == "invalid_request_object"


@spec("RFC 9101", "10.4")
def test_nobody_makes_us_fetch_without_end(signing: Signing, foreign_site: Elsewhere) -> None:
    path = f"/{unique('request')}"
    address = left_at(foreign_site, path, "x")
    other = of(make_key_client(KEY, request_uris=[address]), signing)
    errors = [refused(other, address) for _ in range(70)]
    assert errors == ["invalid_request_object"] * 60 + ["temporarily_unavailable"] * 10
    assert foreign_site.times(path) == 60
    with Browser() as another:  # nobody uses up what others need
        party = RelyingParty(other.relying_party.client, another, other.relying_party.user)
        assert refused(Signing(party, KEY), address) == "invalid_request_object"


@spec("RFC 9101", "10.4")
def test_a_minute_later_it_is_fetched_again(signing: Signing, foreign_site: Elsewhere) -> None:
    """A count runs out, however often it was asked meanwhile."""
    path = f"/{unique('request')}"
    address = left_at(foreign_site, path, "x")
    other = of(make_key_client(KEY, request_uris=[address]), signing)
    before = set(RateCount.objects.values_list("key", flat=True))
    assert refused(other, address) == "invalid_request_object"
    counts = RateCount.objects.exclude(key__in=before).filter(key__startswith="request-objects")
    counts.update(count=10_000)
    assert refused(other, address) == "temporarily_unavailable"
    assert all(count.ends_at <= timezone.now() + timedelta(minutes=1) for count in counts.all())
    counts.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert refused(other, address) == "invalid_request_object"


@spec("OIDC Dynamic Client Registration", "2")
def test_registering_for_it(provider: object) -> None:
    members = {
        "jwks": jwks_of(KEY),
        "request_object_signing_alg": "ES256",
        "request_object_encryption_alg": "ECDH-ES",
        "request_uris": ["https://rp.example.com/request.jwt"],
    }
    information = registered(**members)
    assert {name: information[name] for name in members} == members
    assert information["request_object_encryption_enc"] == "A128CBC-HS256"
