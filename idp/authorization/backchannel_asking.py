"""Ask a user to sign in elsewhere: store the request, and tell the user. OIDC CIBA §7.3, §8."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import formats, translation
from django.utils.translation import gettext as _

from accounts.allauth_door import mails
from accounts.letters import Fact
from accounts.models import User
from accounts.places import place_of
from foundation import rate_limits
from foundation.plain_text import isolated
from foundation.rate_limits import RateLimit, RateLimitExceededError
from foundation.statements import hash_of
from idp.authorization import backchannel_notices
from idp.authorization.backchannel_hints import Named
from idp.authorization.backchannel_request import BackchannelRequest
from idp.clients.display import name_of
from idp.models import BackchannelAuthentication
from idp.protocol.errors import TooManyBackchannelRequests
from idp.protocol.rules import upholds

#: How often one user may be asked: by one client, and by all. Whom a hint names who has no account
#: counts as well.
BY_CLIENT = RateLimit("sign-in-requests-by-app", 5, timedelta(minutes=10))
TO_USER = RateLimit("sign-in-requests", 20, timedelta(hours=1))
#: How often one client may ask at all.
OF_CLIENT = RateLimit("sign-in-requests-of-app", 300, timedelta(minutes=1))
#: How many requests may wait for one user's answer.
MOST_PENDING = 3
_MAIL = "account/email/sign_in_request"


@dataclass(frozen=True)
class Asked:
    """A stored request, and the id that its client gets."""

    row: BackchannelAuthentication
    auth_req_id: str


@upholds("OIDC CIBA §7.2")
def count(request: BackchannelRequest, named: Named) -> None:
    """Count a request. OIDC CIBA §7.2: no client can flood a user with requests.

    Call it outside of transactions. Raises TooManyBackchannelRequests.
    """
    client = str(request.client.pk)
    try:
        rate_limits.count(
            (BY_CLIENT, f"{client} {named.key}"), (TO_USER, named.key), (OF_CLIENT, client)
        )
    except RateLimitExceededError as exceeded:
        raise TooManyBackchannelRequests.for_now(
            "There were too many requests.", exceeded.retry_after
        ) from None


def ask(
    request: BackchannelRequest,
    named: Named,
    *,
    interval: int,
    ip_address: str | None,
    now: datetime,
) -> Asked:
    """Store a request, and mail the user, all or nothing; `interval` is in seconds.

    Raises TooManyBackchannelRequests while too many others wait for an answer.
    """
    auth_req_id = secrets.token_urlsafe(32)
    row = BackchannelAuthentication(
        id_hash=hash_of(auth_req_id),
        client=request.client,
        user=named.user,
        named=named.key,
        scope=" ".join(sorted(request.scopes)),
        resource=list(request.resource),
        authorization_details=list(request.authorization_details) or None,
        acr_values=list(request.acr_values),
        binding_message=request.binding_message,
        sealed=backchannel_notices.sealed(auth_req_id, request.notification_token)
        if request.notification_token
        else "",
        ip_address=ip_address,
        arrived_at=now,
        expires=now + request.expires_in,
        interval=interval,
    )
    with transaction.atomic():
        if named.user is not None:  # of concurrent requests one waits for the other's row
            list(User.objects.select_for_update(no_key=True).filter(pk=named.user.pk))
        _few_are_pending(named, now)
        row.save(force_insert=True)
        _tell(row)
    return Asked(row, auth_req_id)


@upholds("OIDC CIBA §7.2")
def _few_are_pending(named: Named, now: datetime) -> None:
    """OIDC CIBA §7.2: a user has to see which request is which."""
    pending = BackchannelAuthentication.objects.filter(
        named=named.key, status=BackchannelAuthentication.Status.PENDING, expires__gt=now
    )
    ends = list(pending.order_by("expires").values_list("expires", flat=True)[:MOST_PENDING])
    if len(ends) >= MOST_PENDING:
        raise TooManyBackchannelRequests.for_now(
            "Too many requests wait for an answer of this user.",
            max(1, int((ends[0] - now).total_seconds())),
        )


def _tell(row: BackchannelAuthentication) -> None:
    """Mail the user, and plan the push; or take the time for it, where there is no user."""
    user = row.user
    with translation.override(user.language if user and user.language else settings.LANGUAGE_CODE):
        context = {
            "app": isolated(name_of(row.client)),
            "link": backchannel_notices.page_of(row),
            "minutes": max(1, round((row.expires - row.arrived_at).total_seconds() / 60)),
        }
        facts = _facts(row)
        if user is None:
            mails.pretend_to_send_facts(_MAIL, "nobody@invalid", context, facts)
            return
        mails.send_facts(_MAIL, user.email, context, facts, row.expires)
    backchannel_notices.plan_push(row)


def _facts(row: BackchannelAuthentication) -> tuple[Fact, ...]:
    """Return what the mail says of the request."""
    at = formats.date_format(row.arrived_at, "DATETIME_FORMAT")
    place = place_of(row.ip_address)
    known = (
        (_("App"), name_of(row.client)),
        (_("Message"), row.binding_message),
        (_("Time"), f"{at} UTC"),
        (_("Sent from"), " · ".join(filter(None, [place, row.ip_address]))),
    )
    return tuple(fact for fact in known if fact[1])
