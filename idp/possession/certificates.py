"""The certificate that a request's TLS connection was made with. RFC 8705 §2, §3."""

from django.http import HttpRequest

from foundation.client_certificate import (
    ClientCertificate,
    UnusableCertificateError,
    client_certificate,
)
from idp.protocol.errors import InvalidRequest
from idp.protocol.rules import upholds


@upholds("RFC 9440 §2.1")
def presented(request: HttpRequest) -> ClientCertificate | None:
    """Return the certificate of a request's TLS connection, or None.

    RFC 9440 §2.1: raises InvalidRequest if a trusted reverse proxy passed on something else.
    """
    try:
        return client_certificate(request)
    except UnusableCertificateError as problem:
        raise InvalidRequest(str(problem)) from None
