"""What this provider offers, with lifetimes: the table that checks and discovery both read."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from accounts import levels
from foundation import colours, pictures
from idp import old_addresses
from idp.protocol import response_types, vocabulary

ISSUER: Final[str] = settings.IDP_ISSUER
#: Its web origin.
ORIGIN: Final[str] = settings.IDP_ORIGIN
#: Its path: empty, or such as `/auth`. Paths below have it in front at the host, and nowhere else.
ISSUER_PATH: Final[str] = settings.IDP_PATH

# --- Lifetimes ---------------------------------------------------------------------------------

#: FAPI 2.0 Security Profile §5.3.2.1 allows no longer one.
CODE_LIFETIME: Final = timedelta(seconds=60)
#: How long an authorization response in a JWT can be read: 10 minutes at most (JARM §2.1).
RESPONSE_JWT_LIFETIME: Final = timedelta(minutes=5)
#: How long a pushed authorization request waits for its user (RFC 9126 §2.2).
PUSHED_REQUEST_LIFETIME: Final = timedelta(seconds=90)
#: How long a device code can be approved and redeemed: short, since a phisher can pass it on.
DEVICE_CODE_LIFETIME: Final = timedelta(minutes=10)
#: Seconds between two polls while a user decides, and how many more after each that comes too
#: early.
POLL_INTERVAL: Final = 5
POLL_SLOW_DOWN: Final = 5
#: How much too early a poll may come: clients' clocks and networks are not exact.
POLL_TOLERANCE: Final = timedelta(milliseconds=500)
ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
ID_TOKEN_LIFETIME: Final = timedelta(hours=1)
#: A refresh token expires when it is unused for this long, and its grant at the latest …
REFRESH_TOKEN_IDLE_LIFETIME: Final = timedelta(days=30)
#: … this long after the authorization.
REFRESH_TOKEN_ABSOLUTE_LIFETIME: Final = timedelta(days=365)
#: The longest that a client's lost answer may be repeated for.
REFRESH_GRACE_AT_MOST: Final = timedelta(seconds=30)
#: The default for a client without a secret: it may run in several tabs.
REFRESH_GRACE_OF_PUBLIC_CLIENTS: Final = timedelta(seconds=10)
#: The longest-lived thing that is signed: retired keys stay published for this long.
SIGNED_AT_MOST: Final = timedelta(days=1)
#: How long an ID-JAG can be redeemed at the application that it is for.
ID_JAG_LIFETIME: Final = timedelta(minutes=5)
#: A signing key's time in use, and how long it is published before.
KEY_LIFETIME: Final = timedelta(days=90)
KEY_PUBLISHED_BEFORE: Final = timedelta(days=2)
#: How long a used code or token stays, so that a replay is recognized.
REMEMBERED_FOR: Final = timedelta(days=1)
#: How long a client stays that registered itself without an initial access token, unused.
UNUSED_CLIENTS_KEPT_FOR: Final = timedelta(days=30)
#: How long a client's own document is cached, whatever its server's headers say: at least, and at
#: most …
CLIENT_DOCUMENT_FRESH_AT_LEAST: Final = timedelta(minutes=5)
CLIENT_DOCUMENT_FRESH_AT_MOST: Final = timedelta(hours=12)
#: … and after the last look at the latest, while its server can't be reached.
CLIENT_DOCUMENT_BELIEVED_FOR: Final = timedelta(days=1)
#: How long a sign-up with an unverified address is kept.
UNFINISHED_SIGNUPS_KEPT_FOR: Final = timedelta(days=7)
#: How long numbers of events stay.
COUNTS_KEPT_FOR: Final = timedelta(days=8)
#: How long events stay.
EVENTS_KEPT_FOR: Final = timedelta(days=settings.IDP_EVENTS_KEPT_FOR_DAYS)
#: How long an email that was given up can be tried again.
FAILED_MAIL_KEPT_FOR: Final = timedelta(days=7)
#: How far back users see their own events.
ACTIVITY_SHOWN_FOR: Final = min(timedelta(days=90), EVENTS_KEPT_FOR)
#: How long an export of a user's data can be downloaded that the worker has made.
DATA_EXPORTS_KEPT_FOR: Final = timedelta(days=3)
#: How long an ended session stays, as the record of it.
SESSIONS_KEPT_FOR: Final = timedelta(days=90)
#: How long a user may take from the client's request to the response.
INTERACTION_LIFETIME: Final = timedelta(hours=1)
#: Interactions kept for one IP address; the oldest are deleted for new ones.
INTERACTIONS_PER_ADDRESS: Final = 500
#: How old published keys and metadata may be in any process.
PUBLISHED_FOR: Final = timedelta(seconds=5)
#: How long a user may take to answer an app that asks them to sign in (OIDC CIBA §7.3): usually, at
#: least, and at most, if the app asks for another time.
BACKCHANNEL_EXPIRES_IN: Final = timedelta(minutes=10)
BACKCHANNEL_EXPIRES_IN_AT_LEAST: Final = timedelta(seconds=30)
BACKCHANNEL_EXPIRES_IN_AT_MOST: Final = timedelta(hours=1)

# --- Features offered ---------------------------------------------------------------------------

#: The default scopes of a client.
STANDARD_SCOPES: Final = (*vocabulary.SCOPE_CLAIMS, vocabulary.OFFLINE_ACCESS)
#: Scopes that a client may request only if they are named: groups are internal, and roles are for
#: clients that have some. Each shows the claim of its name.
NAMED_SCOPES: Final = (vocabulary.GROUPS, vocabulary.ROLES)
#: A scope of clients in a group of apps that share sign-ins, which shows nothing.
SCOPES: Final = (*STANDARD_SCOPES, *NAMED_SCOPES, vocabulary.DEVICE_SSO)
#: The claims about a user by the scope that shows them; the operator's own are added.
SCOPE_CLAIMS: Final = {**vocabulary.SCOPE_CLAIMS, **{name: (name,) for name in NAMED_SCOPES}}
#: Limits of the parameter `claims`: more than there are claims.
CLAIMS_PARAMETER_AT_MOST: Final = 8 * 1024
CLAIMS_ASKED_AT_MOST: Final = 100
#: All grant types. Each client has some of them; discovery lists those that any client can use.
RESPONSE_TYPES: Final = response_types.ALL
GRANT_TYPES: Final = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "implicit",
    "password",
    vocabulary.DEVICE_CODE,
    vocabulary.CIBA,
    vocabulary.TOKEN_EXCHANGE,
    vocabulary.JWT_BEARER,
)
#: Grants of further specifications (RFC 6749 §4.5): discovery lists one while a client has it.
EXTENSION_GRANT_TYPES: Final = frozenset(
    {
        vocabulary.DEVICE_CODE,
        vocabulary.CIBA,
        vocabulary.TOKEN_EXCHANGE,
        vocabulary.JWT_BEARER,
    }
)
#: How many parties may act for a user one after the other (RFC 8693 §4.1, nested `act`).
ACTORS_AT_MOST: Final = 4
#: Grants that RFC 9700 §2.1.2, §2.4 advise against: only for clients that an operator enabled them
#: for.
LEGACY_GRANT_TYPES: Final = frozenset({"implicit", "password"})
#: Response types that discovery offers whether or not a client uses them.
OFFERED_RESPONSE_TYPES: Final = tuple(settings.IDP_RESPONSE_TYPES)
RESPONSE_MODES: Final = response_types.MODES
PROMPTS: Final = (
    *("none", "login", "consent", "select_account"),
    *(("create",) if settings.IDP_SIGNUP == "open" else ()),
)
DISPLAYS: Final = ("page", "popup", "touch", "wap")
#: Algorithms of DPoP proofs (RFC 9449 §5.1): those of FAPI 2.0 Security Profile §5.4.1, for every
#: client, since an API that is shown a token does not know the profile of its client.
DPOP_ALGORITHMS: Final = ("ES256", "EdDSA", "PS256")
#: Whether DPoP proofs have to have a nonce of ours (RFC 9449 §8).
DPOP_NONCES: Final[bool] = settings.IDP_DPOP_NONCES
CODE_CHALLENGE_METHODS: Final = ("S256",)
CLIENT_AUTHENTICATION_METHODS: Final = (
    "client_secret_basic",
    "client_secret_post",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
    "none",
)
#: Those that send the client secret itself: in the Authorization header, or in the body.
SECRET_METHODS: Final = ("client_secret_basic", "client_secret_post")
#: Those by the certificate of the TLS connection (RFC 8705 §2): one of an authority, whose name
#: counts, or one that the client registered.
CERTIFICATE_METHODS: Final = ("tls_client_auth", "self_signed_tls_client_auth")
#: Whether a reverse proxy says which certificates clients use, and whether it also verifies them.
CLIENT_CERTIFICATES: Final = bool(
    settings.IDP_CLIENT_CERTIFICATE_HEADER and settings.IDP_CLIENT_CERTIFICATE_PROXIES
)
VERIFIED_CERTIFICATES: Final = CLIENT_CERTIFICATES and bool(
    settings.IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER
)
#: The methods that can succeed here: discovery lists them.
OFFERED_AUTHENTICATION_METHODS: Final = tuple(
    method
    for method in CLIENT_AUTHENTICATION_METHODS
    if {
        "tls_client_auth": VERIFIED_CERTIFICATES,
        "self_signed_tls_client_auth": CLIENT_CERTIFICATES,
    }.get(method, True)
)
#: Levels of authentication, the lowest first.
ACR_VALUES: Final = levels.LEVELS
SUBJECT_TYPES: Final = ("public", "pairwise")
#: RS256 first: the default of a client that registered no algorithm (OIDC Core §15.1).
SIGNING_ALGORITHMS: Final = (
    *("RS256", "ES256", "EdDSA", "RS384", "RS512"),
    *("PS256", "PS384", "PS512", "ES384", "ES512"),
)
#: Those of the profile fapi2 (FAPI 2.0 Security Profile §5.4.1).
FAPI2_ALGORITHMS: Final = ("PS256", "ES256", "EdDSA")
#: With the client's own secret (OIDC Core §10.1).
MAC_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
ID_TOKEN_ALGORITHMS: Final = (*SIGNING_ALGORITHMS, *MAC_ALGORITHMS)
#: Algorithms of clients' signatures: with their own keys, or their shared secret.
CLIENT_ALGORITHMS: Final = ID_TOKEN_ALGORITHMS
#: How clients may encrypt request objects to us.
DECRYPTION_ALGORITHMS: Final = ("RSA-OAEP-256", "ECDH-ES")
#: All that we have keys for, from the first start on.
KEY_ALGORITHMS: Final = (*SIGNING_ALGORITHMS, *DECRYPTION_ALGORITHMS)
#: Algorithms for encrypting to a client (RFC 7518 §4.1): to a public key of the client's …
PUBLIC_KEY_ENCRYPTION: Final = (
    *("RSA-OAEP", "RSA-OAEP-256"),
    *("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"),
)
#: … or with a key made of its secret (OIDC Core §10.2).
SECRET_ENCRYPTION: Final = ("A128KW", "A192KW", "A256KW", "dir")
RESPONSE_ENCRYPTION_ALGORITHMS: Final = (*PUBLIC_KEY_ENCRYPTION, *SECRET_ENCRYPTION)
#: The first is the default (OIDC Dynamic Client Registration §2).
RESPONSE_CONTENT_ENCRYPTIONS: Final = (
    *("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"),
)
ACCESS_TOKEN_FORMATS: Final = ("opaque", "jwt")
#: How a client learns that the user has answered (OIDC CIBA §5).
BACKCHANNEL_DELIVERY_MODES: Final = ("poll", "ping")
#: The `typ` of JWT access tokens: that of RFC 9068 §2.1, and one for APIs that refuse it.
ACCESS_TOKEN_TYPES: Final = ("at+jwt", "JWT")
#: How access tokens can be encrypted to a resource server (RFC 7518 §4.1, §5.1).
ENCRYPTION_ALGORITHMS: Final = ("dir", "RSA-OAEP-256", "ECDH-ES")
CONTENT_ENCRYPTION: Final = "A256GCM"

# --- Registration ------------------------------------------------------------------------------

#: Who may register clients: "closed", "token" or "open".
REGISTRATION: Final[str] = settings.IDP_REGISTRATION
#: What they may register, unless an initial access token says otherwise.
REGISTRATION_GRANT_TYPES: Final = tuple(settings.IDP_REGISTRATION_GRANTS)
REGISTRATION_RESPONSE_TYPES: Final = tuple(settings.IDP_REGISTRATION_RESPONSE_TYPES)
#: Whether clients get a new registration access token at each use (RFC 7592 §5).
REGISTRATION_TOKENS_ROTATE: Final[bool] = settings.IDP_REGISTRATION_TOKEN_ROTATION
#: Whether logos of all self-registered apps are fetched and shown.
REGISTRATION_LOGOS: Final[bool] = settings.IDP_REGISTRATION_LOGOS
#: Whether the owner of an app may correct its redirect URIs, make its secrets and test its sign-in.
OWNERS_CHANGE_APPS: Final[bool] = settings.IDP_OWNERS_CHANGE_APPS
#: Trusted issuers of software statements, and the addresses of their keys.
SOFTWARE_STATEMENT_ISSUERS: Final = {
    issuer: jwks_uri
    for issuer, _, jwks_uri in (
        entry.partition("=") for entry in settings.IDP_SOFTWARE_STATEMENT_ISSUERS
    )
}
#: Clients that one IP address may register in a minute without an initial access token, and client
#: documents that are fetched for it.
REGISTRATIONS_A_MINUTE: Final = 60

#: Whether clients may come with a document of their own ("open"), and at which hosts; all if empty.
CLIENT_ID_METADATA: Final[str] = settings.IDP_CLIENT_ID_METADATA
CLIENT_ID_METADATA_HOSTS: Final = frozenset(settings.IDP_CLIENT_ID_METADATA_HOSTS)

#: Whether all authorization requests have to be pushed (RFC 9126 §5), and whether a pushed request
#: of a client that authenticates itself may bring a redirect URI that is not registered (§2.4).
REQUIRE_PUSHED_REQUESTS: Final[bool] = settings.IDP_REQUIRE_PUSHED_AUTHORIZATION_REQUESTS
PUSHED_REDIRECT_URIS: Final[bool] = settings.IDP_PUSHED_REDIRECT_URIS

#: Private-use URI schemes without a dot that native apps may register (RFC 8252 §7.1 asks for one).
PRIVATE_URI_SCHEMES: Final = frozenset(settings.IDP_PRIVATE_URI_SCHEMES)

# --- Addresses ---------------------------------------------------------------------------------

PATHS: Final = {
    "authorization_endpoint": "/authorize",
    "pushed_authorization_request_endpoint": "/par",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
    "device_authorization_endpoint": "/device_authorization",
    "end_session_endpoint": "/end_session",
    "check_session_iframe": "/check_session",
    **({"registration_endpoint": "/register"} if REGISTRATION in {"token", "open"} else {}),
    "jwks_uri": "/jwks",
    "service_documentation": "/developers/",
    "backchannel_authentication_endpoint": "/bc-authorize",
}
#: Endpoints of one grant: discovery has them while it lists the grant.
ENDPOINTS_OF_GRANTS: Final = {
    "device_authorization_endpoint": vocabulary.DEVICE_CODE,
    "backchannel_authentication_endpoint": vocabulary.CIBA,
}
#: The page on which users type the code of a device.
DEVICE_PATH: Final = "/device"
#: Where clients authenticate.
AUTHENTICATED_ENDPOINTS: Final = (
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)
#: The base URL of the host where clients use certificates; empty if it is that of the issuer.
MTLS_URL: Final[str] = settings.IDP_MTLS_URL
#: The URLs there of the endpoints that clients may use with a certificate (RFC 8705 §5).
MTLS_ALIASES: Final = {
    name: MTLS_URL + PATHS[name]
    for name in (
        *AUTHENTICATED_ENDPOINTS,
        "pushed_authorization_request_endpoint",
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "userinfo_endpoint",
    )
    if MTLS_URL
}
_WELL_KNOWN: Final = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)
#: Below the issuer's path (OIDC Discovery §4), and at the root of its host with the path at their
#: end (RFC 8414 §3.1).
DISCOVERY_PATHS: Final = (
    *_WELL_KNOWN,
    *(path + ISSUER_PATH for path in _WELL_KNOWN if ISSUER_PATH),
)
#: The metadata of APIs beside us (RFC 9728 §3); the path of an API may follow.
RESOURCE_METADATA_PATH: Final = "/.well-known/oauth-protected-resource"
#: Where it is seen to that this process is well.
HEALTH_PATHS: Final = ("/healthz", "/readyz")
#: Where only machines come, and browsers for pictures: no cookie is read or set there.
PROTOCOL_PATHS: Final = frozenset(
    {
        "/par",
        "/token",
        "/userinfo",
        "/revoke",
        "/introspect",
        "/device_authorization",
        "/register",
        "/bc-authorize",
        "/jwks",
        "/check_session",
        pictures.LOGO_PATH,
        colours.STYLESHEET_PATH,
        *DISCOVERY_PATHS,
        *HEALTH_PATHS,
    }
)
_BY_NAME: Final = {**PATHS, **old_addresses.OTHERS}
#: Our path for each path of a server before this one.
OLD_ADDRESSES: Final = old_addresses.below(
    ISSUER_PATH, {old: _BY_NAME[name] for old, name in settings.IDP_OLD_ADDRESSES.items()}
)
#: The URLs of those that answer where clients authenticate: assertions may name them (`aud`).
OLD_ENDPOINTS: Final = tuple(
    f"{ORIGIN}{old}"
    for old, ours in OLD_ADDRESSES.items()
    if ours in {PATHS[name] for name in (*AUTHENTICATED_ENDPOINTS, *ENDPOINTS_OF_GRANTS)}
)
#: Where browsers come with our cookies.
BROWSER_PATHS: Final = frozenset(
    _BY_NAME[name]
    for name in ("authorization_endpoint", "end_session_endpoint", "device", "account")
)


def address(name: str) -> str:
    """Return the absolute address of an endpoint by its name in discovery."""
    return ISSUER + PATHS[name]


def path(name: str) -> str:
    """Return the path of an endpoint at the issuer's host, by its name in discovery."""
    return ISSUER_PATH + PATHS[name]


def error_uri(page: str, reference: str) -> str:
    """Return the address of our page about an error (RFC 6749 §5.2), with its reference number.

    The page is named by the error's code, or by its cause.
    """
    return f"{ISSUER}/developers/errors/{page}?reference={reference}"
