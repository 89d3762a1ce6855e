"""The pictures that our pages show: logos of apps, and marks of the brand."""

from django.http import HttpRequest, HttpResponse

from accounts.upstream import marks
from foundation import branding
from idp.clients import logos
from idp.endpoints.wire import methods


@methods("GET", "HEAD")
def logo(request: HttpRequest) -> HttpResponse:
    """Return the picture with the SHA-256 of the address: it never changes."""
    digest = request.GET.get("digest", "").replace("\0", "")
    picture = logos.picture_of(digest) or branding.mark_with(digest) or marks.mark_with(digest)
    if picture is None:
        return HttpResponse(status=404)
    return HttpResponse(
        picture,
        content_type=branding.type_of(picture),
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
