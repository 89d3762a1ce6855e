"""Response types and modes of the authorization endpoint.

OAuth 2.0 Multiple Response Type Encoding Practices §2, §3; OAuth 2.0 Form Post Response Mode §2;
JARM §2.3.
"""

CODE, ID_TOKEN, TOKEN = "code", "id_token", "token"
#: All there are here, as discovery spells them.
ALL = (
    "code",
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
    "token",
)

#: The grant types that begin with an authorization request.
REDIRECTING_GRANTS = frozenset({"authorization_code", "implicit"})
QUERY, FRAGMENT, FORM_POST = "query", "fragment", "form_post"
#: The same ways with one signed JWT that has all members; `jwt` goes the way of its response type.
JWT_MODES = ("query.jwt", "fragment.jwt", "form_post.jwt", "jwt")
MODES = (QUERY, FRAGMENT, FORM_POST, *JWT_MODES)


def parts(response_type: str) -> tuple[str, ...]:
    """Return the parts of a response type, independent of their order (RFC 6749 §3.1.1)."""
    return tuple(sorted(response_type.split(" ")))


def carries_tokens(response_type: str | None) -> bool:
    """Whether a token comes straight from the authorization endpoint."""
    return not {ID_TOKEN, TOKEN}.isdisjoint(parts(response_type or ""))


def default_mode(response_type: str | None) -> str:
    """Return the default mode of a response type (Multiple Response Types §2.1)."""
    return FRAGMENT if carries_tokens(response_type) else QUERY


def way_of(mode: str | None, response_type: str | None) -> str:
    """Return the way that one of MODES goes: query, fragment, form_post. JARM §2.3."""
    way = (mode or "").removesuffix("jwt").removesuffix(".")
    return way or default_mode(response_type)


def grants_of(response_type: str) -> frozenset[str]:
    """Return the grant types that a response type needs (OIDC Dynamic Client Registration §2)."""
    code = {"authorization_code"} if CODE in parts(response_type) else set()
    return frozenset(code | ({"implicit"} if carries_tokens(response_type) else set()))
