"""Words of the specifications that several rooms share."""

#: OIDC Core §5.4: which claims each standard scope asks for, in the order the specification has.
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

#: A scope and claim of many providers: what the person belongs to.
GROUPS = "groups"

#: What the scopes here show of a person, beside who it is.
USER_CLAIMS = (
    *(name for names in SCOPE_CLAIMS.values() for name in names if name != "sub"),
    GROUPS,
)

#: OIDC Core §5.6.2: where claims are found that others assert.
CLAIM_NAMES, CLAIM_SOURCES = "_claim_names", "_claim_sources"

#: What a token says of itself, its issuer or the sign-in; no claim about a person has such a name.
PROTOCOL_CLAIMS = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "azp", "client_id", "scope"),
        *("auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash", "s_hash", "events"),
        *("cnf", "act", "may_act", "sub_jwk", CLAIM_NAMES, CLAIM_SOURCES),
    }
)

#: OIDC Core §5.2: what people read, which may be in one language or another.
READABLE_CLAIMS = frozenset(
    {
        *("name", "family_name", "given_name", "middle_name", "nickname"),
        *("profile", "website", "address"),
    }
)

#: OIDC Dynamic Client Registration §2.1: what a client may say in several languages.
READABLE_METADATA = ("client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri")

#: OIDC Core §11: asks to go on when the person is away.
OFFLINE_ACCESS = "offline_access"

#: OIDC Core §5.1.1.
ADDRESS_MEMBERS = (
    "formatted",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
)

#: What clients send to the token endpoint and to those that authenticate clients as it does
#: (RFC 6749 §4, RFC 7009 §2.1, RFC 7521 §4.2, RFC 7636 §4.5, RFC 7662 §2.1, RFC 8693 §2.1,
#: RFC 8707 §2.2, RFC 8628 §3.4, RFC 9126 §2.1).
TOKEN_REQUEST_PARAMETERS = frozenset(
    {
        *("grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"),
        *("code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"),
        *("username", "password", "assertion", "device_code", "auth_req_id"),
        *("token", "token_type_hint", "access_token", "id_token"),
        *("audience", "requested_token_type", "subject_token", "subject_token_type"),
        *("actor_token", "actor_token_type", "request", "request_uri"),
    }
)
