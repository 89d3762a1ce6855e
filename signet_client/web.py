"""HTTP requests to an issuer: TLS verified, no redirects, bounded in time and size."""

import json
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import URLError
from urllib.parse import quote_plus, urlencode
from urllib.request import (
    HTTPErrorProcessor,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from signet_client.addresses import secure
from signet_client.problems import Problem, UnreachableError, printable

#: Seconds to wait for a connection, and for each part of a response.
TIMEOUT = 30
_LARGEST = 1024 * 1024
#: Statuses that pass: too many requests, and errors of servers.
_TOO_MANY, _SERVER_ERROR = 429, 500


@dataclass(frozen=True)
class Response:
    """What came back, whatever its status."""

    address: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2

    def object(self) -> dict[str, Any]:
        """Return the JSON object that it is. Raises Problem for anything else."""
        try:
            members = json.loads(self.body)
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise Problem(f"{self.address} did not answer with a JSON object ({self.status}).")
        return members


def get(address: str, bearer: str | None = None) -> Response:
    """Send a GET request. Raises UnreachableError, Problem."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return _sent(Request(address, headers=headers))  # noqa: S310


def post(
    address: str, form: Sequence[tuple[str, str]], basic: tuple[str, str] | None = None
) -> Response:
    """Send a form; `basic` is a client’s ID and secret. Raises UnreachableError, Problem."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if basic is not None:  # form-encoded first: RFC 6749 §2.3.1
        pair = ":".join(map(quote_plus, basic))
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return _sent(Request(address, urlencode(form).encode(), headers))  # noqa: S310


def post_json(address: str, members: Mapping[str, Any], bearer: str | None = None) -> Response:
    """Send a JSON object. Raises UnreachableError, Problem."""
    headers = {"Content-Type": "application/json"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return _sent(Request(address, json.dumps(members).encode(), headers))  # noqa: S310


def delete(address: str, bearer: str) -> Response:
    """Send a DELETE request. Raises UnreachableError, Problem."""
    headers = {"Authorization": f"Bearer {bearer}"}
    return _sent(Request(address, headers=headers, method="DELETE"))  # noqa: S310


class _AsTheyAre(HTTPErrorProcessor):
    """Returns errors and redirects as they are: secrets go to the address of the metadata alone."""

    def http_response(self, request: Request, response: HTTPResponse) -> Any:  # noqa: ARG002
        """Return the response, whatever its status."""
        return response

    https_response = http_response


@cache
def _opener(*, tls: bool) -> OpenerDirector:
    """Return what sends requests: with TLS through the proxy of the environment.

    Without TLS, they go to this machine alone.
    """
    if tls:
        context = ssl.create_default_context()  # which takes a while
        return build_opener(_AsTheyAre(), HTTPSHandler(context=context))
    return build_opener(_AsTheyAre(), ProxyHandler({}))


def _sent(request: Request) -> Response:
    address = request.full_url
    parts = secure(address, "endpoint")
    host = parts.netloc
    request.add_header("Accept", "application/json")
    request.add_header("User-Agent", "signet")
    try:
        with _opener(tls=parts.scheme == "https").open(request, timeout=TIMEOUT) as answer:
            body = answer.read(_LARGEST + 1)
            response = Response(address, answer.status, answer.headers, body)
    except (OSError, HTTPException) as error:
        raise _unreachable(host, error) from error
    if len(body) > _LARGEST:
        raise Problem(f"The answer of {host} is too large.")
    if response.status == _TOO_MANY or response.status >= _SERVER_ERROR:
        raise UnreachableError(f"{host} cannot answer now ({response.status}). Try again later.")
    return response


def _unreachable(host: str, error: Exception) -> Problem:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        why = printable(reason.verify_message)
        return Problem(f"The certificate of {host} is not trusted: {why}.")
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
    return UnreachableError(f"{host} cannot be reached: {printable(said) or 'no answer'}.")
