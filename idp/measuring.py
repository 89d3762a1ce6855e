"""Count the responses to requests, and the time until each."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from foundation.metrics import Instruments
from idp import policy

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
#: What the label `endpoint` says of a request: the path of a protocol endpoint, else the area.
_ENDPOINTS: Final = policy.PROTOCOL_PATHS | {*policy.PATHS.values(), *policy.DISCOVERY_PATHS}
_AREAS: Final = frozenset({"account", "admin", "consent", "developers", "picture", "static"})
_OTHER: Final = "other"


def endpoint_of(path: str) -> str:
    """Return the endpoint that a path belongs to: one of a few, whatever is requested."""
    if path in _ENDPOINTS:
        return path
    area = path.split("/", 2)[1] if path.startswith("/") else ""
    return f"/{area}/" if area in _AREAS else _OTHER


def measured(application: _Wsgi, instruments: Instruments) -> _Wsgi:
    """Return an application that counts its responses, and the time until each."""

    def measured_application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        began, endpoint = time.perf_counter(), endpoint_of(environ["PATH_INFO"])
        start = Start(start_response)
        try:
            return application(environ, start)
        finally:
            instruments.requests.labels(endpoint, start.status).inc()
            instruments.seconds.labels(endpoint).observe(time.perf_counter() - began)

    return measured_application


class Start:
    """A `start_response` (PEP 3333) that knows the status afterwards."""

    def __init__(self, start_response: Any) -> None:
        self._start_response = start_response
        self.status = "500"

    def __call__(self, line: str, *arguments: Any) -> Any:
        """Pass the status line and headers on."""
        self.status = line[:3]
        return self._start_response(line, *arguments)
