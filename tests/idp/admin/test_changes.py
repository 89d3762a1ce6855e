"""Every change is an Event: who, what, before, after; and nothing there is a secret."""

import csv
import io
import json
import re

import httpx
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from accounts.models import Session, User
from idp.clients import fapi2
from idp.declaration import DeclarationError, apply
from idp.linter import Severity, findings_for
from idp.models import Client, Consent, Event, Scope
from tests.assertions import jwks_of, make_key
from tests.dpop import Prover
from tests.elsewhere import Elsewhere, drip
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.introducing import introduced_before
from tests.reading import read_by
from tests.registering import headers_of
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    Browser,
    Registered,
    RelyingParty,
    forms_of,
    is_page,
    make_api,
    make_client,
    unique,
)


def user_of(email: str) -> User:
    return User.objects.get(email=email)


def user_page(email: str) -> str:
    return f"accounts/user/{user_of(email).pk}/change/"


def client_page(client_id: str) -> str:
    return f"idp/client/{Client.objects.get(client_id=client_id).pk}/change/"


def secret_on(page) -> str:
    found = re.search(r'id="secret"[^>]*>([^<]+)<', page.text)
    assert found, page.text
    return found[1]


def everything_stored() -> str:
    """Return all that the database holds, as text."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            texts.append(repr(cursor.fetchall()))
    return "".join(texts)


# --- users -------------------------------------------------------------------------------------


def test_a_user_is_made_and_recorded(operator: Operator) -> None:
    email = f"{unique('new')}@example.com"
    operator.save("accounts/user/add/", email=email, name="New User", invite=None)
    user_row = user_of(email)
    assert not user_row.has_usable_password()
    event = events_of(operator)[-1]
    assert (event.kind, event.target) == ("created", f"user {email}")
    assert event.details["changes"]["name"] == [None, "New User"]


def test_a_change_has_before_and_after(operator: Operator, user) -> None:
    page = operator.save(user_page(user.email), nickname="Aninha da Silva", address_3="Algarve")
    assert "problem" not in page.text
    event = events_of(operator)[-1]
    assert event.kind == "changed"
    assert event.user_id == user_of(user.email).pk
    assert event.details["changes"]["nickname"] == ["Aninha", "Aninha da Silva"]
    assert user_of(user.email).address["region"] == "Algarve"
    assert user_of(user.email).address["country"] == "Portugal"


def test_saving_without_a_change_is_no_event(operator: Operator, user) -> None:
    operator.save(user_page(user.email), nickname="Aninha")
    assert events_of(operator) == []


def test_an_address_can_be_verified_and_unverified(operator: Operator, user) -> None:
    operator.save(user_page(user.email), email_verified=None)
    assert events_of(operator)[-1].details["changes"] == {"email_verified": [True, False]}
    operator.save(user_page(user.email), email_verified="on")
    assert events_of(operator)[-1].details["changes"] == {"email_verified": [False, True]}


def test_two_users_never_have_one_address(operator: Operator, user, superuser) -> None:
    page = operator.save(user_page(user.email), email=superuser.user.email.upper())
    assert "Another user has this address." in page.text
    assert user_of(user.email)


def test_disabling_ends_sessions_and_tokens(operator: Operator, relying_party) -> None:
    tokens = relying_party.tokens()
    user = relying_party.user
    operator.run_action(user_page(user.email), "disable")
    assert is_page(relying_party.browser.open("/account/"), "/account/login/")
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    assert not is_page(relying_party.browser.type_password(user), "/account/")
    event = events_of(operator)[-1]
    assert (event.kind, event.target) == ("admin-action", f"user {user.email}")
    operator.run_action(user_page(user.email), "enable")
    assert is_page(relying_party.browser.type_password(user), "/account/")


def test_all_sessions_end(operator: Operator, relying_party) -> None:
    relying_party.tokens()
    operator.run_action(user_page(relying_party.user.email), "end-sessions")
    assert is_page(relying_party.browser.open("/account/"), "/account/login/")


def test_one_session_ends(operator: Operator, relying_party) -> None:
    relying_party.tokens()
    session = Session.objects.get(user__email=relying_party.user.email)
    operator.run_action(f"accounts/session/{session.pk}/change/", "end")
    assert is_page(relying_party.browser.open("/account/"), "/account/login/")
    assert events_of(operator)[-1].user_id == session.user_id


def test_what_is_done_already_is_said(operator: Operator, user) -> None:
    path = user_page(user.email)
    question = operator.open(path.replace("change/", "action/disable/"))
    operator.run_action(path, "disable")
    again = operator.browser.submit(question)
    assert "no longer possible" in again.text


# --- apps ---------------------------------------------------------------------------------------


def made_client(operator: Operator, **fields: object) -> tuple[str, object]:
    client_id = unique("made")
    page = operator.save(
        "idp/client/add/everything/",
        **{
            "client_id": client_id,
            "name": "Made here",
            "redirect_uris": "https://rp.example.com/callback",
            **fields,
        },
    )
    return client_id, page


def test_an_app_is_made_and_works_at_once(operator: Operator, browser: Browser, user) -> None:
    client_id, page = made_client(operator)
    secret = secret_on(page)
    assert "no-store" in page.headers["Cache-Control"]
    metadata = {"redirect_uris": ["https://rp.example.com/callback"]}
    app = RelyingParty(Registered(client_id, secret, metadata), browser, user)
    assert app.tokens()["id_token"]


def test_an_app_is_for_a_group_whatever_that_is_called(
    operator: Operator, superuser: Operator
) -> None:
    before, after = unique("bakers"), unique("cooks")
    group = Group.objects.create(name=before)
    client_id, _page = made_client(operator, allowed_groups=[before])
    client = Client.objects.get(client_id=client_id)
    assert client.allowed_groups == [before]
    superuser.save(f"auth/group/{group.pk}/change/", name=after)
    renamed = Client.objects.get(client_id=client_id)
    assert renamed.allowed_groups == [after]
    assert renamed.version > client.version
    group.delete()
    page = operator.save(tab_of(client_id, "name"), name="Another")
    assert f"There is no group {after}." in page.text
    access = tab_of(client_id, "allowed_groups")
    assert f'href="/admin/{access}#id_allowed_groups"' in page.text  # the tab that has the field
    operator.save(access, allowed_groups=[])
    assert Client.objects.get(client_id=client_id).allowed_groups == []


def test_a_phones_app_is_made_by_its_kind(operator: Operator) -> None:
    """RFC 8252 §7.1, §8.4: no secret, PKCE, an address of its own; what is unsafe is refused."""
    name = unique("Phone")
    assert "Native app" in operator.open("idp/client/add/").text
    path = "idp/client/add/native/"
    refused = operator.save(path, name=name, redirect_uris="http://shop.example/callback")
    assert "use https://" in refused.text
    assert not Client.objects.filter(name=name).exists()
    page = operator.save(path, name=name, redirect_uris="com.example.app:/callback")
    client = Client.objects.get(name=name)
    assert page.url.path.endswith(client_page(client.client_id))
    assert (client.is_public, client.pkce_required) == (True, True)
    assert client.application_type == "native"
    assert client.grant_types == ["authorization_code", "refresh_token"]
    assert events_of(operator)[-1].kind == "created"


def test_a_banks_app_is_made_by_its_kind(operator: Operator) -> None:
    """FAPI 2.0 Security Profile §5.3.2: nothing that the profile demands is missing."""
    name, path = unique("Bank"), "idp/client/add/high-security/"
    asked = {"name": name, "redirect_uris": "https://bank.example.com/callback"}
    assert "needs jwks or jwks_uri" in operator.save(path, **asked).text
    page = operator.save(path, **asked, jwks=json.dumps(jwks_of(make_key())))
    client = Client.objects.get(name=name)
    assert page.url.path.endswith(client_page(client.client_id))
    assert (client.profile, fapi2.unmet(client)) == ("fapi2", [])
    assert client.dpop_bound_access_tokens
    failing = [it for it in findings_for(client, timezone.now()) if it.severity is Severity.FAILING]
    assert failing == []


def test_a_machine_is_made_by_its_kind(operator: Operator) -> None:
    scope = make_api()["scopes"][0]
    name = unique("Machine")
    page = operator.save("idp/client/add/machine/", name=name, scopes=[scope])
    client = Client.objects.get(name=name)
    app = RelyingParty(Registered(client.client_id, secret_on(page), {}), operator.browser, None)
    answer = app.token(grant_type="client_credentials")
    assert answer.json()["scope"] == scope


def test_a_secret_is_shown_once_and_stored_nowhere(operator: Operator) -> None:
    client_id, page = made_client(operator)
    secret = secret_on(page)
    assert secret not in everything_stored()
    later = [operator.open(client_page(client_id)).text]
    later.append(operator.open(client_page(client_id).replace("change/", "secrets/")).text)
    later.append(operator.open("idp/event/").text)
    assert not any(secret in text for text in later)


def test_a_public_app_has_no_secret(operator: Operator) -> None:
    client_id, page = made_client(operator, token_endpoint_auth_method="none")
    assert 'id="secret"' not in page.text
    path = client_page(client_id).replace("change/", "secrets/")
    assert operator.browser.open(f"/admin/{path}").status_code == 404


def works(client_id: str, secret: str) -> bool:
    client = Registered(client_id, secret, {"redirect_uris": ["https://rp.example.com/callback"]})
    with Browser() as browser:
        answer = RelyingParty(client, browser, None).token(grant_type="authorization_code")
    return answer.json()["error"] != "invalid_client"


def test_two_secrets_work_while_rotating_and_a_removed_one_does_not(operator: Operator) -> None:
    client_id, page = made_client(operator)
    first = secret_on(page)
    path = client_page(client_id).replace("change/", "secrets/")
    page = operator.browser.submit(operator.open(path), "make-secret", overlap="24")
    second = secret_on(page)
    assert works(client_id, first)
    assert works(client_id, second)
    page = operator.open(path)
    assert 'id="make-secret"' not in page.text
    oldest = Client.objects.get(client_id=client_id).secrets.order_by("created_at").first()
    token = operator.browser.cookies["signet-csrf"]
    operator.browser.post(
        f"/admin/{path}",
        data={"csrfmiddlewaretoken": token, "remove": str(oldest.pk)},
        headers={"Origin": str(operator.browser.base_url).rstrip("/"), "Referer": str(page.url)},
    )
    assert not works(client_id, first)
    assert works(client_id, second)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"redirect_uris": "http://rp.example.com/callback"}, "use https://"),
        ({"redirect_uris": "javascript:alert(1)"}, "are not allowed"),
        ({"redirect_uris": ""}, "needs a redirect URI"),
        ({"scopes": "openid\nevil"}, "Not offered here: evil"),
        ({"user": "nobody@example.com"}, "No user has this address."),
        ({"grant_types": "refresh_token"}, "Refresh tokens come of"),
        ({"logo_uri": "javascript:alert(1)"}, "valid URL"),
        ({"client_id": ""}, "required"),
        ({"contacts": "a\0b"}, "Null characters are not allowed."),
        ({"jwks": '{"keys": ["\\u0000"]}'}, "Null characters are not allowed."),
    ],
)
def test_what_would_fail_later_is_said_at_once(
    operator: Operator, fields: dict[str, str], says: str
) -> None:
    client_id, page = made_client(operator, **fields)
    assert says in page.text
    assert not Client.objects.filter(client_id=client_id).exists()


def test_operators_read_it_in_their_language_and_developers_in_one(operator: Operator) -> None:
    wrong, german = "http://rp.example.com/callback", {"Accept-Language": "de"}
    operator.browser.headers.update(german)
    _, page = made_client(operator, redirect_uris=wrong)
    assert f"{wrong}: Sie beginnt mit http://" in page.text
    headers = {**headers_of(), **german}
    refused = httpx.post(f"{ISSUER}/register", json={"redirect_uris": [wrong]}, headers=headers)
    assert f"{wrong}: It starts with http://" in refused.json()["error_description"]


def test_an_app_s_change_is_recorded_and_obeyed_at_once(operator: Operator, relying_party) -> None:
    client_id = relying_party.client.client_id
    operator.save(tab_of(client_id, "redirect_uris"), redirect_uris="https://rp.example.com/other")
    assert relying_party.visit().status_code == 400
    assert events_of(operator)[-1].details["changes"] == {
        "redirect_uris": [["https://rp.example.com/callback"], ["https://rp.example.com/other"]]
    }
    operator.save(tab_of(client_id, "name"), name="Renamed", software_id="bakery-till")
    changes = events_of(operator)[-1].details["changes"]
    assert changes["client_name"] == ["Test app", "Renamed"]
    assert changes["software_id"] == ["", "bakery-till"]


def test_what_an_app_s_own_document_says_is_not_the_operator_s_to_change(
    operator: Operator,
) -> None:
    client = introduced_before()
    page = operator.open(client_page(client.client_id))
    assert "Its own document" in page.text
    for field in ("redirect_uris", "name", "jwks"):
        page = operator.open(tab_of(client.client_id, field))
        assert field not in {name for form in forms_of(page) for name in form.fields}
        assert f"field-{field}" in page.text  # it is read there
    assert client.redirect_uri in operator.open(tab_of(client.client_id, "redirect_uris")).text
    operator.save(tab_of(client.client_id, "scopes"), scopes="openid\nemail")
    row = Client.objects.get(client_id=client.client_id)
    assert (row.scopes, row.redirect_uris) == (["openid", "email"], [client.redirect_uri])
    operator.run_action(client_page(client.client_id), "disable")
    row.refresh_from_db()
    assert not row.enabled
    with pytest.raises(DeclarationError, match="its own document describes it"):
        apply({"clients": [client.metadata]}, dry_run=True)


def test_an_app_that_is_to_sign_with_its_secret_is_given_one_that_can(
    operator: Operator, relying_party
) -> None:
    client = relying_party.client
    keys = tab_of(client.client_id, "id_token_signed_response_alg")
    page = operator.save(keys, id_token_signed_response_alg="HS256")
    client.secret = secret_on(page)
    assert read_by(client, relying_party.tokens()["id_token"])["sub"] == relying_party.user.sub
    page = operator.save(keys, id_token_signed_response_alg="HS512")
    assert 'id="secret"' not in page.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id_token_encrypted_response_alg": "RSA-OAEP"}, "have none that goes with this"),
        ({"userinfo_encrypted_response_enc": "A128GCM"}, "It needs userinfo_encrypted"),
        ({"userinfo_signed_response_alg": "HS256"}, "A client without a secret"),
    ],
)
def test_signing_that_could_not_work_is_refused(
    operator: Operator, fields: dict[str, str], says: str
) -> None:
    client_id = make_client(token_endpoint_auth_method="none").client_id
    assert says in operator.save(tab_of(client_id, "jwks"), **fields).text


@pytest.mark.parametrize("path", ["change", "add"])
def test_a_sector_identifier_uri_is_fetched(
    operator: Operator, foreign_site: Elsewhere, slow_hosts_forgotten: None, path: str
) -> None:
    """OIDC Core §8.1: what is there has to list every redirect URI of the app."""
    uris = ["https://a.example.com/callback", "https://b.example.com/callback"]
    if path == "add":
        client_id, at = unique("pairwise"), "idp/client/add/everything/"
        more: dict[str, object] = {"client_id": client_id, "redirect_uris": "\n".join(uris)}
    else:
        client_id = make_client(redirect_uris=uris).client_id
        at, more = tab_of(client_id, "sector_identifier_uri"), {}

    def saved(sector: str) -> str:
        page = operator.save(at, subject_type="pairwise", sector_identifier_uri=sector, **more)
        row = Client.objects.filter(client_id=client_id).first()
        is_saved = row is not None and row.sector_identifier_uri == sector
        assert is_saved is ("errornote" not in page.text)
        return "" if is_saved else page.text

    says = foreign_site.says
    assert "lacks https://b.example.com/callback" in saved(
        says(f"/{unique('sector')}", json.dumps(uris[:1]).encode())
    )
    assert "not a JSON list" in saved(says(f"/{unique('sector')}", b"{"))
    assert saved("https://localhost:1/sector.json")
    listed = says(f"/{unique('sector')}", json.dumps(uris).encode())
    assert saved(listed) == ""
    # The tab that has the redirect URIs alone adds none that the document lacks, either.
    other = f"{uris[0]}\nhttps://c.example.com/callback"
    sign_in = tab_of(client_id, "redirect_uris")
    for cunning in ({}, {"sector_identifier_uri": ""}):
        page = send(operator, sign_in, redirect_uris=other, **cunning)
        assert "lacks https://c.example.com/callback" in page.text
    assert Client.objects.get(client_id=client_id).redirect_uris == uris
    more.pop("client_id", None)
    dripping = foreign_site.address + (path := f"/{unique('sector')}")
    foreign_site.pages[path] = drip
    assert "did not answer within 5 seconds" in saved(dripping)
    assert "too slow a moment ago" in saved(dripping)  # and is left alone for a while


def send(operator: Operator, path: str, **fields: object):
    """Send a form with fields that its page may not have."""
    page = operator.open(path)
    form = next(form for form in forms_of(page) if "shown" in form.fields)
    return operator.browser.post(
        f"/admin/{path}",
        data={**form.fields, **fields},
        headers={"Origin": ISSUER, "Referer": str(page.url)},
    )


def test_a_disabled_app_stops_at_once(operator: Operator, relying_party) -> None:
    tokens = relying_party.tokens()
    operator.run_action(client_page(relying_party.client.client_id), "disable")
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    assert relying_party.visit().status_code == 400


def test_everything_of_an_app_is_revoked(operator: Operator, relying_party) -> None:
    """Tokens end, of users and of its own; users who are signed in stay so."""
    row = Client.objects.get(client_id=relying_party.client.client_id)
    row.grant_types = ["authorization_code", "client_credentials"]
    row.save()
    tokens = relying_party.tokens()
    own = relying_party.token(grant_type="client_credentials").json()["access_token"]
    operator.run_action(client_page(row.client_id), "revoke")
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    assert relying_party.introspect(own) == {"active": False}
    assert events_of(operator)[-1].reason == "Revoke everything"
    assert relying_party.authorize(prompt="none").code


def test_the_page_of_an_app_begins_with_what_happened(operator: Operator, relying_party) -> None:
    client_id = relying_party.client.client_id
    relying_party.tokens()
    failed = relying_party.token(grant_type="authorization_code", code="unknown").json()
    page = operator.open(client_page(client_id)).text
    assert failed["error_uri"].partition("reference=")[2] in page
    assert relying_party.user.email in page
    assert f"{ISSUER}/end_session" in page
    assert f"OIDC_RP_CLIENT_ID = &quot;{client_id}&quot;" in page


def test_an_app_is_deleted_with_all_its_own(operator: Operator, relying_party) -> None:
    tokens = relying_party.tokens()
    client_id = relying_party.client.client_id
    page = operator.open(client_page(client_id).replace("change/", "delete/"))
    operator.browser.submit(page, post="yes")
    assert not Client.objects.filter(client_id=client_id).exists()
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    event = events_of(operator)[-1]
    assert (event.kind, event.target) == ("deleted", f"client {client_id}")


# --- what users allowed -----------------------------------------------------------------------


def test_a_withdrawn_consent_ends_what_it_gave(operator: Operator, relying_party) -> None:
    tokens = relying_party.tokens()
    consent = Consent.objects.get(client__client_id=relying_party.client.client_id)
    operator.run_action(f"idp/consent/{consent.pk}/change/", "withdraw")
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    assert is_page(relying_party.visit(), "/consent")
    assert events_of(operator)[-1].client_id == relying_party.client.client_id


def test_a_revoked_authorization_ends_its_tokens(operator: Operator, relying_party) -> None:
    owner = Prover()
    tokens = owner.tokens(relying_party)
    page = operator.open("idp/grant/", q=relying_party.client.client_id)
    found = re.search(r"/admin/(idp/grant/\d+/change/)", page.text)
    assert found
    assert owner.userinfo(tokens["access_token"]).status_code == 200
    assert "bound to a key (DPoP)" in operator.open(found[1]).text
    operator.run_action(found[1], "revoke")
    assert owner.userinfo(tokens["access_token"]).status_code == 401


def test_scopes_and_apis(operator: Operator) -> None:
    name = unique("scope")
    operator.save("idp/scope/add/", name=name, description="See which bread is baked")
    assert Scope.objects.get(name=name)
    assert events_of(operator)[-1].target == f"scope {name}"
    caller = make_client()
    identifier = f"https://{name}.example.com"
    operator.save(
        "idp/resourceserver/add/",
        identifier=identifier,
        scopes=f"{name}.read: Read it\n{name}.write",
        access_token_typ="JWT",
        access_token_claims="groups\nemail",
        introspection_clients=caller.client_id,
    )
    event = events_of(operator)[-1]
    assert event.target == f"resource server {identifier}"
    changes = event.details["changes"]
    assert changes["scopes"][1] == {f"{name}.read": "Read it", f"{name}.write": ""}
    assert changes["access_token_claims"][1] == ["groups", "email"]
    assert changes["access_token_typ"][1] == "JWT"


def test_an_initial_access_token_is_shown_once(operator: Operator) -> None:
    page = operator.save("idp/initialaccesstoken/add/", name=unique("token"))
    assert secret_on(page) not in everything_stored()


# --- events -------------------------------------------------------------------------------------


def test_an_event_is_found_by_its_reference_and_tells_its_story(
    support: Operator, relying_party
) -> None:
    page = relying_party.visit(redirect_uri="https://rp.example.com/callback/")
    reference = REFERENCE.search(page.text)
    assert reference
    found = support.open("idp/event/", q=reference[0].lower())
    address = re.search(r"/admin/(idp/event/\d+/change/)", found.text)
    assert address
    story = support.open(address[1]).text
    assert "https://rp.example.com/callback/" in story
    assert "clients.redirect_uris.verified" in story
    assert "OIDC Core §3.1.2.1" in story
    assert relying_party.client.client_id in story


@pytest.mark.parametrize("by", ["client_id", "user", "address"])
def test_events_are_found_by(support: Operator, relying_party, by: str) -> None:
    relying_party.tokens()
    relying_party.exchange("unknown")
    term = {
        "client_id": relying_party.client.client_id,
        "user": relying_party.user.email[:12],
        "address": relying_party.browser.headers["X-Forwarded-For"],
    }[by]
    page = support.open("idp/event/", q=term)
    assert "/admin/idp/event/" in page.text
    assert " 0 events" not in page.text


def test_events_are_exported(support: Operator, relying_party) -> None:
    relying_party.exchange("unknown")
    client_id = relying_party.client.client_id
    rows = list(
        csv.DictReader(io.StringIO(support.open("idp/event/export/csv/", client_id=client_id).text))
    )
    assert [row["error"] for row in rows] == ["invalid_grant"]
    lines = support.open("idp/event/export/json/", client_id=client_id).text.splitlines()
    assert [json.loads(line)["reference"] for line in lines] == [rows[0]["reference"]]
    assert [event.kind for event in events_of(support)] == ["exported", "exported"]


def test_no_cell_of_an_export_is_a_formula(support: Operator, browser: Browser) -> None:
    browser.get("/authorize", params={"client_id": "=HYPERLINK(1)"})
    text = support.open("idp/event/export/csv/", q="=HYPERLINK(1)").text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not any(cell.startswith("=") for cell in cells)


def test_events_cannot_be_changed_or_deleted(superuser: Operator) -> None:
    event = Event.objects.order_by("-id").first()
    assert event is not None
    page = superuser.open(f"idp/event/{event.pk}/change/")
    assert 'name="_save"' not in page.text
    deleted = superuser.browser.open(f"/admin/idp/event/{event.pk}/delete/")
    assert deleted.status_code == 403


def test_what_strangers_send_is_text_here(superuser: Operator, browser: Browser) -> None:
    attack = '"><script>alert(1)</script>'
    page = browser.get("/authorize", params={"client_id": attack, "redirect_uri": attack})
    reference = REFERENCE.search(page.text)
    assert reference
    found = superuser.open("idp/event/", q=reference[0])
    address = re.search(r"/admin/(idp/event/\d+/change/)", found.text)
    assert address
    for text in (found.text, superuser.open(address[1]).text):
        assert "<script>alert" not in text


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\0"},
        {"q": "x" * 5000},
        {"q": "@"},
        {"q": "999.999.999.999"},
        {"p": "999999999"},
        {"p": "-1"},
        {"o": "99.-99"},
        {"kind": "nothing"},
        {"at__gte": "never"},
        {"user": "x"},
        {"nothing__x": "1"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["idp/event/", "accounts/user/", "idp/client/"])
def test_odd_searches(superuser: Operator, path: str, query: dict[str, str]) -> None:
    answer = superuser.browser.settle(superuser.browser.get(f"/admin/{path}", params=query))
    assert answer.status_code in {200, 400, 404}


def test_an_older_app_is_opened_for_tokens_in_front(operator: Operator) -> None:
    wanted = {
        "grant_types": ["authorization_code", "implicit", "password"],
        "response_types": ["code", "id_token token"],
    }
    client_id, page = made_client(operator, **wanted)
    assert "is without implicit, password" in page.text
    client_id, page = made_client(operator, **wanted, profile="compatible")
    client = Client.objects.get(client_id=client_id)
    assert (client.grant_types, client.response_types) == tuple(wanted.values())
    sign_in = operator.open(tab_of(client_id, "grant_types"))
    assert "Legacy: tokens come in an address" in sign_in.text


def test_an_app_has_texts_in_other_languages(operator: Operator) -> None:
    client_id = make_client(**{"tos_uri#fr": "https://rp.example.com/fr"}).client_id
    lines = "client_name#de = Brotladen\ntos_uri#fr=https://rp.example.com/cgu\nclient_uri#de ="
    appearance = tab_of(client_id, "localized")
    assert "tos_uri#fr = https://rp.example.com/fr" in operator.open(appearance).text
    operator.save(appearance, localized=lines)
    saved = {"client_name#de": "Brotladen", "tos_uri#fr": "https://rp.example.com/cgu"}
    assert Client.objects.get(client_id=client_id).localized == saved
    for line, problem in (
        ("client_id#de = x", "Write “client_name#de = …”"),
        ("client_name#de = a\nclient_name#de = b", "each name and language once"),
        ("tos_uri#de = javascript:alert(1)", "not an address that starts with https://"),
    ):
        page = operator.save(appearance, localized=line)
        assert problem in page.text
        assert line.splitlines()[-1].split(" = ")[0] in page.text
    assert Client.objects.get(client_id=client_id).localized == saved
