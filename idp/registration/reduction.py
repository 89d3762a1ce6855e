"""What a client registers is reduced to what it can be given. RFC 7591 §2.

The provider may replace requested metadata, and its response says what is registered. So one
document serves several providers. Values of a wrong type stay as they are, and are refused later.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from idp.client_metadata import DEFAULT_GRANT_TYPES
from idp.models import Client
from idp.protocol.errors import InvalidClientMetadata
from idp.protocol.response_types import REDIRECTING_GRANTS, grants_of, parts
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.registration.policies import Permit

_GRANTS, _KINDS = "grant_types", "response_types"


def reduced(document: Mapping[str, Any], permit: Permit) -> dict[str, Any]:
    """Return metadata without grant types, response types and scopes that are not permitted.

    RFC 7591 §2. Raises InvalidClientMetadata if no grant type or no response type is left.
    """
    said = dict(document)
    refused: set[Any] = set()
    if isinstance(said.get(_GRANTS), list):
        asked = said[_GRANTS]
        said[_GRANTS] = _permitted(_GRANTS, asked, permit.grant_types.__contains__)
        refused = {grant for grant in asked if isinstance(grant, str)} - permit.grant_types
    if isinstance(said.get(_KINDS), list):
        asked = said[_KINDS]
        said[_KINDS] = _permitted(_KINDS, asked, partial(_is_kind_permitted, permit, refused))
        if said[_KINDS] != asked and isinstance(said.get(_GRANTS), list):
            said[_GRANTS] = _with_response_types(said[_GRANTS], said[_KINDS])
    if isinstance(said.get("scope"), str):
        said["scope"] = _scope(said["scope"].split(), said.get(_GRANTS), permit)
    return said


def with_application_type(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata in which a client without a web redirect URI is a native app. RFC 8252 §7.

    RFC 7591 §2: the provider chooses omitted values. Few programs on devices say what they are.
    """
    said, uris, grants = dict(document), document.get("redirect_uris"), document.get(_GRANTS)
    if isinstance(grants, list) and "implicit" in grants:  # its tokens need an https address
        return said
    if isinstance(uris, list) and uris and not any(map(_is_page, uris)):
        said.setdefault("application_type", Client.ApplicationType.NATIVE.value)
    return said


def _is_page(uri: Any) -> bool:
    return str(uri).startswith("https://")


@upholds("RFC 7591 §2")
def _permitted(name: str, values: list[Any], is_permitted: Callable[[str], bool]) -> list[str]:
    kept = [value for value in values if isinstance(value, str) and is_permitted(value)]
    if values and not kept:
        words = ", ".join(map(str, values))
        raise InvalidClientMetadata(f"{name}: This registration is not open for {words}.")
    return kept


def _is_kind_permitted(permit: Permit, refused: set[str], kind: str) -> bool:
    """Whether a response type is permitted, and goes with no grant type that was refused."""
    return parts(kind) in map(parts, permit.response_types) and refused.isdisjoint(grants_of(kind))


def _with_response_types(grants: list[str], kinds: list[str]) -> list[str]:
    """Return the grant types without those whose response types are left out."""
    needed = frozenset().union(*map(grants_of, kinds))
    return [grant for grant in grants if grant in needed or grant not in REDIRECTING_GRANTS]


def _scope(scopes: list[str], grants: Any, permit: Permit) -> str:
    """Return the permitted ones of these scopes; if there are none, the least that it can be given.

    OIDC Core §11: offline_access needs a refresh token. Open scopes need a user who agrees.
    """
    granting = grants if isinstance(grants, list) else DEFAULT_GRANT_TYPES
    permitted = permit.scopes
    if not REDIRECTING_GRANTS.isdisjoint(granting):
        permitted |= permit.open_scopes
    if "refresh_token" not in granting:
        permitted -= {OFFLINE_ACCESS}
    kept = [scope for scope in dict.fromkeys(scopes) if scope in permitted]
    least = permit.default_scopes or ("openid",)
    return " ".join(kept if kept or not scopes else least)
