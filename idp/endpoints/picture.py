"""The pictures that users uploaded, as the claim `picture` names them. OIDC Core §5.1."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import profile_pictures


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001
    """Return the picture of this name: it never changes, and its address is a secret of its apps.

    Other sites may show it (Cross-Origin-Resource-Policy).
    """
    content = profile_pictures.opened(name)
    if content is None:
        return HttpResponse(status=404)
    return HttpResponse(
        content,
        content_type=profile_pictures.CONTENT_TYPE,
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )
