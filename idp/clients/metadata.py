"""Registration metadata by its own names, to and from the client's columns.

OIDC Dynamic Client Registration §2, with the operator's policy beside it.
"""

from typing import Any

from idp.models import Client
from idp.protocol.languages import is_tag, tagged
from idp.protocol.vocabulary import READABLE_METADATA

#: Metadata whose column has another name, in the toolkit's model or because a list is one here.
_COLUMNS = {"client_name": "name", "first_party": "skip_authorization", "scope": "scopes"}
NAMES_OF_COLUMNS = {column: name for name, column in _COLUMNS.items()}

#: What a client may say of itself.
REGISTERED = (
    "client_name",
    "redirect_uris",
    "post_logout_redirect_uris",
    "grant_types",
    "response_types",
    "application_type",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "request_uris",
    "subject_type",
    "sector_identifier_uri",
    "require_signed_request_object",
    "request_object_signing_alg",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_signed_response_alg",
    "scope",
    "default_max_age",
    "default_acr_values",
    "require_auth_time",
    "client_uri",
    "logo_uri",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "initiate_login_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "software_id",
    "software_version",
)
#: What only operators decide.
POLICY = (
    "allowed_origins",
    "profile",
    "access_token_format",
    "access_token_lifetime",
    "required_acr",
    "allowed_groups",
    "refresh_token_idle_lifetime",
    "refresh_token_absolute_lifetime",
    "refresh_token_grace",
    "refresh_without_offline_access",
    "first_party",
    "enabled",
)
#: Everything a client can be configured with, beside its id and secret.
NAMES = REGISTERED + POLICY
#: The columns that hold all of it.
COLUMNS = (*(_COLUMNS.get(name, name) for name in NAMES), "localized")
DEFAULT_GRANT_TYPES = ["authorization_code"]
#: Numbers that may be missing.
_OPTIONAL_NUMBERS = frozenset(
    {
        "default_max_age",
        "access_token_lifetime",
        "refresh_token_idle_lifetime",
        "refresh_token_absolute_lifetime",
        "refresh_token_grace",
    }
)


def is_localized(name: str) -> bool:
    """Whether this is a member in a language, such as `client_name#de` (§2.1)."""
    base, tag = tagged(name)
    return base in READABLE_METADATA and tag is not None and is_tag(tag)


def values_of(client: Client) -> dict[str, Any]:
    """Return a client's metadata by name."""
    values = {name: getattr(client, _COLUMNS.get(name, name)) for name in NAMES}
    values = {name: str(v) if isinstance(v, str) else v for name, v in values.items()}
    values["scope"] = " ".join(client.scopes)
    return {**values, **client.localized}


def defaults(grant_types: list[str]) -> dict[str, Any]:
    """Return the values of what a client with these grant types leaves out."""
    fresh = Client(grant_types=DEFAULT_GRANT_TYPES)
    response_types = ["code"] if "authorization_code" in grant_types else []
    return {**values_of(fresh), "response_types": response_types}


def assign(client: Client, metadata: dict[str, Any]) -> None:
    """Set columns from metadata, with registration's defaults for what is left out.

    Raises TypeError naming the member for a value of the wrong type. The client isn't saved.
    """
    grant_types = metadata.get("grant_types", DEFAULT_GRANT_TYPES)
    left_out = defaults(grant_types if isinstance(grant_types, list) else [])
    for name in NAMES:
        value = metadata.get(name, left_out[name])
        if not _is_of_type(value, _type_of(name, left_out)):
            raise TypeError(f"{name}: {value!r} is not of the right type")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise TypeError(f"{name}: every member of the list must be a text")
        setattr(client, _COLUMNS.get(name, name), value.split() if name == "scope" else value)
    client.localized = _localized(metadata)


def _localized(metadata: dict[str, Any]) -> dict[str, str]:
    members = {name: value for name, value in metadata.items() if is_localized(name)}
    for name, value in members.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: {value!r} is not of the right type")
    return {name: value for name, value in members.items() if value}


def _is_of_type(value: Any, kind: Any) -> bool:
    # To Python true is a whole number; to a client's metadata it is not.
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _type_of(name: str, left_out: dict[str, Any]) -> Any:
    if name == "jwks":
        return (dict, type(None))
    if name in _OPTIONAL_NUMBERS:
        return (int, type(None))
    return str if isinstance(left_out[name], str) else type(left_out[name])
