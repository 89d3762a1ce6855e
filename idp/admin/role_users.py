"""Who has a role, and which roles a user has: two pages that give roles and take them.

They show a bounded number of rows, so that a role may have a million users.
"""

from itertools import islice
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User
from idp import events
from idp.admin import recent_authentication, search
from idp.admin.membership_forms import key_of, text_of, user_of
from idp.admin.page import Page, counted
from idp.declaration import name_of
from idp.declaration.roles import of_user
from idp.models import Role

#: How many rows a page shows, and how many suggestions a field gets.
SHOWN = 50
SUGGESTED = 10


def users_view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """List the users who have a role themselves; give it to one, or take it from one."""
    role: Role | None = page.get_object(request, object_id)
    if role is None:
        raise Http404
    if not page.has_view_permission(request, role) or not request.user.has_perm(
        "accounts.view_user"
    ):
        raise PermissionDenied
    if request.method == "POST":
        user = user_of(request.POST)
        if user is None:
            messages.error(request, _("No user has this email address."))
            return redirect(request.get_full_path())
        return _changed(request, user, role)
    # In the order of the unique index of role and user.
    holders = Role.users.through._default_manager.filter(role=role).order_by("-user_id")
    term = text_of(request.GET, "q")
    found = holders.filter(user__in=search.users(term)) if term else holders
    return page.about(
        role,
        request,
        "admin/role_users.html",
        _("Users with the role %(role)s") % {"role": role},
        {
            **_may(request),
            "users": [row.user for row in found.select_related("user")[:SHOWN]],
            "groups": role.groups.order_by("name"),
            "count": counted(found),
            "term": term,
        },
    )


def roles_view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """List the roles of a user; give one, or take one."""
    user: User | None = page.get_object(request, object_id)
    if user is None:
        raise Http404
    if not page.has_view_permission(request, user) or not request.user.has_perm("idp.view_role"):
        raise PermissionDenied
    if request.method == "POST":
        role = _role(request.POST)
        if role is None:
            messages.error(request, _("There is no such role. Write “client ID: role”."))
            return redirect(request.get_full_path())
        return _changed(request, user, role)
    roles = Role.objects.select_related("client").order_by("client", "name")
    by_group = roles.filter(groups__user=user).distinct()
    return page.about(
        user,
        request,
        "admin/user_roles.html",
        _("Roles of %(user)s") % {"user": user},
        {
            **_may(request),
            "own": roles.filter(users=user)[: search.FOUND_AT_MOST],
            "by_group": by_group[: search.FOUND_AT_MOST],
        },
    )


def suggestions(page: Page, request: HttpRequest, kind: str) -> HttpResponse:
    """Return what a field may be filled in with, as a JSON list: users or roles."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    term = text_of(request.GET, "q")
    if not term:
        return JsonResponse([], safe=False)
    if kind == "users" and request.user.has_perm("accounts.view_user"):
        found = User.objects.filter(pk__in=search.users(term, SUGGESTED)).order_by("email")
        return JsonResponse(list(found.values_list("email", flat=True)), safe=False)
    if kind == "roles":
        apps = search.apps(term.partition(": ")[0].rstrip(":"), SUGGESTED)
        roles = Role.objects.filter(client__in=apps).select_related("client")
        named = (
            f"{role.client.client_id}: {role.name}" for role in roles.order_by("client", "name")
        )
        # Those of one app, once its client ID is typed.
        fits = (name for name in named if ": " not in term or name.startswith(term))
        return JsonResponse(list(islice(fits, SHOWN)), safe=False)
    raise Http404


def _changed(request: HttpRequest, user: User, role: Role) -> HttpResponse:
    """Give or take a role, as the form says, and show the page again."""
    if not request.user.has_perm("idp.change_role") or not _may_change(request, user):
        raise PermissionDenied
    if sign_in_address := recent_authentication.missing(request):
        return redirect(sign_in_address)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        before = of_user(user)
        change = role.users.remove if "take" in request.POST else role.users.add
        change(user)
        after = of_user(user)
        if before != after:
            events.record(
                events.Kind.CHANGED,
                request,
                actor=request.user,  # type: ignore[arg-type]
                user=user,
                client_id=role.client.client_id,
                target=name_of(user),
                changes=events.masked({"roles": (before, after)}),
            )
    said = {"user": user, "role": role}
    if "take" in request.POST:
        messages.success(request, _("Taken from %(user)s: the role %(role)s.") % said)
    else:
        messages.success(request, _("Given to %(user)s: the role %(role)s.") % said)
    return redirect(request.get_full_path())


def _may_change(request: HttpRequest, user: User) -> bool:
    """Whether this operator may change the roles of this user: those of staff by superusers."""
    return bool(request.user.is_superuser or not (user.is_staff or user.is_superuser))


def _may(request: HttpRequest) -> dict[str, Any]:
    """Return whether the forms are shown, and where an operator signs in first."""
    return {
        "may_change": request.user.has_perm("idp.change_role"),
        "sign_in_address": recent_authentication.missing(request),
    }


def _role(form: Any) -> Role | None:
    """Return the role that a form names, by its key or as `client_id: role`."""
    roles = Role.objects.select_related("client")
    if "take" in form:
        return roles.filter(pk=key_of(form["take"])).first()
    parts = text_of(form, "give").split(": ")
    for at in range(1, len(parts)):
        client_id, name = ": ".join(parts[:at]), ": ".join(parts[at:])
        if found := roles.filter(client__client_id=client_id, name=name).first():
            return found
    return None
