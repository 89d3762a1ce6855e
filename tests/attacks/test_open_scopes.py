"""Clients that come by themselves, and want more of an API than its operator opened to them."""

from typing import Any

import httpx
import pytest
from django.utils import timezone

from idp.declaration import apply
from idp.linter import findings_for
from idp.models import Client
from tests.elsewhere import Elsewhere
from tests.introducing import introduced, let_go_stale, publish
from tests.registering import as_client, initial_token, manage, registered, replaceable
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_api,
    spec,
    verified,
)
from tests.wire.test_open_scopes import GRANTS, open_api, scopes


@pytest.fixture
def api(provider: object) -> dict[str, Any]:
    return open_api()


@pytest.fixture
def app(browser: Browser, user: EndUser, provider: object) -> RelyingParty:
    metadata = {"token_endpoint_auth_method": "none", "grant_types": GRANTS}
    return RelyingParty(as_client(registered(**metadata)), browser, user)


def close(api: dict[str, Any]) -> None:
    """Close every scope of an API."""
    closed = dict.fromkeys(api["scopes"], "Closed")
    apply({"resource_servers": [{**api, "scopes": closed}]}, dry_run=False)


@spec("RFC 7591", "5")
def test_no_registration_opens_a_closed_scope(
    api: dict[str, Any], browser: Browser, user: EndUser
) -> None:
    read, _write, admin = scopes(api)
    for information in (
        registered(scope=admin),
        registered(scope=f"openid {admin} {read}", open_scopes=[admin], scopes=[admin]),
        registered(**{"scope": "openid", "scope#de": admin}),
    ):
        assert admin not in information["scope"].split()
        body = replaceable(information, scope=f"openid {admin}")
        assert manage("PUT", information, body=body).json()["scope"] == "openid"
        row = Client.objects.get(client_id=information["client_id"])
        assert admin not in row.scopes
        party = RelyingParty(as_client(information), browser, user)
        asked = party.visit(scope=f"openid {admin}", resource=api["identifier"])
        assert party.answer(asked).error == "invalid_scope"


@spec("RFC 8707", "2")
def test_an_open_scope_opens_no_other_api(app: RelyingParty, api: dict[str, Any]) -> None:
    """Not one of another API with the scope of this one, nor without naming the API."""
    read, write, _admin = scopes(api)
    other = make_api()
    for resource in (other["identifier"], None):
        answer = app.answer(app.visit(scope=f"{read} {write}", resource=resource))
        assert answer.error == "invalid_scope"
    both = [api["identifier"], other["identifier"]]
    tokens = app.tokens(scope=f"{read} {other['scopes'][0]}", resource=both)
    assert tokens["scope"] == read
    without = app.tokens(scope=f"openid {read}", prompt="consent")
    assert without["scope"] == "openid"
    refused = app.exchange(app.authorize(scope=f"openid {read}").code, resource=api["identifier"])
    assert refused.json()["error"] == "invalid_scope"


@spec("RFC 6749", "6")
def test_a_scope_that_is_closed_is_not_refreshed(app: RelyingParty, api: dict[str, Any]) -> None:
    read, write, _admin = scopes(api)
    asked = {"scope": f"openid offline_access {read} {write}", "resource": api["identifier"]}
    tokens = app.tokens(**asked)
    assert tokens["scope"].split() == [read, write]
    only_read = {read: {"self_registered": True}, write: "Closed"}
    apply({"resource_servers": [{**api, "scopes": only_read}]}, dry_run=False)
    tokens = app.refresh(tokens["refresh_token"]).json()
    assert (tokens["scope"], verified(tokens["access_token"])["scope"]) == (read, read)
    close(api)
    for parameters in ({}, {"scope": write}, {"resource": api["identifier"]}):
        refused = app.refresh(tokens["refresh_token"], **parameters)
        assert refused.json()["error"] == "invalid_scope"
    # The refusals cost nothing: what is opened again is given again.
    apply({"resource_servers": [api]}, dry_run=False)
    again = app.refresh(tokens["refresh_token"]).json()
    assert again["scope"].split() == [read, write]


@spec("RFC 6749", "4.1.3")
def test_a_scope_that_is_closed_while_a_code_is_on_its_way(
    app: RelyingParty, api: dict[str, Any]
) -> None:
    read, *_others = scopes(api)
    code = app.authorize(scope=read, resource=api["identifier"]).code
    waiting = app.visit(scope=read, resource=api["identifier"], prompt="consent")
    assert is_page(waiting, "/consent")
    close(api)
    assert app.exchange(code).json()["error"] == "invalid_scope"
    assert app.answer(app.browser.submit(waiting, "allow")).error == "invalid_scope"


@spec("RFC 7591", "5")
def test_a_registered_scope_is_closed_with_its_api(
    browser: Browser, user: EndUser, api: dict[str, Any]
) -> None:
    """Also for who registered it while it was open, whatever it sends to its registration then."""
    read, *_others = scopes(api)
    information = registered(scope=f"openid {read}")
    party = RelyingParty(as_client(information), browser, user)
    assert party.tokens(scope=read, resource=api["identifier"])["scope"] == read
    close(api)
    assert manage("GET", information).json()["scope"] == "openid"
    found = findings_for(Client.objects.get(client_id=information["client_id"]), timezone.now())
    assert [read in finding.what for finding in found if finding.field == "scopes"] == [True]
    body = replaceable(information, scope=f"openid {read}")
    assert manage("PUT", information, body=body).json()["scope"] == "openid"
    answer = party.answer(party.visit(scope=read, resource=api["identifier"]))
    assert answer.error == "invalid_scope"


@spec("OAuth Client ID Metadata Document", "4")
def test_no_document_opens_a_closed_scope_however_it_changes(
    browser: Browser, user: EndUser, foreign_site: Elsewhere, api: dict[str, Any]
) -> None:
    read, _write, admin = scopes(api)
    client = introduced(foreign_site, scope=admin, scopes=[admin], open_scopes=[admin])
    party = RelyingParty(client, browser, user)
    asked = {"scope": f"openid {read} {admin}", "resource": api["identifier"]}
    assert party.tokens(**asked)["scope"] == read
    publish(foreign_site, client, scope=f"openid {admin}", registration_source="manual")
    let_go_stale(client)
    assert party.tokens(**asked)["scope"] == read
    row = Client.objects.get(client_id=client.client_id)
    assert (row.scopes, row.open_scopes) == ([], [])


@spec("OIDC Core", "3.1.2.4")
def test_nobody_gets_an_open_scope_without_a_persons_consent(
    app: RelyingParty, api: dict[str, Any]
) -> None:
    read, write, _admin = scopes(api)
    asked = {"scope": read, "resource": api["identifier"]}
    app.browser.sign_in(app.user)
    assert app.answer(app.visit(**asked, prompt="none")).error == "consent_required"
    app.tokens(**asked)
    assert app.answer(app.visit(**asked, prompt="none")).code
    more = {**asked, "scope": f"{read} {write}"}
    assert app.answer(app.visit(**more, prompt="none")).error == "consent_required"
    # Consent to one client is none for the next one of the same name.
    twin = RelyingParty(as_client(registered()), app.browser, app.user)
    assert twin.answer(twin.visit(**asked, prompt="none")).error == "consent_required"


@spec("RFC 6749", "4.4")
def test_no_machine_gets_an_open_scope(api: dict[str, Any]) -> None:
    """It has no user who could agree."""
    read, *_others = scopes(api)
    token = initial_token(grant_types=["client_credentials"])
    machine = registered(token, grant_types=["client_credentials"], redirect_uris=None, scope=read)
    assert machine["scope"] == "openid"
    auth = (machine["client_id"], machine["client_secret"])
    for form in ({"scope": read}, {"resource": api["identifier"]}, {}):
        form = {"grant_type": "client_credentials", **form}
        answer = httpx.post(f"{ISSUER}/token", data=form, auth=auth, verify=False).json()
        assert read not in answer.get("scope", "")
        assert answer.get("error") or "resource" not in form


def test_a_stranger_keeps_no_operator_from_deleting_a_scope(api: dict[str, Any]) -> None:
    """Nor from changing the stranger's app afterwards."""
    from idp.clients import validation

    read, *_others = scopes(api)
    information = registered(scope=f"openid {read}")
    apply({"resource_servers": [{**api, "scopes": []}]}, dry_run=False)
    validation.check_whole(Client.objects.get(client_id=information["client_id"]))
