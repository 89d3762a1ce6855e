"""Refresh tokens. RFC 6749 §6, RFC 9700 §4.14, OIDC Core §11, §12."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from foundation.statements import hash_of
from idp import policy
from idp.declaration import apply
from idp.models import Client, Grant, RefreshToken
from tests.registering import as_client, registered
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    spec,
    verified,
)

GRANTS = ["authorization_code", "refresh_token"]
OFFLINE = "openid email offline_access"
HOUR = timedelta(hours=1)


def using(browser: Browser, user: EndUser, **metadata: Any) -> RelyingParty:
    return RelyingParty(make_client(grant_types=GRANTS, **metadata), browser, user)


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    """A website registered for refresh tokens."""
    return using(browser, user)


@pytest.fixture
def graceful(browser: Browser, user: EndUser) -> RelyingParty:
    """A website whose lost answers may be repeated for twenty seconds."""
    return using(browser, user, refresh_token_grace=20)


def sign_out(user: EndUser) -> None:
    end_sessions(Session.objects.filter(user__sub=user.sub), Ending.SIGNED_OUT)


def stored(refresh_token: str) -> RefreshToken:
    return RefreshToken.objects.get(token_checksum=hash_of(refresh_token))


def used_ago(refresh_token: str, **ago: float) -> None:
    """Move the moment at which a token was used into the past."""
    row = RefreshToken.objects.filter(pk=stored(refresh_token).pk)
    row.update(revoked=timezone.now() - timedelta(**ago))


def is_refused(response: Any) -> bool:
    return response.status_code == 400 and response.json()["error"] == "invalid_grant"


def is_dead(app: RelyingParty, tokens: dict[str, Any]) -> bool:
    """Whether neither the access token nor the refresh token is good any more."""
    bearer = app.userinfo(tokens["access_token"]).status_code == 401
    return bearer and app.introspect(tokens["refresh_token"]) == {"active": False}


# --- who gets one -------------------------------------------------------------------------------


@spec("OIDC Core", "11")
def test_offline_access_is_agreed_to_and_gives_a_refresh_token(app: RelyingParty) -> None:
    page = app.browser.sign_in(app.user, app.visit(scope=OFFLINE, prompt="consent"))
    assert is_page(page, "/consent")
    tokens = app.exchange(app.go_on(page).code).json()
    assert tokens["scope"].split() == sorted(OFFLINE.split())
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("OIDC Core", "11")
def test_a_recorded_consent_to_offline_access_is_enough(app: RelyingParty) -> None:
    app.authorize(scope=OFFLINE)
    answer = app.answer(app.visit(scope=OFFLINE, prompt="none"))
    assert "refresh_token" in app.exchange(answer.code).json()


@spec("OIDC Core", "11")
def test_a_consent_to_less_is_not_one_to_offline_access(app: RelyingParty) -> None:
    app.authorize(scope="openid email")
    assert app.answer(app.visit(scope=OFFLINE, prompt="none")).error == "consent_required"


@spec("OIDC Core", "11")
def test_without_offline_access_there_is_none(app: RelyingParty) -> None:
    assert "refresh_token" not in app.tokens()


@spec("OIDC Core", "11")
def test_a_client_not_registered_for_it_gets_none(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens(scope=OFFLINE, prompt="consent")
    assert "refresh_token" not in tokens
    assert "offline_access" not in tokens["scope"].split()
    response = relying_party.refresh("x" * 43)
    assert response.json()["error"] == "unauthorized_client"


@spec("OIDC Core", "11")
def test_offline_access_goes_on_when_the_user_has_signed_out(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    sign_out(app.user)
    refreshed = app.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    assert app.userinfo(refreshed.json()["access_token"]).status_code == 200


@spec("RFC 9700", "4.14")
def test_a_refresh_token_of_the_session_ends_with_it(browser: Browser, user: EndUser) -> None:
    app = using(browser, user, refresh_without_offline_access=True)
    first = app.tokens()
    tokens = app.refresh(first["refresh_token"]).json()
    assert app.introspect(tokens["refresh_token"])["active"]
    sign_out(user)
    assert is_dead(app, tokens)
    assert is_refused(app.refresh(tokens["refresh_token"]))


#: Clients by who made them and what they are, and whether they get refresh tokens without
#: offline_access where the operator has decided nothing.
KINDS = {
    "a website's": (lambda: make_client(grant_types=GRANTS), False),
    "a single-page app's": (
        lambda: make_client(grant_types=GRANTS, token_endpoint_auth_method="none"),
        False,
    ),
    "a native app's": (
        lambda: make_client(
            grant_types=GRANTS, token_endpoint_auth_method="none", application_type="native"
        ),
        True,
    ),
    "a registered website's": (lambda: as_client(registered(grant_types=GRANTS)), False),
    "a registered public client's": (
        lambda: as_client(registered(grant_types=GRANTS, token_endpoint_auth_method="none")),
        True,
    ),
    "one that did not register refresh_token": (
        lambda: as_client(registered(token_endpoint_auth_method="none")),
        False,
    ),
}


@spec("RFC 6749", "1.5")
@pytest.mark.parametrize(("make", "comes"), KINDS.values(), ids=KINDS)
def test_who_gets_one_without_offline_access(
    browser: Browser, user: EndUser, make: Any, comes: bool
) -> None:
    app = RelyingParty(make(), browser, user)
    tokens = app.tokens(scope="openid")
    assert ("refresh_token" in tokens) is comes
    if comes:
        again = app.refresh(tokens["refresh_token"])
        assert again.json()["scope"] == "openid"
        sign_out(user)
        assert is_refused(app.refresh(again.json()["refresh_token"]))


@spec("RFC 6749", "1.5")
def test_an_operator_decides_otherwise(browser: Browser, user: EndUser) -> None:
    public = {"grant_types": GRANTS, "token_endpoint_auth_method": "none"}
    decided = make_client(**public, application_type="native", refresh_without_offline_access=False)
    assert "refresh_token" not in RelyingParty(decided, browser, user).tokens()
    client = as_client(registered(**public))
    row = Client.objects.get(client_id=client.client_id)
    row.refresh_without_offline_access = False
    row.save()
    assert "refresh_token" not in RelyingParty(client, browser, user).tokens()


# --- what a refresh gives -----------------------------------------------------------------------


@spec("RFC 6749", "6")
def test_a_refresh_gives_new_tokens_and_uses_the_old_one_up(app: RelyingParty) -> None:
    first = app.tokens(scope=OFFLINE)
    response = app.refresh(first["refresh_token"])
    assert response.headers["Cache-Control"] == "no-store"
    second = response.json()
    assert second["token_type"] == "Bearer"
    assert second["scope"] == first["scope"]
    for name in ("access_token", "refresh_token", "id_token"):
        assert second[name] != first[name]
    assert app.userinfo(second["access_token"]).json()["email"] == app.user.email
    assert app.refresh(second["refresh_token"]).status_code == 200


@spec("RFC 6749", "6")
def test_scope_can_be_narrowed_for_one_access_token(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    narrow = app.refresh(tokens["refresh_token"], scope="openid").json()
    assert narrow["scope"] == "openid"
    assert "email" not in app.userinfo(narrow["access_token"]).json()
    # The refresh token itself still stands for all that was granted.
    assert app.refresh(narrow["refresh_token"]).json()["scope"] == tokens["scope"]


@spec("RFC 6749", "6")
def test_scope_is_never_widened_and_asking_costs_nothing(app: RelyingParty) -> None:
    tokens = app.tokens(scope="openid offline_access")
    refused = app.refresh(tokens["refresh_token"], scope="openid email")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("RFC 6749", "6")
def test_a_narrowed_token_does_not_widen_later_through_the_scope_it_left_out(
    app: RelyingParty,
) -> None:
    tokens = app.tokens(scope="openid offline_access")
    narrow = app.refresh(tokens["refresh_token"], scope="offline_access").json()
    assert "id_token" not in narrow
    widened = app.refresh(narrow["refresh_token"], scope="openid profile")
    assert widened.json()["error"] == "invalid_scope"


@spec("OIDC Core", "12.2")
def test_a_refreshed_id_token_tells_of_the_same_sign_in(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    first = verified(tokens["id_token"])
    time.sleep(1.1)  # iat counts whole seconds
    second = verified(app.refresh(tokens["refresh_token"]).json()["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert second[name] == first[name]
    assert second["iat"] > first["iat"]
    assert second["exp"] > first["exp"]
    assert second["at_hash"] != first["at_hash"]
    assert "nonce" not in second


@spec("OIDC Core", "12.2")
def test_auth_time_stays_when_the_user_signs_in_again_elsewhere(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    first = verified(tokens["id_token"])
    time.sleep(1.1)  # auth_time counts whole seconds
    again = verified(app.tokens(scope=OFFLINE, prompt="login")["id_token"])
    assert again["auth_time"] > first["auth_time"]
    refreshed = verified(app.refresh(tokens["refresh_token"]).json()["id_token"])
    assert refreshed["auth_time"] == first["auth_time"]


@spec("RFC 6749", "6")
def test_a_public_client_refreshes_with_its_client_id(browser: Browser, user: EndUser) -> None:
    app = using(browser, user, token_endpoint_auth_method="none")
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    third = app.refresh(second["refresh_token"]).json()
    assert is_refused(app.refresh(first["refresh_token"]))
    assert is_refused(app.refresh(third["refresh_token"]))


# --- reuse --------------------------------------------------------------------------------------


@spec("RFC 9700", "4.14.2")
def test_reuse_ends_the_grant_with_its_access_tokens(app: RelyingParty) -> None:
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    third = app.refresh(second["refresh_token"]).json()
    assert is_refused(app.refresh(first["refresh_token"]))
    # Read before anything is tried again: the revocation held when the error was sent.
    assert Grant.objects.get(refreshtoken=stored(third["refresh_token"])).revoked_at
    for tokens in (first, second, third):
        assert is_dead(app, tokens)
    assert is_refused(app.refresh(third["refresh_token"]))


@spec("RFC 9700", "4.14.2")
def test_reuse_leaves_other_grants_alone(app: RelyingParty) -> None:
    first, other = app.tokens(scope=OFFLINE), app.tokens(scope=OFFLINE)
    app.refresh(first["refresh_token"])
    assert is_refused(app.refresh(first["refresh_token"]))
    assert app.userinfo(other["access_token"]).status_code == 200
    assert app.refresh(other["refresh_token"]).status_code == 200


@spec("RFC 6749", "4.1.2")
def test_a_replayed_code_ends_the_refresh_tokens_it_gave(app: RelyingParty) -> None:
    code = app.authorize(scope=OFFLINE).code
    tokens = app.exchange(code).json()
    refreshed = app.refresh(tokens["refresh_token"]).json()
    assert is_refused(app.exchange(code))
    assert is_dead(app, refreshed)


# --- grace --------------------------------------------------------------------------------------


@spec("RFC 9700", "4.14.2")
def test_in_its_grace_a_lost_answer_is_repeated_and_the_lost_one_dies(
    graceful: RelyingParty,
) -> None:
    first = graceful.tokens(scope=OFFLINE)
    lost = graceful.refresh(first["refresh_token"]).json()
    repeated = graceful.refresh(first["refresh_token"])
    assert repeated.status_code == 200
    assert graceful.introspect(lost["refresh_token"]) == {"active": False}
    assert graceful.refresh(repeated.json()["refresh_token"]).status_code == 200


@spec("RFC 9700", "4.14.2")
def test_an_answer_may_be_lost_twice(graceful: RelyingParty) -> None:
    first = graceful.tokens(scope=OFFLINE)["refresh_token"]
    answers = [graceful.refresh(first).json()["refresh_token"] for _ in range(3)]
    live = [graceful.introspect(token)["active"] for token in answers]
    assert live == [False, False, True]


@spec("RFC 9700", "4.14.2")
def test_the_lost_answers_token_ends_the_grant_when_it_turns_up(graceful: RelyingParty) -> None:
    first = graceful.tokens(scope=OFFLINE)
    lost = graceful.refresh(first["refresh_token"]).json()
    repeated = graceful.refresh(first["refresh_token"]).json()
    assert is_refused(graceful.refresh(lost["refresh_token"]))
    assert is_dead(graceful, repeated)


@spec("RFC 9700", "4.14.2")
def test_there_is_no_grace_once_the_successor_was_used(graceful: RelyingParty) -> None:
    first = graceful.tokens(scope=OFFLINE)
    second = graceful.refresh(first["refresh_token"]).json()
    third = graceful.refresh(second["refresh_token"]).json()
    assert is_refused(graceful.refresh(first["refresh_token"]))
    assert is_dead(graceful, third)


@spec("RFC 9700", "4.14.2")
def test_after_its_grace_it_is_reuse(graceful: RelyingParty) -> None:
    first = graceful.tokens(scope=OFFLINE)
    second = graceful.refresh(first["refresh_token"]).json()
    used_ago(first["refresh_token"], seconds=21)
    assert is_refused(graceful.refresh(first["refresh_token"]))
    assert is_dead(graceful, second)


@spec("RFC 9700", "4.14.2")
def test_grace_repeats_nothing_that_was_revoked(graceful: RelyingParty) -> None:
    first = graceful.tokens(scope=OFFLINE)
    second = graceful.refresh(first["refresh_token"]).json()
    graceful.revoke(second["refresh_token"])
    assert is_refused(graceful.refresh(first["refresh_token"]))


@pytest.fixture
def spa(browser: Browser, user: EndUser) -> RelyingParty:
    """A single-page app: no secret, and nothing that its operator chose."""
    return using(browser, user, token_endpoint_auth_method="none")


@spec("RFC 9700", "4.14.2")
def test_two_tabs_of_an_app_without_a_secret_go_on_with_one_chain(spa: RelyingParty) -> None:
    shared = spa.tokens(scope=OFFLINE)["refresh_token"]
    for _ in range(3):
        tabs = [spa.refresh(shared) for _tab in range(2)]
        assert [tab.status_code for tab in tabs] == [200, 200]
        assert tabs[0].json()["access_token"] != tabs[1].json()["access_token"]
        for tab in tabs:
            assert spa.userinfo(tab.json()["access_token"]).status_code == 200
        (shared,) = {tab.json()["refresh_token"] for tab in tabs}
    chain = RefreshToken.objects.filter(grant=stored(shared).grant)
    assert chain.filter(revoked=None).count() == 1
    assert chain.count() == 4


@spec("RFC 6749", "6")
def test_a_second_tab_may_want_less(spa: RelyingParty) -> None:
    first = spa.tokens(scope=OFFLINE)["refresh_token"]
    second = spa.refresh(first).json()
    narrow = spa.refresh(first, scope="openid").json()
    assert narrow["scope"] == "openid"
    assert narrow["refresh_token"] == second["refresh_token"]
    assert spa.refresh(first, scope="openid profile").json()["error"] == "invalid_scope"
    assert spa.refresh(second["refresh_token"]).status_code == 200


@spec("RFC 9700", "4.14.2")
def test_a_thief_who_comes_after_the_grace_ends_the_grant(spa: RelyingParty) -> None:
    stolen = spa.tokens(scope=OFFLINE)["refresh_token"]
    second = spa.refresh(stolen).json()
    used_ago(stolen, seconds=11)
    assert is_refused(spa.refresh(stolen))
    assert spa.userinfo(second["access_token"]).status_code == 401
    assert is_refused(spa.refresh(second["refresh_token"]))


@spec("RFC 9700", "4.14.2")
def test_a_thief_within_the_grace_is_found_out_at_the_next_refresh(spa: RelyingParty) -> None:
    stolen = spa.tokens(scope=OFFLINE)["refresh_token"]
    own, thiefs = spa.refresh(stolen).json(), spa.refresh(stolen).json()
    assert spa.refresh(own["refresh_token"]).status_code == 200
    used_ago(own["refresh_token"], seconds=11)
    assert is_refused(spa.refresh(thiefs["refresh_token"]))
    assert spa.userinfo(thiefs["access_token"]).status_code == 401
    assert Grant.objects.get(refreshtoken=stored(stolen)).revoked_at


@spec("RFC 9700", "4.14.2")
def test_for_an_app_without_a_secret_there_is_no_grace_either_once_the_successor_was_used(
    spa: RelyingParty,
) -> None:
    first = spa.tokens(scope=OFFLINE)["refresh_token"]
    third = spa.refresh(spa.refresh(first).json()["refresh_token"]).json()
    assert is_refused(spa.refresh(first))
    assert is_refused(spa.refresh(third["refresh_token"]))


@spec("RFC 9700", "4.14.2")
def test_grace_gives_an_app_without_a_secret_nothing_that_has_ended(spa: RelyingParty) -> None:
    first = spa.tokens(scope=OFFLINE)["refresh_token"]
    second = spa.refresh(first).json()
    User.objects.filter(sub=spa.user.sub).update(is_active=False)
    assert is_refused(spa.refresh(first))
    User.objects.filter(sub=spa.user.sub).update(is_active=True)
    spa.revoke(second["refresh_token"])
    assert is_refused(spa.refresh(first))


@spec("RFC 9700", "4.14.2")
def test_an_operator_says_that_an_app_without_a_secret_has_no_grace(
    browser: Browser, user: EndUser
) -> None:
    app = using(browser, user, token_endpoint_auth_method="none", refresh_token_grace=0)
    first = app.tokens(scope=OFFLINE)["refresh_token"]
    second = app.refresh(first).json()
    assert is_refused(app.refresh(first))
    assert is_refused(app.refresh(second["refresh_token"]))


# --- what else ends one -------------------------------------------------------------------------


@spec("RFC 6749", "10.4")
def test_it_is_bound_to_its_client(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    other = using(app.browser, app.user)
    assert is_refused(other.refresh(tokens["refresh_token"]))
    # Nor does the stranger's attempt harm the owner, before use or after.
    second = app.refresh(tokens["refresh_token"]).json()
    assert is_refused(other.refresh(tokens["refresh_token"]))
    assert app.refresh(second["refresh_token"]).status_code == 200


@spec("RFC 6749", "6")
def test_a_confidential_client_has_to_prove_itself(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    client = app.client
    for secret in (None, "wrong" * 8):
        thief = RelyingParty(
            type(client)(
                client.client_id,
                secret,
                {"token_endpoint_auth_method": "client_secret_basic" if secret else "none"},
            ),
            app.browser,
            app.user,
        )
        refused = thief.refresh(tokens["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("RFC 6749", "6")
def test_it_ends_when_the_user_is_disabled(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    User.objects.filter(sub=app.user.sub).update(is_active=False)
    assert app.introspect(tokens["refresh_token"]) == {"active": False}
    assert is_refused(app.refresh(tokens["refresh_token"]))


@spec("RFC 6749", "6")
def test_it_ends_when_the_client_is_disabled(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    apply({"clients": [{**app.client.metadata, "enabled": False}]}, dry_run=False)
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_client"


@spec("RFC 6749", "6")
def test_it_ends_when_the_client_loses_the_grant(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    entry = {**app.client.metadata, "grant_types": ["authorization_code"]}
    apply({"clients": [entry]}, dry_run=False)
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "unauthorized_client"


@spec("RFC 9700", "4.14.2")
def test_one_that_is_not_used_for_long_expires(app: RelyingParty) -> None:
    token = app.tokens(scope=OFFLINE)["refresh_token"]
    row = stored(token)
    assert row.expires - row.created == pytest.approx(
        policy.REFRESH_TOKEN_IDLE_LIFETIME, abs=timedelta(seconds=5)
    )
    RefreshToken.objects.filter(pk=row.pk).update(expires=timezone.now())
    assert app.introspect(token) == {"active": False}
    assert is_refused(app.refresh(token))


@spec("RFC 9700", "4.14.2")
def test_no_refresh_outlives_the_grants_own_end(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    grant = Grant.objects.filter(refreshtoken=stored(tokens["refresh_token"]))
    end = timezone.now() + timedelta(hours=1)
    grant.update(created_at=end - policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME)
    assert stored(app.refresh(tokens["refresh_token"]).json()["refresh_token"]).expires == end


@spec("RFC 6749", "4.2.2")
def test_an_operator_says_how_long_tokens_live(browser: Browser, user: EndUser) -> None:
    app = using(
        browser,
        user,
        access_token_lifetime=120,
        refresh_token_idle_lifetime=3600,
        refresh_token_absolute_lifetime=5400,
    )
    tokens = app.tokens(scope=OFFLINE)
    assert tokens["expires_in"] == 120
    row = stored(tokens["refresh_token"])
    assert row.expires - row.created == pytest.approx(HOUR, abs=timedelta(seconds=5))
    grants = Grant.objects.filter(refreshtoken=row)
    grants.update(created_at=timezone.now() - HOUR)
    row = stored(app.refresh(tokens["refresh_token"]).json()["refresh_token"])
    assert row.expires - row.created == pytest.approx(HOUR / 2, abs=timedelta(seconds=5))


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize("token", ["x", "x" * 43, "ü", "a.b.c"])
def test_nonsense_is_refused(app: RelyingParty, token: str) -> None:
    assert is_refused(app.refresh(token))


@spec("RFC 6749", "5.2")
def test_none_at_all_is_an_invalid_request(app: RelyingParty) -> None:
    assert app.token(grant_type="refresh_token").json()["error"] == "invalid_request"
