"""The WSGI application below the path of an issuer, such as https://example.com/auth.

Behind it, Django knows the path as the script's name (`FORCE_SCRIPT_NAME`): it takes no part in
routing, and is in front of every path that Django writes. Addresses of a server before this one are
answered by the endpoints that they stand for.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def mounted(application: Application, path: str) -> Application:
    """Return the application with `path` taken off the paths of requests.

    A reverse proxy may have taken it off already; nothing of ours begins with it (idp.issuer).
    Metadata at the root of the host, such as `/.well-known/oauth-authorization-server/auth`
    (RFC 8414 §3.1), come without it anyway.
    """
    below = f"{path}/"

    def at_path(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked: str = environ["PATH_INFO"]
        if asked == path or asked.startswith(below):
            environ["PATH_INFO"] = asked[len(path) :] or "/"
        environ["SCRIPT_NAME"] = path
        return application(environ, start_response)

    return at_path


def at_old_addresses(
    application: Application, ours: Mapping[str, str], pages: Collection[str], issuer: str
) -> Application:
    """Return the application that also answers at the paths of a server before this one.

    `ours` has our path for each, `pages` those of our paths where browsers come. Programs are
    answered there; browsers are sent on, with all that they sent (RFC 9110 §15.4.8).
    """

    def at_old_address(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = ours.get(environ["PATH_INFO"])
        if path in pages:
            return _sent_on(f"{issuer}{path}", environ, start_response)
        environ["PATH_INFO"] = path or environ["PATH_INFO"]
        return application(environ, start_response)

    return at_old_address


def _sent_on(address: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    query = environ.get("QUERY_STRING", "")
    headers = [
        ("Location", f"{address}?{query}" if query else address),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "same-origin"),
        ("Content-Length", "0"),
    ]
    start_response("307 Temporary Redirect", headers)
    return [b""]
