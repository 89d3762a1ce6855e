"""Whether the provider is well, in lines for the first page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import checks
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from foundation.heartbeats import MAIL, WORKER
from foundation.models import Heartbeat, Mail
from foundation.outbox import State, late
from idp import policy
from idp.admin.page import counted
from idp.models import Delivery, SigningKey

#: Time after which a worker is missed.
_MISSED_AFTER = timedelta(minutes=1)
_ALGORITHM = "RS256"


@dataclass(frozen=True)
class Line:
    """One fact: what it is about, what is known of it, and whether that is well."""

    title: str | Promise
    #: A text, or a time that is shown as “3 minutes ago”.
    text: str = ""
    at: datetime | None = None
    is_well: bool = True
    #: More about it, a sentence each.
    more: tuple[str, ...] = ()


def lines(request: HttpRequest, now: datetime) -> list[Line]:
    """Return the lines that this staff member may see, in a handful of statements."""
    beats = Heartbeat.objects.in_bulk()
    return [
        _worker(beats, now),
        *_deliveries(request, now),
        *_mail(request, beats, now),
        *_next_key(request, now),
        _cache(),
        *_deployment(request),
    ]


def _worker(beats: dict[str, Heartbeat], now: datetime) -> Line:
    seen = beats.get(WORKER)
    if seen is None:
        return Line(_("Worker"), _("not seen yet: start it with manage.py worker"), is_well=False)
    if now - seen.at < _MISSED_AFTER:
        return Line(_("Worker"), _("running"))
    return Line(_("Worker last seen"), at=seen.at, is_well=False)


def _deliveries(request: HttpRequest, now: datetime) -> Iterator[Line]:
    """Yield how many sign-out notifications wait, and since when the oldest is due."""
    if request.user.has_perm("idp.view_delivery"):
        waiting = Delivery.objects.filter(state=State.WAITING)
        oldest = late(Delivery.objects, now).first()
        yield Line(_("Deliveries waiting"), counted(waiting), is_well=oldest is None)
        if oldest is not None:
            yield Line(_("Oldest due"), at=oldest.due_at, is_well=False)


def _mail(request: HttpRequest, beats: dict[str, Heartbeat], now: datetime) -> Iterator[Line]:
    if not request.user.has_perm("foundation.view_mail"):
        return
    sent = beats.get(MAIL)
    is_well = not late(Mail.objects, now).exists()
    if sent is None:
        yield Line(_("Email"), _("none sent yet"), is_well=is_well)
    else:
        yield Line(_("Email last sent"), at=sent.at, is_well=is_well)


def _next_key(request: HttpRequest, now: datetime) -> Iterator[Line]:
    """Yield when the next key of the usual algorithm begins to sign."""
    if not request.user.has_perm("idp.view_signingkey"):
        return
    active = SigningKey.objects.filter(algorithm=_ALGORITHM, state=SigningKey.State.ACTIVE).first()
    if active is None:
        yield Line(_("Signing key"), _("none yet"), is_well=False)
        return
    due = (active.activated_at or active.created_at) + policy.KEY_LIFETIME
    days = (due - now).days
    text = ngettext("in %(count)d day", "in %(count)d days", days) % {"count": max(days, 0)}
    yield Line(_("Next key %(algorithm)s") % {"algorithm": _ALGORITHM}, text, is_well=days >= 0)


def _cache() -> Line:
    """Return whether the database, which gave this page, and the cache answer."""
    try:
        cache.get("health")
    except Exception:  # noqa: BLE001  whatever it is, rate limits suffer from it
        return Line(_("Database and cache"), _("the cache does not answer"), is_well=False)
    return Line(_("Database and cache"), _("answering"))


def _deployment(request: HttpRequest) -> Iterator[Line]:
    """Yield what the deployment checks find; for superusers, since it says what is weak."""
    if request.user.is_superuser:
        checked = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
        found = [f"{it.msg} {it.hint or ''}" for it in checked if not it.is_silenced()]
        words = ngettext("%(count)d to look at", "%(count)d to look at", len(found))
        text = words % {"count": len(found)} if found else _("passed")
        yield Line(_("Deployment checks"), text, is_well=not found, more=tuple(found))
