"""A user's answer to a client that asks them to sign in elsewhere. OIDC CIBA §8.

The tokens belong to a session of their own, as those of a device: signing out of the browser in
which the user answered does not sign the app out, and signing out everywhere does (ADR 42).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.authentication import Authentication
from accounts.models import Session, User
from accounts.sessions import begin_at_device
from idp.authorization import backchannel_notices
from idp.authorization.consent import remember
from idp.authorization.levels import reported_acr
from idp.models import BackchannelAuthentication, Client, ClientSession, Grant
from idp.protocol.authorization_details import texts_of
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.statements.sso_session import Agreed

Status = BackchannelAuthentication.Status


@dataclass(frozen=True)
class LevelAsked:
    """What a request says about the level of authentication (`levels.AsksForLevel`)."""

    client: Client
    arrived_at: datetime
    acr_values: tuple[str, ...]
    essential_acr: tuple[str, ...] = ()
    prompts: frozenset[str] = frozenset()


def level_asked(row: BackchannelAuthentication) -> LevelAsked:
    """Return what a request says about the level of authentication."""
    return LevelAsked(row.client, row.arrived_at, tuple(row.acr_values))


def agreed_by(row: BackchannelAuthentication) -> Agreed:
    """Return what a user agrees to by approving."""
    return Agreed(
        row.scopes,
        resources=frozenset(row.resource),
        authorization_details=texts_of(row.authorization_details or ()),
    )


def pending_of(user: User, now: datetime) -> Sequence[BackchannelAuthentication]:
    """Return the requests that wait for a user's answer, the newest first."""
    rows = BackchannelAuthentication.objects.filter(
        user=user, status=Status.PENDING, expires__gt=now, client__enabled=True
    )
    return list(rows.select_related("client").order_by("-arrived_at"))


def find(user: User, key: str) -> BackchannelAuthentication | None:
    """Return the request of this key if it is about this user."""
    rows = BackchannelAuthentication.objects.filter(key=key, user=user)
    return rows.select_related("client").first()


def approve(
    row: BackchannelAuthentication,
    session: Session,
    authentication: Authentication,
    now: datetime,
) -> bool:
    """Give the client a grant; return False if the request was answered before or has expired.

    The caller has judged the session's level and the client's access policy.
    """
    with transaction.atomic():
        if not _answer(row, Status.APPROVED, now):
            return False
        own = begin_at_device(session, row.ip_address, "", now)
        row.grant = Grant.objects.create(
            client=row.client,
            user=session.user,
            session=own,
            client_session=ClientSession.objects.create(client=row.client, session=own),
            scope=row.scope,
            resource=row.resource,
            authorization_details=row.authorization_details,
            offline=OFFLINE_ACCESS in row.scopes or row.client.refreshes_in_session,
            auth_time=authentication.authenticated_at,
            acr=reported_acr(level_asked(row), authentication.acr),
            amr=list(authentication.amr),
        )
        row.save(update_fields=["grant"])
        remember(session.user, row.client, agreed_by(row))
        backchannel_notices.plan_ping(row)
    return True


def deny(row: BackchannelAuthentication, now: datetime) -> bool:
    """Refuse the client; return False if the request was answered before or has expired."""
    with transaction.atomic():
        if not _answer(row, Status.DENIED, now):
            return False
        backchannel_notices.plan_ping(row)
    return True


def _answer(row: BackchannelAuthentication, status: str, now: datetime) -> bool:
    """Store an answer: of concurrent ones exactly one counts."""
    pending = BackchannelAuthentication.objects.filter(
        pk=row.pk, status=Status.PENDING, expires__gt=now
    )
    if not pending.update(status=status, answered_at=now):
        return False
    row.status, row.answered_at = status, now
    return True
