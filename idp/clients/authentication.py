"""Client authentication: exactly one method a request, one that the client may use.

RFC 6749 §2.3, OIDC Core §9.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import unquote_plus

from django.http import HttpRequest
from django.utils import timezone

from foundation import rate_limits
from foundation.client_address import rate_limit_key
from foundation.rate_limits import RateLimit, RateLimitExceededError
from idp import policy
from idp.clients import assertions, certificates, fapi2, lookup, secrets
from idp.clients.assertions import Assertion
from idp.models import Client
from idp.protocol.errors import InvalidClient, InvalidRequest, TooManyWrongSecrets
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion

#: Wrong secrets for one client from one IP address.
WRONG_SECRETS = RateLimit("wrong-client-secrets", 20, timedelta(minutes=1))
#: Secrets that are compared with the slow hash of a server before this one.
HASHED_SECRETS = RateLimit("hashed-client-secrets", 20, timedelta(minutes=1))
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=_-]+) *", re.IGNORECASE)
#: At how many colons a Basic header may be split: a client_id rarely has one, a secret never.
_MOST_SPLITS = 5


class WrongSecret(InvalidClient):
    """The secret is none of the client's: an attempt that is counted."""


@dataclass(frozen=True)
class Credentials:
    """The client_id and credentials of a request, before they are verified."""

    client_id: str
    method: str
    #: The secret, by each way of reading it; one of them may be right.
    secrets: tuple[str, ...] = ()
    assertion: Assertion | None = None


@upholds("RFC 6749 §2.3")
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
        readings = _readings(authorization)
        if body_secret is not None:
            raise InvalidRequest(
                "The client secret came in the Authorization header and in the body; "
                "send it in one of them."
            )
        if body_id is not None:
            readings = [reading for reading in readings if reading.client_id == body_id]
        if not readings:
            raise InvalidRequest(
                "The client_id in the body differs from the one in the Authorization header."
            )
        return readings[0] if len(readings) == 1 else _matching_reading(readings)
    if body_id is None:
        raise InvalidClient(
            "The request names no client: there is neither an Authorization header nor a client_id."
        )
    if body_secret is not None:
        return Credentials(body_id, "client_secret_post", (body_secret,))
    return Credentials(body_id, "none")


def authenticated(
    credentials: Credentials,
    request: HttpRequest,
    read: ClientVersion | None = None,
    *,
    counts: bool = True,
) -> Client:
    """Return the client that the credentials authenticate, or raise InvalidClient.

    `read` is what the request has read of a client already (`lookup.find`).

    If `counts`, wrong secrets are counted by client and by the IP address of the request, and
    beyond the limit answered with TooManyWrongSecrets. A right secret is never refused for attempts
    of others, which is safe because no secret here is short enough to be guessed (docs/adr/0004).
    """
    client, now = lookup.find(credentials.client_id, InvalidClient, read), timezone.now()
    if client.profile == Client.Profile.FAPI2:
        fapi2.registration_is_sufficient(client)
    by_certificate = client.token_endpoint_auth_method in policy.CERTIFICATE_METHODS
    if by_certificate and credentials.method == "none":
        certificates.verify(client, request, now)
        return client
    counted_for = request if counts else None
    _method_is_accepted(client, credentials.method)
    try:
        if credentials.secrets:
            _secret_is_right(client, credentials.secrets, now, counted_for)
    except WrongSecret:
        if counted_for is not None:
            _count(WRONG_SECRETS, client, counted_for)
        raise
    if credentials.assertion is not None:
        assertions.verify(client, credentials.assertion, now, counted_for)
    return client


@upholds("OIDC Core §9")
def _method_is_accepted(client: Client, method: str) -> None:
    """OIDC Core §9: a client authenticates as it was registered to.

    With a secret it may use the header or the body, whichever it was registered for
    (docs/adr/0030).
    """
    registered = client.token_endpoint_auth_method
    if method != registered and method not in client.authentication_methods:
        raise InvalidClient(
            f"This client is registered for the method {registered}, but the request used {method}."
        )


@upholds("RFC 6749 §2.3.1")
def _secret_is_right(
    client: Client, readings: tuple[str, ...], now: datetime, counted_for: HttpRequest | None
) -> None:
    """RFC 6749 §2.3.1: the secret authenticates the client."""
    for secret in readings:
        found = secrets.find(client, secret, now)
        if found is not None:
            secrets.note_use(found, now)
            return
    if secrets.has_hashed(client, now):
        if counted_for is not None:  # before the comparison, which costs as much as a password's
            _count(HASHED_SECRETS, client, counted_for)
        for secret in readings:
            found = secrets.find_hashed(client, secret, now)
            if found is not None:
                secrets.note_use(found, now)
                return
    raise WrongSecret("The client secret is wrong, or has expired.")


@upholds("RFC 7521 §4.2")
def _asserted(authorization: str | None, parameters: Parameters) -> Credentials:
    """Return the credentials of an assertion, which comes alone. RFC 7521 §4.2."""
    if authorization is not None or parameters.get("client_secret") is not None:
        raise InvalidRequest(
            "A client_assertion came together with a client secret; authenticate in one way."
        )
    assertion = assertions.read(
        parameters.get("client_assertion_type"), parameters.get("client_assertion")
    )
    client_id = parameters.get("client_id")
    if not assertion.is_own:
        if client_id is None:
            raise InvalidClient(
                "The iss of the client_assertion is not its sub, so it is not the client's own: "
                "one of a trusted issuer needs the client_id beside it."
            )
        return Credentials(client_id, assertion.method, assertion=assertion)
    if client_id not in {None, assertion.subject}:
        raise InvalidRequest("The client_id differs from the client_assertion's subject (sub).")
    return Credentials(assertion.subject, assertion.method, assertion=assertion)


@upholds("RFC 6749 §2.3.1")
def _readings(header: str) -> list[Credentials]:
    """Return readings of a Basic header, one a client_id, the likeliest first.

    The specification requires form-encoding; many programs do not encode. With several colons, it
    is ambiguous which of them ends the client_id. RFC 6749 §2.3.1, RFC 7617 §2.
    """
    match = _BASIC.fullmatch(header)
    try:
        decoded = b64decode(match[1], validate=True).decode() if match else ""
    except (ValueError, Base64Error):
        decoded = ""
    parts, decode = decoded.split(":"), partial(unquote_plus, errors="strict")
    splits = range(1, min(len(parts), _MOST_SPLITS + 1))
    pairs = [(":".join(parts[:at]), ":".join(parts[at:])) for at in splits]
    with suppress(UnicodeDecodeError):
        pairs = [*((decode(client_id), decode(secret)) for client_id, secret in pairs[:1]), *pairs]
    found: dict[str, list[str]] = {}
    for client_id, secret in dict.fromkeys(pairs):
        if "\0" not in client_id + secret:
            found.setdefault(client_id, []).append(secret)
    if not found:
        raise InvalidClient(
            "The Authorization header is not Basic with the base64 of client_id:client_secret."
        )
    return [
        Credentials(client_id, "client_secret_basic", tuple(read))
        for client_id, read in found.items()
    ]


@upholds("RFC 6749 §2.3.1")
def _matching_reading(readings: list[Credentials]) -> Credentials:
    """Return the reading whose client has its secret, else the first with a known client.

    Each secret is compared with those of the client named beside it: a secret of one client never
    authenticates another that the same header could mean. Raises InvalidRequest for a header that
    authenticates several clients.
    """
    names = {reading.client_id for reading in readings}
    found = Client.objects.filter(client_id__in=names).prefetch_related("secrets")
    clients = {client.client_id: client for client in found}
    known = [reading for reading in readings if reading.client_id in clients]
    now = timezone.now()
    matching = [
        reading
        for reading in known
        if any(secrets.find(clients[reading.client_id], read, now) for read in reading.secrets)
    ]
    if len(matching) > 1:
        raise InvalidRequest(
            "The Authorization header can be read as the credentials of several clients; name the "
            "one that is meant by client_id in the body."
        )
    return (matching or known or readings)[0]


@upholds("RFC 6749 §2.3.1")
def _count(limit: RateLimit, client: Client, request: HttpRequest) -> None:
    """RFC 6749 §2.3.1: a client that guesses has to wait."""
    try:
        rate_limits.count((limit, f"{client.client_id} {rate_limit_key(request)}"))
    except RateLimitExceededError as exceeded:
        raise TooManyWrongSecrets.for_now(
            "Too many wrong secrets came from this IP address.", exceeded.retry_after
        ) from None
