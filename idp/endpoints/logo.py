"""The pictures that our pages show of apps that registered themselves."""

from django.http import HttpRequest, HttpResponse

from idp.clients import logos
from idp.endpoints.wire import methods


@methods("GET", "HEAD")
def logo(request: HttpRequest) -> HttpResponse:
    """Return the picture with the SHA-256 of the address: it never changes."""
    picture = logos.picture_of(request.GET.get("digest", "").replace("\0", ""))
    if picture is None:
        return HttpResponse(status=404)
    return HttpResponse(
        picture,
        content_type="image/png",
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
