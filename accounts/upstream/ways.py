"""The upstreams that the sign-in page offers, and where an email address leads.

The latter is called home realm discovery: who types an address of an upstream's domain is sent
there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from accounts.addresses import normalised_email, shown_email
from accounts.next import with_next
from accounts.upstream import kept_identity, kinds, marks
from accounts.upstream.model import Upstream

#: What the sign-in page was opened with, and what sign-ins at upstreams are asked for, too.
_KEPT = ("fresh", "choose")


@dataclass(frozen=True)
class Offer:
    """What an app wants its sign-in page to offer."""

    #: Short names of upstreams; empty for all.
    upstreams: tuple[str, ...] = ()
    #: Whether passwords, passkeys and codes of our own accounts are offered, too.
    own: bool = True


@dataclass(frozen=True)
class Way:
    """A button of the sign-in page."""

    name: str
    #: The address of its mark; without one, its initial stands there.
    mark: str
    initial: str
    address: str


def enabled(offer: Offer) -> list[Upstream]:
    """Return the upstreams that can be used, in their order."""
    rows = Upstream.objects.filter(enabled=True).defer("mark", "mapping", "levels", "settings")
    usable = [row for row in rows if kinds.named(row.kind) is not None]
    return [row for row in usable if not offer.upstreams or row.slug in offer.upstreams]


def leading_on(hint: str | None, offer: Offer) -> str | None:
    """Return the short name of the upstream to go to without asking, or None.

    It is the one that an app names, or the only way that it wants. A wrong hint is ignored.
    """
    if not hint and offer.own:
        return None
    slugs = [row.slug for row in enabled(offer)]
    if hint in slugs:
        return hint
    return slugs[0] if len(slugs) == 1 and not offer.own else None


def offered(request: HttpRequest, upstreams: Iterable[Upstream]) -> list[Way]:
    """Return the buttons for some upstreams, but for the one that is being connected."""
    connecting = request.GET.get("connect")
    return [
        Way(
            row.name,
            marks.address_of(row),
            row.name[:1].upper(),
            address_at(request, row.slug),
        )
        for row in upstreams
        if row.slug != connecting
    ]


def home_of(email: str, upstreams: Iterable[Upstream]) -> Upstream | None:
    """Return the first upstream that has the domain of this address, as it was typed, or None."""
    domain = normalised_email(email).rpartition("@")[2]
    return next((row for row in upstreams if domain and domain in row.email_domains), None)


def address_at(request: HttpRequest, slug: str, **query: str) -> str:
    """Return the path at which a sign-in begins, with what this page was opened with."""
    kept = {name: "1" for name in _KEPT if name in request.GET}
    return with_next(reverse("account_upstream", args=[slug], query={**kept, **query}), request)


def connecting(request: HttpRequest) -> dict[str, str] | None:
    """Return the name of the upstream, and the address, of an identity that waits for a proof."""
    kept = kept_identity.of(request) if "connect" in request.GET else None
    if kept is None or not kept.links or kept.signs_in:
        return None
    identity = kept.identity
    return {"name": identity.upstream.name, "email": shown_email(identity.email)}
