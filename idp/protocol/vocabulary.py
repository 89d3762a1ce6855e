"""Names of the specifications that several packages share."""

#: OIDC Core §5.4: the claims of each standard scope, in the specification's order.
SCOPE_CLAIMS = {
    "openid": ("sub",),
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}

#: A common scope and claim: the user's groups.
GROUPS = "groups"
#: RFC 9068 §2.2.3.1: the user's roles at the client, by a scope of the same name.
ROLES = "roles"

#: The claims about a user of the scopes here, except `sub`.
USER_CLAIMS = (
    *(name for names in SCOPE_CLAIMS.values() for name in names if name != "sub"),
    *(GROUPS, ROLES),
)

#: OIDC Core §5.6.2: where claims are found that others assert.
CLAIM_NAMES, CLAIM_SOURCES = "_claim_names", "_claim_sources"

#: Claims about a token, its issuer or the sign-in; no claim about a user has such a name.
PROTOCOL_CLAIMS = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "azp", "client_id", "scope"),
        *("auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash", "s_hash", "events"),
        "ds_hash",
        *("cnf", "act", "may_act", "sub_jwk", CLAIM_NAMES, CLAIM_SOURCES),
    }
)

#: OIDC Core §5.2: claims for display, which may have a language.
READABLE_CLAIMS = frozenset(
    {
        *("name", "family_name", "given_name", "middle_name", "nickname"),
        *("profile", "website", "address"),
    }
)

#: OIDC Dynamic Client Registration §2.1: metadata that may have a language.
READABLE_METADATA = ("client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri")

#: RFC 8628 §3.4: the grant type of a device code.
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
#: RFC 7523 §2.1: the grant type of an assertion about a user.
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: ID-JAG §7.2: the profile of that grant whose assertions are of an identity provider.
ID_JAG_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"

#: OIDC Core §11: access while the user is away.
OFFLINE_ACCESS = "offline_access"

#: OIDC CIBA §4: the grant type of backchannel authentication.
CIBA = "urn:openid:params:grant-type:ciba"
#: OIDC Native SSO §3: the device secret, with which another app on the device signs in.
DEVICE_SSO = "device_sso"

#: RFC 8693 §2.1: the grant type of token exchange.
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class TokenType:
    """The types of tokens in an exchange, and out of it. RFC 8693 §3."""

    ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
    REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"
    ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
    JWT = "urn:ietf:params:oauth:token-type:jwt"
    #: OAuth Identity Assertion Authorization Grant §4.3.
    ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
    #: OIDC Native SSO §4.
    DEVICE_SECRET = "urn:openid:params:token-type:device-secret"


#: OIDC Core §5.1.1.
ADDRESS_MEMBERS = (
    "formatted",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
)

#: Parameters of the token endpoint and of those that authenticate clients in the same way (RFC 6749
#: §4, RFC 7009 §2.1, RFC 7521 §4.2, RFC 7636 §4.5, RFC 7662 §2.1, RFC 8693 §2.1, RFC 8707 §2.2, RFC
#: 8628 §3.4, RFC 9126 §2.1).
TOKEN_REQUEST_PARAMETERS = frozenset(
    {
        *("grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"),
        *("code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"),
        *("username", "password", "assertion", "device_code", "auth_req_id"),
        *("token", "token_type_hint", "access_token", "id_token"),
        *("audience", "requested_token_type", "subject_token", "subject_token_type"),
        *("actor_token", "actor_token_type", "request", "request_uri", "device_secret"),
    }
)
