"""The access policy of a client: all users, or the members of the groups that an operator named.

RFC 6749 §4.1.2.1.
"""

from accounts.models import User
from idp.models import Client

#: The error_description for users whom the policy denies.
NOT_ALLOWED = "The user is in none of the groups that may use this client."


def allows(client: Client, user: User) -> bool:
    """Whether this user may use the client; one statement, where it names groups."""
    names = client.allowed_groups
    return not names or user.groups.filter(name__in=names).exists()


def clients_open_to(group: str) -> list[Client]:
    """Return the clients that the members of the group of this name may use, and not all users."""
    with_policy = Client.objects.exclude(allowed_groups=[]).order_by("pk")
    return [client for client in with_policy.iterator() if group in client.allowed_groups]
