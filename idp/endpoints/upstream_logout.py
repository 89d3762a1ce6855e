"""Where an upstream tells that a user has signed out there. OIDC Back-Channel Logout §2.5."""

from functools import partial
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from accounts.upstream.model import Upstream
from idp.endpoints.wire import form_of, methods, refuse
from idp.protocol.errors import InvalidRequest, ProtocolError
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.upstream import logout_token
from idp.upstream.kinds import is_openid


@csrf_exempt
@never_cache
def backchannel_logout(request: HttpRequest, slug: str) -> HttpResponse:
    """End the sessions here that a logout token of this upstream names."""
    return methods("POST")(partial(_obey, slug=slug))(request)


@upholds("OIDC Back-Channel Logout §2.8")
def _obey(request: HttpRequest, *, slug: str) -> HttpResponse:
    try:
        parameters = Parameters.parse(form_of(request))
        parameters.refuse_repeats()
        jwt = parameters.require("logout_token")
        upstream = Upstream.objects.filter(slug=slug).first()
        if upstream is None or not is_openid(upstream):
            raise InvalidRequest("There is no OpenID provider of this name here.")
        logout_token.obey(upstream, jwt, timezone.now())
    except ProtocolError as error:
        return refuse(error, request)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
