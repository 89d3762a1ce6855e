"""Terms of service that users accept when they sign in, once for each version."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import TermsAcceptance, User

#: Sent with `request`, `user` and `terms` after a user has accepted terms for the first time.
terms_accepted = Signal()


@dataclass(frozen=True)
class Terms:
    """A version of the terms of service."""

    version: str
    #: Where to read them: an HTTPS URL.
    url: str
    since: datetime


def current() -> Terms | None:
    """Return the terms in force, or None if there are none."""
    version, url = settings.IDP_TERMS_VERSION, settings.IDP_TERMS_URL
    since = since_of(settings.IDP_TERMS_SINCE)
    if not (version and url) or since is None or since > timezone.now():
        return None
    return Terms(version, url, since)


def since_of(text: str) -> datetime | None:
    """Return a date or time in ISO 8601, in UTC unless it says otherwise; None if it is neither.

    Without a text, terms have always been in force.
    """
    if not text:
        return datetime.min.replace(tzinfo=timezone.get_default_timezone())
    try:
        at = parse_datetime(text)
    except ValueError:  # Well-formed, but no day of the calendar.
        return None
    return timezone.make_aware(at) if at is not None and timezone.is_naive(at) else at


def has_to_accept(user: User) -> Terms | None:
    """Return the terms that this user has not accepted yet, or None."""
    terms = current()
    if terms is None:
        return None
    accepted = TermsAcceptance.objects.filter(user=user, version=terms.version)
    return None if accepted.exists() else terms


def accept(request: HttpRequest, user: User, terms: Terms) -> None:
    """Record that a user has accepted these terms, once."""
    _row, is_new = TermsAcceptance.objects.get_or_create(
        user=user, version=terms.version, defaults={"url": terms.url}
    )
    if is_new:
        terms_accepted.send(sender=User, request=request, user=user, terms=terms)
