"""What is presented wrongly gives nothing: no token of it is stored, whoever has seen it or not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from idp.models import AccessToken, AuthorizationCode, Grant, RefreshToken
from tests.relying_party import RelyingParty, make_client, spec

DAYS = timedelta(days=400)


def nothing(_app: RelyingParty) -> None: ...


def time_passes(app: RelyingParty) -> None:
    for model in (AuthorizationCode, RefreshToken):
        of_app = model.objects.filter(application__client_id=app.client.client_id)
        of_app.update(expires=F("expires") - DAYS)


def they_sign_out(app: RelyingParty) -> None:
    end_sessions(Session.objects.filter(user__sub=app.user.sub), Ending.SIGNED_OUT)


def they_are_disabled(app: RelyingParty) -> None:
    User.objects.filter(sub=app.user.sub).update(is_active=False)


def they_take_it_back(app: RelyingParty) -> None:
    Grant.objects.filter(user__sub=app.user.sub).update(revoked_at=F("created_at"))


@pytest.fixture
def app(relying_party: RelyingParty) -> RelyingParty:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], refresh_without_offline_access=True
    )
    return RelyingParty(client, relying_party.browser, relying_party.user)


def stored(app: RelyingParty) -> list[int]:
    of = {"application__client_id": app.client.client_id}
    return [
        AccessToken.objects.filter(**of).count(),
        RefreshToken.objects.filter(**of).count(),
        RefreshToken.objects.filter(revoked=None, **of).count(),
    ]


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "happens", [nothing, time_passes, they_sign_out, they_are_disabled, they_take_it_back]
)
def test_a_code(app: RelyingParty, happens: Callable[[RelyingParty], None]) -> None:
    code = app.authorize().code
    happens(app)
    wrong = {"code_verifier": "x" * 43} if happens is nothing else {}
    assert app.exchange(code, **wrong).json()["error"] == "invalid_grant"
    assert stored(app) == [0, 0, 0]
    used = AuthorizationCode.objects.get(application__client_id=app.client.client_id)
    assert used.redeemed_at is not None


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "happens", [time_passes, they_sign_out, they_are_disabled, they_take_it_back]
)
def test_a_refresh_token(app: RelyingParty, happens: Callable[[RelyingParty], None]) -> None:
    first = app.tokens()
    happens(app)
    response = app.refresh(first["refresh_token"])
    assert response.json()["error"] == "invalid_grant"
    assert stored(app) == [1, 1, 0]
