"""Whatever ends a session, grant or token, every door says the same. RFC 7662 §2.2."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from oauthlib.common import Request

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from foundation.statements import hash_of
from idp.models import AccessToken, AuthorizationCode, Client, Grant, RefreshToken
from idp.toolkit.validator import Validator
from tests.relying_party import Browser, EndUser, RelyingParty, make_api, make_client, spec

SCOPE = "openid"
#: `remember me` is not ticked where tests sign in.
IDLE = timedelta(hours=settings.IDP_SESSION_IDLE_HOURS)
ABSOLUTE = timedelta(hours=settings.IDP_SESSION_HOURS)


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    """An app whose refresh tokens end with the session."""
    client = make_client(
        grant_types=["authorization_code", "refresh_token"],
        refresh_without_offline_access=True,
        first_party=True,
    )
    return RelyingParty(client, browser, user)


def sessions(app: RelyingParty):
    return Session.objects.filter(user__sub=app.user.sub)


def idle(app: RelyingParty) -> None:
    assert sessions(app).update(last_seen_at=timezone.now() - IDLE) == 1


def absolute(app: RelyingParty) -> None:
    assert sessions(app).update(authenticated_at=timezone.now() - ABSOLUTE) == 1


def signed_out(app: RelyingParty) -> None:
    end_sessions(sessions(app), Ending.SIGNED_OUT)


def grants_revoked(app: RelyingParty) -> None:
    grants = Grant.objects.filter(client__client_id=app.client.client_id)
    assert grants.update(revoked_at=timezone.now()) == 2


def user_disabled(app: RelyingParty) -> None:
    assert User.objects.filter(sub=app.user.sub).update(is_active=False) == 1


def client_disabled(app: RelyingParty) -> None:
    client = Client.objects.get(client_id=app.client.client_id)
    client.enabled = False
    client.save()


def tokens_expired(app: RelyingParty) -> None:
    for model in (AccessToken, RefreshToken, AuthorizationCode):
        of_client = model.objects.filter(application__client_id=app.client.client_id)
        assert of_client.update(expires=timezone.now()) >= 1


#: No grant or client has this id.
NONE = 10**12


def grant_is_missing(app: RelyingParty) -> None:
    """The grant was deleted while its tokens were being stored: the database keeps such rows."""
    for model in (AccessToken, RefreshToken, AuthorizationCode):
        of_client = model.objects.filter(application__client_id=app.client.client_id)
        assert of_client.update(grant_id=NONE) >= 1


def client_is_missing(app: RelyingParty) -> None:
    for model in (AccessToken, RefreshToken, AuthorizationCode):
        of_client = model.objects.filter(application__client_id=app.client.client_id)
        assert of_client.update(application_id=NONE) >= 1


def nothing(app: RelyingParty) -> None:
    pass


def doors(app: RelyingParty, tokens: dict[str, str], code: str) -> dict[str, bool]:
    """Return which of the doors that take a token or code let it in."""
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    stored = AccessToken.objects.get(token_checksum=hash_of(access))
    return {
        "UserInfo": app.userinfo(access).status_code == 200,
        "introspection": app.post("/introspect", token=access).json().get("active", False),
        "introspection of the refresh token": app.post("/introspect", token=refresh)
        .json()
        .get("active", False),
        "the toolkit's decorators": stored.is_valid(["openid"]),
        "the toolkit's validator": Validator().validate_bearer_token(
            access, ["openid"], Request("https://api.example.com/")
        ),
        "exchange": app.exchange(code).status_code == 200,
        "refresh": app.refresh(refresh).status_code == 200,
    }


def is_answered_silently(app: RelyingParty) -> bool:
    response = app.visit(scope=SCOPE, prompt="none")
    return response.is_redirect and app.answer(response).error is None


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize(
    ("ending", "ends_the_session"),
    [
        (nothing, False),
        (idle, True),
        (absolute, True),
        (signed_out, True),
        (grants_revoked, False),
        (user_disabled, True),
        (client_disabled, True),
        (tokens_expired, False),
        (grant_is_missing, False),
        (client_is_missing, False),
    ],
)
def test_all_doors_agree(
    app: RelyingParty, ending: Callable[[RelyingParty], None], ends_the_session: bool
) -> None:
    tokens, code = app.tokens(scope=SCOPE), app.authorize(scope=SCOPE).code or ""
    ending(app)
    let_in = doors(app, tokens, code)
    assert set(let_in.values()) == {ending is nothing}, let_in
    assert is_answered_silently(app) == (not ends_the_session)


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize(
    "ending",
    [
        grants_revoked,
        user_disabled,
        client_disabled,
        tokens_expired,
        grant_is_missing,
        client_is_missing,
    ],
)
def test_an_api_hears_it_too(
    browser: Browser, user: EndUser, ending: Callable[[RelyingParty], None]
) -> None:
    machine = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": None}
    caller = RelyingParty(make_client(**machine), browser, user)
    api = make_api(introspection_clients=[caller.client.client_id])
    scope = " ".join(["openid", *api["scopes"]])
    client = make_client(
        grant_types=["authorization_code", "refresh_token"],
        refresh_without_offline_access=True,
        scope=scope,
    )
    app = RelyingParty(client, browser, user)
    app.authorize(scope=scope)
    token = app.tokens(scope=scope, resource=api["identifier"])["access_token"]
    assert caller.introspect(token)["active"]
    ending(app)
    assert caller.introspect(token) == {"active": False}


@pytest.mark.parametrize("limit", ["last_seen_at", "authenticated_at"])
def test_the_page_of_sessions_shows_none_that_has_reached_a_limit(
    browser: Browser, user: EndUser, limit: str
) -> None:
    now = timezone.now()
    times = {"last_seen_at": now, "authenticated_at": now}
    user_row = User.objects.get(sub=user.sub)
    going_on, over = (
        Session.objects.create(user=user_row, until_closed=True, **{**times, limit: at})
        for at in (now, now - ABSOLUTE)
    )
    browser.sign_in(user)
    shown = browser.open("/account/sessions/").text
    assert going_on.pk in shown
    assert over.pk not in shown
