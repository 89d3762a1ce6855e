"""Subjects: who a user is to a client, one for all of them or one per sector. OIDC Core §8."""

from accounts.models import User
from idp.models import Client, PairwiseSubject


def subject_of(client: Client, user: User) -> str:
    """Return the `sub` by which a client knows a user; a pairwise one is made at first use.

    Costs a statement for pairwise clients alone. Two requests at once make one subject.
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
    """Return the `sub` by which a client knows a user, or None where none was made yet."""
    if client.subject_type != Client.PAIRWISE:
        return str(user.sub)
    row = PairwiseSubject.objects.filter(user=user, sector=client.sector).first()
    return str(row.sub) if row else None
