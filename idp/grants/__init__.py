"""The grants: one module each, and their registry for the token endpoint.

A grant turns a token request of an authenticated client into an `Entitlement`.
"""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest

from idp.grants import (
    authorization_code,
    client_credentials,
    device_code,
    password,
    refresh_token,
)
from idp.models import Client
from idp.protocol.parameters import Parameters
from idp.protocol.vocabulary import DEVICE_CODE
from idp.tokens.entitlement import Entitlement

#: Turns a token request into an entitlement. `idp.models.Grant` is what a user consented to.
GrantFunction = Callable[[Client, Parameters, datetime, HttpRequest], Entitlement]

GRANTS: dict[str, GrantFunction] = {
    "authorization_code": authorization_code.redeem,
    "refresh_token": refresh_token.refresh,
    "client_credentials": client_credentials.entitle,
    "password": password.entitle,
    DEVICE_CODE: device_code.redeem,
}
