"""The search box of every page: users, apps, events by reference number, and IP addresses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.models import User
from idp.admin import search
from idp.admin.lists import can_hold
from idp.models import Client, Event
from idp.models.event import reference_in

#: Rows of each kind that are shown; their list has more.
_SHOWN = 10
_LONGEST = 200


@dataclass(frozen=True)
class Result:
    """A row that was found."""

    title: str
    more: str
    address: str


@dataclass(frozen=True)
class Group:
    """What was found of one kind, and where the others of it are."""

    title: str | Promise
    icon: str
    results: list[Result]
    more: str


def urls(site: Any) -> list[URLPattern]:
    """Return the address of the search on a site."""

    def view(request: HttpRequest) -> HttpResponse:
        return find(site, request)

    return [path("search/", site.admin_view(view), name="find")]


def find(site: Any, request: HttpRequest) -> HttpResponse:
    """Show what a term finds among the rows that this staff member may view."""
    term = request.GET.get("q", "").replace("\0", "").strip()[:_LONGEST]
    groups = list(_groups(request, term)) if term else []
    context = {"title": _("Search"), "term": term, "groups": groups, "reached": _reached(request)}
    return TemplateResponse(request, "admin/find.html", {**site.each_context(request), **context})


def _groups(request: HttpRequest, term: str) -> Iterator[Group]:
    """Yield the groups that have results."""
    for permission, kind in _KINDS.items():
        if request.user.has_perm(permission):
            group = kind(term)
            if group.results:
                yield group


def _events(term: str) -> Group:
    """Return the event of a reference number, or the newest from an IP address."""
    reference = reference_in(term)
    rows = Event.objects.none()
    if reference:
        rows = Event.objects.filter(reference=reference)
    elif can_hold(Event._meta.get_field("ip_address"), term):
        rows = Event.objects.filter(ip_address=term).order_by("-id")
    found = [
        Result(
            f"{event.reference} · {event.get_kind_display()}",
            " · ".join(filter(None, [f"{event.at:%Y-%m-%d %H:%M} UTC", event.reason])),
            reverse("admin:idp_event_change", args=[event.pk]),
        )
        for event in rows[:_SHOWN]
    ]
    return Group(_("Events"), "bolt", found, _list("idp_event", term))


def _users(term: str) -> Group:
    users = User.objects.in_bulk(search.users(term, _SHOWN))
    found = [
        Result(
            user.get_full_name(),
            user.shown_email,
            reverse("admin:accounts_user_change", args=[user.pk]),
        )
        for user in users.values()
    ]
    return Group(_("People"), "person", found, _list("accounts_user", term))


def _apps(term: str) -> Group:
    clients = Client.objects.in_bulk(search.apps(term, _SHOWN))
    found = [
        Result(str(client), client.client_id, reverse("admin:idp_client_change", args=[client.pk]))
        for client in clients.values()
    ]
    return Group(_("Apps"), "apps", found, _list("idp_client", term))


def _list(model: str, term: str) -> str:
    """Return the address of a model's list with the same search."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode({'q': term})}"


_KINDS = {
    "idp.view_event": _events,
    "accounts.view_user": _users,
    "idp.view_client": _apps,
}


def _reached(request: HttpRequest) -> Any:
    """Return in words how far the search looks for this staff member."""
    users, apps = (request.user.has_perm(it) for it in ("accounts.view_user", "idp.view_client"))
    words = _("A name, email address, client ID, host, event reference or IP address.")
    return search.helped(words, users=users, apps=apps)
