"""The export of a user's data: all of it, no secrets, made at once or by the worker."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from accounts.models import User
from idp.data_exports import document, stored
from idp.endpoints.your_data import AT_ONCE
from idp.models import DataExport, Event, Sharing
from tests import secrecy
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
)

PAGE = "/account/data/"
#: Tables that refer to users and have nothing that users do not know, or that is a secret.
LEFT_OUT = {
    "accounts.EmailChange": "the addresses, for a week: the change is an event",
    "accounts.InactiveSession": "a session, which is exported, while it is inactive",
    "accounts.User_groups": "exported as groups",
    "accounts.UpstreamMembership": "which of them an identity provider gave",
    "accounts.User_user_permissions": "an operator's",
    "admin.LogEntry": "Django's own log, which is not used",
    "idp.AccessToken": "a grant's, which is exported",
    "idp.AuthorizationCode": "a grant's",
    "idp.RefreshToken": "a grant's",
    "idp.IDToken": "never written",
    "idp.DeviceCode": "a grant's",
    "idp.BackchannelAuthentication": "an app's question: exported as events, and as a grant's",
    "idp.Client": "an app that the user develops: exported by operators",
    "idp.DataExport": "the export",
    "idp.PairwiseSubject": "apps' own names for the user, which are secret from each other",
    "idp.Role_users": "exported as roles",
    "idp.InitialAccessToken": "an operator's",
}
EXPORTED = {
    "accounts.Session": "sessions",
    "account.EmailAddress": "email_addresses",
    "mfa.Authenticator": "factors",
    "accounts.TermsAcceptance": "terms_accepted",
    "accounts.TrustedBrowser": "trusted_browsers",
    "socialaccount.SocialAccount": "connected_accounts",
    "idp.Consent": "consents",
    "idp.Event": "activity",
    "idp.Grant": "sharing",
    "idp.IssuerLink": "account",
    "idp.Sharing": "sharing",
}


def test_the_export_has_all_and_no_secrets(browser: Browser) -> None:
    user = make_user()
    client = make_client(client_name="Bakery", grant_types=["authorization_code", "refresh_token"])
    with Browser() as other:
        other.sign_in(user)
        other.set_up_app(user)
    browser.sign_in(user)
    party = RelyingParty(client, browser, user)
    party.exchange(party.authorize_by_pages(scope="openid email offline_access").code)
    answer = browser.submit(browser.open(PAGE), "export-data")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="account-')
    data = answer.json()
    assert data["account"]["sub"] == user.sub
    assert data["cut_off"] == []
    assert data["profile"]["nickname"] == "Aninha"
    assert data["profile"]["address"]["country"] == "Portugal"
    assert data["email_addresses"] == [{"email": user.email, "verified": True, "primary": True}]
    assert {factor["type"] for factor in data["factors"]} == {"totp", "recovery_codes"}
    assert [session["clients"] for session in data["sessions"]] == [[client.client_id], []]
    assert data["consents"][0]["scopes"] == ["email", "offline_access", "openid"]
    assert data["sharing"][0]["client_id"] == client.client_id
    kinds = {event["kind"] for event in data["activity"]}
    assert kinds >= {"signed-in", "factor-added", "consented"}
    row = User.objects.get(email=user.email)
    assert not secrecy.used.leaks(answer.text)
    assert user.app
    for secret in (row.password, user.app.secret, *user.recovery_codes):
        assert secret
        assert secret not in answer.text
    assert "secret" not in answer.text
    exported = Event.objects.get(user=row, kind="exported")
    assert exported.target == f"user {user.sub}"
    assert "Your data was exported" in browser.open("/account/activity/").text


def test_every_table_about_users_is_decided_about() -> None:
    """A new table that refers to users belongs into the export, or into the list of exceptions."""
    known = {*EXPORTED, *LEFT_OUT}
    found = {
        field.related_model._meta.label
        for field in User._meta.get_fields(include_hidden=True)
        if isinstance(field, models.ManyToOneRel)
    }
    assert found <= known, found - known
    assert {*EXPORTED.values()} <= {*document.SECTIONS, "sharing"}


def test_a_large_export_is_made_by_the_worker(browser: Browser, user: EndUser) -> None:
    row = User.objects.get(email=user.email)
    events = [Event(user=row, kind="sign-in-failed") for _ in range(AT_ONCE + 1)]
    Event.objects.bulk_create(events)
    browser.sign_in(user)
    waiting = browser.submit(browser.open(PAGE), "export-data")
    assert is_page(waiting, PAGE)
    assert "Your data is being put together." in waiting.text
    browser.submit(waiting, "export-data")
    (export,) = DataExport.objects.filter(user=row)
    path = f"{PAGE}{export.pk}/"
    assert path not in browser.open(PAGE).text
    assert browser.get(path).status_code == 404
    call_command("worker", "--once")
    assert path in browser.open(PAGE).text
    data = browser.get(path).json()
    assert len(data["activity"]) > AT_ONCE
    assert data["account"]["sub"] == user.sub


def test_a_list_that_is_cut_off_says_so(user: EndUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST", 3)
    row = User.objects.get(email=user.email)
    for number in range(4):
        Event.objects.create(user=row, kind="signed-in", reason=str(number))
    data = document.document_of(row, timezone.now())
    assert data["cut_off"] == ["activity"]
    assert [event["reason"] for event in data["activity"]] == ["3", "2", "1"]


def test_an_export_that_fails_is_tried_thrice(
    browser: Browser, user: EndUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(stored, "document_of", fail)
    row, now = User.objects.get(email=user.email), timezone.now()
    stored.ask(row, now)
    for number in range(5):
        while stored.make_next(now + number * timedelta(minutes=11)):
            pass
    export = DataExport.objects.get(user=row)
    assert (export.tries, export.ready_at) == (3, None)
    DataExport.objects.filter(user=row).update(begun_at=now - timedelta(minutes=11))
    browser.sign_in(user)
    assert "It could not be put together." in browser.open(PAGE).text
    stored.ask(row, now)
    assert DataExport.objects.filter(user=row).count() == 2, "another one can be asked for"
    DataExport.objects.filter(user=row).delete()


def test_two_workers_make_one_export_once(user: EndUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second worker that sees the same row leaves it to the first."""
    row, now = User.objects.get(email=user.email), timezone.now()
    stored.ask(row, now)
    made: list[str] = []

    def make(export: DataExport, now: object) -> None:
        made.append(export.pk)
        assert not stored.make_next(timezone.now())  # while the first one works

    monkeypatch.setattr(stored, "_make", make)
    assert stored.make_next(now)
    assert len(made) == 1
    DataExport.objects.filter(user=row).delete()


def test_the_history_of_an_app_that_is_gone_is_exported(user: EndUser) -> None:
    row, now = User.objects.get(email=user.email), timezone.now()
    Sharing.objects.create(user=row, client_id="gone", day=now.date(), scope="email", last_at=now)
    shared = document.document_of(row, now + timedelta(seconds=1))["sharing"]
    assert json.loads(json.dumps(shared)) == [
        {
            "client_id": "gone",
            "day": now.date().isoformat(),
            "last_at": now.isoformat(),
            "scopes": ["email"],
            "claims": [],
        }
    ]
