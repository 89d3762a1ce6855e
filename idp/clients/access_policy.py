"""Who may use a client: everybody, or where an operator named groups, their members.

RFC 6749 §4.1.2.1.
"""

from accounts.models import User
from idp.models import Client

#: What the client is told of whoever is not among them.
NOT_ALLOWED = "The person is in none of the groups that may use this client."


def allows(client: Client, user: User) -> bool:
    """Whether this person may use the client; one statement, where it names groups."""
    names = client.allowed_groups
    return not names or user.groups.filter(name__in=names).exists()
