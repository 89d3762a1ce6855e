"""Query parameters of the pages for developers."""

from django.http import HttpRequest

from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import Parameters


def asked(request: HttpRequest, name: str) -> str:
    """Return a query parameter; empty if the query can't be read."""
    try:
        return Parameters.parse(request.META.get("QUERY_STRING", "")).get(name) or ""
    except InvalidRequest:
        return ""


def number_asked(request: HttpRequest, name: str) -> int:
    """Return a query parameter that is a small whole number; 0 for anything else."""
    text = asked(request, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
