"""Device secrets: issued with a code, and sent again with a refresh token. OIDC Native SSO §3."""

import secrets
from datetime import UTC, datetime

from foundation.statements import hash_of
from foundation.validity import Invalid, TokenFacts, grant_facts, why_invalid
from idp.models import DeviceSecret
from idp.tokens.entitlement import Entitlement


def of(entitlement: Entitlement, now: datetime) -> str | None:
    """Return the device secret that goes with the tokens of a grant; None if there is none.

    One that came and belongs to this session is used again; any other is ignored (OIDC Native SSO
    §3.3). A new one is made for a code alone, so that refreshes do not add up.
    """
    grant = entitlement.grant
    if grant is None or grant.session_id is None or not entitlement.client.native_sso_group:
        return None
    came = entitlement.device_secret
    if came is not None and _is_of_session(came, grant.session_id, now):
        return came
    if entitlement.predecessor_id is not None:
        return None
    made = secrets.token_urlsafe(32)
    DeviceSecret.objects.create(grant=grant, secret_hash=hash_of(made))
    return made


def find(secret: str) -> DeviceSecret | None:
    """Return the row of a device secret, with its session and user, or None."""
    of_grant = (f"grant__{name}" for name in ("user", "session", "client"))
    rows = DeviceSecret.objects.filter(secret_hash=hash_of(secret))
    return rows.select_related(*of_grant).first()


def why_it_is_invalid(found: DeviceSecret, now: datetime) -> Invalid | None:
    """Return why a device secret may not be used: it ends with its session, grant, user and app.

    That its app has offline access makes no difference.
    """
    facts = grant_facts(found.grant)._replace(offline=False)
    never = datetime.max.replace(tzinfo=UTC)
    return why_invalid(TokenFacts(never, found.grant.client.enabled, facts), now)


def _is_of_session(secret: str, session_id: str, now: datetime) -> bool:
    found = find(secret)
    return (
        found is not None
        and found.grant.session_id == session_id
        and why_it_is_invalid(found, now) is None
    )
