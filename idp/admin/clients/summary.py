"""The summary at the head of an app's page: its state, values to copy, recent events."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from idp import policy
from idp.admin.clients import test_sign_in
from idp.developers.quick_starts import QUICK_STARTS
from idp.models import Client, ClientSecret, Event, Grant

#: How many errors and sign-ins are shown; the lists have the others.
SHOWN = 5
_ENDPOINTS = (
    *("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"),
    *("end_session_endpoint", "revocation_endpoint", "introspection_endpoint"),
)


@dataclass(frozen=True)
class Summary:
    """A summary of an app. None: not permitted to this operator, or not applicable to this app."""

    issuer: str
    discovery: str
    endpoints: list[tuple[str, str]]
    #: Whether this operator can run a test sign-in.
    has_test_sign_in: bool
    quick_starts: list[tuple[str, str]]
    #: Those that work now, the newest first.
    secrets: list[ClientSecret] | None
    errors: list[Event] | None
    sign_ins: list[Grant] | None


def summary_of(client: Client, request: HttpRequest) -> Summary:
    """Return what this operator may see of an app; a few rows of each kind, by an index."""
    may: Any = request.user.has_perm
    signs_in = "authorization_code" in client.grant_types
    return Summary(
        issuer=policy.ISSUER,
        discovery=policy.ISSUER + policy.DISCOVERY_PATHS[0],
        endpoints=[(name, policy.address(name)) for name in _ENDPOINTS],
        has_test_sign_in=test_sign_in.signs_users_in(client) and may("idp.change_client"),
        quick_starts=[
            (start.title, start.filled_in(client))
            for start in QUICK_STARTS.values()
            if start.fits(client) and not client.integration
        ],
        secrets=_working(client) if client.needs_secret else None,
        errors=_errors(client) if may("idp.view_event") else None,
        sign_ins=_sign_ins(client) if signs_in and may("idp.view_grant") else None,
    )


def _working(client: Client) -> list[ClientSecret]:
    now = timezone.now()
    rows = client.secrets.order_by("-created_at")
    return [row for row in rows if row.expires_at is None or row.expires_at > now]


def _errors(client: Client) -> list[Event]:
    denials = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.DENIED)
    return list(denials.order_by("-id")[:SHOWN])


def _sign_ins(client: Client) -> list[Grant]:
    rows = Grant.objects.filter(client=client).select_related("user")
    return list(rows.order_by("-id")[:SHOWN])
