"""The members of a group: a page that lists a bounded number of them, adds and removes them.

Only superusers do the latter: a group may give permissions to staff.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User
from idp import events
from idp.admin import recent_authentication, search
from idp.admin.membership_forms import text_of, user_of
from idp.admin.page import Page, counted
from idp.declaration import name_of

#: How many members the page shows, and how many the group's own page names.
SHOWN, NAMED = 50, 10


def some_of(group: Group) -> list[User]:
    """Return a few members, and one more if there are more."""
    rows = _memberships(group).select_related("user")
    return [row.user for row in rows[: NAMED + 1]]


def members_view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """List members, those that a term finds first; add one, or remove one."""
    group: Group | None = page.get_object(request, object_id)
    if group is None:
        raise Http404
    if not page.has_view_permission(request, group) or not request.user.has_perm(
        "accounts.view_user"
    ):
        raise PermissionDenied
    if request.method == "POST":
        return _changed(page, request, group)
    term = text_of(request.GET, "q")
    rows = _memberships(group)
    found = rows.filter(user__in=search.users(term)) if term else rows
    context = {
        "users": [row.user for row in found.select_related("user")[:SHOWN]],
        "count": counted(found),
        "term": term,
        "may_change": page.has_change_permission(request, group),
        "sign_in_address": recent_authentication.missing(request),
    }
    title = _("Members of %(group)s") % {"group": group}
    return page.about(group, request, "admin/group_members.html", title, context)


def _memberships(group: Group) -> Any:
    """Return the rows of memberships in no order: there is no index for one in a group."""
    return User.groups.through._default_manager.filter(group=group)


def _changed(page: Page, request: HttpRequest, group: Group) -> HttpResponse:
    """Add or remove a member, as the form says, and show the page again."""
    if not page.has_change_permission(request, group):
        raise PermissionDenied
    if sign_in_address := recent_authentication.missing(request):
        return redirect(sign_in_address)
    user = user_of(request.POST)
    if user is None:
        messages.error(request, _("No user has this email address."))
        return redirect(request.get_full_path())
    removes = "take" in request.POST
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before = _names(user)
        (user.groups.remove if removes else user.groups.add)(group)
        after = _names(user)
        if before != after:
            events.record(
                events.Kind.CHANGED,
                request,
                actor=request.user,  # type: ignore[arg-type]
                user=user,
                target=name_of(user),
                changes=events.masked({"groups": (before, after)}),
            )
    said = {"user": user, "group": group}
    if removes:
        messages.success(request, _("%(user)s is no longer in the group %(group)s.") % said)
    else:
        messages.success(request, _("%(user)s is in the group %(group)s now.") % said)
    return redirect(request.get_full_path())


def _names(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))
