"""Issue codes and tokens of an authorization request, stamped with facts for later.

The token endpoint has no browser. RFC 6749 §4.1.2, OIDC Core §3.3.2.5.
"""

import json
import secrets
from contextlib import nullcontext
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.authentication import Authentication
from foundation.statements import hash_of
from idp import policy
from idp.authorization import interactions, response_jwt
from idp.authorization.request import AuthorizationRequest
from idp.clients.encryption import have_key_ready
from idp.logout import client_sessions
from idp.models import Grant
from idp.possession.presenter import JKT
from idp.protocol import response_types
from idp.protocol.errors import ServerError
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.statements.grants import NewCode, store_authorization
from idp.tokens.entitlement import Entitlement
from idp.tokens.issue import issue_front_channel


def issue(
    authorization_request: AuthorizationRequest,
    authentication: Authentication,
    client_session_id: int | None,
    now: datetime,
) -> dict[str, str]:
    """Store a grant and return the members of the response: code, tokens, or both.

    A code is valid for CODE_LIFETIME. All tokens belong to one grant, so revoking it revokes all.
    `client_session_id` is the client's row in this session, None for its first request in the
    session. A test sign-in makes none: its client is not part of the session, and is not notified
    of sign-outs. Raises AnsweredError for an interaction that was answered before, InvalidTarget
    and InvalidScope where an access token can't be given, and InvalidClientMetadata and
    TemporarilyUnavailable where there is no key that a part of the response is encrypted to.
    """
    try:
        return _issued(authorization_request, authentication, client_session_id, now)
    except IntegrityError:
        raise ServerError("What the answer rests on was deleted meanwhile; try again.") from None


def _issued(
    authorization_request: AuthorizationRequest,
    authentication: Authentication,
    client_session_id: int | None,
    now: datetime,
) -> dict[str, str]:
    begins = client_session_id is None and not authorization_request.is_test_sign_in
    in_front = response_types.carries_tokens(authorization_request.response_type)
    kept = authorization_request.interaction_id is not None
    client = authorization_request.client
    if in_front:
        have_key_ready(client, client.id_token_encrypted_response_alg)
    if authorization_request.reply_to.as_jwt:
        response_jwt.can_be_made(client)
    # Without any of these, one statement is all.
    with transaction.atomic() if begins or in_front or kept else nullcontext():
        if authorization_request.interaction_id is not None:
            interactions.note_answered(
                authorization_request.interaction_id, authentication.session_id
            )
        if begins:
            client_session_id = client_sessions.begin(
                authorization_request.client, authentication.session_id
            )
        grant = Grant(
            client=authorization_request.client,
            user=authentication.user,
            session_id=authentication.session_id,
            client_session_id=client_session_id,
            scope=" ".join(sorted(authorization_request.scopes)),
            claims=authorization_request.claims.names()
            if "openid" in authorization_request.scopes
            else {},
            resource=list(authorization_request.resource),
            authorization_details=list(authorization_request.authorization_details) or None,
            offline=OFFLINE_ACCESS in authorization_request.scopes,
            nonce=authorization_request.nonce,
            auth_time=authentication.authenticated_at,
            acr=authentication.acr,
            amr=list(authentication.amr),
        )
        code = (
            secrets.token_urlsafe(32)
            if authorization_request.returns(response_types.CODE)
            else None
        )
        store_authorization(grant, _to_store(code, authorization_request, now), now)
        if not in_front:
            return {"code": code} if code else {}
        entitlement = Entitlement(
            authorization_request.client,
            grant,
            authorization_request.scopes,
            authorization_request.resource,
        )
        wanted = response_types.parts(authorization_request.response_type)
        members = issue_front_channel(entitlement, grant, wanted, code, now)
    return {"code": code, **members} if code else members


def _to_store(
    code: str | None, authorization_request: AuthorizationRequest, now: datetime
) -> NewCode | None:
    if code is None:
        return None
    return NewCode(
        code_hash=hash_of(code),
        redirect_uri=authorization_request.reply_to.redirect_uri,
        code_challenge=authorization_request.code_challenge or "",
        code_challenge_method=authorization_request.code_challenge_method or "",
        expires=now + policy.CODE_LIFETIME,
        cnf=json.dumps({JKT: jkt}) if (jkt := authorization_request.dpop_jkt) else None,
    )
