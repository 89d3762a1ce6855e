"""Issuing codes: stamped with all that the token endpoint will need, which sees no browser.

RFC 6749 §4.1.2.
"""

from datetime import datetime

from django.db import transaction

from accounts.authentication import Authentication
from idp import policy
from idp.authorization.request import AuthorizationRequest
from idp.models import Authorization, AuthorizationCode, ClientSession
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.tokens import opaque


def issue(
    request: AuthorizationRequest,
    authentication: Authentication,
    client_session_id: int | None,
    now: datetime,
) -> str:
    """Store an authorization and a code for it, and return the code; it lives CODE_LIFETIME.

    `client_session_id` is the client's row in this session, None if it is here for the first time.
    """
    code = opaque.generate()
    scope = " ".join(sorted(request.scopes))
    with transaction.atomic():
        authorization = Authorization.objects.create(
            client=request.client,
            user=authentication.user,
            session_id=authentication.session_id,
            client_session_id=client_session_id or _new_client_session(request, authentication),
            scope=scope,
            claims=request.claims.names() if "openid" in request.scopes else {},
            resource=list(request.resource),
            offline=OFFLINE_ACCESS in request.scopes,
            nonce=request.nonce,
            auth_time=authentication.authenticated_at,
            acr=authentication.acr,
            amr=list(authentication.amr),
        )
        AuthorizationCode.objects.create(
            authorization=authorization,
            user=authentication.user,
            application=request.client,
            code=opaque.hash_of(code),
            expires=now + policy.CODE_LIFETIME,
            redirect_uri=request.reply_to.redirect_uri,
            scope=scope,
            code_challenge=request.code_challenge or "",
            code_challenge_method=request.code_challenge_method or "",
        )
    return code


def _new_client_session(request: AuthorizationRequest, authentication: Authentication) -> int:
    """Make the row, in one statement; another tab of the session may have made it meanwhile."""
    row = ClientSession(client=request.client, session_id=authentication.session_id)
    made = ClientSession.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["session", "client"], update_fields=["client"]
    )
    return made[0].pk
