"""The document of an export: all that is stored about a user, without secrets."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.allauth_door import email_addresses, factors, social_accounts
from accounts.authentication import authentication_methods
from accounts.models import UpstreamSession, User
from idp import claims, policy, sharing
from idp.models import ClientSession, Consent, Event, Role
from idp.statements.bearers import values_of

#: Rows of one list of the document; the newest, where there are more.
MOST = 50_000
_CHUNK = 1000


def document_of(user: User, now: datetime) -> dict[str, Any]:
    """Return the document about a user, as JSON has it.

    A list that has `MOST` entries may be cut off, which its document says.
    """
    sections = {name: section(user) for name, section in SECTIONS.items()}
    lists = {name: part for name, part in sections.items() if isinstance(part, list)}
    return {
        "issuer": policy.ISSUER,
        "made_at": now.isoformat(),
        "cut_off": sorted(name for name, part in lists.items() if len(part) >= MOST),
        **sections,
        "sharing": [_shared(one) for one in sharing.of(user, _EVER, now, MOST)],
    }


def is_large(user: User, rows: int) -> bool:
    """Whether a document has more than this many events or sessions."""
    lists: tuple[QuerySet[Any], ...] = (Event.objects.filter(user=user), user.sessions.all())
    return any(bool(found.values("pk").order_by()[rows : rows + 1]) for found in lists)


def _account(user: User) -> dict[str, Any]:
    return {
        "sub": user.sub,
        "created_at": user.date_joined.isoformat(),
        "last_sign_in_at": _time(user.last_login),
        "active": user.is_active,
        "administrator": user.is_staff,
        "deletion_due_at": _time(user.deletion_due_at),
        "groups": claims.groups_of(user.pk),
        "roles": [
            {"client_id": role.client.client_id, "role": role.name}
            for role in Role.objects.filter(users=user).select_related("client")[:MOST]
        ],
        "linked_to": [
            {"issuer": link.issuer.issuer, "sub": link.subject}
            for link in user.issuer_links.select_related("issuer")[:MOST]
        ],
    }


def _profile(user: User) -> dict[str, Any]:
    """Return the standard claims that have a value. OIDC Core §5.1."""
    scopes = frozenset(policy.STANDARD_SCOPES) - {"openid"}
    return claims.claims_for(values_of(user.pk), scopes, client_id="", asserted=False)


def _email_addresses(user: User) -> list[dict[str, Any]]:
    return email_addresses.listed(user)


def _factors(user: User) -> list[dict[str, Any]]:
    """Return the second factors by kind and name; what they are made of is secret."""
    return [
        {
            "type": str(factor.type),
            "name": factor.data.get("name", ""),
            "created_at": _time(factor.created_at),
            "last_used_at": _time(factor.last_used_at),
        }
        for factor in factors.of(user)
    ]


def _sessions(user: User) -> list[dict[str, Any]]:
    rows = user.sessions.order_by("-created_at")
    apps: dict[str, list[str]] = {}
    parts = ClientSession.objects.filter(session__user=user).values_list(
        "session_id", "client__client_id"
    )
    for session_id, client_id in parts[:MOST]:
        apps.setdefault(session_id, []).append(client_id)
    return [
        {
            "began_at": _time(row.created_at),
            "authenticated_at": _time(row.authenticated_at),
            "last_seen_at": _time(row.last_seen_at),
            "ended_at": _time(row.ended_at),
            "ending": row.ending,
            "methods": list(authentication_methods(row.methods)),
            "user_agent": row.user_agent,
            "ip_address": row.ip_address,
            "clients": sorted(apps.get(row.pk, ())),
        }
        for row in _read(rows)
    ]


def _consents(user: User) -> list[dict[str, Any]]:
    rows = Consent.objects.filter(user=user).select_related("client").order_by("-updated_at")
    return [
        {
            "client_id": row.client.client_id,
            "client_name": str(row.client),
            "scopes": row.scopes,
            "claims": row.claims,
            "resources": row.resources,
            **_details_of(row),
            "given_at": _time(row.created_at),
            "last_given_at": _time(row.updated_at),
        }
        for row in _read(rows)
    ]


def _details_of(consent: Consent) -> dict[str, Any]:
    texts = consent.authorization_details or ()
    return {"authorization_details": [json.loads(text) for text in texts]} if texts else {}


def _terms(user: User) -> list[dict[str, Any]]:
    rows = user.terms_accepted.order_by("-accepted_at")
    return [
        {"version": row.version, "url": row.url, "accepted_at": _time(row.accepted_at)}
        for row in _read(rows)
    ]


def _trusted_browsers(user: User) -> list[dict[str, Any]]:
    rows = user.trusted_browsers.order_by("-created_at")
    return [
        {
            "user_agent": row.user_agent,
            "ip_address": row.ip_address,
            "trusted_at": _time(row.created_at),
            "last_used_at": _time(row.last_used_at),
            "expires_at": _time(row.expires_at),
        }
        for row in _read(rows)
    ]


def _attributes(user: User) -> dict[str, Any]:
    """Return the values of the operator's own attributes, those that users do not see, too."""
    return dict(user.attributes)


def _activity(user: User) -> list[dict[str, Any]]:
    """Return the events about a user, without names, addresses and devices of operators."""
    rows = Event.objects.filter(user=user).order_by("-pk")
    return [
        {
            "at": _time(row.at),
            "kind": row.kind,
            "reference": row.reference,
            "by_operator": row.is_by_operator,
            "client_id": row.client_id,
            "ip_address": None if row.is_by_operator else row.ip_address,
            "reason": row.reason,
            "times": row.times,
            "details": _details(row),
        }
        for row in _read(rows)
    ]


def _connected_accounts(user: User) -> list[dict[str, Any]]:
    """Return the connected accounts, with what is kept of the claims at the newest sign-in."""
    began = UpstreamSession.objects.filter(session__user=user).exclude(sealed_said="")
    rows = began.select_related("upstream").order_by("session__authenticated_at")
    newest = {row.upstream.slug: row for row in rows}
    return [
        {
            "identity_provider": row.provider,
            "sub": row.uid,
            **row.extra_data,
            "claims": newest[row.provider].said.get("claims") if row.provider in newest else None,
            "connected_at": _time(row.date_joined),
            "last_used_at": _time(row.last_login),
        }
        for row in social_accounts.of(user)[:MOST]
    ]


def _details(event: Event) -> dict[str, Any]:
    hidden = {"user_agent"} if event.is_by_operator else set()
    shown = [name for name in _DETAILS if name in event.details and name not in hidden]
    return {name: event.details[name] for name in shown}


#: Details of events that are about the user.
_DETAILS = ("methods", "user_agent", "scope", "claims", "resources", "factor", "ending", "changes")
_EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
#: The parts of the document, in its order. What is stored about users has its part here.
SECTIONS: dict[str, Callable[[User], Any]] = {
    "account": _account,
    "profile": _profile,
    "attributes": _attributes,
    "email_addresses": _email_addresses,
    "factors": _factors,
    "trusted_browsers": _trusted_browsers,
    "connected_accounts": _connected_accounts,
    "sessions": _sessions,
    "consents": _consents,
    "terms_accepted": _terms,
    "activity": _activity,
}


def _shared(one: sharing.Shared) -> dict[str, Any]:
    return {
        "client_id": one.client_id,
        "day": one.day.isoformat(),
        "last_at": _time(one.at),
        "scopes": one.scope.split(),
        "claims": list(one.claims),
    }


def _read(rows: "QuerySet[Any]") -> Iterator[Any]:
    """Read rows in portions: the newest, `MOST` at most."""
    return rows[:MOST].iterator(_CHUNK)


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
