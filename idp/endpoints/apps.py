"""The page of a user's apps: what each may see, and withdrawing that. OIDC Core §3.1.2.4, §4."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.sessions import session_of
from foundation.plain_text import isolated
from idp import events
from idp.authorization.consent import agreed_in, withdraw
from idp.clients.display import name_of, shown_logos, start_of
from idp.endpoints.consent import Declared, absent, details, shared
from idp.endpoints.wire import methods
from idp.models import Client, Consent, Grant, TrustedIssuer
from idp.protocol.authorization_details import texts_of
from idp.tokens.refresh_token import clients_with_offline_access
from idp.tokens.revocation import revoke_grants

#: How many apps the page shows.
MOST = 100


@dataclass(frozen=True)
class App:
    """An app on this page."""

    client_id: str
    name: str
    logo: str
    #: What it may see, if the user was asked for consent; and what of that they have not entered.
    details: list[tuple[Any, Any]] | None
    absent: list[Any]
    since: datetime | None
    last_used: datetime | None
    #: Whether it has offline access, which continues after signing out.
    goes_on: bool
    open_at: str
    #: Whether its name, logo or redirect hosts have changed since, so that it has to ask again.
    has_changed: bool
    #: Who vouched for the user instead of asking them: a trusted issuer's name.
    asserted_by: str = ""


@login_required
@methods("GET", "HEAD", "POST")
def apps(request: HttpRequest) -> HttpResponse:
    """Show the apps, or withdraw the consent for one."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    if request.method == "POST":
        _remove(request, session.user)
        return redirect("account_apps")
    return render(request, "account/apps.html", {"apps": apps_of(session.user)})


def apps_of(user: User) -> list[App]:
    """Return the apps with a consent of the user or in their sessions, the last used first."""
    consents = {
        consent.client_id: consent
        for consent in Consent.objects.select_related("client")
        .filter(user=user)
        .order_by("-updated_at")[:MOST]
    }
    used: dict[int, Any] = {
        row["client"]: row
        for row in Grant.objects.filter(user=user, revoked_at=None)
        .values("client")
        .annotate(first=Min("created_at"), last=Max("created_at"), asserted_by=Max("asserted_by"))
        .order_by("-last")[:MOST]
    }
    others = Client.objects.in_bulk([pk for pk in used if pk not in consents])
    clients = {pk: consent.client for pk, consent in consents.items()} | others
    issuers = _names_of({row["asserted_by"] for row in used.values()} - {""})
    in_detail = _granted_in_detail(user, clients)
    go_on = clients_with_offline_access(user, timezone.now())
    logos = shown_logos(clients.values())
    declared = Declared()
    found = [
        _app(
            user,
            client,
            consents.get(pk),
            used.get(pk, {}),
            declared,
            in_detail.get(pk, frozenset()),
            goes_on=pk in go_on,
            logo=logos.get(pk, ""),
            asserted_by=issuers.get(used.get(pk, {}).get("asserted_by", ""), ""),
        )
        for pk, client in clients.items()
    ]
    return sorted(found, key=lambda app: str(app.last_used or app.since or ""), reverse=True)


def _app(
    user: User,
    client: Client,
    consent: Consent | None,
    used: dict[str, Any],
    declared: Declared,
    in_detail: frozenset[str],
    *,
    goes_on: bool,
    logo: str,
    asserted_by: str,
) -> App:
    asked = []
    if consent:
        agreed = agreed_in(consent)
        in_detail |= agreed.authorization_details
        agreed = replace(agreed, authorization_details=in_detail)
        asked = details(user, client, agreed, declared)
    return App(
        client_id=client.client_id,
        name=name_of(client),
        logo=logo,
        details=shared(asked) if consent else None,
        absent=absent(asked),
        since=consent.created_at if consent else used.get("first"),
        last_used=used.get("last"),
        goes_on=goes_on,
        open_at=start_of(client),
        has_changed=consent is not None
        and consent.display_fingerprint != client.display_fingerprint,
        asserted_by=asserted_by,
    )


def _granted_in_detail(user: User, clients: dict[int, Client]) -> dict[int, frozenset[str]]:
    """Return the authorization details of grants that are still good, by client; as texts.

    A consent has those agreed to last. Only apps that may ask for details cost a statement.
    """
    asking = [pk for pk, client in clients.items() if client.authorization_details_types]
    if not asking:
        return {}
    goes_on = Q(offline=True) | Q(session__ended_at=None)
    grants = Grant.objects.filter(
        goes_on, user=user, client__in=asking, authorization_details__isnull=False, revoked_at=None
    )
    newest = grants.order_by("-pk").values_list("client", "authorization_details")[:MOST]
    found: dict[int, frozenset[str]] = {}
    for pk, details_of_grant in newest:
        found[pk] = found.get(pk, frozenset()) | texts_of(details_of_grant or ())
    return found


def _names_of(issuers: set[str]) -> dict[str, str]:
    """Return the names of trusted issuers; of one that is gone, its URL."""
    if not issuers:
        return {}
    rows = TrustedIssuer.objects.filter(issuer__in=issuers)
    return {issuer: issuer for issuer in issuers} | {row.issuer: str(row) for row in rows}


def _remove(request: HttpRequest, user: User) -> None:
    """Take back a consent, or what a trusted issuer gave; it may have gone in another tab."""
    client_id = request.POST.get("remove", "").replace("\0", "")
    client = Client.objects.filter(client_id=client_id).first()
    if client is None or not _is_withdrawn(user, client):
        return
    name = isolated(str(client))
    events.record(events.Kind.WITHDRAWN, request, user=user, client_id=client_id)
    messages.success(request, _("%(app)s has no access to your account any more.") % {"app": name})


def _is_withdrawn(user: User, client: Client) -> bool:
    """Withdraw the user's consent, and what trusted issuers gave; return whether there was any."""
    now = timezone.now()
    given = Grant.objects.filter(user=user, client=client, revoked_at=None).exclude(asserted_by="")
    has_given = given.exists()
    revoke_grants(given.values("pk"), now)
    consent = Consent.objects.filter(user=user, client=client).first()
    if consent is not None:
        withdraw(consent, now)
    return has_given or consent is not None
