"""What is no address, or would say our answer's parameters itself, by every door. RFC 3986 §3."""

from typing import Any

import pytest

from idp.declaration import DeclarationError, apply
from idp.models import Client
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.registering import manage, register, registered, replaceable
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    make_client,
    make_user,
    spec,
)

NO_ADDRESSES = [
    "http://[::1].example/callback",
    "http://[::1]:0/callback",
    "https://rp.example.com:65536/callback",
    "https://evil.example\\.rp.example.com/callback",
]
#: Each with the members that it cannot be.
REFUSED: list[tuple[str, str]] = [
    *(
        (name, uri)
        for uri in NO_ADDRESSES
        for name in ("redirect_uris", "post_logout_redirect_uris")
    ),
    *(
        ("redirect_uris", f"https://rp.example.com/callback?{name}=x")
        for name in ("code", "state", "iss", "error", "%63ode", "session_state", "id_token")
    ),
    ("post_logout_redirect_uris", "https://rp.example.com/out?state=x"),
    *(
        (name, uri)
        for uri in ("https://[::1].example/x", "https://rp.example.com:0/x")
        for name in (
            *("request_uris", "jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"),
            *("frontchannel_logout_uri", "initiate_login_uri", "client_uri", "logo_uri"),
            *("policy_uri", "tos_uri", "policy_uri#de"),
        )
    ),
    ("frontchannel_logout_uri", "https://rp.example.com/out?sid=x"),
    ("initiate_login_uri", "https://rp.example.com/begin?iss=x"),
]


def members(name: str, uri: str) -> dict[str, Any]:
    return {name: [uri] if name.endswith("uris") else uri}


@spec("RFC 7591", "5")
@pytest.mark.parametrize(("name", "uri"), REFUSED)
def test_a_registration_is_refused(provider: object, name: str, uri: str) -> None:
    response = register(**members(name, uri))
    assert response.status_code == 400, response.text
    expected = "invalid_redirect_uri" if name == "redirect_uris" else "invalid_client_metadata"
    assert response.json()["error"] == expected


@pytest.mark.parametrize(("name", "uri"), REFUSED)
def test_apply_refuses_it(provider: object, name: str, uri: str) -> None:
    with pytest.raises(DeclarationError, match=name):
        make_client(**members(name, uri))


@spec("RFC 7592", "2.2")
def test_a_change_is_refused(provider: object) -> None:
    information = registered()
    for name, uri in REFUSED[:3]:
        body = replaceable(information, **members(name, uri))
        assert manage("PUT", information, body=body).status_code == 400


@pytest.mark.parametrize(("name", "uri"), [REFUSED[0], REFUSED[8], REFUSED[-1]])
def test_a_document_is_refused(
    browser: Browser, foreign_site: Elsewhere, name: str, uri: str
) -> None:
    client = introduced(foreign_site, **members(name, uri))
    page = browser.open("/authorize", client_id=client.client_id)
    assert is_error_page(page)
    assert not Client.objects.filter(client_id=client.client_id).exists()


@pytest.mark.parametrize(
    "uri", ["https://[::1].example/x", "https://api.example.com:0", "https://a\\.example.com"]
)
def test_an_api_has_no_such_identifier(provider: object, uri: str) -> None:
    with pytest.raises(DeclarationError, match="identifier"):
        apply({"resource_servers": [{"identifier": uri}]}, dry_run=False)


@pytest.mark.parametrize("uri", REFUSED[:1] + REFUSED[8:9], ids=["no address", "own code"])
def test_the_administration_refuses_it(provider: object, uri: tuple[str, str]) -> None:
    client = make_client()
    pk = Client.objects.get(client_id=client.client_id).pk
    with Browser() as browser:
        browser.sign_in(make_user(is_staff=True, is_superuser=True))
        page = browser.open(f"/admin/idp/client/{pk}/change/sign-in/")
        page = browser.submit(page, redirect_uris=uri[1])
    assert uri[1] in page.text
    assert Client.objects.get(pk=pk).redirect_uris == client.metadata["redirect_uris"]


@pytest.mark.parametrize("uri", NO_ADDRESSES)
def test_one_that_was_registered_before_is_not_answered(
    browser: Browser, user: EndUser, uri: str
) -> None:
    party = RelyingParty(make_client(), browser, user)
    Client.objects.filter(client_id=party.client.client_id).update(redirect_uris=[uri])
    assert is_error_page(party.visit(redirect_uri=uri))


@spec("RFC 6749", "4.1.2")
def test_one_with_a_parameter_of_ours_that_was_registered_before_works_on(
    browser: Browser, user: EndUser
) -> None:
    party = RelyingParty(make_client(), browser, user)
    uri = "https://rp.example.com/callback?state=own"
    Client.objects.filter(client_id=party.client.client_id).update(redirect_uris=[uri])
    party.client.metadata["redirect_uris"] = [uri]
    answer = party.authorize()
    assert answer.url.startswith(f"{uri}&code=")
