"""Native SSO: another app of the same company signs its user in on a device. OIDC Native SSO §4.

It sends the ID token of the app that the user signed in to, and the device secret that came with
it, from the storage that a company's apps share. It gets what a sign-in would give.
"""

import hmac
from datetime import datetime
from functools import partial

from accounts.authentication import authentication_in
from idp import events, policy
from idp.logout import client_sessions
from idp.models import Client, ClientSession, DeviceSecret, Grant
from idp.protocol.errors import InvalidGrant, InvalidRequest, InvalidScope, InvalidTarget
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import OFFLINE_ACCESS, TokenType
from idp.tokens import device_secret
from idp.tokens.entitlement import Entitlement
from idp.tokens.id_token import SubjectToken, ds_hash, read_subject

_SECTION = "OIDC Native SSO §4"
_UNKNOWN = "The device_secret is unknown, or has ended."


def entitle(client: Client, parameters: Parameters, now: datetime) -> Entitlement:
    """Return the entitlement of an app that shares the sign-ins of another.

    Raises InvalidGrant for the ID token and the device secret.
    """
    _audience_is_ours(parameters)
    secret, id_token = parameters.require("actor_token"), parameters.require("subject_token")
    _subject_is_an_id_token(parameters)
    # That it has expired makes no difference: its session decides.
    claims = read_subject(id_token, now, InvalidGrant, expired=True)
    found = _secret(secret, now)
    signed_in = _session_of(claims, found, secret)
    _apps_share_sign_ins(client, signed_in)
    scopes = _scopes(client, parameters)
    grant = _grant(client, found, scopes, parameters)
    record = partial(
        events.record,
        events.Kind.EXCHANGED,
        user=grant.user,
        client_id=client.client_id,
        reason=f"Signed in on the same device as {claims.client_id}.",
        of_client=claims.client_id,
        scope=grant.scope,
    )
    return Entitlement(
        client,
        grant,
        scopes,
        tuple(grant.resource),
        issued_token_type=TokenType.ACCESS_TOKEN,
        device_secret=secret,
        undo=grant.delete,
        record=lambda _issued: record(),
    )


@upholds(_SECTION)
def _audience_is_ours(parameters: Parameters) -> None:
    """OIDC Native SSO §4: the audience is the issuer of the ID token."""
    parameters.require("audience")
    if set(parameters.audiences) != {policy.ISSUER}:
        raise InvalidTarget(f"The audience of this exchange has to be {policy.ISSUER}.")


@upholds(_SECTION)
def _subject_is_an_id_token(parameters: Parameters) -> None:
    """OIDC Native SSO §4: the subject token is the ID token of the first app."""
    if parameters.require("subject_token_type") != TokenType.ID_TOKEN:
        raise InvalidRequest(
            f"With a device secret, the subject_token_type has to be {TokenType.ID_TOKEN}."
        )
    requested = parameters.get("requested_token_type") or TokenType.ACCESS_TOKEN
    if requested != TokenType.ACCESS_TOKEN:
        raise InvalidRequest("With a device secret, an access token can be requested alone.")


@upholds(_SECTION)
def _secret(secret: str, now: datetime) -> DeviceSecret:
    """OIDC Native SSO §4: the device secret is known and valid, and the user's session goes on."""
    found = device_secret.find(secret)
    if found is None:
        raise InvalidGrant(_UNKNOWN)
    reason = device_secret.why_it_is_invalid(found, now)
    if reason is not None:
        raise InvalidGrant(f"The device_secret {reason}.")
    return found


@upholds(_SECTION)
def _session_of(claims: SubjectToken, found: DeviceSecret, secret: str) -> ClientSession:
    """OIDC Native SSO §4: the ID token is bound to this secret, and of the same session (sid)."""
    if not hmac.compare_digest(claims.ds_hash, ds_hash(secret)):
        raise InvalidGrant("The device_secret does not belong to the ID token (ds_hash).")
    parts = ClientSession.objects.filter(
        sid=claims.sid, session=found.grant.session_id, client__client_id=claims.client_id
    )
    part = parts.select_related("client").first()
    if part is None or part.ended_at is not None or not part.client.enabled:
        raise InvalidGrant("The session of the ID token (sid) has ended.")
    return part


@upholds(_SECTION)
def _apps_share_sign_ins(client: Client, signed_in: ClientSession) -> None:
    """OIDC Native SSO §4: the operator put both apps into one group of their own apps."""
    group = client.native_sso_group
    if not group or signed_in.client.native_sso_group != group or not client.skip_authorization:
        raise InvalidGrant("This client does not share sign-ins with the client of the ID token.")


@upholds(_SECTION)
def _scopes(client: Client, parameters: Parameters) -> frozenset[str]:
    """OIDC Native SSO §4: the scopes that the app asks for, of those it may; by default openid.

    What it gets ends with the session, so it has no offline access.
    """
    available = client.allowed_scopes - {OFFLINE_ACCESS}
    asked = frozenset((parameters.get("scope") or "openid").split()) - {OFFLINE_ACCESS}
    if refused := asked - available:
        raise InvalidScope(f"This client cannot have these scopes: {', '.join(sorted(refused))}.")
    return asked


@upholds(_SECTION)
def _grant(
    client: Client, found: DeviceSecret, scopes: frozenset[str], parameters: Parameters
) -> Grant:
    """Store a grant in the session of the sign-in."""
    session = found.grant.session
    if session is None:
        raise InvalidGrant(_UNKNOWN)
    session.user = found.grant.user
    authentication = authentication_in(session)
    return Grant.objects.create(
        client=client,
        user=session.user,
        session=session,
        client_session_id=client_sessions.begin(client, session.pk),
        scope=" ".join(sorted(scopes)),
        resource=list(dict.fromkeys(parameters.resources)),
        auth_time=authentication.authenticated_at,
        acr=authentication.acr,
        amr=list(authentication.amr),
    )
