"""The stylesheet of an accent colour: of the brand's, or of an app's.

It follows from the colour in its address alone, so that it asks no database, and no page needs a
style of its own in its Content-Security-Policy.
"""

from django.http import HttpRequest, HttpResponse

from foundation import colours
from idp.endpoints.wire import methods


@methods("GET", "HEAD")
def accent(request: HttpRequest) -> HttpResponse:
    """Return the shades of the colour in the address; 404 if it is none."""
    colour = f"#{request.GET.get('color', '')}"
    if colours.ACCENT.fullmatch(colour) is None:
        return HttpResponse(status=404)
    return HttpResponse(
        colours.stylesheet(colour),
        content_type="text/css; charset=utf-8",
        # A day: another version of this program may compute other shades.
        headers={
            "Cache-Control": "public, max-age=86400",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )
