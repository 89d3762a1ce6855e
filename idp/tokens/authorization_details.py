"""Authorization details: what a client may ask for, and what its access tokens have. RFC 9396."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from idp.models import AuthorizationDetailsType, Client
from idp.protocol.authorization_details import Detail, parse, text_of, texts_of
from idp.protocol.errors import InvalidAuthorizationDetails
from idp.protocol.rules import upholds
from idp.tokens.access_token import Audience
from idp.tokens.entitlement import Entitlement


def requested(client: Client, text: str) -> list[Detail]:
    """Return the details of a parameter: of types that the client has, and valid by their schemas.

    RFC 9396 §5. Raises InvalidAuthorizationDetails.
    """
    details = parse(text)
    names = {detail["type"] for detail in details}
    _client_has_types(client, names)
    types = AuthorizationDetailsType.objects.in_bulk(names, field_name="type")
    for detail in details:
        _is_valid(types.get(detail["type"]), detail)
    return details


def ask_each_time(details: Iterable[Detail]) -> bool:
    """Whether one of these is of a type for which no earlier consent counts."""
    names = {detail["type"] for detail in details}
    types = AuthorizationDetailsType.objects.filter(type__in=names, ask_each_time=True)
    return types.exists()


@upholds("RFC 9396 §10")
def _client_has_types(client: Client, names: set[str]) -> None:
    """RFC 9396 §10: an operator decides which types a client may use."""
    if refused := sorted(names - set(client.authorization_details_types)):
        raise InvalidAuthorizationDetails(
            f"This client is not registered for authorization details of the type {refused[0]}."
        )


@upholds("RFC 9396 §5")
def _is_valid(type_: AuthorizationDetailsType | None, detail: Detail) -> None:
    """RFC 9396 §5: unknown types and fields, and invalid values, are refused."""
    if type_ is None:
        raise InvalidAuthorizationDetails(
            f"There are no authorization details of the type {detail['type']} here."
        )
    problem = type_.problem_with(detail)
    if problem is not None:
        raise InvalidAuthorizationDetails(f"Of the type {type_.type}: {problem}")


def given(entitlement: Entitlement, audience: Audience) -> Audience:
    """Return the audience of an access token, with the details that it has. RFC 9396 §6, §9.

    They are those of the grant, or those among them that the token request names; a client that
    acts for itself has what it asks for. Raises InvalidAuthorizationDetails.
    """
    client, asked = entitlement.client, entitlement.asked_details
    if entitlement.grant is None:
        details = requested(client, asked) if asked is not None else []
    else:
        of_grant = entitlement.grant.authorization_details or []
        still = [each for each in of_grant if each["type"] in client.authorization_details_types]
        details = still if asked is None else _narrowed(still, asked)
    return replace(audience, authorization_details=tuple(for_apis(details, audience.resource)))


@upholds("RFC 9396 §6.1")
def _narrowed(granted: list[Detail], asked: str) -> list[Detail]:
    """RFC 9396 §6.1: a token request names fewer details, never others: each is compared whole."""
    wanted = parse(asked)
    if not texts_of(wanted) <= texts_of(granted):
        raise InvalidAuthorizationDetails(
            "The authorization_details have one that was not granted exactly so."
        )
    names = texts_of(wanted)
    return [detail for detail in granted if text_of(detail) in names]


def for_apis(details: list[Detail], resource: tuple[str, ...]) -> list[Detail]:
    """Return the details that concern these APIs: all but those for other locations. RFC 9396 §9.

    Without an API, all of them.
    """
    return [each for each in details if not resource or _concerns(each.get("locations"), resource)]


def _concerns(locations: Any, resource: tuple[str, ...]) -> bool:
    """Whether a detail without locations, or with one of these, is for an API. RFC 9396 §2.2."""
    return (
        not isinstance(locations, list)
        or not locations
        or any(location in resource for location in locations)
    )
