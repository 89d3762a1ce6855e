"""Protected resource metadata of an API beside us. RFC 9728."""

from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from oauth2_provider.views.metadata import OAuthProtectedResourceMetadataView

from idp import policy
from idp.models import ResourceServer

_WELL_KNOWN = policy.RESOURCE_METADATA_PATH


def metadata_url(identifier: str) -> str:
    """Return where the API of this identifier publishes its metadata. RFC 9728 §3.1."""
    parts = urlsplit(identifier)
    path = "" if parts.path == "/" else parts.path
    return parts._replace(path=_WELL_KNOWN + path).geturl()


class ProtectedResourceMetadata(OAuthProtectedResourceMetadataView):
    """The toolkit's view, from the API's row: only registered values are published."""

    api: ResourceServer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the metadata of the API with this address, or 404."""
        asked = request.build_absolute_uri(request.path_info)
        apis = ResourceServer.objects.filter(identifier__startswith=asked.partition(_WELL_KNOWN)[0])
        found = next((api for api in apis if metadata_url(api.identifier) == asked), None)
        if found is None:
            raise Http404
        self.api = found
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def get_resource(self, request: HttpRequest) -> str:  # noqa: ARG002
        """Return the identifier, exactly as registered: clients compare it. RFC 9728 §3.3."""
        return self.api.identifier

    def get_scopes_supported(self) -> list[str]:
        """Return the scopes of this API that clients may request that come by themselves.

        They ask for all that is published. If none is open to them: the scopes of this API.
        """
        return sorted(self.api.open_scopes or self.api.scopes)

    def get_resource_name(self) -> str:
        """Return the name that the operator gave it."""
        return self.api.name
