"""The grants: one module each, and their registry for the token endpoint.

A grant turns a token request of an authenticated client into an `Entitlement`.
"""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest

from idp.grants import (
    authorization_code,
    ciba,
    client_credentials,
    device_code,
    jwt_bearer,
    password,
    refresh_token,
    token_exchange,
)
from idp.models import Client
from idp.protocol.parameters import Parameters
from idp.protocol.vocabulary import CIBA, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from idp.statements.bearers import ClientVersion
from idp.tokens.entitlement import Entitlement

#: Turns a token request into an entitlement. `idp.models.Grant` is what a user consented to.
GrantFunction = Callable[[Client, Parameters, datetime, HttpRequest], Entitlement]

GRANTS: dict[str, GrantFunction] = {
    "authorization_code": authorization_code.redeem,
    "refresh_token": refresh_token.refresh,
    "client_credentials": client_credentials.entitle,
    "password": password.entitle,
    DEVICE_CODE: device_code.redeem,
    CIBA: ciba.redeem,
    TOKEN_EXCHANGE: token_exchange.exchange,
    JWT_BEARER: jwt_bearer.entitle,
}

#: Notes a poll before its client is authenticated, by the statement that looks the client up.
_POLLS = {DEVICE_CODE: device_code.read_poll, CIBA: ciba.read_poll}


def read_poll(request: HttpRequest, client_id: str, parameters: Parameters) -> ClientVersion | None:
    """Note a token request that is a poll, and return its client's version; None for any other."""
    read = _POLLS.get(parameters.get("grant_type") or "")
    return read(request, client_id, parameters) if read else None
