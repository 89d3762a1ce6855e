"""Who may see the registration of a client: its owner, and operators with the permission.

Other users see neither the registration nor whether there are events. Owners may also change parts
of it where the operator allows that.
"""

from accounts.authentication import Authentication
from idp import policy
from idp.models import Client, Event
from idp.staff_groups import may_administer


def may_see(viewer: Authentication | None, client: Client) -> bool:
    """Whether this user may see the registration of a client."""
    if viewer is None:
        return False
    return client.user_id == viewer.user.pk or is_operator(viewer, "idp.view_client")


def may_change(viewer: Authentication | None, client: Client | None) -> bool:
    """Whether this user may change a client as its owner (`own_apps`)."""
    if viewer is None or client is None or not policy.OWNERS_CHANGE_APPS:
        return False
    return bool(client.user_id == viewer.user.pk)


def is_operator(viewer: Authentication | None, permission: str) -> bool:
    """Whether this user, signed in as operators have to be, has this permission."""
    if viewer is None or not may_administer(viewer.user, second_factor="mfa" in viewer.amr):
        return False
    return viewer.user.has_perm(permission)


def denial(viewer: Authentication | None, reference: str) -> Event | None:
    """Return the denial of this reference if this user may see it.

    One statement, whether there is none or it is another's: the answer takes as long.
    """
    if viewer is None:
        return None
    denials = Event.objects.filter(kind=Event.Kind.DENIED, reference=reference)
    if not is_operator(viewer, "idp.view_event"):
        denials = denials.filter(
            client_id__in=Client.objects.filter(user=viewer.user).values("client_id")
        )
    found: Event | None = denials.first()
    return found
