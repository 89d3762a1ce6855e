"""What people allow: their own record, never inferred from tokens. OIDC Core §3.1.2.4."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from idp.logout import client_sessions
from idp.models import Authorization, Client, ClientSession, Consent, PendingAuthorization
from idp.tokens.revocation import revoke_families


def remember(
    user: User, client: Client, scopes: frozenset[str], claims: frozenset[str] = frozenset()
) -> None:
    """Add scopes, and claims beyond them, to what this person allows this client."""
    consent, created = Consent.objects.get_or_create(
        user=user, client=client, defaults={"scopes": sorted(scopes), "claims": sorted(claims)}
    )
    if not created:
        kept = ((), ()) if consent.has_expired(timezone.now()) else (consent.scopes, consent.claims)
        consent.scopes = sorted(scopes.union(kept[0]))
        consent.claims = sorted(claims.union(kept[1]))
        consent.expires_at = None
        consent.save()


def withdraw(consent: Consent, now: datetime) -> None:
    """Take a consent back: what the client got for this person ends with it."""
    families = Authorization.objects.filter(user=consent.user_id, client=consent.client_id)
    parts = ClientSession.objects.filter(client=consent.client_id, session__user=consent.user_id)
    with transaction.atomic():
        client_sessions.end(parts, now)
        revoke_families(families.values("pk"), now)
        consent.delete()


def note_given_in(pending_id: str, session_id: str) -> None:
    """Note on the pending request that this session agreed; it counts for no other session."""
    PendingAuthorization.objects.filter(pk=pending_id).update(consented_in=session_id)
