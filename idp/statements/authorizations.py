"""Storing an authorization, with the code that it is answered with."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from foundation.statements import changed, one
from idp.models import Authorization
from idp.statements.tokens import NO_WAIT


@dataclass(frozen=True)
class NewCode:
    """What is stored of an authorization code."""

    code_hash: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires: datetime


_NEW_AUTHORIZATION = """
    INSERT INTO idp_authorization (
        client_id, user_id, session_id, client_session_id, scope, claims, resource, offline, nonce,
        auth_time, acr, amr, created_at
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    RETURNING id, user_id, client_id, scope
"""
_NEW_CODE = """
    INSERT INTO idp_authorizationcode (
        code, redirect_uri, code_challenge, code_challenge_method, expires, created, updated,
        authorization_id, user_id, application_id, scope, claims, resource, nonce
    )
    SELECT %s, %s, %s, %s, %s, %s, %s
"""
_UNUSED = "'', '[]', ''"
_NEW_AUTHORIZATION_WITH_CODE = f"""
    WITH stored AS ({_NEW_AUTHORIZATION})
    {_NEW_CODE}, id, user_id, client_id, scope, {_UNUSED} FROM stored WHERE {NO_WAIT}
    RETURNING authorization_id
"""


def store_authorization(authorization: Authorization, code: NewCode | None, now: datetime) -> None:
    """Store a new authorization, and its code if it has one: both or none.

    Hand-written so that on PostgreSQL it is one statement, as with `store_tokens`.
    """
    values = [
        authorization.client_id,
        authorization.user_id,
        authorization.session_id,
        authorization.client_session_id,
        authorization.scope,
        json.dumps(authorization.claims),
        json.dumps(authorization.resource),
        authorization.offline,
        authorization.nonce,
        authorization.auth_time,
        authorization.acr,
        json.dumps(authorization.amr),
        now,
    ]
    if code is None:
        (authorization.pk, *_) = one(_NEW_AUTHORIZATION, values)
        return
    of_code = [
        code.code_hash,
        code.redirect_uri,
        code.code_challenge,
        code.code_challenge_method,
        code.expires,
        now,
        now,
    ]
    if connection.vendor == "postgresql":
        (authorization.pk,) = one(_NEW_AUTHORIZATION_WITH_CODE, [*values, *of_code])
        return
    with transaction.atomic():
        authorization.pk, *repeated = one(_NEW_AUTHORIZATION, values)
        changed(
            f"{_NEW_CODE}, %s, %s, %s, %s, {_UNUSED}",
            [*of_code, authorization.pk, *repeated],
        )
