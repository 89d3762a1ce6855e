"""Consents of users: rows of their own, never inferred from tokens. OIDC Core §3.1.2.4."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from idp.authorization.request import AuthorizationRequest
from idp.logout import client_sessions
from idp.models import Client, ClientSession, Consent, Grant, Interaction
from idp.protocol.authorization_details import texts_of
from idp.statements.sso_session import Agreed
from idp.tokens.revocation import revoke_grants

#: How many ports of a device are remembered: most programs get another one at each start.
_MOST_PORTS = 20


def asked_by(authorization_request: AuthorizationRequest) -> Agreed:
    """Return what a user agrees to by consenting to a request."""
    port = authorization_request.loopback_port
    return Agreed(
        authorization_request.scopes,
        authorization_request.claims.beyond(authorization_request.scopes),
        frozenset(authorization_request.resource),
        frozenset() if port is None else frozenset({port}),
        texts_of(authorization_request.authorization_details),
    )


def agreed_in(consent: Consent) -> Agreed:
    """Return what a consent allows."""
    return Agreed(
        frozenset(consent.scopes),
        frozenset(consent.claims),
        frozenset(consent.resources),
        frozenset(consent.loopback_ports),
        frozenset(consent.authorization_details or ()),
    )


def remember(user: User, client: Client, agreed: Agreed) -> None:
    """Add a request to the consent of this user for this client, as users are shown it now.

    Authorization details take the place of earlier ones.
    Earlier consent to another name, logo or redirect hosts of the client is dropped.
    """
    consent, _made = Consent.objects.get_or_create(user=user, client=client)
    shown_as = client.display_fingerprint
    if consent.has_expired(timezone.now()) or consent.display_fingerprint != shown_as:
        consent.scopes, consent.claims, consent.resources, consent.loopback_ports = [], [], [], []
        consent.authorization_details = None
    consent.scopes = sorted(agreed.scopes.union(consent.scopes))
    consent.claims = sorted(agreed.claims.union(consent.claims))
    consent.resources = sorted(agreed.resources.union(consent.resources))
    ports = [port for port in consent.loopback_ports if port not in agreed.loopback_ports]
    consent.loopback_ports = [*ports, *agreed.loopback_ports][-_MOST_PORTS:]
    if agreed.authorization_details:  # those agreed to last, and no earlier ones
        consent.authorization_details = sorted(agreed.authorization_details)
    consent.display_fingerprint = shown_as
    consent.expires_at = None
    consent.save()


def withdraw(consent: Consent, now: datetime) -> None:
    """Withdraw a consent and revoke the client's grants of this user."""
    grants = Grant.objects.filter(user=consent.user_id, client=consent.client_id)
    parts = ClientSession.objects.filter(client=consent.client_id, session__user=consent.user_id)
    with transaction.atomic():
        client_sessions.end(parts, now)
        revoke_grants(grants.values("pk"), now)
        consent.delete()


def note_given_in(interaction_id: str, session_id: str) -> None:
    """Note on the interaction that this session agreed; it does not count for other sessions."""
    Interaction.objects.filter(pk=interaction_id).update(consented_in=session_id)
