"""The toolkit's views, decorators and REST framework classes accept our access tokens only."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from jwcrypto.jwk import JWK

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from idp.models import AccessToken, Client, Grant, RefreshToken
from tests.relying_party import ISSUER, RelyingParty, spec, unique
from tests.toolkit.conftest import DOORS, SCOPED, Api, Bakery, make_api

SCOPE = "openid bread.read"


def public(kty: str, **parameters: Any) -> dict[str, Any]:
    return JWK.generate(kty=kty, **parameters).export_public(as_dict=True)


FORMS: dict[str, dict[str, Any]] = {
    "opaque": {"access_token_format": "opaque"},
    "RS256": {"access_token_format": "jwt"},
    "EdDSA": {"access_token_signing_alg": "EdDSA"},
    "dir": {"access_token_encryption_alg": "dir", "encryption_secret": "0123456789abcdef" * 2},
    "RSA-OAEP-256": {
        "access_token_encryption_alg": "RSA-OAEP-256",
        "encryption_jwk": public("RSA", size=2048),
    },
    "ECDH-ES": {
        "access_token_encryption_alg": "ECDH-ES",
        "encryption_jwk": public("EC", crv="P-256"),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_access_token_opens_every_door(form: str, bakery: Bakery) -> None:
    api, relying_party = make_api(**FORMS[form]), bakery()
    token = relying_party.tokens(scope=SCOPE, resource=api.identifier)["access_token"]
    assert token.count(".") == {"opaque": 0, "RS256": 2, "EdDSA": 2}.get(form, 4)
    for door in DOORS:
        response = api.call(door, token)
        assert response.status_code == 200, door
        if door != "for-clients":
            assert response.json()["sub"] == relying_party.user.sub, door


@pytest.mark.parametrize("form", ["opaque", "jwt"])
def test_a_token_for_no_api_in_particular(form: str, api: Api, bakery: Bakery) -> None:
    token = bakery(access_token_format=form).tokens(scope=SCOPE)["access_token"]
    for door in DOORS:
        assert api.call(door, token).status_code == 200, door


def test_a_machine_is_nobody(api: Api, bakery: Bakery) -> None:
    tokens = bakery().token(
        grant_type="client_credentials", scope="bread.read", resource=api.identifier
    )
    for door in DOORS:
        response = api.call(door, tokens.json()["access_token"])
        assert response.status_code == 200, door
        assert response.json().get("sub") is None


def refused(api: Api, token: str, *, door: str) -> bool:
    """Whether the door stays shut: 401 where it can say why, the toolkit's bare 403 where not."""
    response = api.call(door, token)
    if "metadata" in door or door == "rest":
        challenge = response["WWW-Authenticate"]
        return response.status_code == 401 and 'error="invalid_token"' in challenge
    return response.status_code == 403


def all_shut(api: Api, token: str) -> None:
    assert [door for door in DOORS if not refused(api, token, door=door)] == []
    assert api.call("their-validator", token).status_code == 403


# --- tokens that were good -------------------------------------------------------------------


def revoke(relying_party: RelyingParty, token: str) -> None:
    client = relying_party.client
    auth = (client.client_id, client.secret or "")
    assert httpx.post(f"{ISSUER}/revoke", data={"token": token}, auth=auth).status_code == 200


def access_token_revoked(party: RelyingParty, tokens: dict[str, Any]) -> None:
    revoke(party, tokens["access_token"])


def refresh_token_revoked(party: RelyingParty, tokens: dict[str, Any]) -> None:
    revoke(party, tokens["refresh_token"])


def refresh_token_reused(party: RelyingParty, tokens: dict[str, Any]) -> None:
    answers = [
        party.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).status_code
        for _ in range(2)
    ]
    assert answers == [200, 400]


def authorization_revoked(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    of_client = Grant.objects.filter(client__client_id=party.client.client_id)
    assert of_client.update(revoked_at=timezone.now()) == 1


def session_ended(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    end_sessions(Session.objects.filter(user__sub=party.user.sub), Ending.SIGNED_OUT)


def session_over_by_its_limits(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    long_ago = timezone.now() - timedelta(days=100)
    assert Session.objects.filter(user__sub=party.user.sub).update(last_seen_at=long_ago) == 1


def user_disabled(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    assert User.objects.filter(sub=party.user.sub).update(is_active=False) == 1


def user_deleted(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    User.objects.get(sub=party.user.sub).delete()


def client_disabled(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    client = Client.objects.get(client_id=party.client.client_id)
    client.enabled = False
    client.save()


def expired(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    of_client = AccessToken.objects.filter(application__client_id=party.client.client_id)
    assert of_client.update(expires=timezone.now()) == 1


def grant_is_missing(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    """The grant was deleted while the token was being stored: the database keeps such a row."""
    of_client = AccessToken.objects.filter(application__client_id=party.client.client_id)
    assert of_client.update(grant_id=10**12) == 1


def client_is_missing(party: RelyingParty, _tokens: dict[str, Any]) -> None:
    of_client = AccessToken.objects.filter(application__client_id=party.client.client_id)
    assert of_client.update(application_id=10**12) == 1


@pytest.mark.parametrize("form", ["opaque", "RS256", "dir"])
@pytest.mark.parametrize(
    "ending",
    [
        access_token_revoked,
        refresh_token_revoked,
        refresh_token_reused,
        authorization_revoked,
        session_ended,
        session_over_by_its_limits,
        user_disabled,
        user_deleted,
        client_disabled,
        expired,
        grant_is_missing,
        client_is_missing,
    ],
)
def test_a_token_that_is_over(
    form: str, ending: Callable[[RelyingParty, dict[str, Any]], None], bakery: Bakery
) -> None:
    """Whatever ends a token ends it everywhere, at once. UserInfo agrees."""
    api, relying_party = make_api(**FORMS[form]), bakery()
    tokens = relying_party.tokens(scope=SCOPE, resource=api.identifier)
    assert api.call("their-validator", tokens["access_token"]).status_code == 200
    ending(relying_party, tokens)
    all_shut(api, tokens["access_token"])
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401


def test_a_session_that_ended_leaves_offline_access(api: Api, bakery: Bakery) -> None:
    """OIDC Core §11: offline access is for when nobody is there."""
    relying_party = bakery()
    tokens = relying_party.tokens(scope=f"{SCOPE} offline_access")
    session_ended(relying_party, tokens)
    assert [
        door for door in DOORS if api.call(door, tokens["access_token"]).status_code != 200
    ] == []


def test_a_machine_that_is_disabled(api: Api, bakery: Bakery) -> None:
    relying_party = bakery()
    tokens = relying_party.token(grant_type="client_credentials", scope="bread.read").json()
    client_disabled(relying_party, tokens)
    all_shut(api, tokens["access_token"])


# --- what never was an access token ----------------------------------------------------------


def test_other_values_are_no_access_tokens(api: Api, bakery: Bakery) -> None:
    relying_party = bakery()
    code = relying_party.authorize(scope=SCOPE).code or ""
    all_shut(api, code)
    tokens = relying_party.exchange(code).json()
    row = AccessToken.objects.get(application__client_id=relying_party.client.client_id)
    refresh = RefreshToken.objects.get(application=row.application)
    for value in (
        code,
        tokens["id_token"],
        tokens["refresh_token"],
        row.token_checksum,
        refresh.token_checksum,
        relying_party.client.secret or "",
        tokens["access_token"][:-1],
        tokens["access_token"] + "=",
        "é",
        "%00",
        "x" * 20000,
    ):
        all_shut(api, value)
    assert api.call("plain", "").status_code == 403
    assert api.call("plain", tokens["access_token"]).status_code == 200


@spec("RFC 9068", "4")
def test_a_jwt_opens_as_it_was_issued_and_not_otherwise(bakery: Bakery) -> None:
    api = make_api()
    token = bakery().tokens(scope=SCOPE, resource=api.identifier)["access_token"]
    header, payload, signature = token.split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    none = urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    for value in (claims["jti"], f"{none}.{payload}.", f"{header}.{payload}.{signature[:-4]}AAAA"):
        all_shut(api, value)
    assert api.call("plain", token).status_code == 200


# --- scopes and audiences ----------------------------------------------------------------------


@spec("RFC 6750", "3.1")
def test_too_little_scope_is_403(api: Api, bakery: Bakery) -> None:
    token = bakery().tokens(scope="openid")["access_token"]
    assert api.call("plain", token).status_code == 200
    for door in SCOPED:
        response = api.call(door, token)
        assert response.status_code == 403, door
    assert 'error="insufficient_scope"' in api.call("with-metadata", token)["WWW-Authenticate"]


@spec("RFC 6749", "6")
def test_a_narrowed_token_has_what_is_left(api: Api, bakery: Bakery) -> None:
    relying_party = bakery()
    tokens = relying_party.tokens(scope=SCOPE)
    narrow = relying_party.token(
        grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope="openid"
    ).json()
    assert api.call("scoped", tokens["access_token"]).status_code == 200
    assert api.call("scoped", narrow["access_token"]).status_code == 403


@spec("RFC 8707", "2")
@pytest.mark.parametrize("form", ["opaque", "RS256", "dir"])
def test_a_token_for_another_api(form: str, bakery: Bakery) -> None:
    """Not even for one whose address begins alike, or whose name a request pretends to be for."""
    name = unique("api")
    api, longer = make_api(name, **FORMS[form]), make_api(f"{name}-more")
    relying_party = bakery()
    token = relying_party.tokens(scope=SCOPE, resource=api.identifier)["access_token"]
    assert api.call("scoped", token).status_code == 200
    all_shut(longer, token)
    challenge = longer.call("with-metadata", token)["WWW-Authenticate"]
    assert "not valid for this resource" in challenge
    assert relying_party.userinfo(token).status_code == 401


@spec("RFC 8707", "2")
def test_a_token_for_an_api_elsewhere(api: Api, bakery: Bakery) -> None:
    from idp.declaration import apply

    elsewhere = f"https://{unique('api')}.example.com/"
    entry = {"identifier": elsewhere, "scopes": ["bread.read"]}
    apply({"resource_servers": [entry]}, dry_run=False)
    token = bakery().tokens(scope=SCOPE, resource=elsewhere)["access_token"]
    all_shut(api, token)
    host = elsewhere.removeprefix("https://").rstrip("/")
    assert api.call("plain", token, host=host).status_code == 400
    forwarded = {"x_forwarded_host": host, "x_forwarded_proto": "https"}
    assert api.call("plain", token, **forwarded).status_code == 403
