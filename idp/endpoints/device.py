"""The page on which a user lets a device sign in by its code. RFC 8628 §3.3.

Nothing is approved by an address alone, and whatever the user allowed the app before, they are
asked: the device may be somebody else's (RFC 8628 §5.4; Cross-Device Flows BCP §6.1).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import account_switching, second_factor
from accounts.allauth_door import mails
from accounts.authentication import authentication_in
from accounts.devices import known_words_for
from accounts.levels import SINGLE_FACTOR, reaches
from accounts.models import Session
from accounts.places import place_of
from accounts.sessions import session_of
from accounts.views.too_many import too_many
from foundation import rate_limits
from foundation.plain_text import isolated
from foundation.rate_limits import RateLimitExceededError
from idp import events, policy
from idp.authorization import consent as consents
from idp.authorization import device_codes
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.clients.display import app_of, name_of
from idp.clients.lookalikes import looks_like
from idp.endpoints.consent import asked_context, name_form_for, save_name
from idp.endpoints.wire import methods
from idp.models import Client, DeviceCode
from idp.protocol.authorization_details import texts_of, types_of
from idp.protocol.errors import AccessDenied
from idp.protocol.rules import upholds
from idp.statements.sso_session import Agreed


@dataclass(frozen=True)
class _Asked:
    """A device's request that a signed-in user looks at."""

    row: DeviceCode
    letters: str
    session: Session

    @property
    def client(self) -> Client:
        """Return the app."""
        return self.row.application  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """Return the address of the page about it."""
        return _path_of(self.letters)

    @property
    def agreed(self) -> Agreed:
        """Return what the user agrees to by approving."""
        scopes = frozenset(self.row.scope.split())
        return Agreed(
            scopes,
            resources=frozenset(self.row.resource),
            authorization_details=texts_of(self.row.authorization_details or ()),
        )


@methods("GET", "HEAD", "POST")
def device(request: HttpRequest) -> HttpResponse:
    """Ask for a code; show what its device asks for; take the decision."""
    letters = device_codes.letters_in(request.GET.get("user_code", ""))
    session = session_of(request)
    if session is None:
        page = "account_choose" if account_switching.others(request) else "account_login"
        return redirect(f"{reverse(page)}?{urlencode({'next': _path_of(letters)})}")
    if not letters:
        return _code_page(request)
    if not device_codes.is_whole(letters):
        return _code_page(request, letters, _("A code has eight letters, and no vowels or digits."))
    try:
        row = _looked_up(request, session, letters)
    except RateLimitExceededError as exceeded:
        return too_many(request, exceeded, _("Too many wrong codes were typed."))
    if row is None:
        return _code_page(
            request,
            letters,
            _(
                "This code is wrong, was used before, or has expired. Read it from your device "
                "again."
            ),
        )
    asked = _Asked(row, letters, session)
    return _what_is_missing(request, asked) or _decision(request, asked)


def _path_of(letters: str) -> str:
    path = reverse("device")
    return f"{path}?{urlencode({'user_code': device_codes.shown(letters)})}" if letters else path


@upholds("RFC 8628 §5.1")
def _looked_up(request: HttpRequest, session: Session, letters: str) -> DeviceCode | None:
    """RFC 8628 §5.1: a code is counted before it is looked up; each wrong one is recorded.

    Raises RateLimitExceededError.
    """
    counted = device_codes.counted_by(session, request)
    row = device_codes.find(letters, timezone.now())
    if row is not None:
        rate_limits.take_back(*counted)
        return row
    reason = "The code of a device is wrong, was used before, or has expired."
    events.record(events.Kind.DEVICE_CODE_WRONG, request, user=session.user, reason=reason)
    return None


def _code_page(request: HttpRequest, letters: str = "", problem: str = "") -> HttpResponse:
    typed = device_codes.shown(letters) if device_codes.is_whole(letters) else letters[:20]
    context = {"typed": typed, "problem": problem, "user": request.user, "path": _path_of("")}
    return render(request, "device_code.html", context)


def _what_is_missing(request: HttpRequest, asked: _Asked) -> HttpResponse | None:
    """Return the page that has to come first, as an authorization request would have it, if any."""
    client, authentication = asked.client, authentication_in(asked.session)
    onward = {"next": asked.path}
    if not _is_fresh(asked):
        return redirect(f"{reverse('account_login')}?{urlencode({**onward, 'fresh': '1'})}")
    try:
        _user_is_allowed(asked)
    except AccessDenied as error:
        reference = events.denied(
            error, request, client_id=client.client_id, user=asked.session.user
        )
        context = {"app": app_of(client, ""), "user": asked.session.user, "path": asked.path}
        return render(request, "device_not_allowed.html", {**context, "reference": reference})
    required = client.required_acr or SINGLE_FACTOR
    if reaches(authentication.acr, required):
        return None
    can_reach = reaches(second_factor.reachable_level(asked.session.user), required)
    page = second_factor.step_up_address if can_reach else second_factor.set_up_address
    return redirect(page(required, asked.path))


def _is_fresh(asked: _Asked) -> bool:
    """Whether the sign-in is as recent as the client wants by default. OIDC Registration §2."""
    max_age = asked.client.default_max_age
    since = asked.row.created_at - timedelta(seconds=max_age or 0)
    return max_age is None or asked.session.authenticated_at >= since


@upholds("RFC 6749 §4.1.2.1")
def _user_is_allowed(asked: _Asked) -> None:
    """RFC 6749 §4.1.2.1: a client that names groups is for their members alone."""
    if not allows(asked.client, asked.session.user):
        raise AccessDenied(NOT_ALLOWED)


def _decision(request: HttpRequest, asked: _Asked) -> HttpResponse:
    """Show the request, or take the user's decision about what they were shown."""
    answer = request.POST.get("answer", "")
    form = name_form_for(request, asked.agreed, asked.session.user)
    if answer not in {"approve", "deny"}:
        return _page(request, asked, form)
    if request.POST.get("shown_as") != asked.client.display_fingerprint:
        return redirect(asked.path)  # the app is another than the page had shown
    if answer == "approve" and form is not None and not form.is_valid():
        return _page(request, asked, form)
    try:
        if answer == "approve":
            _approve(request, asked, form)
        else:
            _deny(request, asked)
    except device_codes.DecidedError:
        return redirect(asked.path)  # where the code is no longer known
    context = {"app": app_of(asked.client, ""), "approved": answer == "approve"}
    return render(request, "device_decided.html", context)


def _page(request: HttpRequest, asked: _Asked, form: Any) -> HttpResponse:
    row, client = asked.row, asked.client
    return render(
        request,
        "device.html",
        {
            **asked_context(asked.session.user, client, asked.agreed, form),
            "app": app_of(client, ""),
            "looks_like": looks_like(client),
            "user": asked.session.user,
            "shown_as": client.display_fingerprint,
            "code": device_codes.shown(asked.letters),
            "path": asked.path,
            "asked_at": row.created_at,
            "place": place_of(row.ip_address),
            "ip_address": row.ip_address or "",
            "program": known_words_for(row.user_agent),
            "is_elsewhere": device_codes.is_elsewhere(row, request),
        },
    )


def _approve(request: HttpRequest, asked: _Asked, form: Any) -> None:
    """Approve, remember the consent, and tell the user by mail if the device is elsewhere."""
    row, user, client = asked.row, asked.session.user, asked.client
    is_elsewhere = device_codes.is_elsewhere(row, request)
    with transaction.atomic():
        device_codes.approve(row, asked.session, timezone.now())
        consents.remember(user, client, asked.agreed)
        if is_elsewhere:
            _mail(request, asked)
    save_name(request, user, form)
    events.record(
        events.Kind.DEVICE_APPROVED,
        request,
        user=user,
        client_id=client.client_id,
        scope=row.scope,
        resources=sorted(row.resource),
        authorization_details_types=types_of(row.authorization_details or ()),
        asked_from=row.ip_address,
        user_agent=row.user_agent,
        elsewhere=is_elsewhere,
    )


def _mail(request: HttpRequest, asked: _Asked) -> None:
    """Tell the user that a device was let in which is not where they are."""
    row = asked.row
    request.app_name = name_of(asked.client)  # type: ignore[attr-defined]
    there = " · ".join(filter(None, [place_of(row.ip_address), row.ip_address]))
    context = {
        "app": isolated(name_of(asked.client)),
        "there": isolated(there or _("an unknown address")),
        "link": policy.ORIGIN + reverse("account_sessions"),
    }
    mails.send("account/email/device_approved", asked.session.user.email, context, request)


def _deny(request: HttpRequest, asked: _Asked) -> None:
    device_codes.deny(asked.row, asked.session, timezone.now())
    events.record(
        events.Kind.DEVICE_DENIED,
        request,
        user=asked.session.user,
        client_id=asked.client.client_id,
        asked_from=asked.row.ip_address,
        user_agent=asked.row.user_agent,
    )
