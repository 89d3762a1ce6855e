"""An API beside Signet, protected in every way that django-oauth-toolkit knows."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope
from oauth2_provider.contrib.rest_framework.authentication import (
    OAuth2ProtectedResourceAuthentication,
)
from oauth2_provider.decorators import protected_resource
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.views.generic import (
    ClientProtectedResourceView,
    ProtectedResourceView,
    ScopedProtectedResourceMetadataView,
    ScopedProtectedResourceView,
)
from oauthlib.openid import Server
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from idp.toolkit.authentication import authentication_required
from idp.toolkit.protected_resource import metadata_url
from tests.relying_party import ISSUER


def whose(user: Any) -> dict[str, str | None]:
    return {"sub": str(user.sub) if user else None}


class Plain(ProtectedResourceView):
    def get(self, request: HttpRequest, **_: Any) -> JsonResponse:
        return JsonResponse(whose(request.resource_owner))


class Scoped(ScopedProtectedResourceView):
    required_scopes = ["bread.read"]

    def get(self, request: HttpRequest, **_: Any) -> JsonResponse:
        return JsonResponse(whose(request.resource_owner))


class WithMetadata(ScopedProtectedResourceMetadataView):
    required_scopes = ["bread.read"]

    def get_resource_metadata_url(self, _request: HttpRequest) -> str:
        return metadata_url(f"{ISSUER}/apis/{self.kwargs['api']}/")

    def get(self, request: HttpRequest, **_: Any) -> JsonResponse:
        return JsonResponse(whose(request.resource_owner))


@protected_resource(scopes=["bread.read"])
def decorated(request: HttpRequest, **_: Any) -> JsonResponse:
    return JsonResponse(whose(request.resource_owner))


@protected_resource(scopes=["bread.read"])
@authentication_required(acr="urn:signet:acr:multi-factor", max_age=600)
def guarded(request: HttpRequest, **_: Any) -> JsonResponse:
    return JsonResponse(whose(request.resource_owner))


class Rest(APIView):
    authentication_classes = [OAuth2Authentication]
    permission_classes = [TokenHasScope]
    required_scopes = ["bread.read"]

    def get(self, request: Request, **_: Any) -> Response:
        return Response(whose(request.user))


class RestWithMetadata(Rest):
    authentication_classes = [OAuth2ProtectedResourceAuthentication]


@method_decorator(csrf_exempt, name="dispatch")
class ForClients(ClientProtectedResourceView):
    def get(self, _request: HttpRequest, **_: Any) -> JsonResponse:
        return JsonResponse({})

    post = get


class WithOwnCore(Scoped):
    """Without this, a view goes by what its parent's first request remembered."""

    @classmethod
    def get_oauthlib_core(cls) -> Any:
        return cls.get_oauthlib_backend_class()(cls.get_server())


class OnTheirValidator(WithOwnCore):
    """It brings the toolkit's own validator, as the decorators do unless told otherwise."""

    validator_class = OAuth2Validator


class OnTheirServer(WithOwnCore):
    """It brings oauthlib's OpenID server, which takes every JWT for an ID token."""

    server_class = Server
