"""What this provider offers and for how long: the one table that checks and discovery both read."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from idp.protocol import pkce, vocabulary

ISSUER: Final[str] = settings.IDP_ISSUER

# --- Lifetimes ---------------------------------------------------------------------------------

CODE_LIFETIME: Final = timedelta(seconds=60)
ACCESS_TOKEN_LIFETIME: Final = timedelta(hours=1)
ID_TOKEN_LIFETIME: Final = timedelta(hours=1)
#: How long a person may take from the client's request to the answer.
PENDING_LIFETIME: Final = timedelta(hours=1)
#: Unfinished requests kept for one network address; the oldest make room for new ones.
PENDING_PER_ADDRESS: Final = 500
#: How old published keys and metadata may be in any process.
PUBLISHED_FOR: Final = timedelta(seconds=5)

# --- What is offered ---------------------------------------------------------------------------

SCOPES: Final = tuple(vocabulary.SCOPE_CLAIMS)
RESPONSE_TYPES: Final = ("code",)
RESPONSE_MODES: Final = ("query",)
GRANT_TYPES: Final = ("authorization_code", "client_credentials")
PROMPTS: Final = ("none", "login", "consent", "select_account")
DISPLAYS: Final = ("page", "popup", "touch", "wap")
CODE_CHALLENGE_METHODS: Final = pkce.METHODS
CLIENT_AUTHENTICATION_METHODS: Final = ("client_secret_basic", "client_secret_post", "none")
SUBJECT_TYPES: Final = ("public",)
#: RS256 first: it is what a client gets that registered nothing (OIDC Core §15.1).
SIGNING_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")

# --- Addresses ---------------------------------------------------------------------------------

PATHS: Final = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": "/jwks",
    "service_documentation": "/developers/",
}
DISCOVERY_PATHS: Final = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)
#: Where only machines come: no cookie is read or set there.
PROTOCOL_PATHS: Final = frozenset(
    {"/token", "/userinfo", "/jwks", *DISCOVERY_PATHS, "/healthz", "/readyz"}
)


def address(name: str) -> str:
    """Return the absolute address of an endpoint by its name in discovery."""
    return ISSUER + PATHS[name]


def error_uri(code: str) -> str:
    """Return the address of our page about an error code (RFC 6749 §5.2)."""
    return f"{ISSUER}/developers/errors/{code}"
