"""What needs an operator: apps that turn users away, secrets, invitations, failed deliveries."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.invitations import VALID_FOR
from accounts.models import User
from foundation.models import Mail
from foundation.outbox import State
from idp import event_counts
from idp.admin.clients import secret_pages
from idp.admin.page import counted, list_of
from idp.linter.near_misses import near_misses
from idp.models import Client, ClientSecret, Delivery, Event

Kind = Event.Kind
#: Apps whose denials are read; rows that are read of each, and of secrets that end; entries.
_APPS = 3
_READ = 50
_MOST = 3
#: Secrets that are looked at, of those over a year old.
_SECRETS = 1000
_EXPIRES_WITHIN = timedelta(days=14)
_OLD_AFTER = timedelta(days=365)
_USED_WITHIN = timedelta(days=30)
_INVITATION_ENDS_WITHIN = timedelta(days=2)
_NEW_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Need:
    """An entry: whom it concerns, what is the matter, and where to do something about it."""

    icon: str
    name: str
    what: str
    more: str
    button: str | Promise
    address: str
    #: Two addresses side by side: the one that came, and the registered one.
    came: str = ""
    registered: str = ""


def needs(request: HttpRequest, now: datetime) -> list[Need]:
    """Return what needs this staff member, as far as they may view it."""
    found: list[Need] = []
    for permissions, look in _LOOKS:
        if all(map(request.user.has_perm, permissions)):
            found += look(now)
    return found


def _turned_away(now: datetime) -> Iterator[Need]:
    """Yield apps whose users come with an address that is nearly registered."""
    busiest = event_counts.busiest(Kind.DENIED, now, _APPS)
    clients = Client.objects.in_bulk([it for it, _count in busiest], field_name="client_id")
    for client in clients.values():
        denials = Event.objects.filter(client_id=client.client_id, kind=Kind.DENIED)
        recent = denials.order_by("-id")[:_READ]
        for miss in near_misses(client, [it for it in recent if it.at > now - 2 * _NEW_WITHIN])[:1]:
            what = ngettext(
                "%(count)d person was turned away", "%(count)d people were turned away", miss.times
            )
            came, registered = _side_by_side(miss.uri, miss.comparison.nearest or "")
            address = reverse("admin:idp_client_linter", args=[client.pk])
            words = what % {"count": miss.times}
            yield Need("apps", str(client), words, "", _("Look"), address, came, registered)


def _side_by_side(came: str, registered: str) -> tuple[str, str]:
    """Return two addresses, without the origin where it is the same."""
    origins = [urlsplit(uri)[:2] for uri in (came, registered)]
    if origins[0] != origins[1]:
        return came, registered
    origin = "://".join(origins[0])
    return came.removeprefix(origin) or "/", registered.removeprefix(origin) or "/"


def _secrets(now: datetime) -> Iterator[Need]:
    """Yield secrets that expire soon without another one, and used ones over a year old."""
    soon = now + _EXPIRES_WITHIN
    ending = ClientSecret.objects.filter(expires_at__gt=now, expires_at__lt=soon)
    found = list(ending.select_related("client").order_by("expires_at")[:_READ])
    lasting = ClientSecret.objects.filter(
        Q(expires_at=None) | Q(expires_at__gte=soon), client__in=[it.client_id for it in found]
    )
    renewed = set(lasting.values_list("client", flat=True))
    for secret in [it for it in found if it.client_id not in renewed][:_MOST]:
        what = _("its secret expires on %(day)s") % {"day": f"{secret.expires_at:%Y-%m-%d}"}
        yield _about(secret, what, _("It has no other one; a second one can run beside it"))
    over = ClientSecret.objects.filter(created_at__lt=now - _OLD_AFTER).order_by("-created_at")
    old = ClientSecret.objects.filter(
        pk__in=list(over.values_list("pk", flat=True)[:_SECRETS]),
        expires_at=None,
        last_used_at__gt=now - _USED_WITHIN,
    )
    for secret in old.select_related("client").order_by("created_at")[:_MOST]:
        months = (now - secret.created_at).days // 30
        used = _("Last used on %(day)s; a second one can run beside it")
        what = _("its secret is %(months)d months old") % {"months": months}
        yield _about(secret, what, used % {"day": f"{secret.last_used_at:%Y-%m-%d}"})


def _about(secret: ClientSecret, what: str, more: str) -> Need:
    address = secret_pages.address_of(secret.client)
    return Need("lock", str(secret.client), what, more, _("Renew"), address)


def _invitations(now: datetime) -> Iterator[Need]:
    """Yield the accounts that operators made some days ago and that were never used."""
    begun = now - VALID_FOR
    lately = Event.objects.filter(
        user=OuterRef("pk"), kind=Kind.ADMIN_ACTION, at__gt=begun + _INVITATION_ENDS_WITHIN
    )
    invited = User.objects.filter(
        ~Exists(lately),
        date_joined__range=(begun, begun + _INVITATION_ENDS_WITHIN),
        last_login=None,
        is_active=True,
        self_registered=False,
    ).order_by("date_joined")
    emails = list(invited.values_list("email", "pk")[:_MOST])
    if emails:
        name = ngettext("%(count)d invitation", "%(count)d invitations", len(emails))
        address = reverse("admin:accounts_user_change", args=[emails[0][1]])
        shown = ", ".join(email for email, _key in emails)
        what = ngettext("ends within two days", "end within two days", len(emails))
        words = name % {"count": len(emails)}
        yield Need("people", words, what, shown, _("Send again"), address)


def _deliveries(now: datetime) -> Iterator[Need]:
    yield from _given_up(Delivery, now, "leave", _("Sign-out notifications"))


def _mails(now: datetime) -> Iterator[Need]:
    yield from _given_up(Mail, now, "mail", _("Emails"))


def _given_up(model: type[Any], now: datetime, icon: str, name: str) -> Iterator[Need]:
    """Yield how many rows of an outbox were given up lately, with the newest problem."""
    failed = model.objects.filter(state=State.FAILED)
    newest = failed.order_by("-id").first()
    if newest is not None and newest.done_at and newest.done_at > now - timedelta(days=7):
        address = list_of(model, state__exact=State.FAILED.value)
        what = _("%(number)s given up") % {"number": counted(failed)}
        yield Need(icon, name, what, newest.last_problem, _("Look"), address)


def _registered(now: datetime) -> Iterator[Need]:
    """Yield the apps that registered themselves within a day."""
    events = Event.objects.filter(kind=Kind.REGISTERED).order_by("-id")[:_MOST]
    new = [event.client_id for event in events if event.at > now - _NEW_WITHIN]
    if new:
        hours = event_counts.hours(now, 24)
        number = max(sum(hour.counts[Kind.REGISTERED] for hour in hours), len(new))
        name = ngettext("%(count)d app", "%(count)d apps", number) % {"count": number}
        address = list_of(Event, kind__exact=Kind.REGISTERED.value)
        what = _("registered by itself within a day")
        yield Need("apps", name, what, ", ".join(new), _("Look"), address)


_LOOKS = (
    (("idp.view_client", "idp.view_event"), _turned_away),
    (("idp.view_client",), _secrets),
    (("accounts.view_user",), _invitations),
    (("idp.view_delivery",), _deliveries),
    (("foundation.view_mail",), _mails),
    (("idp.view_event",), _registered),
)
