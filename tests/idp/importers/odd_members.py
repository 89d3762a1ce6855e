"""Records of other software as its documentation has them, and each with odd values in places."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, 10**30, "", "a\0b", "\ud800", "http://[", "{", "x" * 5000),
    *([], {}, [None], [[1, 2], ["name", "x"]], [{}], {"x": [{}]}, {"a": {"b": [1]}}),
)
KEYCLOAK = {
    "id": "one",
    "username": "ana",
    "email": "ana@odd.example",
    "emailVerified": True,
    "enabled": True,
    "attributes": {"locale": ["pt"], "phoneNumberVerified": ["true"], "street": ["x"]},
    "groups": ["/Staff"],
    "realmRoles": ["baker"],
    "clientRoles": {"shop": ["manager"], "realm-management": ["admin"]},
    "credentials": [{"type": "password", "secretData": "{}", "credentialData": "{}"}],
    "federatedIdentities": [{"identityProvider": "acme", "userId": "7"}],
}
KEYCLOAK_CLIENT = {
    "clientId": "shop",
    "name": "Shop",
    "rootUrl": "https://shop.example",
    "redirectUris": ["/callback"],
    "attributes": {"post.logout.redirect.uris": "/bye##+", "jwks.url": "https://shop.example"},
    "protocol": "openid-connect",
    "clientAuthenticatorType": "client-secret",
    "secret": "s" * 40,
    "publicClient": False,
    "defaultClientScopes": ["profile"],
}
AUTH0 = {
    "user_id": "auth0|one",
    "_id": {"$oid": "one"},
    "email": "ana@odd.example",
    "email_verified": True,
    "user_metadata": {"department": "rye"},
    "custom_password_hash": {"algorithm": "bcrypt", "hash": {"value": "$2b$04$"}},
    "identities": [{"connection": "acme", "user_id": 7, "provider": "oidc"}],
}
FIREBASE = {
    "localId": "one",
    "email": "ana@odd.example",
    "phoneNumber": "+49",
    "customAttributes": '{"tier": 1}',
    "passwordHash": "aGk=",
    "salt": "aGk=",
    "providerUserInfo": [{"providerId": "google.com", "rawId": "7"}],
}
AUTHENTIK = {
    "email": "ana@odd.example",
    "uid": "one",
    "username": "ana",
    "groups": ["bakers", ["authentik_core.group", ["name", "bakers"]]],
    "attributes": {"department": "rye"},
    "password": "pbkdf2_sha256$1$a$b",
}


def variants(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return copies of a record, in each of which one place holds an odd value."""
    return [_with(record, place, odd) for place in _places(record) if place for odd in ODD]


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*place, key))


def _with(record: dict[str, Any], place: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    changed = deepcopy(record)
    at: Any = changed
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = odd
    return changed
