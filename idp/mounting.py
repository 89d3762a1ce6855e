"""The WSGI application below the path of an issuer, such as https://example.com/auth.

Behind it, Django knows the path as the script's name (`FORCE_SCRIPT_NAME`): it takes no part in
routing, and is in front of every path that Django writes.
"""

from collections.abc import Callable, Iterable
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
