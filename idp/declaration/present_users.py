"""The users whom entries are about, as they are stored: looked up for many entries at once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q
from django.db.models.functions import Lower

from accounts.allauth_door import email_addresses
from accounts.models import User
from idp import subjects

_BATCH = 500
#: Related rows that a user's state needs. Lists of a user's own take half the time of managers'.
RELATED = (
    Prefetch("groups", to_attr="stored_groups"),
    Prefetch("emailaddress_set", to_attr="stored_addresses"),
    "app_roles__client",
)


@dataclass(frozen=True)
class Present:
    """The stored users of some entries, found in a few statements for them all."""

    users: dict[str, User]
    #: The user who has verified each address: primary keys by address.
    verified_by: dict[str, int]
    #: Which of the declared subjects new users can't have.
    taken: subjects.Taken
    #: The subjects that several entries declare.
    repeated: frozenset[str]


def typed_with_capitals() -> dict[str, int]:
    """Return the primary keys of users whose address was stored as it was typed, in lower case.

    Older versions stored them so. It looks at all users.
    """
    typed = User.objects.exclude(email=Lower("email")).values_list("email", "pk")
    return {email.lower(): pk for email, pk in typed}


def in_batches(
    entries: list[dict[str, Any]], capitals: Mapping[str, int] | None = None
) -> Iterator[tuple[dict[str, Any], Present]]:
    """Return entries, each with the stored rows of its batch, by address in lower case.

    `capitals` are those of `typed_with_capitals`, if they were asked for before.

    Unfinished sign-ups are excluded: they were never used, and an attacker who began one must not
    know the password of the account that an operator creates.
    """
    if not entries:
        return
    capitals = typed_with_capitals() if capitals is None else capitals
    repeated = frozenset(sub for sub, count in Counter(_subjects(entries)).items() if count > 1)
    for start in range(0, len(entries), _BATCH):
        batch = entries[start : start + _BATCH]
        emails = [entry["email"] for entry in batch]
        with_capitals = [capitals[email] for email in emails if email in capitals]
        of_these = Q(email__in=emails) | Q(pk__in=with_capitals)
        unfinished = User.objects.unfinished().filter(of_these).values("pk")
        found = User.objects.filter(of_these).exclude(pk__in=unfinished)
        users = found.prefetch_related(*RELATED)
        present = Present(
            users={user.email.lower(): user for user in users},
            verified_by=email_addresses.owners_of_verified(emails),
            taken=subjects.taken(_subjects(batch)),
            repeated=repeated,
        )
        for entry in batch:
            yield entry, present


def _subjects(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["sub"] for entry in entries if isinstance(entry.get("sub"), str)]
