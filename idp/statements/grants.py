"""Storing an authorization, with the code that it is answered with."""

import json
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from foundation.statements import changed, one
from idp.models import Grant
from idp.statements.tokens import NO_WAIT


@dataclass(frozen=True)
class NewCode:
    """The stored columns of an authorization code."""

    code_hash: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires: datetime
    #: A JSON object, or None.
    cnf: str | None


_NEW_AUTHORIZATION = """
    INSERT INTO idp_grant (
        client_id, user_id, session_id, client_session_id, scope, claims, resource, offline, nonce,
        auth_time, acr, amr, created_at, authorization_details
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    RETURNING id, user_id, client_id, scope
"""
_NEW_CODE = """
    INSERT INTO idp_authorizationcode (
        code, redirect_uri, code_challenge, code_challenge_method, expires, cnf, created, updated,
        grant_id, user_id, application_id, scope, claims, resource, nonce
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s
"""
_UNUSED = "'', '[]', ''"
_NEW_AUTHORIZATION_WITH_CODE = f"""
    WITH stored AS ({_NEW_AUTHORIZATION})
    {_NEW_CODE}, id, user_id, client_id, scope, {_UNUSED} FROM stored WHERE {NO_WAIT}
    RETURNING grant_id
"""


def store_authorization(grant: Grant, code: NewCode | None, now: datetime) -> None:
    """Store a new authorization, and its code if it has one: both or none.

    Hand-written so that on PostgreSQL it is one statement, as with `store_tokens`.
    """
    values = [
        grant.client_id,
        grant.user_id,
        grant.session_id,
        grant.client_session_id,
        grant.scope,
        json.dumps(grant.claims),
        json.dumps(grant.resource),
        grant.offline,
        grant.nonce,
        grant.auth_time,
        grant.acr,
        json.dumps(grant.amr),
        now,
        json.dumps(grant.authorization_details) if grant.authorization_details else None,
    ]
    if code is None:
        (grant.pk, *_) = one(_NEW_AUTHORIZATION, values)
        return
    of_code = [
        code.code_hash,
        code.redirect_uri,
        code.code_challenge,
        code.code_challenge_method,
        code.expires,
        code.cnf,
        now,
        now,
    ]
    if connection.vendor == "postgresql":
        (grant.pk,) = one(_NEW_AUTHORIZATION_WITH_CODE, [*values, *of_code])
        return
    with transaction.atomic():
        grant.pk, *repeated = one(_NEW_AUTHORIZATION, values)
        changed(
            f"{_NEW_CODE}, %s, %s, %s, %s, {_UNUSED}",
            [*of_code, grant.pk, *repeated],
        )
