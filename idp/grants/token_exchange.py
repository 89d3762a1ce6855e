"""Token exchange: a token of a user for one that is good for another API, or for less. RFC 8693.

The policy is of the client that exchanges (docs/adr/0044). Nothing is ever widened: the new token
has scopes that follow from those of the exchanged one, expires no later, and belongs to the same
grant, so that it ends with that and with its session.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

from django.http import HttpRequest

from foundation.statements import hash_of
from foundation.validity import why_invalid
from idp import events, policy
from idp.grants import exchanged_id_token, id_jag, native_sso
from idp.models import Client, ResourceServer
from idp.possession.presenter import Confirmation
from idp.protocol.errors import InvalidRequest, InvalidTarget
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import TokenType
from idp.statements.exchange import Exchangeable, find
from idp.subjects import subject_of
from idp.tokens.access_token import known_apis, party
from idp.tokens.entitlement import Entitlement, Exchange

_ACCESS_TOKENS = (TokenType.ACCESS_TOKEN, TokenType.JWT)


def exchange(
    client: Client, parameters: Parameters, now: datetime, _request: HttpRequest
) -> Entitlement:
    """Return what a client gets for the tokens that it sends: an access token, or an ID-JAG.

    With a device secret, it gets what a sign-in gives (OIDC Native SSO). Raises InvalidRequest,
    InvalidTarget and InvalidScope, as RFC 8693 §2.2.2 has it; InvalidGrant for the other two.
    """
    _actor_has_a_type(parameters)
    if parameters.get("requested_token_type") == TokenType.ID_JAG:
        return id_jag.entitle(client, parameters, now)
    if parameters.get("actor_token_type") == TokenType.DEVICE_SECRET:
        return native_sso.entitle(client, parameters, now)
    return _access_token(client, parameters, now)


def _access_token(client: Client, parameters: Parameters, now: datetime) -> Entitlement:
    issued_token_type = _requested_type(parameters)
    resource = _one_target(parameters)
    subject, actor = _tokens(client, parameters, resource, now)
    _client_may_exchange(client, subject)
    _is_valid("subject_token", subject, now)
    if subject.grant is None:
        _refuse_machine()
    act = subject.act
    if actor is not None:
        _is_its_own(client, actor)
        _is_valid("actor_token", actor, now)
        act = _chain(client, subject, actor)
    ends_at = min(subject.expires, actor.expires) if actor else subject.expires
    servers, scopes = _what_it_gives(client, subject, resource)
    return Entitlement(
        client,
        subject.grant,
        scopes,
        asked_scopes=frozenset((parameters.get("scope") or "").split()),
        issued_token_type=issued_token_type,
        exchange=Exchange(
            servers,
            lifetime=_seconds_until(ends_at, now),
            act=act,
        ),
        record=_recorder(client, subject, resource, act)
        if _is_recorded(subject, actor, resource)
        else None,
        bound_to=_own_confirmations(client, subject, actor),
    )


def _own_confirmations(client: Client, *tokens: Exchangeable | None) -> tuple[Confirmation, ...]:
    """Return what those of the tokens are bound to that were issued to the client itself.

    Whoever stole one gets no other for it. A token that an API got from its caller is bound to the
    caller's key, which the API can't prove: it authenticates itself (RFC 8693 §2.1).
    """
    own = (token.cnf for token in tokens if token and token.client_id == client.client_id)
    return tuple(confirmation for confirmation in own if confirmation)


def _recorder(
    client: Client, subject: Exchangeable, resource: str, act: dict[str, Any] | None
) -> Callable[[dict[str, Any]], object]:
    """Return what records who acts for whom, and where."""
    grant = subject.grant

    def record(issued: dict[str, Any]) -> object:
        return events.record(
            events.Kind.EXCHANGED,
            user=grant.user if grant else None,
            client_id=client.client_id,
            reason=f"A token of {subject.client_id} for one for {resource}.",
            of_client=subject.client_id,
            resource=resource,
            scope=issued.get("scope", ""),
            token_type=issued.get("token_type", ""),
            act=act,
        )

    return record


def _is_recorded(subject: Exchangeable, actor: Exchangeable | None, resource: str) -> bool:
    """Whether an exchange is an event: the first while tokens of it live, and each by a user.

    A program exchanges a token at each request that it gets, which would fill the audit log.
    """
    if actor is not None and actor.grant is not None:
        return True
    is_its_own = not resource or resource in subject.resource
    return not (is_its_own or subject.is_known_there)


# --- the request ----------------------------------------------------------------------------------


@upholds("RFC 8693 §2.1")
def _actor_has_a_type(parameters: Parameters) -> None:
    """RFC 8693 §2.1: actor_token and actor_token_type come together."""
    sent = {"actor_token", "actor_token_type"} & parameters.values.keys()
    if len(sent) == 1:
        raise InvalidRequest("The parameters actor_token and actor_token_type go together.")


@upholds("RFC 8693 §2.1")
def _requested_type(parameters: Parameters) -> str:
    """RFC 8693 §2.1: the type of token to issue; an access token by default."""
    requested = parameters.get("requested_token_type") or TokenType.ACCESS_TOKEN
    if requested not in _ACCESS_TOKENS:
        raise InvalidRequest(
            "The requested_token_type is not offered; it can be "
            f"{', '.join((*_ACCESS_TOKENS, TokenType.ID_JAG))}."
        )
    return requested


@upholds("RFC 8693 §2.1.1")
def _one_target(parameters: Parameters) -> str:
    """Return the API that the request names by resource or audience; empty for none.

    RFC 8693 §2.1.1: a token for several APIs could be used by each of them at the others.
    """
    named = tuple(dict.fromkeys((*parameters.resources, *parameters.audiences)))
    if len(named) > 1:
        raise InvalidTarget("Exchange the token for one API at a time.")
    return named[0] if named else ""


def _tokens(
    client: Client, parameters: Parameters, resource: str, now: datetime
) -> tuple[Exchangeable, Exchangeable | None]:
    """Return the subject token and the actor token. Raises InvalidRequest for unknown ones."""
    subject, kind = parameters.require("subject_token"), parameters.require("subject_token_type")
    _is_of_a_known_type("subject_token", kind, (*_ACCESS_TOKENS, TokenType.ID_TOKEN))
    actor = parameters.get("actor_token")
    if actor is not None:
        actor_kind = parameters.require("actor_token_type")
        _is_of_a_known_type("actor_token", actor_kind, _ACCESS_TOKENS)
    hashes = hash_of(subject), hash_of(actor or subject)
    found = find(hashes, client, resource)
    if kind == TokenType.ID_TOKEN:
        _id_tokens_are_allowed(client)
        found[hashes[0]] = exchanged_id_token.exchangeable(subject, resource, now)
    return _known("subject_token", found, hashes[0]), (
        _known("actor_token", found, hashes[1]) if actor is not None else None
    )


@upholds("RFC 8693 §2.1")
def _is_of_a_known_type(name: str, kind: str, known: tuple[str, ...]) -> None:
    """RFC 8693 §2.1: the client says what it sends."""
    if kind not in known:
        raise InvalidRequest(f"The {name}_type is not offered; it can be {', '.join(known)}.")


@upholds("RFC 8693 §2.2.2")
def _known(name: str, found: dict[str, Exchangeable], token_hash: str) -> Exchangeable:
    """RFC 8693 §2.2.2: an invalid token is an invalid request."""
    if token_hash not in found:
        raise InvalidRequest(f"The {name} is unknown, or has been revoked.")
    return found[token_hash]


# --- the policy -----------------------------------------------------------------------------------


@upholds("RFC 8693 §2.1")
def _id_tokens_are_allowed(client: Client) -> None:
    """RFC 8693 §2.1: the policy decides which tokens are acceptable."""
    if not client.token_exchange_id_tokens:
        raise InvalidRequest("This client may not exchange ID tokens; exchange an access token.")


@upholds("RFC 8693 §2.2.2")
def _client_may_exchange(client: Client, subject: Exchangeable) -> None:
    """RFC 8693 §2.2.2, §4.4: a client exchanges tokens that are its own, or meant for it.

    Meant for it are those for an API that it introspects for, and those of clients that the
    operator named. If a token says who may act (`may_act`), no other client exchanges it.
    """
    if subject.client_id == client.client_id:
        return
    is_for_its_api = not subject.own_apis.isdisjoint(subject.resource)
    if not is_for_its_api and subject.client_id not in client.token_exchange_clients:
        raise InvalidRequest("This client may not exchange this subject_token: it is another's.")
    if subject.may_act not in ("", client.client_id):
        raise InvalidRequest("The subject_token names another client that may act (may_act).")


@upholds("RFC 8693 §2.2.2")
def _is_valid(name: str, token: Exchangeable, now: datetime) -> None:
    """RFC 8693 §2.2.2: nothing is given for a token that may not be used itself."""
    reason = why_invalid(token.facts, now)
    if reason is not None:
        raise InvalidRequest(f"The {name} {reason}.")


@upholds("RFC 8693 §1.1")
def _refuse_machine() -> NoReturn:
    """RFC 8693 §1.1: the subject is a user, for whom the client acts."""
    raise InvalidRequest(
        "The subject_token is about no user; a client asks for tokens for itself by the grant "
        "type client_credentials."
    )


@upholds("RFC 8693 §2.1")
def _is_its_own(client: Client, actor: Exchangeable) -> None:
    """RFC 8693 §2.1: the acting party is the client that asks, or a user who is signed in to it."""
    if actor.client_id != client.client_id:
        raise InvalidRequest("The actor_token was issued to another client.")


@upholds("RFC 8693 §4.1")
def _chain(client: Client, subject: Exchangeable, actor: Exchangeable) -> dict[str, Any]:
    """Return the `act` claim: the actor, and inside it who acted before. RFC 8693 §4.1."""
    user = actor.grant.user if actor.grant is not None else None
    act: dict[str, Any] = party(client.client_id, subject_of(client, user) if user else None)
    if subject.act:
        act = {**act, "act": subject.act}
    length, inner = 0, act
    while inner:
        length, inner = length + 1, inner.get("act") or {}
    if length > policy.ACTORS_AT_MOST:
        raise InvalidRequest(
            f"More than {policy.ACTORS_AT_MOST} parties would act for the user one after the other."
        )
    return act


def _seconds_until(ends_at: datetime, now: datetime) -> int:
    return max(1, int((ends_at - now).total_seconds()))


@upholds("RFC 8693 §2.1.1")
def _what_it_gives(
    client: Client, subject: Exchangeable, resource: str
) -> tuple[tuple[ResourceServer, ...], frozenset[str]]:
    """Return the APIs and the scopes that the exchanged token can give. RFC 8693 §2.1.1.

    For an API that the token is for already, its own scopes. For another one, those that the
    policy derives from its scopes there.
    """
    if not resource:
        if subject.client_id != client.client_id:
            raise InvalidTarget("The request names no API; send its identifier as resource.")
        return tuple(known_apis(client, subject.resource)) if subject.resource else (), (
            subject.scopes
        )
    targets = client.token_exchange_resources or {}
    if subject.server is None:
        raise InvalidTarget(f"The resource {resource} is not an API that is registered here.")
    is_its_own = subject.client_id == client.client_id and resource in subject.resource
    if resource not in targets and not is_its_own:
        raise InvalidTarget(f"This client may not exchange tokens for the resource {resource}.")
    derived = {to for to, of in targets.get(resource, {}).items() if of in subject.scopes}
    kept = subject.scopes if resource in subject.resource else frozenset()
    return (subject.server,), kept | derived
