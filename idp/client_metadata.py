"""The table of client metadata: every member, who may set it, and how it is shown.

OIDC Dynamic Client Registration §2, RFC 7591 §2, with the operator's policy beside it. Read by
registration, client ID metadata documents, `apply`, export, the administration's form and events.
"""

from dataclasses import dataclass
from types import NoneType
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.models import Client
from idp.protocol.languages import is_tag, tagged
from idp.protocol.vocabulary import READABLE_METADATA

#: Types of members, as JSON has them.
TEXT: Final = (str,)
TEXTS: Final = (list,)
MAPPING: Final = (dict,)
FLAG: Final = (bool,)
OPTIONAL_FLAG: Final = (bool, NoneType)
NUMBER: Final = (int, NoneType)
JWK_SET: Final = (dict, NoneType)
OPTIONAL_MAPPING: Final = JWK_SET


@dataclass(frozen=True)
class Member:
    """A member of client metadata."""

    #: As registration, documents, `apply` and events name it.
    name: str
    #: The Python types of its values.
    type: tuple[type, ...] = TEXT
    #: Whether the items of a list are mappings; otherwise every item is a `str`.
    has_mappings: bool = False
    #: The model's column, where its name differs.
    stored_as: str = ""
    #: The values that may be chosen; empty for any.
    choices: tuple[str, ...] = ()
    #: Whether only operators set it. Otherwise the client may as well, when it registers itself.
    operators_only: bool = False
    #: Whether an event of a denied registration masks the value.
    masked: bool = True
    #: The label in the administration's form; empty for the verbose name of the column.
    label: str | Promise = ""
    help: str | Promise = ""

    @property
    def column(self) -> str:
        """The model's column."""
        return self.stored_as or self.name


MEMBERS: Final = (
    Member(
        "client_name",
        stored_as="name",
        label=_("Name"),
        help=_("As users read it when they sign in."),
    ),
    Member(
        "redirect_uris",
        TEXTS,
        masked=False,
        label=_("Redirect URIs"),
        help=_(
            "Where users return to after signing in, one a line. Compared character by "
            "character: every slash counts."
        ),
    ),
    Member(
        "post_logout_redirect_uris",
        TEXTS,
        masked=False,
        label=_("Post-logout redirect URIs"),
        help=_("Where users may return to after signing out, one a line."),
    ),
    Member(
        "grant_types",
        TEXTS,
        choices=policy.GRANT_TYPES,
        masked=False,
        label=_("What it does"),
    ),
    Member(
        "response_types",
        TEXTS,
        choices=policy.RESPONSE_TYPES,
        masked=False,
        label=_("What it gets after a sign-in"),
        help=_(
            "None ticked: a code, which is what every app should use. All others are legacy and "
            "need implicit, and the profile that is compatible."
        ),
    ),
    Member("application_type", choices=tuple(Client.ApplicationType.values), masked=False),
    Member(
        "token_endpoint_auth_method", choices=policy.CLIENT_AUTHENTICATION_METHODS, masked=False
    ),
    Member("token_endpoint_auth_signing_alg", choices=policy.CLIENT_ALGORITHMS),
    Member(
        "jwks",
        JWK_SET,
        help=_("A JWK set in JSON, public keys only; or else their address below."),
    ),
    Member("jwks_uri"),
    Member(
        "tls_client_auth_subject_dn",
        help=_(
            "With tls_client_auth, the app is known by one of these five. The subject as RFC 4514 "
            "writes it, the most special part first: CN=backend,O=Example,C=DE"
        ),
    ),
    Member("tls_client_auth_san_dns"),
    Member("tls_client_auth_san_uri"),
    Member("tls_client_auth_san_ip"),
    Member("tls_client_auth_san_email"),
    Member(
        "tls_client_certificate_bound_access_tokens",
        FLAG,
        help=_(
            "The app’s tokens are of use only over connections with the TLS certificate that it "
            "got them with."
        ),
    ),
    Member(
        "request_uris",
        TEXTS,
        label=_("Request URIs"),
        help=_("Where signed requests may be fetched from, one https address a line."),
    ),
    Member(
        "subject_type",
        choices=policy.SUBJECT_TYPES,
        masked=False,
        help=_(
            "Pairwise: it knows users by identifiers (sub) that apps of other hosts don’t have. "
            "Changing it later makes every user a new one to the app."
        ),
    ),
    Member(
        "sector_identifier_uri",
        help=_(
            "For pairwise apps with several hosts: the https address of a JSON list that has "
            "all of their redirect URIs."
        ),
    ),
    Member(
        "require_signed_request_object",
        FLAG,
        help=_(
            "Sign-ins begin only with what the app has signed; nothing else in their address "
            "counts."
        ),
    ),
    Member(
        "require_pushed_authorization_requests",
        FLAG,
        help=_("Sign-ins begin only with requests that the app itself has sent before (PAR)."),
    ),
    Member(
        "dpop_bound_access_tokens",
        FLAG,
        help=_(
            "It gets access tokens only with a proof of a key of its own (DPoP): whoever steals "
            "one can’t use it. The app’s library has to know DPoP."
        ),
    ),
    Member("request_object_signing_alg", choices=policy.CLIENT_ALGORITHMS),
    Member("request_object_encryption_alg", choices=policy.DECRYPTION_ALGORITHMS),
    Member("request_object_encryption_enc", choices=policy.RESPONSE_CONTENT_ENCRYPTIONS),
    Member(
        "id_token_signed_response_alg",
        choices=policy.ID_TOKEN_ALGORITHMS,
        masked=False,
        help=_(
            "RS256 suits nearly every app. Those that start with HS sign with the app’s secret."
        ),
    ),
    Member(
        "id_token_claims",
        choices=tuple(Client.IdTokenClaims.values),
        masked=False,
        help=_(
            "Most apps read names and addresses from the ID token. One that comes through the "
            "browser has them only where there is no UserInfo."
        ),
    ),
    Member(
        "id_token_encrypted_response_alg",
        choices=policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        masked=False,
        help=_(
            "None: not encrypted, which suits nearly every app. Otherwise only the app can "
            "read its ID tokens, with a key of its own or with its secret."
        ),
    ),
    Member(
        "id_token_encrypted_response_enc",
        choices=policy.RESPONSE_CONTENT_ENCRYPTIONS,
        masked=False,
    ),
    Member(
        "userinfo_signed_response_alg",
        choices=policy.ID_TOKEN_ALGORITHMS,
        masked=False,
        help=_("None: plain JSON, which nearly every app expects."),
    ),
    Member(
        "userinfo_encrypted_response_alg",
        choices=policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        masked=False,
    ),
    Member(
        "userinfo_encrypted_response_enc",
        choices=policy.RESPONSE_CONTENT_ENCRYPTIONS,
        masked=False,
    ),
    Member(
        "authorization_signed_response_alg",
        choices=policy.SIGNING_ALGORITHMS,
        masked=False,
        help=_(
            "How what comes back from a sign-in is signed if the app asks for that (JARM). None: "
            "RS256, or PS256 with high security."
        ),
    ),
    Member(
        "authorization_encrypted_response_alg",
        choices=policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        masked=False,
    ),
    Member(
        "authorization_encrypted_response_enc",
        choices=policy.RESPONSE_CONTENT_ENCRYPTIONS,
        masked=False,
    ),
    Member(
        "require_signed_authorization_response",
        FLAG,
        operators_only=True,
        help=_("Sign-ins begin only if the app asks for an answer that is signed (JARM)."),
    ),
    Member("introspection_signed_response_alg", choices=policy.SIGNING_ALGORITHMS),
    # A text with spaces on the wire, a list in the column.
    Member(
        "scope",
        stored_as="scopes",
        masked=False,
        label=_("Scopes"),
        help=_("What it may ask for, one a line. None: every standard scope."),
    ),
    Member(
        "authorization_details_types",
        TEXTS,
        masked=False,
        label=_("Authorization details"),
        help=_(
            "The types of authorization details (RFC 9396) that it may ask users to agree to, such "
            "as one payment. None ticked: none."
        ),
    ),
    Member("default_max_age", NUMBER),
    Member(
        "default_acr_values",
        TEXTS,
        choices=policy.ACR_VALUES,
        label=_("Wished sign-in"),
        help=_(
            "Levels of sign-in (default_acr_values) that users are asked for if they can reach "
            "them, one a line."
        ),
    ),
    Member("require_auth_time", FLAG, help=_("ID tokens always say when the user signed in.")),
    Member("client_uri"),
    Member(
        "logo_uri",
        help=_("An https address of a PNG, JPEG, WebP or GIF. It is fetched once and kept here."),
    ),
    Member(
        "backchannel_logout_uri",
        help=_("An https address of the app that is notified when a user’s session ends."),
    ),
    Member("backchannel_logout_session_required", FLAG),
    Member(
        "frontchannel_logout_uri",
        help=_(
            "A page of the app that the user’s browser loads when they sign out here. It "
            "has scheme, host and port of a redirect URI."
        ),
    ),
    Member("frontchannel_logout_session_required", FLAG),
    Member(
        "backchannel_token_delivery_mode",
        choices=policy.BACKCHANNEL_DELIVERY_MODES,
        masked=False,
        help=_(
            "Poll: the app asks again and again whether the user has answered. Ping: it is told, "
            "and then asks."
        ),
    ),
    Member(
        "backchannel_client_notification_endpoint",
        help=_("With ping: an https address of the app that is told when a user has answered."),
    ),
    Member(
        "backchannel_authentication_request_signing_alg",
        choices=policy.SIGNING_ALGORITHMS,
        help=_("Chosen: the app has to sign its requests, with one of its public keys."),
    ),
    Member(
        "initiate_login_uri",
        help=_(
            "An https address of the app that begins a sign-in. With it, users can open the "
            "app from their list of apps."
        ),
    ),
    Member("policy_uri"),
    Member("tos_uri"),
    Member("contacts", TEXTS, label=_("Contacts"), help=_("Its makers’ email addresses.")),
    Member("software_id", help=_("The same for every installation of one program (software_id).")),
    Member("software_version"),
    Member(
        "integration",
        operators_only=True,
        label=_("Integration"),
        help=_("The program of the catalogue whose settings are shown for the app."),
    ),
    Member(
        "accent_color",
        operators_only=True,
        help=_(
            "Of buttons and links where users sign in to the app, such as #8f3524. It is made "
            "darker or lighter where words could not be read otherwise. Empty: the brand’s."
        ),
    ),
    Member(
        "allowed_origins",
        TEXTS,
        operators_only=True,
        label=_("Allowed origins"),
        help=_(
            "Web origins that may call token and UserInfo from a browser, one a line. Those of "
            "a public app’s redirect URIs may anyway."
        ),
    ),
    Member(
        "workloads",
        TEXTS,
        has_mappings=True,
        operators_only=True,
        label=_("Workloads that prove it"),
        help=_(
            "The app proves itself with tokens of the platform that it runs on, such as Kubernetes "
            "or GitHub Actions, and needs no secret. In a subject, * stands for one part between : "
            "or /. It counts once the app’s client authentication is private_key_jwt."
        ),
    ),
    Member(
        "user_assertions",
        MAPPING,
        operators_only=True,
        label=_("Issuers that vouch for its users"),
        help=_(
            "One a line, with the scopes that the app gets for them: “https://idp.example.com = "
            "openid email”. Their users are not asked to agree: their organisation has. It takes "
            "jwt-bearer among what the app does."
        ),
    ),
    Member(
        "strict",
        FLAG,
        stored_as="strict_client_authentication",
        operators_only=True,
        label=_("Only the registered client authentication"),
        help=_(
            "Off: an app with client_secret_basic may send its secret in the body as well, and one "
            "with client_secret_post in the header, as programs choose for themselves."
        ),
    ),
    Member(
        "profile",
        choices=tuple(Client.Profile.values),
        operators_only=True,
        help=_(
            "High security: the app is refused until it is set up for all that FAPI 2.0 demands. "
            "Findings list what is missing."
        ),
    ),
    Member("access_token_format", choices=policy.ACCESS_TOKEN_FORMATS, operators_only=True),
    Member(
        "access_token_lifetime",
        NUMBER,
        operators_only=True,
        help=_(
            "Empty: 3600, an hour. 86400, a day, at most. Tokens for APIs live as long as "
            "those say."
        ),
    ),
    Member(
        "required_acr",
        choices=policy.ACR_VALUES,
        operators_only=True,
        help=_("No user signs in below it; one without a second factor is led to set one up."),
    ),
    Member(
        "allowed_groups",
        TEXTS,
        operators_only=True,
        label=_("Groups who may use it"),
        help=_("Only their members can sign in to it. None ticked: all users."),
    ),
    Member(
        "upstreams",
        TEXTS,
        operators_only=True,
        label=_("Identity providers on its sign-in page"),
        help=_("None ticked: all. Who is signed in already is not asked."),
    ),
    Member(
        "own_sign_in",
        FLAG,
        operators_only=True,
        label=_("Its sign-in page offers passwords and passkeys"),
        help=_(
            "Off: identity providers alone. If there is just one, users are sent there at once."
        ),
    ),
    Member(
        "refresh_token_idle_lifetime",
        NUMBER,
        operators_only=True,
        help=_(
            "How long one lives that is not used; each use gives a new one. Empty: 2592000, "
            "30 days."
        ),
    ),
    Member(
        "refresh_token_absolute_lifetime",
        NUMBER,
        operators_only=True,
        help=_(
            "How long after a sign-in the last one ends, used or not. Empty: 31536000, a year, "
            "which is the most."
        ),
    ),
    Member(
        "refresh_token_grace",
        NUMBER,
        operators_only=True,
        help=_(
            "How long one that was just used still gives an answer, for answers that were lost "
            "and apps in two tabs. Empty: 10 for an app without a secret, 0 for all others. 30 "
            "at most."
        ),
    ),
    Member(
        "refresh_without_offline_access",
        OPTIONAL_FLAG,
        operators_only=True,
        help=_(
            "Apps that can stay signed in get refresh tokens that end with the user’s session, "
            "and need not ask for offline_access."
        ),
    ),
    Member(
        "token_exchange_clients",
        TEXTS,
        operators_only=True,
        label=_("Apps whose tokens it may exchange"),
        help=_(
            "Client IDs, one a line. It may exchange its own tokens anyway, and those for an API "
            "that it asks about tokens for."
        ),
    ),
    Member(
        "token_exchange_resources",
        OPTIONAL_MAPPING,
        operators_only=True,
        label=_("APIs it may get tokens for by exchange"),
        help=_(
            "One a line, with the scopes it gets there, and which scope of the exchanged token "
            "each comes from: “https://stock.example.com: stock.read from bread.read”. It has to "
            "have these scopes itself, too."
        ),
    ),
    Member(
        "token_exchange_id_tokens",
        FLAG,
        operators_only=True,
        label=_("It may exchange ID tokens, too"),
        help=_(
            "Its own, and those of the apps above. They count as all that the user allowed the "
            "app they are for."
        ),
    ),
    Member(
        "may_act",
        operators_only=True,
        label=_("The one app that may act for its users"),
        help=_(
            "A client ID. No other app exchanges the tokens of this one, and the tokens say so "
            "(may_act). Empty: all apps that are permitted to."
        ),
    ),
    Member(
        "native_sso_group",
        operators_only=True,
        label=_("Shares sign-ins on a device with"),
        help=_(
            "A name of your choice, such as your company’s. Apps with the same name sign users in "
            "on a device by the sign-in of one of them (device_sso). Only for your own apps."
        ),
    ),
    Member(
        "connected_applications",
        OPTIONAL_MAPPING,
        operators_only=True,
        label=_("Applications it is connected with"),
        help=_(
            "Applications of others that take a sign-in here for one there (ID-JAG), one a line: "
            "the issuer, the app’s client ID there, what it may ask for, and “email” if they "
            "learn users’ addresses: “https://chat.example.com: client_id acme, scopes chat.read, "
            "resources https://api.chat.example.com, email”."
        ),
    ),
    Member(
        "first_party",
        FLAG,
        stored_as="skip_authorization",
        operators_only=True,
        label=_("Your own app: users are not asked to agree"),
    ),
    Member(
        "enabled",
        FLAG,
        operators_only=True,
        help=_("Off: everything of this app stops at once."),
    ),
)
BY_NAME: Final = {member.name: member for member in MEMBERS}
BY_COLUMN: Final = {member.column: member for member in MEMBERS}
#: The names of members that clients may set.
REGISTERED: Final = tuple(member.name for member in MEMBERS if not member.operators_only)
#: The column with members in languages, such as `client_name#de` (§2.1).
LOCALIZED: Final = "localized"
#: The columns that hold all metadata.
COLUMNS: Final = (*BY_COLUMN, LOCALIZED)
#: The grant types of a client that registers none.
DEFAULT_GRANT_TYPES = ["authorization_code"]


def is_localized(name: str) -> bool:
    """Whether this is a member in a language, such as `client_name#de` (§2.1)."""
    base, tag = tagged(name)
    return base in READABLE_METADATA and tag is not None and is_tag(tag)


def values_of(client: Client) -> dict[str, Any]:
    """Return a client's metadata by name."""
    values = {member.name: getattr(client, member.column) for member in MEMBERS}
    # A column of choices that was just set has a member of an enumeration.
    values = {name: str(v) if isinstance(v, str) else v for name, v in values.items()}
    values["scope"] = " ".join(client.scopes)
    return {**values, **client.localized}


def defaults(grant_types: list[str]) -> dict[str, Any]:
    """Return the defaults of a client with these grant types."""
    fresh = Client(grant_types=DEFAULT_GRANT_TYPES)
    response_types = ["code"] if "authorization_code" in grant_types else []
    return {**values_of(fresh), "response_types": response_types}


def assign(client: Client, metadata: dict[str, Any]) -> None:
    """Set columns from metadata, with registration's defaults for missing members.

    Raises TypeError naming the member for a value of the wrong type. The client isn't saved.
    """
    grant_types = metadata.get("grant_types", DEFAULT_GRANT_TYPES)
    left_out = defaults(grant_types if isinstance(grant_types, list) else [])
    for member in MEMBERS:
        value = metadata.get(member.name, left_out[member.name])
        _refuse_other_type(member, value)
        setattr(client, member.column, value.split() if member.name == "scope" else value)
    client.localized = _localized(metadata)


def _localized(metadata: dict[str, Any]) -> dict[str, str]:
    members = {name: value for name, value in metadata.items() if is_localized(name)}
    for name, value in members.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: {value!r} is not of the right type")
    return {name: value for name, value in members.items() if value}


def _refuse_other_type(member: Member, value: Any) -> None:
    # To Python true is a whole number; to a client's metadata it is not.
    is_odd_flag = isinstance(value, bool) and bool not in member.type
    if is_odd_flag or not isinstance(value, member.type):
        raise TypeError(f"{member.name}: {value!r} is not of the right type")
    kind, words = (dict, "a mapping") if member.has_mappings else (str, "a text")
    if isinstance(value, list) and not all(isinstance(item, kind) for item in value):
        raise TypeError(f"{member.name}: every member of the list must be {words}")
