"""The consent page: what the app would see, in a person's words. OIDC Core §3.1.2.4."""

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from accounts.authentication import Authentication, authentication_of
from accounts.models import User
from idp import events, policy
from idp.authorization import consent as consents
from idp.authorization import pending
from idp.authorization.request import AuthorizationRequest
from idp.authorization.response import send_error
from idp.clients.redirect_uris import verified
from idp.continuation import PENDING, continue_at, pending_of
from idp.endpoints.error_page import error_page
from idp.endpoints.wire import methods
from idp.models import PendingAuthorization
from idp.models.client import known_scopes
from idp.protocol.errors import AccessDenied, ProtocolError, RequestExpired


@never_cache
@methods("GET", "HEAD", "POST")
def consent(http: HttpRequest) -> HttpResponse:
    """Ask, or take the answer. The server holds the request; the form carries a yes or a no."""
    row = pending_of(http)
    if row is None:
        return _gone(http)
    authentication = authentication_of(http)
    if authentication is None:
        return redirect(continue_at(row.pk))
    try:
        request = _request(row)
    except ProtocolError:
        return redirect(continue_at(row.pk))
    if http.method == "POST":
        return _take_answer(http, row, request, authentication)
    return render(
        http,
        "consent.html",
        {
            "details": details(authentication.user, request.scopes),
            "person": authentication.user,
            "continue_path": continue_at(row.pk),
        },
    )


def _gone(http: HttpRequest) -> HttpResponse:
    """Say that nothing is asked here; of what expired, authorize knows how to start again."""
    pending_id = http.GET.get(PENDING)
    if pending_id:
        return redirect(continue_at(pending_id))
    return error_page(http, RequestExpired("This page was not reached from an app."))


def _take_answer(
    http: HttpRequest,
    row: PendingAuthorization,
    request: AuthorizationRequest,
    authentication: Authentication,
) -> HttpResponse:
    """Remember a yes and go on; bring a no to the client."""
    client_id = row.client.client_id
    try:
        _answer_is_yes(http)
    except AccessDenied as error:
        reference = events.denied(
            error,
            http,
            client_id=client_id,
            parameters=pending.arrival_of(row).parameters,
            user=authentication.user,
        )
        return send_error(http, request.reply_to, error, reference)
    consents.remember(authentication.user, row.client, request.scopes)
    consents.note_given_in(row.pk, authentication.session_id)
    events.record(
        events.Kind.CONSENTED,
        http,
        user=authentication.user,
        client_id=client_id,
        scope=" ".join(sorted(request.scopes)),
    )
    return redirect(continue_at(row.pk))


def _answer_is_yes(http: HttpRequest) -> None:
    """RFC 6749 §4.1.2.1: a no is brought to the client."""
    if http.POST.get("answer") != "allow":
        raise AccessDenied("The person chose not to allow this.")


def _request(row: PendingAuthorization) -> AuthorizationRequest:
    """Return the request, still sound. Raises ProtocolError where it no longer is."""
    if not row.client.enabled:
        raise AccessDenied("The client has been disabled.")
    arrival = pending.arrival_of(row)
    return AuthorizationRequest.parse(arrival, verified(row.client, arrival.parameters))


def details(user: User, scopes: frozenset[str]) -> list[tuple[str | Promise, Any]]:
    """Return what the scopes show of this person: a phrase, and the actual values."""
    address = user.address or {}
    shown = {
        "profile": (_("Your name and profile"), _profile(user)),
        "email": (_("Your e-mail address"), user.email),
        "address": (
            _("Your postal address"),
            address.get("formatted") or ", ".join(address.values()),
        ),
        "phone": (_("Your phone number"), user.phone_number),
        "offline_access": (_("Access while you are away"), _("also when you have signed out here")),
    }
    of_apis = [
        (_("In your name"), description)
        for scope, description in known_scopes().items()
        if scope in scopes and scope not in policy.SCOPES
    ]
    return [*(shown[scope] for scope in shown if scope in scopes), *of_apis]


def _profile(user: User) -> str:
    """Return all that the scope profile shows, as a person would write it down."""
    name = user.name or f"{user.given_name} {user.family_name}".strip()
    others = [
        value
        for value in (user.nickname, user.preferred_username, user.middle_name)
        if value and value.casefold() not in name.casefold()
    ]
    values = [
        name,
        *others,
        user.gender,
        _birthdate(user.birthdate),
        user.zoneinfo,
        user.locale,
        user.picture and gettext("your picture"),
        user.website and gettext("your website"),
        user.profile and gettext("your profile page"),
    ]
    return " · ".join(dict.fromkeys(value for value in values if value))


def _birthdate(birthdate: str) -> str:
    """Return a date in the page's language; the bare text where its year is withheld."""
    try:
        return date_format(date.fromisoformat(birthdate))
    except ValueError:
        return birthdate
