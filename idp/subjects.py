"""Subject identifiers: one of a user for all clients, or one per sector. OIDC Core §8."""

from collections.abc import Collection
from typing import NamedTuple

from django.core.exceptions import ValidationError

from accounts.models import User, validate_subject
from idp.models import Client, PairwiseSubject


def subject_of(client: Client, user: User) -> str:
    """Return the `sub` of a user for a client; a pairwise one is created at first use.

    Sends a statement for pairwise clients only. Concurrent requests create one subject.
    """
    if client.subject_type != Client.PAIRWISE:
        return user.sub
    known = known_subject(client, user)
    if known is None:
        made = PairwiseSubject(user=user, sector=client.sector)
        PairwiseSubject.objects.bulk_create([made], ignore_conflicts=True)
        known = known_subject(client, user)
    return str(known)


def known_subject(client: Client, user: User) -> str | None:
    """Return the `sub` of a user for a client, or None if none was created yet."""
    if client.subject_type != Client.PAIRWISE:
        return user.sub
    row = PairwiseSubject.objects.filter(user=user, sector=client.sector).first()
    return row.sub if row else None


def user_of(client: Client, subject: str) -> User | None:
    """Return the user whom the client knows by this subject, or None."""
    if problem_with(subject) is not None:
        return None
    if client.subject_type != Client.PAIRWISE:
        return User.objects.filter(sub=subject).first()
    known = PairwiseSubject.objects.filter(sub=subject, sector=client.sector)
    row = known.select_related("user").first()
    return row.user if row else None


class Taken(NamedTuple):
    """Subjects that new users can't have."""

    #: Primary keys of the users who have them.
    users: dict[str, int]
    #: Those that are client IDs.
    clients: frozenset[str]


def taken(subjects: Collection[str]) -> Taken:
    """Return which of some subjects new users can't have, in two statements for them all."""
    wanted = {subject for subject in subjects if problem_with(subject) is None}
    if not wanted:
        return Taken({}, frozenset())
    users = User.objects.filter(sub__in=wanted).values_list("sub", "pk")
    clients = Client.objects.filter(client_id__in=wanted).values_list("client_id", flat=True)
    return Taken(dict(users), frozenset(clients))


def problem_with(subject: str, known: Taken | None = None) -> str | None:
    """Return why a new user can't have this subject, as a sentence for operators, or None.

    `known` is what `taken` found. OIDC Core §2 has the form.
    RFC 9068 §5: a token of a client has its client ID as `sub`, and an API must not take it for a
    user.
    """
    try:
        validate_subject(subject)
    except ValidationError as problem:
        return str(problem.messages[0])
    if known and subject in known.clients:
        return "An app has this client ID, which is the subject of its own tokens."
    if known and subject in known.users:
        return "Another user has this subject."
    return None
