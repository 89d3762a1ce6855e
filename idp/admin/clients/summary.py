"""The first tab of an app's page: what its developer needs, what to improve, what happened last."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise

from idp import linter, policy
from idp.admin.clients import integration_pages, secret_pages, tabs
from idp.admin.clients.quick_starts import quick_starts_for
from idp.linter import Finding, Severity
from idp.models import AuthorizationCode, Client, ClientSecret, Event, Grant
from idp.registration import software_statements

#: How many errors, sign-ins and findings are shown; the lists have the others.
SHOWN = 5
_FINDINGS = 3
_CODES = 200
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ENDPOINTS = (
    *("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"),
    *("end_session_endpoint", "revocation_endpoint", "introspection_endpoint"),
)


@dataclass(frozen=True)
class RedirectUri:
    """A registered redirect URI."""

    uri: str
    #: Whether a user came back by it within a day.
    is_used: bool
    #: Whether it is on the developer's own machine.
    is_local: bool


@dataclass(frozen=True)
class Summary:
    """A summary of an app. None: not permitted to this operator, or not applicable to this app."""

    issuer: str
    discovery: str
    endpoints: list[tuple[str, str]]
    quick_starts: list[tuple[str, str]]
    #: The page with the settings of its program: title and address.
    program: tuple[str | Promise, str] | None
    #: Those that work now, the newest first.
    secrets: list[ClientSecret] | None
    secrets_address: str
    redirect_uris: list[RedirectUri] | None
    redirect_uris_address: str
    findings: list[Finding]
    failing: int
    findings_address: str
    errors: list[Event] | None
    sign_ins: list[Grant] | None
    #: Who issued the software statement that it registered with (RFC 7591 §2.3).
    vouched_for_by: str


def summary_of(client: Client, request: HttpRequest) -> Summary:
    """Return what this operator may see of an app; a few rows of each kind, by an index."""
    may: Any = request.user.has_perm
    redirects = client.signs_users_in
    findings = linter.findings_for(client, timezone.now())
    settings = integration_pages.title_for(client)
    return Summary(
        issuer=policy.ISSUER,
        discovery=policy.ISSUER + policy.DISCOVERY_PATHS[0],
        endpoints=[(name, policy.address(name)) for name in _ENDPOINTS],
        quick_starts=quick_starts_for(client),
        program=(settings, integration_pages.address_of(client)) if settings else None,
        secrets=_working(client) if client.needs_secret else None,
        secrets_address=secret_pages.address_of(client),
        redirect_uris=_redirect_uris(client) if redirects else None,
        redirect_uris_address=tabs.address_of_field(client, "redirect_uris"),
        findings=findings[:_FINDINGS],
        failing=sum(finding.severity is Severity.FAILING for finding in findings),
        findings_address=reverse("admin:idp_client_linter", args=[client.pk]),
        errors=_errors(client) if may("idp.view_event") else None,
        sign_ins=_sign_ins(client) if redirects and may("idp.view_grant") else None,
        vouched_for_by=software_statements.issuer_of(client.software_statement),
    )


def _working(client: Client) -> list[ClientSecret]:
    now = timezone.now()
    rows = client.secrets.order_by("-created_at")
    return [row for row in rows if row.expires_at is None or row.expires_at > now]


def _redirect_uris(client: Client) -> list[RedirectUri]:
    """Return the redirect URIs; codes are kept for a day, and say which were used."""
    codes = AuthorizationCode.objects.filter(
        application=client, redirect_uri__in=client.redirect_uris
    )
    used = set(codes.values_list("redirect_uri", flat=True)[:_CODES])
    return [
        RedirectUri(uri, uri in used, urlsplit(uri).hostname in _LOOPBACK)
        for uri in client.redirect_uris
    ]


def _errors(client: Client) -> list[Event]:
    denials = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.DENIED)
    return list(denials.order_by("-id")[:SHOWN])


def _sign_ins(client: Client) -> list[Grant]:
    rows = Grant.objects.filter(client=client).select_related("user")
    return list(rows.order_by("-id")[:SHOWN])
