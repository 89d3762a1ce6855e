"""The UserInfo endpoint. OIDC Core §5.3, RFC 6750."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from idp import policy
from idp.claims import claims_for
from idp.endpoints.bearer import ask, refuse, token_of
from idp.endpoints.wire import FORM, answer, form_of, methods
from idp.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements import Bearer, find_bearer
from idp.tokens import opaque


@csrf_exempt
@methods("GET", "POST")
def userinfo(http: HttpRequest) -> HttpResponse:
    """Return the claims that the access token's scopes and request ask for."""
    bearer = None
    try:
        token = _access_token(http)
        if token is None:
            return ask()
        bearer = find_bearer(opaque.hash_of(token), timezone.now())
        return answer(_claims(bearer))
    except ProtocolError as error:
        client_id = bearer.client_id if bearer else None
        needed = {"scope": "openid"} if isinstance(error, InsufficientScope) else {}
        return refuse(error, http, client_id=client_id, **needed)


def _access_token(http: HttpRequest) -> str | None:
    """Return the token from the header or the body. RFC 6750 §2; one place only, never the URL."""
    token = token_of(http)
    posted = None
    if http.method == "POST" and http.content_type == FORM:
        parameters = Parameters.parse(form_of(http))
        parameters.refuse_repeats()
        posted = parameters.get("access_token")
    if token is not None and posted is not None:
        raise InvalidRequest(
            "The access token came in the Authorization header and in the body; "
            "send it in one of them."
        )
    return token or posted


def _claims(bearer: Bearer | None) -> dict[str, object]:
    """Return what scopes show and what was asked by name. RFC 6750 §3.1, OIDC Core §5.3."""
    if bearer is None:
        raise InvalidToken(
            "The access token is unknown: it is none of ours, or was revoked or expired long ago."
        )
    problem = bearer.problem
    if problem is not None:
        raise InvalidToken(problem)
    if bearer.resource and policy.ISSUER not in bearer.resource:
        raise InvalidToken("The access token is for an API (resource), and not for UserInfo.")
    scopes = frozenset(bearer.scope.split())
    if "openid" not in scopes:
        raise InsufficientScope(
            "The access token was not granted the scope openid, which UserInfo needs."
        )
    return claims_for(bearer.user, scopes, bearer.claims_asked)
