"""Which users an operator's actions reach: none with more rights than the operator has.

Who could remove the second factor of a user with more rights would be a step nearer to these
rights. So only superusers act on staff. The account pages are for oneself.
"""

from django.http import HttpRequest

from accounts.models import User


def is_within_reach(request: HttpRequest, user: User) -> bool:
    """Whether a user has no more rights than this operator, and is another one."""
    if user.pk == request.user.pk:
        return False
    return bool(request.user.is_superuser or not (user.is_staff or user.is_superuser))


def may_end_session(request: HttpRequest, user: User) -> bool:
    """Whether this operator may end one session of a user with the permission to end them all."""
    may_end = request.user.has_perm("accounts.end_sessions_user")
    return bool(may_end and is_within_reach(request, user))
