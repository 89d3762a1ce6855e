"""The WSGI entrance: discovery and keys from prepared bytes, everything else to Django."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
_django = get_wsgi_application()

from idp.endpoints.metadata import published  # noqa: E402  after Django is set up


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer GET and HEAD of the published documents; hand the rest on."""
    method = environ["REQUEST_METHOD"]
    document = published(environ["PATH_INFO"]) if method in {"GET", "HEAD"} else None
    if document is None:
        return _django(environ, start_response)
    if environ.get("HTTP_IF_NONE_MATCH") == document.etag:
        start_response("304 Not Modified", list(document.headers))
        return [b""]
    length = ("Content-Length", str(len(document.body)))
    start_response("200 OK", [*document.headers, length])
    return [b"" if method == "HEAD" else document.body]
