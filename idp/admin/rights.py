"""Which users an operator's actions reach: none with more rights than the operator has.

Who could remove the second factor of a user with more rights would be a step nearer to these
rights. So only superusers act on staff. The account pages are for oneself.
"""

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import Session, User

_STAFF = Q(is_staff=True) | Q(is_superuser=True)


def is_within_reach(request: HttpRequest, user: User) -> bool:
    """Whether a user has no more rights than this operator, and is another one."""
    return user.pk != request.user.pk and _is_not_above(request, user)


def may_end_session(request: HttpRequest, user: User) -> bool:
    """Whether this operator may end a session of a user: superusers also their own.

    It takes the permission to change sessions, or the one to end all sessions of a user.
    """
    may = any(
        request.user.has_perm(f"accounts.{permission}")
        for permission in ("change_session", "end_sessions_user")
    )
    return may and _is_not_above(request, user)


def sessions_not_above(request: HttpRequest) -> "QuerySet[Session]":
    """Return the sessions that this operator ends with those of all users."""
    if request.user.is_superuser:
        return Session.objects.all()
    return Session.objects.exclude(user__in=User.objects.filter(_STAFF))


def _is_not_above(request: HttpRequest, user: User) -> bool:
    return bool(request.user.is_superuser or not (user.is_staff or user.is_superuser))
