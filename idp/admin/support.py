"""What support staff do for users: each admin action with a permission of its own."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import invitations, operations, second_factor
from accounts.models import User
from accounts.upstream.directory.passwords import home_of
from foundation import plain_text
from idp.admin.page import AdminAction
from idp.admin.rights import is_within_reach
from idp.admin.sessions import sessions_live

#: Characters of a typed reason.
LONGEST_REASON = 500


@dataclass(frozen=True)
class SupportAction(AdminAction):
    """An admin action for those with this permission of `accounts`, or who may change users."""

    permission: str = ""
    #: Whether the operator has to type why.
    asks_reason: bool = False


def may(request: HttpRequest, action: AdminAction, user: User | None) -> bool:
    """Whether this operator may run an action: on this user, or without one on some user."""
    if user is not None and not is_within_reach(request, user):
        return False
    if request.user.has_perm("accounts.change_user"):
        return True
    permission = getattr(action, "permission", "")
    return bool(permission) and bool(request.user.has_perm(f"accounts.{permission}"))


def typed_reason(request: HttpRequest) -> str:
    """Return the reason that an operator typed, in one line."""
    return " ".join(request.POST.get("reason", "").split())


def problem_with(reason: str) -> str | None:
    """Return what is wrong with a typed reason, as a sentence, or None."""
    if not reason:
        return _("Type why: it is kept with the event.")
    if len(reason) > LONGEST_REASON:
        return _("A reason has %(most)d characters at most.") % {"most": LONGEST_REASON}
    return plain_text.problem_with(reason)


def _remove_factors(request: HttpRequest, user: User) -> None:
    operator: Any = request.user
    second_factor.remove_all(user, operator)


ACTIONS = (
    SupportAction(
        "send-reset",
        gettext_lazy("Send a password reset"),
        gettext_lazy(
            "They get a mail with a link to choose a new password, valid for a day. Until they do, "
            "their password works as before."
        ),
        lambda _request, user: invitations.send_reset(user),
        applies=lambda user: user.is_active and home_of(user) is None,
        recent=True,
        permission="send_reset_user",
    ),
    SupportAction(
        "unlock",
        gettext_lazy("Unlock"),
        gettext_lazy(
            "Attempts at unknown browsers are forgotten: the user needs no mailed code to sign "
            "in at one, and codes are accepted again."
        ),
        lambda _request, user: operations.unlock(user),
        recent=True,
        permission="unlock_user",
    ),
    SupportAction(
        "end-sessions",
        gettext_lazy("End all sessions"),
        gettext_lazy(
            "They are signed out everywhere, and what apps got through these sessions ends."
        ),
        lambda _request, user: operations.end_all_sessions(user),
        recent=True,
        extent=lambda user: sessions_live(user.sessions.all()),
        permission="end_sessions_user",
    ),
    SupportAction(
        "remove-factors",
        gettext_lazy("Remove the second factor"),
        gettext_lazy(
            "For a user who lost it. Verify their identity first: after this the password "
            "alone opens the account. They are signed out everywhere, and told by mail."
        ),
        _remove_factors,
        applies=second_factor.is_set_up,
        danger=True,
        permission="remove_factors_user",
        asks_reason=True,
    ),
)
