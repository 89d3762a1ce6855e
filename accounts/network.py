"""Where a request came from, believing only the proxies that the operator named."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(http: HttpRequest) -> str | None:
    """Return the network address of the browser, or None where the server doesn't know one.

    With `IDP_TRUSTED_PROXY_COUNT` proxies in front, it is that many from the end of
    X-Forwarded-For; what comes before, anybody may have written.
    """
    hops = [hop.strip() for hop in http.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    count: int = settings.IDP_TRUSTED_PROXY_COUNT
    address = hops[-count] if 0 < count <= len(hops) else http.META.get("REMOTE_ADDR", "")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
