"""Clients register themselves. OIDC Dynamic Client Registration 1.0, RFC 7591, RFC 7592."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from idp.models import Client, Event, InitialAccessToken
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.ports import free_port
from tests.registering import (
    REDIRECT_URI,
    as_client,
    document,
    headers_of,
    initial_token,
    manage,
    register,
    registered,
    replaceable,
    send,
)
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_api,
    make_client,
    make_user,
    spec,
    unique,
)

PATH = f"{ISSUER}/register"


def error_of(response: httpx.Response, status: int = 400) -> str:
    """Return an error's code, its answer being as PROTOCOL says."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    members = response.json()
    assert members["error_uri"].startswith(f"{ISSUER}/developers/errors/{members['error']}")
    assert httpx.get(members["error_uri"], verify=False).status_code == 200
    return members["error"]


def row_of(information: dict[str, Any]) -> Client:
    return Client.objects.get(client_id=information["client_id"])


# --- what is answered --------------------------------------------------------------------------


@spec("RFC 7591", "3.2.1")
def test_all_that_is_registered_comes_back_with_the_defaults(provider: object) -> None:
    response = register()
    assert response.status_code == 201
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    information = response.json()
    assert {name: information[name] for name in sorted(information) if "client_" not in name} == {
        "application_type": "web",
        "backchannel_logout_session_required": False,
        "dpop_bound_access_tokens": False,
        "frontchannel_logout_session_required": False,
        "grant_types": ["authorization_code"],
        "id_token_claims": "userinfo",
        "id_token_signed_response_alg": "RS256",
        "introspection_signed_response_alg": "RS256",
        "require_auth_time": False,
        "require_pushed_authorization_requests": False,
        "require_signed_request_object": False,
        "redirect_uris": [REDIRECT_URI],
        "registration_access_token": information["registration_access_token"],
        "response_types": ["code"],
        "scope": "openid profile email address phone",
        "subject_type": "public",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    assert information["client_name"] == "Bread shop"
    assert abs(information["client_id_issued_at"] - time.time()) < 60
    assert re.fullmatch(r"[\w-]{64}", information["client_secret"])
    assert information["client_secret_expires_at"] == 0
    assert re.fullmatch(r"[\w-]{43}", information["registration_access_token"])
    assert information["registration_client_uri"].startswith(f"{ISSUER}/register?client_id=")


@spec("RFC 7591", "3.2.1")
def test_everything_that_can_be_registered_comes_back(provider: object) -> None:
    members = {
        "client_name": "Café Zürich 🥐",
        "client_name#de-CH": "Kaffi Züri",
        "redirect_uris": [REDIRECT_URI, "https://rp.example.com/other?x=1"],
        "post_logout_redirect_uris": ["https://rp.example.com/"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": "ES256",
        "introspection_signed_response_alg": "EdDSA",
        "authorization_signed_response_alg": "PS256",
        "scope": "email openid offline_access",
        "default_max_age": 0,
        "client_uri": "https://rp.example.com/about",
        "logo_uri": "https://rp.example.com/logo.png",
        "initiate_login_uri": "https://rp.example.com/start",
        "policy_uri": "https://rp.example.com/privacy",
        "tos_uri": "https://rp.example.com/terms",
        "contacts": ["ana@example.com", "bo@example.com"],
        "subject_type": "public",
        "jwks_uri": "https://rp.example.com/jwks",
        "id_token_encrypted_response_alg": "RSA-OAEP-256",
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "PS512",
        "userinfo_encrypted_response_alg": "ECDH-ES+A128KW",
        "userinfo_encrypted_response_enc": "A192GCM",
        "request_uris": ["https://rp.example.com/request.jwt"],
        "require_signed_request_object": True,
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "request_object_signing_alg": "ES256",
        "request_object_encryption_alg": "RSA-OAEP-256",
        "request_object_encryption_enc": "A128GCM",
        "default_acr_values": ["phr"],
        "require_auth_time": True,
        "backchannel_logout_uri": "https://rp.example.com/told",
        "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": "https://rp.example.com/loaded",
        "frontchannel_logout_session_required": True,
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.2",
    }
    information = registered(**members)
    assert {name: information[name] for name in members} == members


@spec("OIDC Dynamic Client Registration", "3.2")
def test_an_app_without_a_secret_gets_none(provider: object) -> None:
    information = registered(token_endpoint_auth_method="none")
    assert not {"client_secret", "client_secret_expires_at"} & set(information)


@spec("OIDC Dynamic Client Registration", "3.2")
def test_nothing_that_comes_back_is_null_or_empty(provider: object) -> None:
    information = registered(client_name="", contacts=[], logo_uri="")
    assert not [name for name, value in information.items() if value in (None, "", [])]


@spec("RFC 7591", "2")
def test_members_that_nobody_here_knows_are_ignored(provider: object) -> None:
    unknown = {
        "client_id#de": "x",
        "x": {"y": [1, 2.5, None, {"z": True}]},
        "client_id": "mine",
        "client_secret": "of my own choice, thirty-two characters and more",
    }
    information = registered(**unknown)
    assert not (set(unknown) - {"client_id", "client_secret"}) & set(information)
    assert information["client_id"] != unknown["client_id"]
    assert information["client_secret"] != unknown["client_secret"]


# --- what it is good for -----------------------------------------------------------------------


@spec("OIDC Dynamic Client Registration", "3.2")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_users_sign_in_with_an_app_registered_a_moment_ago(
    browser: Browser, user: EndUser, method: str
) -> None:
    app = RelyingParty(as_client(registered(token_endpoint_auth_method=method)), browser, user)
    page = browser.sign_in(user, app.visit())
    assert is_page(page, "/consent")
    tokens = app.exchange(app.answer(browser.submit(page, "allow")).code)
    assert tokens.status_code == 200
    assert app.userinfo(tokens.json()["access_token"]).json()["sub"] == user.sub
    silent = app.visit(prompt="none")
    assert app.answer(silent).code


@spec("OIDC Dynamic Client Registration", "2")
def test_pkce_is_asked_of_apps_without_a_secret_alone(browser: Browser, user: EndUser) -> None:
    bare = {"code_challenge": None, "code_challenge_method": None}
    website = RelyingParty(as_client(registered()), browser, user)
    assert website.exchange(website.authorize(**bare).code, code_verifier=None).is_success
    public = registered(token_endpoint_auth_method="none")
    answer = RelyingParty(as_client(public), browser, user).visit(**bare)
    assert "error=invalid_request" in answer.headers["Location"]


@spec("OIDC Core", "11")
def test_no_scope_registered_lets_all_standard_scopes_be_asked_for(
    browser: Browser, user: EndUser
) -> None:
    information = registered(grant_types=["authorization_code", "refresh_token"])
    assert "offline_access" in information["scope"].split()
    app = RelyingParty(as_client(information), browser, user)
    tokens = app.tokens(scope="openid profile email address phone offline_access")
    assert app.refresh(tokens["refresh_token"]).is_success


@spec("RFC 7591", "2")
def test_the_scopes_registered_are_all_there_are(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(as_client(registered(scope="openid email")), browser, user)
    assert app.tokens(scope="openid profile email")["scope"] == "email openid"


@spec("RFC 7591", "2")
def test_a_native_app_comes_back_to_any_loopback_port(browser: Browser, user: EndUser) -> None:
    information = registered(
        application_type="native",
        redirect_uris=["http://127.0.0.1/callback", "com.example.app:/callback"],
        token_endpoint_auth_method="none",
    )
    app = RelyingParty(as_client(information), browser, user)
    page = browser.sign_in(user, app.visit(redirect_uri="http://127.0.0.1:51004/callback"))
    location = browser.submit(page, "allow").headers["Location"]
    assert location.startswith("http://127.0.0.1:51004/callback?code=")


# --- what is refused ---------------------------------------------------------------------------


@spec("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    ("uris", "application_type"),
    [
        (["https://rp.example.com/#here"], "web"),
        (["http://rp.example.com/callback"], "web"),
        (["http://rp.example.com/callback"], "native"),
        (["javascript:alert(1)"], "web"),
        (["javascript:alert(1)"], "native"),
        (["data:text/html,x"], "native"),
        (["com.example.app:/callback"], "web"),
        (["myapp:/callback"], "native"),
        (["https://*.example.com/"], "web"),
        (["https://user@rp.example.com/"], "web"),
        (["/callback"], "web"),
        (["https:///callback"], "web"),
        (["https://rp.example.com/a b"], "web"),
        (["https://rp.example.com/é"], "web"),
        ([""], "web"),
        ([REDIRECT_URI, "https://rp.example.com/#"], "web"),
        ([], "web"),
        (None, "web"),
    ],
)
def test_a_redirect_uri_that_cannot_be(
    provider: object, uris: list[str] | None, application_type: str
) -> None:
    response = register(redirect_uris=uris, application_type=application_type)
    assert error_of(response) == "invalid_redirect_uri"
    assert response.json()["error_description"].startswith("redirect_uris: ")


@spec("RFC 7591", "3.2.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_endpoint_auth_method", "spiffe_jwt"),
        ("token_endpoint_auth_method", ""),
        ("id_token_signed_response_alg", "none"),
        ("userinfo_signed_response_alg", "none"),
        ("id_token_encrypted_response_alg", "PBES2-HS256+A128KW"),
        ("id_token_encrypted_response_enc", "A128GCM"),
        ("id_token_encrypted_response_alg", "RSA-OAEP"),
        ("request_object_signing_alg", "none"),
        ("request_object_encryption_alg", "RSA-OAEP"),
        ("authorization_signed_response_alg", "none"),
        ("token_endpoint_auth_signing_alg", "none"),
        ("request_uris", ["ftp://rp.example.com/request.jwt"]),
        ("request_uris", ["https://rp.example.com/request.jwt#x#y"]),
        ("require_pushed_authorization_requests", "yes"),
        ("dpop_bound_access_tokens", "yes"),
        ("subject_type", "x"),
        ("sector_identifier_uri", "https://rp.example.com/sector.json"),
        ("application_type", "desktop"),
        ("grant_types", ["client_credentials"]),
        ("grant_types", ["refresh_token"]),
        ("response_types", ["id_token"]),
        ("response_types", []),
        ("default_max_age", -1),
        ("default_max_age", 10**30),
        ("default_max_age", True),
        ("default_max_age", 1.5),
        ("default_max_age", "600"),
        ("client_name", 5),
        ("client_name", "x" * 256),
        ("client_name", "two\nlines"),
        ("client_name", "\0"),
        ("client_name", "\ud800"),
        ("client_uri", "javascript:alert(1)"),
        ("client_uri", "//[x"),
        ("logo_uri", "data:image/png;base64,AAAA"),
        ("policy_uri", "ftp://rp.example.com/"),
        ("tos_uri", "https://"),
        ("tos_uri", "https://rp.example.com/" + "x" * 200),
        ("initiate_login_uri", "http://rp.example.com/"),
        ("post_logout_redirect_uris", ["https://rp.example.com/#x"]),
        ("post_logout_redirect_uris", ["javascript:alert(1)"]),
        ("redirect_uris", "https://rp.example.com/callback"),
        ("redirect_uris", [1]),
        ("redirect_uris", {"0": "https://rp.example.com/callback"}),
        ("contacts", "ana@example.com"),
        ("contacts", [None]),
        ("grant_types", "authorization_code"),
        ("grant_types", 5),
        ("scope", ["openid"]),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_cannot_be_registered_is_named(provider: object, name: str, value: Any) -> None:
    # Not through httpx's own JSON: it can't write half a character.
    body = json.dumps(document() | {name: value})
    headers = {**headers_of(), "Content-Type": "application/json"}
    response = httpx.post(PATH, content=body, headers=headers, verify=False)
    assert error_of(response) == "invalid_client_metadata"
    description = response.json()["error_description"]
    assert description.startswith(f"{name}: ")
    assert re.fullmatch(r"[ !#-\[\]-~]{20,300}", description)
    assert description.endswith(".")


@spec("RFC 7591", "2")
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"response_types": ["code", "token"]}, {"response_types": ["code"]}),
        ({"response_types": ["code", "code id_token"]}, {"response_types": ["code"]}),
        (
            {"grant_types": ["authorization_code", "password", "client_credentials"]},
            {"grant_types": ["authorization_code"]},
        ),
        (
            {"grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "authorization_code"]},
            {"grant_types": ["authorization_code"]},
        ),
        (
            {
                "grant_types": ["authorization_code", "implicit", "refresh_token"],
                "response_types": ["code", "id_token token"],
            },
            {
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
            },
        ),
        ({"scope": "openid unheard-of email"}, {"scope": "openid email"}),
        ({"scope": "unheard-of"}, {"scope": "openid"}),
        ({"scope": "openid groups"}, {"scope": "openid"}),
        ({"scope": "openid offline_access"}, {"scope": "openid"}),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_cannot_be_given_is_left_out_and_the_answer_says_so(
    provider: object, asked: dict[str, Any], given: dict[str, Any]
) -> None:
    information = registered(**asked)
    assert {name: information[name] for name in given} == given
    assert manage("GET", information).json()["scope"] == information["scope"]
    replaced = manage("PUT", information, body=replaceable(information, **asked))
    assert {name: replaced.json()[name] for name in given} == given


@spec("RFC 8252", "7.3")
@pytest.mark.parametrize(
    ("uris", "kind"),
    [
        (["http://127.0.0.1:33418/callback", "http://localhost:33418/callback"], "native"),
        (["com.example.app:/callback"], "native"),
        (["https://rp.example.com/callback", "http://127.0.0.1/callback"], "web"),
    ],
)
def test_a_program_on_a_device_need_not_say_that_it_is_one(
    provider: object, uris: list[str], kind: str
) -> None:
    information = registered(redirect_uris=uris, token_endpoint_auth_method="none")
    assert information["application_type"] == kind
    assert registered(application_type="web", redirect_uris=["http://localhost/"])[
        "application_type"
    ] == ("web")


@spec("RFC 7591", "2")
def test_keys_both_by_value_and_by_address(provider: object) -> None:
    both = {"jwks": {"keys": []}, "jwks_uri": "https://rp.example.com/jwks"}
    assert error_of(register(**both)) == "invalid_client_metadata"


@spec("RFC 7591", "2")
def test_null_is_not_a_value(provider: object) -> None:
    for name in ("client_name", "grant_types", "default_max_age", "request_uris", "redirect_uris"):
        response = send(document() | {name: None})
        assert error_of(response) == "invalid_client_metadata"
        assert response.json()["error_description"].startswith(f"{name}: ")


@spec("RFC 7591", "2")
def test_what_is_not_offered_may_be_declined(provider: object) -> None:
    declined = {"backchannel_user_code_parameter": False}
    assert not set(declined) & set(registered(**declined))


@spec("RFC 7591", "3.1")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"{} {}",
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"client_name": "a", "client_name": "b"}',
        b'{"x": {"y": 1, "y": 2}}',
        b'{"default_max_age": NaN}',
        b'{"default_max_age": ' + b"9" * 5000 + b"}",
        b'{"client_name": "\xff"}',
        '\ufeff{"client_name": "x"}'.encode(),
        '{"client_name": "x"}'.encode("utf-16"),
        b'{"client_name": "' + b"x" * 70_000 + b'"}',
    ],
    ids=lambda body: ascii(body[:30]),
)
def test_a_body_that_is_no_json_object(provider: object, body: bytes) -> None:
    headers = {**headers_of(), "Content-Type": "application/json"}
    started = time.monotonic()
    response = httpx.post(PATH, content=body, headers=headers, verify=False)
    assert error_of(response) == "invalid_request"
    assert time.monotonic() - started < 20


@spec("RFC 9110", "15.5.14")
def test_a_body_that_is_too_large(provider: object) -> None:
    body = b'{"client_name": "' + b"x" * 300_000 + b'"}'
    headers = {**headers_of(), "Content-Type": "application/json"}
    response = httpx.post(PATH, content=body, headers=headers, verify=False)
    assert error_of(response, status=413) == "invalid_request"


@spec("RFC 7591", "3.1")
@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jose"]
)
def test_another_content_type(provider: object, content_type: str | None) -> None:
    headers = headers_of() | ({"Content-Type": content_type} if content_type else {})
    body = json.dumps(document()).encode()
    response = httpx.post(PATH, content=body, headers=headers, verify=False)
    assert error_of(response) == "invalid_request"
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert httpx.post(PATH, content=body, headers=headers, verify=False).status_code == 201


@spec("RFC 7591", "3.1")
def test_a_new_client_comes_to_the_bare_address(provider: object) -> None:
    for misplaced in ("client_id=x", "client_name=x"):
        response = httpx.post(f"{PATH}?{misplaced}", json=document(), verify=False)
        assert error_of(response) == "invalid_request"
    response = httpx.post(f"{PATH}?x=y", json=document(), headers=headers_of(), verify=False)
    assert response.status_code == 201


@spec("RFC 7591", "3.2.2")
def test_a_refusal_is_an_event_that_shows_what_came(provider: object) -> None:
    secret = unique("not-to-be-seen")
    response = register(grant_types=["implicit"], client_secret=secret)
    reference = response.json()["error_uri"].partition("reference=")[2]
    event = Event.objects.get(reference=reference)
    assert (event.kind, event.error) == (Event.Kind.DENIED, "invalid_client_metadata")
    assert event.details["check"] == "registration.reduction._permitted"
    assert event.details["section"] == "RFC 7591 §2"
    assert event.details["parameters"]["grant_types"] == "implicit"
    assert event.details["parameters"]["redirect_uris"] == REDIRECT_URI
    assert secret not in str(event.details)


# --- who may -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def others(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Providers on the same database with other policies: their issuers, by IDP_REGISTRATION.

    With them, registration access tokens rotate.
    """
    servers = {
        kind: Server(
            f"http://localhost:{free_port()}",
            tmp_path_factory.mktemp(kind) / "log",
            IDP_REGISTRATION=kind,
            IDP_REGISTRATION_TOKEN_ROTATION="on",
            IDP_CLIENT_ID_METADATA={"closed": "closed", "token": "open"}[kind],
            IDP_CLIENT_ID_METADATA_HOSTS="apps.example",
        )
        for kind in ("closed", "token")
    }
    for server in servers.values():
        server.wait()
    yield {kind: server.issuer for kind, server in servers.items()}
    for server in servers.values():
        server.stop()
        assert "Traceback" not in server.log.read_text()


def discovery(issuer: str) -> dict[str, Any]:
    return httpx.get(f"{issuer}/.well-known/openid-configuration", verify=False).json()


@spec("OIDC Discovery", "3")
def test_discovery_names_the_endpoint_unless_it_is_closed(others: dict[str, str]) -> None:
    assert "registration_endpoint" not in discovery(others["closed"])
    assert discovery(others["token"])["registration_endpoint"] == f"{others['token']}/register"
    assert discovery(ISSUER)["registration_endpoint"] == PATH


@spec("RFC 7591", "3")
@pytest.mark.parametrize(("registration", "told"), [("token", True), ("closed", False)])
def test_registering_from_a_page_where_it_is_not_open(
    others: dict[str, str], registration: str, told: bool
) -> None:
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    asked = httpx.options(f"{others[registration]}/register", headers=headers, verify=False)
    assert ("Access-Control-Allow-Origin" in asked.headers) == told
    assert (asked.status_code == 200) == told


@spec("OAuth Client ID Metadata Document", "6")
def test_documents_are_gone_by_where_the_operator_says_so(
    others: dict[str, str], foreign_site: Elsewhere
) -> None:
    """One provider takes none, another those of one host; even of apps that are known here."""
    client = introduced(foreign_site)
    party = RelyingParty(client, Browser(), make_user())
    assert is_page(party.visit(), "/account/login/")
    asked = len(foreign_site.asked)
    for issuer in others.values():
        page = httpx.get(f"{issuer}/authorize", params=party.parameters(), verify=False)
        assert is_error_page(page)
    assert len(foreign_site.asked) == asked
    member = "client_id_metadata_document_supported"
    assert member not in discovery(others["closed"])
    assert discovery(others["token"])[member] is True


@spec("RFC 7591", "3")
def test_closed_is_closed_to_all(others: dict[str, str]) -> None:
    client = registered()
    for response in (
        register(issuer=others["closed"]),
        register(initial_token(), issuer=others["closed"]),
        manage("GET", client, uri=f"{others['closed']}/register?client_id={client['client_id']}"),
    ):
        assert response.status_code == 403
        assert response.json()["error"] == "access_denied"
        assert response.headers["Cache-Control"] == "no-store"


@spec("RFC 7591", "3")
def test_where_a_token_is_needed_there_is_no_way_without(others: dict[str, str]) -> None:
    response = register(issuer=others["token"])
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="')
    assert "error=" not in response.headers["WWW-Authenticate"]
    response = register("unheard-of", issuer=others["token"])
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert register(initial_token(), issuer=others["token"]).status_code == 201


@pytest.fixture
def rotating(others: dict[str, str]) -> dict[str, Any]:
    """A client whose registration access token rotates: its client information response."""
    return register(initial_token(), issuer=others["token"]).json()


def use(method: str, information: dict[str, Any], token: str) -> httpx.Response:
    return manage(method, information, token=token, body=replaceable(information))


def next_token(information: dict[str, Any], token: str, method: str = "GET") -> str:
    answer = use(method, information, token)
    assert answer.status_code == 200, answer.text
    return answer.json()["registration_access_token"]


@spec("RFC 7592", "5")
def test_a_token_that_rotates_ends_when_the_next_is_used(rotating: dict[str, Any]) -> None:
    first = rotating["registration_access_token"]
    second = next_token(rotating, first)
    third = next_token(rotating, second, "PUT")
    assert len({first, second, third}) == 3
    for method in ("GET", "PUT", "DELETE"):
        answer = use(method, rotating, first)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert next_token(rotating, third) != third
    assert use("GET", rotating, second).status_code == 401
    assert use("DELETE", rotating, third).status_code == 204


@spec("RFC 7592", "5")
def test_an_answer_that_is_lost_loses_no_client(rotating: dict[str, Any]) -> None:
    first = rotating["registration_access_token"]
    second = next_token(rotating, first)
    assert {next_token(rotating, first, method) for method in ("GET", "PUT", "GET")} == {second}
    odd = manage("PUT", rotating, token=second, body=replaceable(rotating, client_name=5))
    assert odd.json()["error"] == "invalid_client_metadata"
    assert next_token(rotating, first) == second  # what was refused used nothing up
    third = next_token(rotating, second)
    assert next_token(rotating, second) == third


@spec("RFC 7592", "5")
def test_of_many_uses_at_once_none_loses_the_client(rotating: dict[str, Any]) -> None:
    first = rotating["registration_access_token"]
    with ThreadPoolExecutor(8) as threads:
        following = threads.map(
            lambda method: next_token(rotating, first, method), ["GET", "PUT"] * 4
        )
        (second,) = set(following)
        answers = list(threads.map(lambda token: use("GET", rotating, token), [first, second] * 4))
    assert {answer.status_code for answer in answers[1::2]} == {200}
    (third,) = {answer.json()["registration_access_token"] for answer in answers[1::2]}
    assert {answer.status_code for answer in answers[::2]} <= {200, 401}
    assert next_token(rotating, third)
    assert use("GET", rotating, first).status_code == 401


@spec("RFC 7592", "5")
def test_an_older_copy_of_a_client_brings_no_token_back(rotating: dict[str, Any]) -> None:
    first = rotating["registration_access_token"]
    copy = row_of(rotating)
    third = next_token(rotating, next_token(rotating, first))
    copy.name = "Changed by an operator"
    copy.save()
    assert use("GET", rotating, first).status_code == 401
    answer = use("GET", rotating, third)
    assert answer.json()["client_name"] == "Changed by an operator"


@spec("RFC 7592", "5")
def test_where_tokens_stop_rotating_the_last_one_stays(rotating: dict[str, Any]) -> None:
    first = rotating["registration_access_token"]
    second = next_token(rotating, first)
    here = rotating | {"registration_client_uri": f"{PATH}?client_id={rotating['client_id']}"}
    assert next_token(here, first) == second
    assert next_token(here, second) == second
    assert use("GET", here, first).status_code == 401
    assert next_token(here, second) == second


@spec("RFC 6750", "2.1")
@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "bearer a,b", "Bearer ="])
def test_a_token_that_cannot_be_read(provider: object, header: str) -> None:
    headers = headers_of() | {"Authorization": header}
    response = httpx.post(PATH, json=document(), headers=headers, verify=False)
    assert error_of(response) == "invalid_request"


@spec("RFC 7591", "3")
def test_where_registration_is_open_a_wrong_token_is_still_wrong(provider: object) -> None:
    response = register("unheard-of")
    assert error_of(response, 401) == "invalid_token"
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@spec("RFC 7591", "3")
def test_a_token_that_is_over(provider: object) -> None:
    now = timezone.now()
    revoked = unique("token")
    tokens = {
        "expired": initial_token(expires_at=now - timedelta(seconds=1)),
        "revoked": initial_token(name=revoked),
        "as many": initial_token(max_uses=1),
    }
    InitialAccessToken.objects.filter(name=revoked).update(revoked_at=now)
    registered(tokens["as many"])
    for words, token in tokens.items():
        response = register(token)
        assert error_of(response, 401) == "invalid_token"
        assert words in response.json()["error_description"]
    registered(initial_token(expires_at=now + timedelta(minutes=5), max_uses=1))


@spec("RFC 7591", "3")
def test_a_registration_that_fails_leaves_the_token_its_use(provider: object) -> None:
    token = initial_token(max_uses=1)
    assert register(token, grant_types=["implicit"]).status_code == 400
    registered(token)
    assert InitialAccessToken.objects.get(max_uses=1, pk=_row(token).pk).uses == 1


def _row(token: str) -> InitialAccessToken:
    from idp.registration import initial_access_tokens

    return initial_access_tokens.find(token)


@spec("RFC 7591", "5")
def test_a_token_opens_and_restricts_what_its_clients_may_be(provider: object) -> None:
    api = make_api()
    scope = api["scopes"][0]
    machine = {
        "grant_types": ["client_credentials"],
        "redirect_uris": None,
        "scope": scope,
    }
    assert error_of(register(**machine)) == "invalid_client_metadata"
    assert error_of(register(initial_token(), **machine)) == "invalid_client_metadata"
    token = initial_token(grant_types=["client_credentials"], scopes=[scope])
    information = registered(token, **machine)
    assert information["response_types"] == []
    client = as_client(information)
    answer = httpx.post(
        f"{ISSUER}/token",
        data={"grant_type": "client_credentials", "resource": api["identifier"]},
        auth=(client.client_id, client.secret or ""),
        verify=False,
    )
    assert answer.json()["scope"] == scope
    response = register(token)
    assert error_of(response) == "invalid_client_metadata"
    assert response.json()["error_description"].startswith("grant_types: ")


@spec("RFC 7591", "5")
def test_a_tokens_scopes_are_what_its_clients_get(provider: object) -> None:
    token = initial_token(scopes=["openid", "email"])
    assert registered(token)["scope"] == "openid email"
    assert registered(token, scope="email")["scope"] == "email"
    assert registered(token, scope="openid profile")["scope"] == "openid"
    assert registered(token, scope="profile")["scope"] == "openid email"


@spec("RFC 7591", "5")
def test_without_a_token_an_apis_scopes_are_not_for_the_taking(provider: object) -> None:
    assert registered(scope=f"openid {make_api()['scopes'][0]}")["scope"] == "openid"


@spec("RFC 7591", "5")
@pytest.mark.parametrize(
    "uri",
    [
        "https://other.example.com/callback",
        "https://rp.example.com.evil.example/callback",
        "https://x.rp.example.com/callback",
        "http://localhost/callback",
        "com.example.app:/rp.example.com",
    ],
)
def test_a_tokens_hosts_are_where_its_clients_send_users(provider: object, uri: str) -> None:
    token = initial_token(redirect_hosts=["RP.example.com"])
    registered(token)
    registered(token, redirect_uris=["https://rp.example.com:8443/x"])
    response = register(token, redirect_uris=[REDIRECT_URI, uri], application_type="native")
    assert error_of(response) == "invalid_redirect_uri"
    logout = register(token, post_logout_redirect_uris=[uri], application_type="native")
    assert error_of(logout) == "invalid_client_metadata"


@spec("ASVS", "16.3.3")
def test_a_registration_is_an_event(provider: object) -> None:
    name = unique("token")
    information = registered(initial_token(name=name), redirect_uris=[REDIRECT_URI])
    event = Event.objects.get(kind=Event.Kind.REGISTERED, client_id=information["client_id"])
    assert event.details["redirect_hosts"] == ["rp.example.com"]
    assert event.details["initial_access_token"] == name
    for secret in ("client_secret", "registration_access_token"):
        assert information[secret] not in str(event.__dict__)


@spec("RFC 7591", "5")
def test_what_a_registered_client_is(provider: object) -> None:
    row = row_of(registered())
    assert row.registration_source == Client.RegistrationSource.DCR
    assert (row.profile, row.enabled) == (Client.Profile.COMPATIBLE, True)
    assert (row.skip_authorization, row.user, row.registered_with) == (False, None, {})


# --- RFC 7592 ----------------------------------------------------------------------------------


@spec("RFC 7592", "2.1")
def test_reading(provider: object) -> None:
    information = registered(client_uri="https://rp.example.com/", default_max_age=60)
    response = manage("GET", information)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    secret = {"client_secret", "client_secret_expires_at"}  # shown once: its hash is kept
    assert response.json() == {k: v for k, v in information.items() if k not in secret}


@spec("RFC 7592", "2.2")
def test_replacing(browser: Browser, user: EndUser) -> None:
    information = registered(client_uri="https://rp.example.com/", contacts=["a@example.com"])
    moved = "https://new.example.com/callback"
    body = replaceable(information, redirect_uris=[moved], client_name="New", contacts=None)
    response = manage("PUT", information, body=body)
    assert response.status_code == 200, response.text
    answered = response.json()
    assert answered == manage("GET", information).json()
    assert (answered["redirect_uris"], answered["client_name"]) == ([moved], "New")
    assert answered["client_uri"] == "https://rp.example.com/"
    assert "contacts" not in answered
    client = as_client({**answered, "client_secret": information["client_secret"]})
    assert RelyingParty(client, browser, user).tokens()["access_token"]
    old = RelyingParty(as_client(information), browser, user).visit()
    assert old.status_code == 400


@spec("RFC 7592", "2.2")
def test_what_is_left_out_or_null_goes_back_to_its_default(provider: object) -> None:
    information = registered(
        id_token_signed_response_alg="ES256", scope="openid email", default_max_age=60
    )
    bare = {
        "client_id": information["client_id"],
        "redirect_uris": [REDIRECT_URI],
        "scope": None,
        "client_secret": None,
    }
    answered = manage("PUT", information, body=bare).json()
    fresh = registered(client_name=None)
    same = {"redirect_uris", "id_token_signed_response_alg", "scope", "grant_types"}
    assert {name: answered[name] for name in same} == {name: fresh[name] for name in same}
    assert not {"client_name", "default_max_age"} & set(answered)


@spec("RFC 7592", "2.2")
@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": "another"}, "client_id"),
        ({"client_secret": "my own choice, thirty-two characters long"}, "client_secret"),
        ({"client_secret": 5}, "client_secret"),
        ({"client_secret_expires_at": 0}, "client_secret_expires_at"),
        ({"registration_access_token": "x"}, "registration_access_token"),
        ({"registration_client_uri": "https://x.example"}, "registration_client_uri"),
        ({"client_id_issued_at": 0}, "client_id_issued_at"),
        ({"grant_types": ["client_credentials"]}, "grant_types"),
        ({"subject_type": "private"}, "subject_type"),
    ],
)
def test_a_replacement_that_cannot_be(
    provider: object, members: dict[str, Any], named: str
) -> None:
    information = registered()
    response = manage("PUT", information, body=replaceable(information, **members))
    assert error_of(response) == "invalid_client_metadata"
    assert response.json()["error_description"].startswith(f"{named}: ")
    assert manage("GET", information).json()["redirect_uris"] == [REDIRECT_URI]


@spec("RFC 7592", "2.2")
def test_the_present_secret_may_be_sent_along_and_stays(browser: Browser, user: EndUser) -> None:
    information = registered()
    body = replaceable(information, token_endpoint_auth_method="client_secret_post")
    assert body["client_secret"] == information["client_secret"]
    response = manage("PUT", information, body=body)
    assert response.status_code == 200
    assert "client_secret" not in response.json()
    client = as_client({**response.json(), "client_secret": information["client_secret"]})
    assert RelyingParty(client, browser, user).tokens()["access_token"]


@spec("RFC 7592", "2.2")
def test_a_secret_comes_and_goes_with_its_need(browser: Browser, user: EndUser) -> None:
    information = registered(token_endpoint_auth_method="none")
    body = replaceable(information, token_endpoint_auth_method="client_secret_basic")
    confidential = manage("PUT", information, body=body).json()
    assert confidential["client_secret_expires_at"] == 0
    app = RelyingParty(as_client(confidential), browser, user)
    assert app.tokens()["access_token"]
    body = replaceable(confidential, token_endpoint_auth_method="none")
    assert "client_secret" not in manage("PUT", information, body=body).json()
    assert not row_of(information).secrets.exists()


@spec("RFC 7592", "2.2")
def test_a_change_is_an_event_with_before_and_after(provider: object) -> None:
    information = registered()
    body = replaceable(information, client_name="Cake shop")
    for _ in range(2):
        assert manage("PUT", information, body=body).status_code == 200
    event = Event.objects.get(kind=Event.Kind.CHANGED, client_id=information["client_id"])
    assert event.details["changes"] == {"client_name": ["Bread shop", "Cake shop"]}
    assert event.target == f"client {information['client_id']}"


@spec("RFC 7592", "2.3")
def test_deleting_ends_everything(browser: Browser, user: EndUser) -> None:
    information = registered(grant_types=["authorization_code", "refresh_token"])
    app = RelyingParty(as_client(information), browser, user)
    tokens = app.tokens(scope="openid offline_access")
    code = app.authorize().code
    waiting = app.visit(prompt="login")
    response = manage("DELETE", information)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Cache-Control"] == "no-store"
    assert app.userinfo(tokens["access_token"]).status_code == 401
    for answer in (app.refresh(tokens["refresh_token"]), app.exchange(code)):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert app.visit().status_code == 400
    assert browser.sign_in(user, waiting).status_code == 400
    for method in ("GET", "PUT", "DELETE"):
        again = manage(method, information, body=replaceable(information))
        assert error_of(again, 401) == "invalid_token"
    assert not Client.objects.filter(client_id=information["client_id"]).exists()
    assert Event.objects.filter(
        kind=Event.Kind.DELETED, client_id=information["client_id"]
    ).exists()


@spec("RFC 7592", "2")
def test_without_a_token_the_address_asks_for_one(provider: object) -> None:
    information = registered()
    for method in ("GET", "PUT", "DELETE"):
        for uri in (information["registration_client_uri"], PATH):
            response = httpx.request(method, uri, verify=False)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"].startswith('Bearer realm="')


@spec("RFC 7592", "2.2")
def test_an_operators_decisions_outlive_a_replacement(provider: object) -> None:
    information = registered()
    decided = {"profile": "recommended", "refresh_without_offline_access": True, "enabled": True}
    Client.objects.filter(client_id=information["client_id"]).update(**decided)
    assert manage("PUT", information, body=replaceable(information)).status_code == 200
    row = row_of(information)
    assert {name: getattr(row, name) for name in decided} == decided


@spec("RFC 7592", "2.2")
def test_what_an_operator_opened_for_a_client_it_may_keep(provider: object) -> None:
    information = registered()
    row = row_of(information)
    row.grant_types = ["authorization_code", "client_credentials"]
    row.save()
    read = manage("GET", information).json()
    assert manage("PUT", information, body=replaceable(read)).json() == read


@spec("RFC 7592", "2")
def test_a_client_that_an_operator_made_has_no_registration_to_manage(provider: object) -> None:
    client = make_client()
    uri = f"{PATH}?client_id={client.client_id}"
    for token in ("", "x", client.secret or ""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        assert httpx.get(uri, headers=headers, verify=False).status_code == 401


@spec("OIDC Dynamic Client Registration", "2")
def test_a_token_may_open_implicit_and_hybrid() -> None:
    token = initial_token(grant_types=["authorization_code", "implicit"])
    kinds = ["id_token token code", "id_token"]
    grants = ["authorization_code", "implicit"]
    information = registered(token, grant_types=grants, response_types=kinds)
    assert information["response_types"] == kinds
    for members in (
        {"grant_types": grants, "response_types": ["code"]},
        {"grant_types": ["authorization_code"], "response_types": ["code", "code token"]},
        {"grant_types": grants, "response_types": kinds, "redirect_uris": ["http://127.0.0.1/cb"]},
        {"grant_types": grants, "response_types": kinds, "redirect_uris": ["https://localhost/cb"]},
    ):
        response = register(token, **members)
        assert response.status_code == 400, members
    less = registered(token, grant_types=[*grants, "password"], response_types=kinds)
    assert (less["grant_types"], less["response_types"]) == (grants, kinds)


# --- levels of authentication ------------------------------------------------------------------


@spec("OIDC Dynamic Client Registration", "2")
def test_levels_that_there_are_can_be_wished_for(provider: object) -> None:
    information = registered(default_acr_values=["phr"], require_auth_time=True)
    assert information["default_acr_values"] == ["phr"]
    assert information["require_auth_time"] is True


@spec("OIDC Dynamic Client Registration", "2")
@pytest.mark.parametrize(
    "wrong",
    [
        {"default_acr_values": ["urn:x"]},
        {"default_acr_values": "phr"},
        {"default_acr_values": [7]},
        {"require_auth_time": "yes"},
        {"require_auth_time": 1},
    ],
    ids=str,
)
def test_levels_that_there_are_not_are_refused(provider: object, wrong: dict[str, Any]) -> None:
    response = register(**wrong)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_client_metadata"


@spec("RFC 7591", "2")
def test_what_an_operator_requires_is_not_for_the_client_to_say(provider: object) -> None:
    assert "required_acr" not in registered(required_acr="phr")
