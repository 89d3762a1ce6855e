"""Where a step of signing in leads when it is done: `next`, carried from page to page."""

from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.http import url_has_allowed_host_and_scheme

#: Exceptions that Django raises when a request's parameters can't be read.
UNREADABLE = (SuspiciousOperation, BadRequest, MultiPartParserError)


def next_of(request: HttpRequest) -> str:
    """Return the request's `next`, from its form or its query; empty if there is none.

    Empty, too, if the form or query can't be read: the error page itself reads `next`.
    """
    try:
        return request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    except UNREADABLE:
        return ""


def is_ours(url: str | None) -> bool:
    """Whether an address is a path of ours, at our host and below the issuer's path."""
    if not url or not url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return False
    path = unquote(split(url).path).replace("\\", "/")  # as browsers read it
    below = not settings.IDP_PATH or path.startswith(f"{settings.IDP_PATH}/")
    return below and not (settings.IDP_PATH and ".." in path.split("/"))


def split(url: str) -> SplitResult:
    """Return the parts of an address; of one that isn't one, none."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def with_next(url: str, request: HttpRequest) -> str:
    """Return a path of ours with the request's `next` in its query, unless it has or is one."""
    parts = split(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    target = next_of(request)
    if target not in {"", url} and REDIRECT_FIELD_NAME not in query:
        query[REDIRECT_FIELD_NAME] = target
    return f"{parts.path}?{urlencode(query)}" if query else parts.path
