"""The page for requests that can't be answered to their client. OIDC Core §3.1.2.6."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from idp import events, policy
from idp.protocol.errors import ProtocolError
from idp.protocol.parameters import Parameters

#: What of a request helps its developer; nothing here is a secret.
_SHOWN = ("client_id", "redirect_uri", "response_type", "response_mode", "scope", "prompt")
_LONGEST = 300


def error_page(
    http: HttpRequest, error: ProtocolError, parameters: Parameters | None = None, **context: Any
) -> HttpResponse:
    """Return the page: a sentence for the person, details for the developer, and a reference.

    What came with the request is text on it, never a link.
    """
    values = parameters.values if parameters else {}
    client_id = values.get("client_id")
    reference = events.denied(error, http, client_id=client_id, parameters=parameters)
    return render(
        http,
        "error.html",
        {
            "error": error,
            "error_uri": policy.error_uri(error.code, reference),
            "reference": reference,
            "received": [(name, values[name][:_LONGEST]) for name in _SHOWN if name in values],
            **context,
        },
        status=HTTPStatus.BAD_REQUEST,
    )
