"""Subject identifiers: one of a user for all clients, or one per sector. OIDC Core §8."""

from accounts.models import User
from idp.models import Client, PairwiseSubject


def subject_of(client: Client, user: User) -> str:
    """Return the `sub` of a user for a client; a pairwise one is created at first use.

    Sends a statement for pairwise clients only. Concurrent requests create one subject.
    """
    if client.subject_type != Client.PAIRWISE:
        return str(user.sub)
    known = known_subject(client, user)
    if known is None:
        made = PairwiseSubject(user=user, sector=client.sector)
        PairwiseSubject.objects.bulk_create([made], ignore_conflicts=True)
        known = known_subject(client, user)
    return str(known)


def known_subject(client: Client, user: User) -> str | None:
    """Return the `sub` of a user for a client, or None if none was created yet."""
    if client.subject_type != Client.PAIRWISE:
        return str(user.sub)
    row = PairwiseSubject.objects.filter(user=user, sector=client.sector).first()
    return str(row.sub) if row else None
