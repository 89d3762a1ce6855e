"""Posting to services of the operator's own, whose addresses are settings."""

import urllib.request
from urllib.error import URLError

#: Seconds.
WITHIN = 10


def post(address: str, body: bytes, content_type: str, token: str = "") -> None:
    """Post a body with the token as a bearer token; any 2xx says that it arrived. Raises OSError.

    The address is the operator's, so it may be of the operator's own network.
    """
    headers = {"Content-Type": content_type}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address, body, headers, method="POST")  # noqa: S310  checked
    with urllib.request.urlopen(request, timeout=WITHIN):  # noqa: S310
        pass


def reason_of(problem: OSError) -> str:
    """Return what went wrong, without the address: it may have a secret."""
    cause = problem.reason if isinstance(problem, URLError) else problem
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    return str(cause)
