"""The registry of kinds of upstreams."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise

from accounts.upstream.model import Upstream

if TYPE_CHECKING:
    from accounts.upstream.identity import Identity
    from accounts.upstream.journeys import Asked, Journey


@dataclass(frozen=True)
class Finding:
    """One line of what trying an upstream out has found."""

    is_fine: bool
    sentence: str


@dataclass(frozen=True)
class Kind:
    """A kind of upstream: how its sign-ins begin, and what an operator sets."""

    #: Stored in `Upstream.kind`.
    name: str
    label: "str | Promise"
    #: Sends the browser to the upstream, or shows a page of its own. Raises UpstreamRefusedError.
    begin: "Callable[[HttpRequest, Upstream, Asked], HttpResponse]"
    #: Judges the parameters of an answer that came to our redirect URI, for a sign-in of this
    #: browser. Raises UpstreamRefusedError. None: the kind has endpoints of its own.
    identity: "Callable[[Upstream, Mapping[str, str], Journey], Identity] | None" = None
    #: Whether answers come by a form of the upstream's page, without cookies of ours.
    answers_by_form: bool = False
    #: The columns, of those that not all kinds have, that an operator fills in.
    columns: tuple[str, ...] = ()
    #: Yields a column and a sentence for each that can't be right.
    problems: Callable[[Upstream], Iterable[tuple[str, str]]] = lambda _: ()
    #: Asks the upstream whether it can be used, without a user.
    try_out: Callable[[Upstream], list[Finding]] | None = None
    #: What a new one begins with: the issuer where there is only one, and scopes.
    issuer: str = ""
    scopes: str = ""
    #: The name of the picture below `static/marks/`; the upstream's initial stands in for none.
    mark: str = ""


_KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Make kinds known. Registering one again replaces it."""
    _KINDS.update({kind.name: kind for kind in kinds})


def named(name: str) -> Kind | None:
    """Return the kind of this name, if there is one here."""
    return _KINDS.get(name)


def registered() -> list[Kind]:
    """Return all kinds, in the order in which they were registered."""
    return list(_KINDS.values())
