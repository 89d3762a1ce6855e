"""A person's page: sign-in methods, devices, apps, groups and roles, last events.

Each part reads a bounded number of rows, and is there for operators who may view its model.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import trusted_browsers
from accounts.allauth_door import email_addresses, factors
from accounts.allauth_door.factors import Factor
from accounts.authentication import method_in_words
from accounts.check_up import Security, security_of
from accounts.devices import by_device, kind_of, words_for
from accounts.models import Session, TrustedBrowser, User
from accounts.places import place_of
from foundation.validity import at_a_limit
from idp.admin import event_words, permission_words
from idp.admin.rights import may_end_session
from idp.models import Client, Consent, Event, Role

#: Rows that a part shows at the most; its list has the others.
SHOWN = 10


@dataclass(frozen=True)
class SignIn:
    """A live session on a device, with what it is recognized by."""

    session: Session
    place: str
    how: str
    #: Where it is ended, for operators who may.
    end: str


@dataclass(frozen=True)
class Device:
    """A browser with a person's live sessions there, the last used first."""

    name: str
    icon: str
    sign_ins: list[SignIn]


@dataclass(frozen=True)
class App:
    """An app with a consent."""

    consent: Consent
    address: str
    withdraw: str


@dataclass(frozen=True)
class Happened:
    """An event in a line: what, and beside it who, the app and the session."""

    event: Event
    what: str
    links: list[Any]


@dataclass(frozen=True)
class PersonPage:
    """What the page shows above the form; None for what the operator may not view."""

    security: Security
    email_is_verified: bool
    #: Names and times of passkeys and authenticator apps.
    passkeys: list[tuple[str, Factor]]
    apps_of_codes: list[tuple[str, Factor]]
    trusted_browsers: list[TrustedBrowser]
    devices: list[Device] | None
    apps: list[App] | None
    own_apps: list[Client] | None
    groups: list[Group]
    #: What staff may do here, by subject.
    powers: list[tuple[Any, list[Any]]]
    roles: list[tuple[Role, bool]] | None
    events: list[Happened] | None


def page_of(request: HttpRequest, user: User) -> PersonPage:
    """Return what a person's page shows to this operator."""
    security, groups = security_of(user), list(user.groups.order_by("name")[:SHOWN])
    return PersonPage(
        security=security,
        email_is_verified=email_addresses.is_verified(user, user.email),
        passkeys=_named(security.passkeys),
        apps_of_codes=_named(security.apps),
        trusted_browsers=trusted_browsers.trusted_by(user),
        devices=_devices(request, user) if _may(request, "accounts.view_session") else None,
        apps=_apps(request, user) if _may(request, "idp.view_consent") else None,
        own_apps=_own_apps(user) if _may(request, "idp.view_client") else None,
        groups=groups,
        powers=_powers(user) if user.is_staff and not user.is_superuser else [],
        roles=_roles(user) if _may(request, "idp.view_role") else None,
        events=_events(user) if _may(request, "idp.view_event") else None,
    )


def _may(request: HttpRequest, permission: str) -> bool:
    return bool(request.user.has_perm(permission))


def _named(rows: Iterable[Factor]) -> list[tuple[str, Factor]]:
    return [(factors.name_of(row), row) for row in rows]


def _devices(request: HttpRequest, user: User) -> list[Device]:
    live = (
        Session.objects.filter(user=user, ended_at=None)
        .exclude(at_a_limit(timezone.now()))
        .order_by("-last_seen_at")
    )
    may_end = may_end_session(request, user)
    return [_device(sessions, may_end=may_end) for sessions in by_device(live[:SHOWN])]


def _device(sessions: list[Session], *, may_end: bool) -> Device:
    kind = kind_of(sessions[0].user_agent)
    return Device(
        words_for(sessions[0].user_agent),
        "device" if kind == "computer" else kind,
        [_sign_in(session, may_end=may_end) for session in sessions],
    )


def _sign_in(session: Session, *, may_end: bool) -> SignIn:
    end = reverse("admin:accounts_session_action", args=[session.pk, "end"]) if may_end else ""
    how = method_in_words(session.methods)
    return SignIn(session, place_of(session.ip_address), how, end)


def _apps(request: HttpRequest, user: User) -> list[App]:
    consents = Consent.objects.filter(user=user).select_related("client").order_by("-pk")
    may_withdraw = _may(request, "idp.change_consent")
    return [_app(consent, may_withdraw=may_withdraw) for consent in consents[:SHOWN]]


def _app(consent: Consent, *, may_withdraw: bool) -> App:
    address = reverse("admin:idp_client_change", args=[consent.client_id])
    withdraw = reverse("admin:idp_consent_action", args=[consent.pk, "withdraw"])
    return App(consent, address, withdraw if may_withdraw else "")


def _own_apps(user: User) -> list[Client]:
    return list(Client.objects.filter(user=user).order_by("-pk")[:SHOWN])


def _powers(user: User) -> list[tuple[Any, list[Any]]]:
    """Return in words what a member of staff may do here."""
    return permission_words.in_words(user.get_all_permissions())


def _roles(user: User) -> list[tuple[Role, bool]]:
    """Return roles, each with whether the person has it by a group."""
    roles: QuerySet[Role] = Role.objects.select_related("client").order_by("client", "name")
    own = [(role, False) for role in roles.filter(users=user)[:SHOWN]]
    by_group = roles.filter(groups__user=user).distinct()
    return own + [(role, True) for role in by_group[:SHOWN]]


def _events(user: User) -> list[Happened]:
    rows = event_words.with_links(Event.objects.filter(user=user))
    newest = rows.select_related("user", "actor").order_by("-pk")[:SHOWN]
    return [_happened(event, user) for event in newest]


def _happened(event: Event, user: User) -> Happened:
    by_another = event.actor is not None and event.actor != user
    who = [event_words.link("accounts_user", event.actor)] if by_another else []
    links = [*who, *event_words.app(event), *event_words.session(event)]
    return Happened(event, event_words.what(event), links)
