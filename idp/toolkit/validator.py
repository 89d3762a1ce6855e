"""The validator adapter: everything of the toolkit sees what our endpoints see. RFC 6750.

Any Django view beside Signet that protects itself with the toolkit (ProtectedResourceView, its
decorators, Django REST framework's OAuth2Authentication) asks this class.
"""

from typing import Any

from django.db import connection
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator

from foundation.statements import hash_of
from foundation.validity import why_invalid
from idp.clients import lookup
from idp.clients.authentication import authenticated, credentials_of
from idp.models import AccessToken
from idp.possession.requests import presenter_is_the_one
from idp.protocol.errors import InvalidClient, InvalidToken, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements.bearers import find_bearer
from idp.subjects import subject_of
from idp.tokens import revocation


class Validator(OAuth2Validator):
    """A thin adapter: each answer comes from the room that gives it to our own endpoints."""

    def validate_bearer_token(self, token: str | None, scopes: list[str], request: Any) -> bool:
        """Whether the access token is valid, as at UserInfo, and for this address.

        Beyond the toolkit's own check of expiry, scopes and audience, the grant, the session, the
        client and the user have to be valid.
        """
        token = token or _token_of_dpop(request)
        bearer, now = find_bearer(hash_of(token)) if token else None, timezone.now()
        reason = why_invalid(bearer.facts, now) if bearer else "is unknown"
        try:
            if token is None or bearer is None or reason is not None:
                raise InvalidToken(f"The access token {reason}.")
            if bearer.cnf or _token_of_dpop(request):
                made = _as_django_has_it(request)
                names = (_address(request, made),)
                presenter_is_the_one(made, token, bearer.cnf, bearer.client.id, now, names)
        except ProtocolError as error:
            request.oauth2_error = {"error": error.code, "error_description": error.description}
            return False
        return bool(super().validate_bearer_token(token, scopes, request))

    def _load_access_token(self, token: str) -> AccessToken | None:
        """Return the token with all that its `is_valid` looks at, in one statement."""
        found: AccessToken | None = (
            AccessToken.objects.select_related("application", "user", "grant__session")
            .select_related("grant__user")
            .filter(token_checksum=hash_of(token))
            .first()
        )
        if found is not None:
            found.is_with_its_presenter = True  # `validate_bearer_token` has looked
        return found

    def validate_jwt_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        """Whether a JWT is one of our access tokens: a view on oauthlib's OpenID server calls this.

        An ID token grants no access: it has no row, so it is unknown.
        """
        return self.validate_bearer_token(token, scopes, request)

    def validate_id_token(self, token: str, scopes: list[str], request: Any) -> bool:  # noqa: ARG002
        """Refuse: ID tokens grant no access here."""
        return False

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        """Authenticate a client as the token endpoint does, and put it on the request.

        A client without a secret can't authenticate to a view.
        """
        body = QueryDict(mutable=True)
        body.update(dict(request.decoded_body or []))
        header = request.headers.get("HTTP_AUTHORIZATION") or request.headers.get("Authorization")
        # Nothing is counted in a transaction (foundation.rate_limits), and the view may be in one.
        counts = not connection.in_atomic_block
        try:
            credentials = credentials_of(header, Parameters.parse(body.urlencode()))
            request.client = authenticated(credentials, _as_django_has_it(request), counts=counts)
        except ProtocolError:
            return False
        return not request.client.is_public

    def authenticate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        """Whether a public client of this id may continue without a secret."""
        try:
            request.client = lookup.find(client_id, InvalidClient)
        except ProtocolError:
            return False
        return bool(request.client.is_public)

    def revoke_token(
        self,
        token: str,
        token_type_hint: str,  # noqa: ARG002
        request: Any,
        *_: Any,
        **__: Any,
    ) -> None:
        """Revoke a token as the revocation endpoint does."""
        revocation.revoke(request.client, token)

    def validate_silent_login(self, request: Any) -> bool:  # noqa: ARG002
        """Refuse: our authorization endpoint decides this, nothing of the toolkit does."""
        return False

    def validate_silent_authorization(self, request: Any) -> bool:  # noqa: ARG002
        """Refuse, for the same reason."""
        return False

    def get_claim_dict(self, request: Any) -> dict[str, Any]:
        """Return the subject as our ID tokens have it."""
        return {"sub": lambda _request: subject_of(request.client, request.user)}


def _as_django_has_it(request: Any) -> HttpRequest:
    """Return the request that the toolkit made one of oauthlib's of, as far as it is read here."""
    made = HttpRequest()
    made.META = request.headers  # the toolkit hands META on under this name
    made.method, made.path_info = request.http_method, request.headers.get("PATH_INFO", "")
    return made


def _token_of_dpop(request: Any) -> str | None:
    """Return the access token of a header with the scheme DPoP, which oauthlib does not know."""
    header = request.headers.get("HTTP_AUTHORIZATION", "").split()
    return header[1] if len(header) == 2 and header[0].lower() == "dpop" else None


def _address(request: Any, made: HttpRequest) -> str:
    """Return the address of a request at its own host, which may be another than the issuer's."""
    scheme = "https" if "X_DJANGO_OAUTH_TOOLKIT_SECURE" in request.headers else "http"
    return f"{scheme}://{made.get_host()}{request.headers.get('SCRIPT_NAME', '')}{made.path_info}"
