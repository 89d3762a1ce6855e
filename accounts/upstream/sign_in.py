"""The one way of all sign-ins with accounts elsewhere: find, link or make the account; sign in.

Accounts are found by (upstream, subject). An address links nothing by itself: one that a trusted
upstream has verified lets the user prove the account that has it, which is linked then
(docs/adr/0047).
"""

from enum import Enum, auto
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts import code_limits
from accounts.allauth_door import email_addresses, sign_ins, social_accounts
from accounts.models import User
from accounts.next import with_next
from accounts.second_factor import is_set_up
from accounts.sessions import session_of
from accounts.upstream import attributes, kept_identity, levels, links
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import (
    AccountExistsError,
    DisabledError,
    NoAccountError,
    NoAddressError,
    StaleError,
)
from accounts.visitors import account_at, visitor_at


def go_on(request: HttpRequest, identity: Identity, asked: Asked) -> HttpResponse:
    """Sign in a judged identity, or connect it; return the next page or step.

    Raises UpstreamRefusedError where it can't, RateLimitExceededError for too many mails. The
    request leads to where the sign-in was to lead from now on.
    """
    _lead_on(request, asked)
    if not identity.upstream.enabled:
        raise DisabledError("The upstream is disabled.")
    if asked.connects is not None:
        return _connect(request, identity, asked.connects)
    way, user = way_of(identity)
    match way, user:
        case Way.CONNECTED, User():
            return _sign_in(request, user, identity)
        case Way.INVITED, User():
            links.connect(request, user, identity, notify=False)
            email_addresses.make_primary(user, user.email, verified=True)
            return _sign_in(request, user, identity, takes_all=True)
        case Way.PROOF, User():
            return _ask_for_proof(request, user, identity)
        case Way.TAKEN, _:
            return _pretend_to_make(request, identity)
        case Way.NO_ACCOUNT, _:
            raise NoAccountError("No user is linked, and accounts are not made for all.")
        case Way.NO_ADDRESS, _:
            raise NoAddressError("The upstream gave no email address.")
    return _make(request, identity)


class Way(Enum):
    """What becomes of an identity that signs in."""

    #: It is linked with the user.
    CONNECTED = auto()
    #: It is linked with the account that an operator has made for this address.
    INVITED = auto()
    #: The user who has the address proves the account first.
    PROOF = auto()
    #: The address is another account's, and is not proved: we answer as if one were made.
    TAKEN = auto()
    #: An account is made.
    NEW = auto()
    #: No user is linked, and no account is made.
    NO_ACCOUNT = auto()
    #: An account would be made, but there is no address.
    NO_ADDRESS = auto()


def way_of(identity: Identity) -> tuple[Way, User | None]:
    """Return what becomes of a judged identity, and the account that it is about; write nothing."""
    user = links.user_of(identity)
    if user is not None:
        return Way.CONNECTED, user
    holder = _holder(identity.email)
    if holder is not None and identity.has_verified_email:
        return (Way.INVITED if _is_invited(holder, identity) else Way.PROOF), holder
    if identity.upstream.creation != Upstream.Creation.ON:
        return Way.NO_ACCOUNT, None
    if holder is not None:
        return Way.TAKEN, holder
    return (Way.NEW if identity.email else Way.NO_ADDRESS), None


def _lead_on(request: HttpRequest, asked: Asked) -> None:
    """Let the request, an upstream's answer, have the `next` of the page that it began at."""
    request.GET = QueryDict(urlencode({"next": asked.next}) if asked.next else "")
    request.POST = QueryDict("")
    # Middleware has found none by the address of the answer (`idp.current_interaction`).
    vars(request).pop("interaction", None)


def _connect(request: HttpRequest, identity: Identity, user_id: int) -> HttpResponse:
    """Link with the user who is signed in and began this, and no other."""
    session = session_of(request)
    if session is None or session.user_id != user_id:
        raise StaleError("The user who wanted to connect an account is not signed in any more.")
    links.connect(request, session.user, identity, notify=True)
    return redirect(sign_ins.next_page(request) or reverse("account_home"))


def _sign_in(
    request: HttpRequest,
    user: User,
    identity: Identity,
    *,
    is_new: bool = False,
    links_later: bool = False,
    takes_all: bool = False,
) -> HttpResponse:
    attributes.take_over(user, identity, is_new=is_new or takes_all)
    kept_identity.keep(request, identity, user, links=links_later, signs_in=True)
    at = identity.authenticated_at
    sign_ins.record_upstream(
        request,
        user,
        identity.upstream.slug,
        identity.subject,
        level=levels.level_of(identity.upstream.levels, identity.acr, identity.amr),
        amr=list(identity.amr) or None,
        acr=identity.acr or None,
        at=min(at, timezone.now()).timestamp() if at else None,
    )
    return sign_ins.begin_at_upstream(request, user, is_new=is_new)


def _holder(email: str) -> User | None:
    """Return the account with this address; an unfinished sign-up does not count."""
    holder = account_at(email) if email else None
    if holder is None or User.objects.unfinished().filter(pk=holder.pk).exists():
        return None
    return holder


def _make(request: HttpRequest, identity: Identity) -> HttpResponse:
    """Make an account. It is linked when its address is proved, at once or by a mailed code."""
    email, is_verified = identity.email, identity.has_verified_email
    if not is_verified:
        code_limits.count_mail(visitor_at(request, email), "sign-up")
    try:
        with transaction.atomic():
            User.objects.unfinished().filter(email=email).delete()
            user = User.objects.create_user(email, self_registered=True)
            email_addresses.make_primary(user, email, verified=is_verified)
            if is_verified:
                links.connect(request, user, identity, notify=False)
    except IntegrityError:
        raise AccountExistsError("Another account got the address just now.") from None
    return _sign_in(request, user, identity, is_new=True, links_later=not is_verified)


def _pretend_to_make(request: HttpRequest, identity: Identity) -> HttpResponse:
    """Answer as if the address were no user's: it was not proved, so it may be a guess.

    A mail to the address says that there is an account.
    """
    code_limits.count_mail(visitor_at(request, identity.email), "sign-up")
    return sign_ins.pretend_to_sign_up(request, identity.email)


def _is_invited(user: User, identity: Identity) -> bool:
    """Whether an operator made the account for this address, and no user has a way in yet.

    Only where the upstream is to bring such people: elsewhere an account without a password may be
    one that was imported. Not staff, whose rights want a proof beside the upstream's word.
    """
    is_untouched = user.last_login is None and not user.has_usable_password()
    return (
        identity.upstream.creation == Upstream.Creation.INVITED
        and user.email == identity.email
        and is_untouched
        and not user.self_registered
        and not (user.is_staff or user.is_superuser or is_set_up(user))
        and not social_accounts.of(user).exists()
    )


def _ask_for_proof(request: HttpRequest, user: User, identity: Identity) -> HttpResponse:
    """Lead to the sign-in page; the identity is linked when this user has signed in there."""
    kept_identity.keep(request, identity, user, links=True, signs_in=False)
    query = {"fresh": "1", "connect": identity.upstream.slug}
    return redirect(with_next(reverse("account_login", query=query), request))
