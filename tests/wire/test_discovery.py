"""Discovery: the facts, and each advertised value driven over the wire.

What is driven is read from the document, so a value that is only written there fails here.
OIDC Discovery §3, §4, RFC 8414.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.management import call_command
from jwcrypto.common import base64url_decode

from idp import policy
from idp.protocol.vocabulary import CIBA, DEVICE_CODE, ID_JAG_PROFILE, JWT_BEARER
from tests.asking import Desk, make_asking_client
from tests.assertions import (
    Signing,
    assertion_of,
    claims_of,
    encrypt,
    form_of,
    jwks_of,
    make_key,
    make_key_client,
    shared_key,
    sign,
)
from tests.certificates import Holder, make_certified_client
from tests.devices import Device, approve
from tests.dpop import Prover
from tests.elsewhere import Elsewhere
from tests.exchanging import EXCHANGE, exchange
from tests.introducing import introduced
from tests.issuers import Issuer, trust
from tests.passkeys import EndUserWithPasskey, make_user_with_passkey
from tests.reading import BROUGHT, brought, decrypted, encrypt_to, read_by
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    make_user_with_app,
    spec,
    unique,
    verified,
)

PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
ALL_SCOPES = "openid profile email address phone groups roles"
SIGNED_INTROSPECTION = "application/token-introspection+jwt"
#: The endpoints at which clients authenticate, and what a client that is proven gets there.
AUTHENTICATED: dict[str, tuple[str, dict[str, str]]] = {
    "token": ("/token", {"grant_type": "authorization_code", "code": "x" * 43}),
    "revocation": ("/revoke", {"token": "x"}),
    "introspection": ("/introspect", {"token": "x"}),
}
#: The lists that tests below drive.
DRIVEN = {
    *("scopes_supported", "claims_supported", "claim_types_supported", "acr_values_supported"),
    *("response_types_supported", "response_modes_supported", "grant_types_supported"),
    *("subject_types_supported", "code_challenge_methods_supported", "ui_locales_supported"),
    *("display_values_supported", "prompt_values_supported"),
    "authorization_grant_profiles_supported",
    *(
        f"{thing}_{what}_values_supported"
        for thing in ("id_token", "userinfo", "authorization", "request_object")
        for what in ("signing_alg", "encryption_alg", "encryption_enc")
    ),
    "introspection_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "backchannel_token_delivery_modes_supported",
    "backchannel_authentication_request_signing_alg_values_supported",
    *(
        f"{endpoint}_endpoint_auth_{what}_supported"
        for endpoint in AUTHENTICATED
        for what in ("methods", "signing_alg_values")
    ),
}


def get(path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{ISSUER}{path}", headers=headers, verify=False)


@pytest.fixture(scope="module")
def facts(provider: object, foreign_site: Elsewhere) -> dict[str, Any]:
    """What is advertised where an operator has enabled everything for a client."""
    issuer = Issuer(foreign_site)
    trust(issuer, "id_jags")
    make_client(
        grant_types=list(policy.GRANT_TYPES),
        response_types=list(policy.RESPONSE_TYPES),
        user_assertions={issuer.name: "openid"},
    )
    for alg in policy.DECRYPTION_ALGORITHMS:
        make_key_client(key_for("ES256"), request_object_encryption_alg=alg)
    time.sleep(policy.PUBLISHED_FOR.total_seconds() + 0.5)
    return get(PATHS[0]).json()


@spec("RFC 8414", "3")
def test_both_addresses_say_the_same(provider: object) -> None:
    assert get(PATHS[0]).json() == get(PATHS[1]).json()


@spec("OIDC Discovery", "4.2")
@pytest.mark.parametrize("path", PATHS)
def test_it_is_json_that_may_be_kept(provider: object, path: str) -> None:
    response = get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert "public" in response.headers["Cache-Control"]
    assert "max-age=" in response.headers["Cache-Control"]
    unchanged = get(path, **{"If-None-Match": response.headers["ETag"]})
    assert unchanged.status_code == 304
    assert unchanged.content == b""
    head = httpx.head(f"{ISSUER}{path}", verify=False)
    assert head.content == b""
    assert head.headers["Content-Length"] == str(len(response.content))


@spec("OIDC Discovery", "3")
def test_what_is_stated(facts: dict[str, Any]) -> None:
    assert facts["issuer"] == ISSUER
    stated = {
        "response_modes_supported": [
            *("query", "fragment", "form_post"),
            *("query.jwt", "fragment.jwt", "form_post.jwt", "jwt"),
        ],
        "subject_types_supported": ["public", "pairwise"],
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "require_signed_request_object": False,
        "require_pushed_authorization_requests": False,
        "authorization_response_iss_parameter_supported": True,
    }
    assert {name: facts.get(name) for name in stated} == stated
    assert "RS256" in facts["id_token_signing_alg_values_supported"]
    assert "none" not in facts["id_token_signing_alg_values_supported"]


@spec("OIDC Discovery", "3")
def test_nothing_in_it_is_null_or_empty(facts: dict[str, Any]) -> None:
    assert not [name for name, value in facts.items() if value in (None, "", [], {})]


@spec("OIDC Discovery", "3")
def test_every_address_is_ours_and_answers_directly(facts: dict[str, Any]) -> None:
    addresses = {
        name: value for name, value in facts.items() if isinstance(value, str) and name != "issuer"
    }
    assert {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} <= set(
        addresses
    )
    for name, address in addresses.items():
        assert address.startswith(f"{ISSUER}/"), name
        response = httpx.get(address, verify=False)
        if name == "end_session_endpoint":  # with nothing to end, it goes to the page that says so
            assert response.headers["Location"] == "/account/signed-out/"
        else:
            assert response.status_code in {200, 400, 401, 405}, (name, response.status_code)


@spec("OIDC Discovery", "3")
def test_each_scope_is_granted(facts: dict[str, Any], browser: Browser, user: EndUser) -> None:
    # Supported while some app shares sign-ins (tests/wire/test_native_sso).
    scopes = [scope for scope in facts["scopes_supported"] if scope != "device_sso"]
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], scope=" ".join(scopes)
    )
    tokens = RelyingParty(client, browser, user).tokens(scope=" ".join(scopes))
    assert set(tokens["scope"].split()) == set(scopes)


@spec("OIDC Discovery", "3")
def test_exactly_the_claims_listed_are_delivered(facts: dict[str, Any], browser: Browser) -> None:
    user = make_user(groups=["bakers"])
    client = make_client(scope=ALL_SCOPES, roles={"baker": ["bakers"]})
    relying_party = RelyingParty(client, browser, user)
    tokens = relying_party.tokens(scope=ALL_SCOPES)
    userinfo = relying_party.userinfo(tokens["access_token"]).json()
    # c_hash comes with hybrid answers (tests/wire/test_response_types).
    delivered = set(userinfo) | set(verified(tokens["id_token"])) | {"c_hash"}
    assert set(facts["claims_supported"]) == delivered


@spec("OIDC Discovery", "3")
def test_each_list_is_driven_here(facts: dict[str, Any]) -> None:
    # Listed while an app has them (tests/wire/test_id_jag, tests/wire/test_authorization_details).
    of_some_apps = {
        "identity_chaining_requested_token_types_supported",
        "authorization_details_types_supported",
    }
    lists = {name for name, value in facts.items() if isinstance(value, list)}
    assert lists - of_some_apps == DRIVEN


@spec("RFC 9449", "5.1")
def test_each_algorithm_of_proofs_is_taken(
    facts: dict[str, Any], browser: Browser, user: EndUser
) -> None:
    machine = make_client(
        grant_types=["client_credentials"], redirect_uris=None, response_types=None
    )
    party = RelyingParty(machine, browser, user)
    for algorithm in facts["dpop_signing_alg_values_supported"]:
        prover = Prover(algorithm, make_key(algorithm))
        headers = {"DPoP": prover.proof()}
        token = party.token(grant_type="client_credentials", headers=headers).json()
        assert party.introspect(token["access_token"])["cnf"] == {"jkt": prover.jkt}


@spec("OIDC Discovery", "3")
def test_each_promise_is_kept(
    facts: dict[str, Any], browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    key, path = make_key(), f"/{unique('request')}"
    uri = foreign_site.address + path
    party = RelyingParty(make_key_client(key, request_uris=[uri]), browser, user)
    signing = Signing(party, key)
    foreign_site.says(path, signing.object().encode(), "application/oauth-authz-req+jwt")
    asked = party.tokens(claims=json.dumps({"id_token": {"email": None}}))
    unregistered = party.answer(party.visit(request_uri=f"{uri}/x"))
    told = RelyingParty(
        make_client(
            backchannel_logout_uri=foreign_site.says(f"{path}-told", b""),
            frontchannel_logout_uri="https://rp.example.com/loaded",
        ),
        browser,
        user,
    )
    sid = verified(told.tokens()["id_token"])["sid"]
    stranger = RelyingParty(introduced(foreign_site), browser, user)
    binds = {"tls_client_certificate_bound_access_tokens": True}
    bound = RelyingParty(make_client(**binds), browser, user)
    page = browser.submit(browser.open("/account/logout/")).text
    call_command("worker", "--once")
    logout_token = verified(foreign_site.forms(f"{path}-told")[0]["logout_token"])
    promises = {name: value for name, value in facts.items() if isinstance(value, bool)}
    promises.pop("native_sso_supported", None)  # while an app has it (tests/wire/test_native_sso)
    assert promises == {
        "claims_parameter_supported": "email" in verified(asked["id_token"]),
        "request_parameter_supported": bool(signing.authorize(request=signing.object()).code),
        "request_uri_parameter_supported": bool(signing.authorize(request_uri=uri).code),
        "require_request_uri_registration": unregistered.error == "invalid_request_uri",
        "require_signed_request_object": party.answer(party.visit()).code is None,
        "require_pushed_authorization_requests": party.answer(party.visit()).code is None,
        "tls_client_certificate_bound_access_tokens": [
            bound.exchange("x", headers=headers).json()["error"]
            for headers in ({}, Holder().self_signed)
        ]
        == ["invalid_request", "invalid_grant"],
        "authorization_response_iss_parameter_supported": unregistered.iss == ISSUER,
        "client_id_metadata_document_supported": bool(stranger.authorize().code),
        "backchannel_user_code_parameter_supported": not Desk(user).asks(user_code="1234"),
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": logout_token["sid"] == sid,
        "frontchannel_logout_supported": "https://rp.example.com/loaded?" in page,
        "frontchannel_logout_session_supported": f"sid={sid}" in page,
    }


@spec("OIDC Discovery", "3")
def test_each_response_type_and_mode_works(
    facts: dict[str, Any], browser: Browser, user: EndUser
) -> None:
    kinds, modes = facts["response_types_supported"], facts["response_modes_supported"]
    assert {"code", "code id_token", "token"} <= set(kinds)
    grants = ["authorization_code", "implicit"]
    app = RelyingParty(make_client(grant_types=grants, response_types=kinds), browser, user)
    app.authorize()
    for kind in kinds:
        for mode in modes:
            answer = app.visit(response_type=kind, response_mode=mode)
            members = brought(answer)
            if mode.endswith("jwt"):
                members = read_by(app.client, members["response"])
            way = mode.removesuffix("jwt").removesuffix(".")
            way = way or ("query" if kind == "code" else "fragment")
            if way == "query" and kind != "code":  # a query never carries tokens
                assert members["error"] == "invalid_request"
                continue
            at = urlsplit(answer.headers.get("Location", ""))
            assert (bool(at.query), bool(at.fragment)) == (way == "query", way == "fragment")
            assert {part for part, name in BROUGHT.items() if name in members} == set(kind.split())


def approved_device(app: RelyingParty) -> Device:
    """Return a device of this app that its user has let in."""
    device = Device(app.client)
    approve(app.browser, app.user, device.shows())
    return device


def approved_elsewhere(app: RelyingParty) -> Desk:
    """Return a request of this app that its user has approved."""
    desk = Desk(app.user, app.client).asks()
    desk.answered(app.browser)
    return desk


@spec("RFC 8414", "2")
def test_each_grant_type_gives_tokens(
    facts: dict[str, Any], browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    grant_types, issuer = facts["grant_types_supported"], Issuer(foreign_site)
    trust(issuer, "users", "id_jags", links={"U1": user.email})
    client = make_client(
        grant_types=grant_types,
        response_types=["code", "token"],
        user_assertions={issuer.name: "openid"},
    )
    app = RelyingParty(client, browser, user)
    first = app.tokens(scope="openid offline_access", prompt="consent")
    words = {"username": user.email, "password": user.password}
    given = {
        "authorization_code": first,
        "refresh_token": app.refresh(first["refresh_token"]).json(),
        "client_credentials": app.token(grant_type="client_credentials").json(),
        "implicit": brought(app.visit(response_type="token")),
        "password": app.token(grant_type="password", **words).json(),
        DEVICE_CODE: approved_device(app).tokens(),
        CIBA: approved_elsewhere(app).tokens(),
        EXCHANGE: exchange(app, first["access_token"]).json(),
        JWT_BEARER: app.token(grant_type=JWT_BEARER, assertion=issuer.token("U1")).json(),
    }
    assert set(given) == set(grant_types)
    assert all("access_token" in answer for answer in given.values()), given
    unknown = app.token(grant_type="urn:example:telepathy").json()
    assert unknown["error"] == "unsupported_grant_type"
    # The one profile of assertions.
    assert facts["authorization_grant_profiles_supported"] == [ID_JAG_PROFILE]
    assertion = issuer.id_jag("U1", client)
    assert app.token(grant_type=JWT_BEARER, assertion=assertion).status_code == 200


@spec("RFC 7636", "4.3")
def test_each_code_challenge_method_works(
    facts: dict[str, Any], relying_party: RelyingParty
) -> None:
    for method in facts["code_challenge_methods_supported"]:
        assert relying_party.tokens(code_challenge_method=method)["access_token"]


@spec("OIDC Core", "8")
def test_each_subject_type_names_users(
    facts: dict[str, Any], browser: Browser, user: EndUser
) -> None:
    subjects = {
        kind: RelyingParty(make_client(subject_type=kind), browser, user).tokens()["id_token"]
        for kind in facts["subject_types_supported"]
    }
    assert {kind: verified(token)["sub"] == user.sub for kind, token in subjects.items()} == {
        "public": True,
        "pairwise": False,
    }


# --- signed and encrypted -----------------------------------------------------------------------


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    """An app that changes its registration as it goes; its user has agreed before."""
    party = RelyingParty(make_client(), browser, user)
    party.authorize()
    return party


def register_anew(party: RelyingParty, **metadata: Any) -> Registered:
    """Change the app's registration; its keys and its secret stay."""
    party.client = make_client(**{**party.client.metadata, **metadata})
    return party.client


def encryptions(facts: dict[str, Any], thing: str) -> Iterator[tuple[str, str]]:
    """Return each `alg` with an `enc`, and each `enc` with a public key and with the secret."""
    algs = facts[f"{thing}_encryption_alg_values_supported"]
    encs = facts[f"{thing}_encryption_enc_values_supported"]
    for alg in algs:
        yield from ((alg, enc) for enc in (encs if alg in (algs[0], algs[-1]) else encs[:1]))


@spec("OIDC Discovery", "3")
def test_each_algorithm_signs(facts: dict[str, Any], party: RelyingParty) -> None:
    token = party.tokens()["access_token"]
    answers: dict[str, tuple[str, Callable[[], str]]] = {
        "id_token": ("id_token_signed_response_alg", lambda: party.tokens()["id_token"]),
        "userinfo": ("userinfo_signed_response_alg", lambda: party.userinfo(token).text),
        "authorization": (
            "authorization_signed_response_alg",
            lambda: brought(party.visit(response_mode="jwt"))["response"],
        ),
        "introspection": (
            "introspection_signed_response_alg",
            lambda: (
                party.post(
                    "/introspect", token=token, headers={"Accept": SIGNED_INTROSPECTION}
                ).text
            ),
        ),
    }
    for answer, (member, ask) in answers.items():
        for algorithm in facts[f"{answer}_signing_alg_values_supported"]:
            client = register_anew(party, **{member: algorithm})
            signed = ask()
            assert read_by(client, signed)["iss"] == ISSUER
            assert header_of(signed)["alg"] == algorithm


def header_of(jwt: str) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(base64url_decode(jwt.partition(".")[0]))
    return header


@spec("OIDC Discovery", "3")
def test_each_encryption_works(facts: dict[str, Any], party: RelyingParty) -> None:
    token = party.tokens()["access_token"]
    for alg, enc in encryptions(facts, "userinfo"):
        encrypt_to(party.client, alg, enc, "userinfo")
        _, inside = decrypted(party.client, party.userinfo(token).text, alg, enc)
        assert json.loads(inside)["sub"] == party.user.sub
    for alg, enc in encryptions(facts, "authorization"):
        encrypt_to(party.client, alg, enc, "authorization")
        answer = brought(party.visit(response_mode="jwt"))["response"]
        assert read_by(party.client, answer, alg, enc)["state"] == party.state
    for alg, enc in encryptions(facts, "id_token"):
        encrypt_to(party.client, alg, enc)
        id_token = party.tokens()["id_token"]
        assert read_by(party.client, id_token, alg, enc)["sub"] == party.user.sub


@spec("OIDC Discovery", "3")
def test_each_algorithm_of_request_objects(facts: dict[str, Any], party: RelyingParty) -> None:
    for algorithm in facts["request_object_signing_alg_values_supported"]:
        is_shared = algorithm.startswith("HS")
        key = shared_key(party.client) if is_shared else key_for(algorithm)
        keys = None if is_shared else jwks_of(key)
        register_anew(party, request_object_signing_alg=algorithm, jwks=keys)
        signing = Signing(party, key, algorithm)
        assert party.answer(signing.visit(request=signing.object())).code
    for alg, enc in encryptions(facts, "request_object"):
        how = {"request_object_encryption_alg": alg, "request_object_encryption_enc": enc}
        register_anew(party, **how)
        assert party.answer(signing.visit(request=encrypt(signing.object(), alg, enc))).code


@spec("OIDC CIBA", "4")
def test_each_algorithm_of_requests_to_users(facts: dict[str, Any], user: EndUser) -> None:
    alone = dict.fromkeys(("scope", "login_hint", "binding_message"))
    now = int(time.time())
    for alg in facts["backchannel_authentication_request_signing_alg_values_supported"]:
        key = key_for(alg)
        how = {"backchannel_authentication_request_signing_alg": alg, "jwks": jwks_of(key)}
        client = make_asking_client(**how)
        claims = claims_of(client.client_id, sub=None, nbf=now, scope="openid")
        hint = {"login_hint": f"{unique('nobody')}@example.com"}
        Desk(user, client).asks(**alone, request=sign({**claims, **hint}, key, alg))
    assert facts["backchannel_authentication_endpoint"] == f"{ISSUER}/bc-authorize"
    assert facts["backchannel_token_delivery_modes_supported"] == ["poll", "ping"]


# --- who asks -----------------------------------------------------------------------------------


@cache
def key_for(algorithm: str) -> Any:
    """Return a key for an algorithm; of RSA one for all, since it takes long to make."""
    is_another_rsa = algorithm[:2] in {"RS", "PS"} and algorithm != "RS256"
    return key_for("RS256") if is_another_rsa else make_key(algorithm)


@spec("OIDC Discovery", "3")
@pytest.mark.parametrize("endpoint", AUTHENTICATED)
def test_each_way_of_client_authentication_works(
    facts: dict[str, Any], browser: Browser, user: EndUser, endpoint: str
) -> None:
    path, parameters = AUTHENTICATED[endpoint]

    def is_recent(answer: httpx.Response) -> bool:
        return answer.status_code == 200 or answer.json()["error"] == "invalid_grant"

    for method in facts[f"{endpoint}_endpoint_auth_methods_supported"]:
        holder = Holder() if method == "self_signed_tls_client_auth" else None
        client = (
            make_key_client(key_for("ES256"))
            if method == "private_key_jwt"
            else make_certified_client(holder)
            if method.endswith("tls_client_auth")
            else make_client(token_endpoint_auth_method=method)
        )
        party = RelyingParty(client, browser, user)
        presented = (holder or Holder()).headers()
        assert is_recent(party.post(path, headers=presented, **parameters)), method
    for algorithm in facts[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]:
        how = {"token_endpoint_auth_signing_alg": algorithm}
        if algorithm.startswith("HS"):
            client = make_client(token_endpoint_auth_method="client_secret_jwt", **how)
            key = shared_key(client)
        else:
            key = key_for(algorithm)
            client = make_key_client(key, **how)
        assertion = form_of(assertion_of(client, key, algorithm))
        answer = httpx.post(f"{ISSUER}{path}", data={**parameters, **assertion}, verify=False)
        assert is_recent(answer), algorithm


# --- what users see ----------------------------------------------------------------------------


@spec("OIDC Discovery", "3")
def test_each_prompt_does_what_it_says(facts: dict[str, Any], returning: RelyingParty) -> None:
    shown = {
        "login": "/account/login/",
        "consent": "/consent",
        "select_account": "/account/login/",  # with one account there is nothing to choose of
        "create": "/account/signup/",
    }
    assert {*shown, "none"} == set(facts["prompt_values_supported"])
    for prompt, path in shown.items():
        assert is_page(returning.visit(prompt=prompt), path), prompt
    assert returning.answer(returning.visit(prompt="none")).code
    assert returning.answer(returning.visit(prompt="x")).error == "invalid_request"


@spec("OIDC Discovery", "3")
def test_each_display_shows_a_page(facts: dict[str, Any], relying_party: RelyingParty) -> None:
    assert set(facts["display_values_supported"]) <= {"page", "popup", "touch", "wap"}
    for display in facts["display_values_supported"]:
        assert is_page(relying_party.visit(display=display), "/account/login/")


@spec("OIDC Discovery", "3")
def test_exactly_the_acrs_listed_are_what_id_tokens_say(
    facts: dict[str, Any], user: EndUser
) -> None:
    said = []
    for each in (user, make_user_with_app(), make_user_with_passkey()):
        with Browser() as browser:
            if isinstance(each, EndUserWithPasskey):
                each.sign_in(browser)
            tokens = RelyingParty(make_client(), browser, each).tokens()
            said.append(verified(tokens["id_token"])["acr"])
    assert said == facts["acr_values_supported"]


@spec("OIDC Discovery", "3")
def test_each_language_is_spoken(facts: dict[str, Any], relying_party: RelyingParty) -> None:
    for language in facts["ui_locales_supported"]:
        page = relying_party.visit(ui_locales=language)
        assert f'<html lang="{language}"' in page.text


@spec("OIDC Discovery", "3")
@pytest.mark.parametrize("path", PATHS)
def test_the_order_of_a_language_or_a_query_changes_nothing(provider: object, path: str) -> None:
    plain = get(path).content
    assert get(f"{path}?x=1").content == plain
    assert get(path, **{"Accept-Language": "de"}).content == plain
    assert json.loads(plain)
