"""Client authentication: exactly one method a request, the registered one.

RFC 6749 §2.3, OIDC Core §9.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from django.core.cache import cache

from idp.clients import assertions, secrets
from idp.clients.assertions import Assertion
from idp.models import Client
from idp.protocol.errors import InvalidClient, InvalidRequest, TooManyWrongSecrets
from idp.protocol.parameters import Parameters

#: Wrong secrets for one client from one network address, before that address has to wait.
WRONG_SECRETS_ALLOWED = 20
WAIT_SECONDS = 60
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=_-]+) *", re.IGNORECASE)


@dataclass(frozen=True)
class Credentials:
    """What a request says of its client, before any of it is believed."""

    client_id: str
    method: str
    secret: str | None = None
    assertion: Assertion | None = None


def credentials_of(authorization: str | None, parameters: Parameters) -> Credentials:
    """Read the client's credentials from the Authorization header or the body.

    Raises InvalidRequest where two methods are mixed, InvalidClient where there is none. RFC 6749
    §2.3.
    """
    parameters.refuse_repeats()
    body_id, body_secret = parameters.get("client_id"), parameters.get("client_secret")
    if {"client_assertion", "client_assertion_type"} & parameters.values.keys():
        return _asserted(authorization, parameters)
    if authorization is not None:
        client_id, secret = _basic(authorization)
        if body_secret is not None:
            raise InvalidRequest(
                "The client secret came in the Authorization header and in the body; "
                "send it in one of them."
            )
        if body_id not in {None, client_id}:
            raise InvalidRequest(
                "The client_id in the body differs from the one in the Authorization header."
            )
        return Credentials(client_id, "client_secret_basic", secret)
    if body_id is None:
        raise InvalidClient(
            "The request names no client: there is neither an Authorization header nor a client_id."
        )
    if body_secret is not None:
        return Credentials(body_id, "client_secret_post", body_secret)
    return Credentials(body_id, "none")


def authenticate(client: Client, credentials: Credentials, ip_address: str, now: datetime) -> None:
    """Return if the credentials prove the client; raise InvalidClient if not.

    Wrong secrets are counted by client and network address, and past a limit answered with 429.
    Only failures touch the counter: a right secret costs nothing and is never refused for what a
    neighbour does, which is safe because no secret here is short enough to be guessed.
    """
    _method_is_registered(client, credentials)
    if credentials.secret is not None:
        _secret_is_right(client, credentials.secret, ip_address, now)
    if credentials.assertion is not None:
        assertions.prove(client, credentials.assertion, now)


def _method_is_registered(client: Client, credentials: Credentials) -> None:
    """OIDC Core §9: a client authenticates as it was registered to."""
    if credentials.method != client.token_endpoint_auth_method:
        raise InvalidClient(
            f"This client is registered for the method {client.token_endpoint_auth_method}, "
            f"but the request used {credentials.method}."
        )


def _secret_is_right(client: Client, secret: str, ip_address: str, now: datetime) -> None:
    """RFC 6749 §2.3.1: the secret proves the client, and is not open to guessing."""
    found = secrets.find(client, secret, now)
    if found is None:
        _count_failure(client, ip_address)
        raise InvalidClient("The client secret is wrong, or has expired.")
    secrets.note_use(found, now)


def _asserted(authorization: str | None, parameters: Parameters) -> Credentials:
    """Return the credentials of an assertion, which comes alone. RFC 7521 §4.2."""
    if authorization is not None or parameters.get("client_secret") is not None:
        raise InvalidRequest(
            "A client_assertion came together with a client secret; authenticate in one way."
        )
    assertion = assertions.read(
        parameters.get("client_assertion_type"), parameters.get("client_assertion")
    )
    if parameters.get("client_id") not in {None, assertion.subject}:
        raise InvalidRequest("The client_id differs from the client_assertion's subject (sub).")
    return Credentials(assertion.subject, assertion.method, assertion=assertion)


def _basic(header: str) -> tuple[str, str]:
    """Return id and secret of a Basic header, form-decoded as RFC 6749 §2.3.1 says."""
    match = _BASIC.fullmatch(header)
    try:
        decoded = b64decode(match[1], validate=True).decode() if match else ""
        client_id, colon, secret = map(_form_decoded, decoded.partition(":"))
    except (ValueError, Base64Error):
        colon = ""
    if not colon or "\0" in client_id + secret:
        message = (
            "The Authorization header is not Basic with the base64 of client_id:client_secret."
        )
        raise InvalidClient(message)
    return client_id, secret


def _form_decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode()


def _count_failure(client: Client, ip_address: str) -> None:
    """RFC 6749 §2.3.1: whoever guesses has to wait."""
    key = f"wrong-secrets:{client.pk}:{ip_address}"
    cache.add(key, 0, WAIT_SECONDS)
    try:
        failures = cache.incr(key)
    except ValueError:  # it expired between the two
        failures = 1
    if failures > WRONG_SECRETS_ALLOWED:
        raise TooManyWrongSecrets(
            "Too many wrong secrets came from this network address; wait a minute."
        )
