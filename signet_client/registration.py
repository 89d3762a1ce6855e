"""A client of one's own at an issuer that lets everybody register one. RFC 7591, RFC 7592."""

import platform

from signet_client import web
from signet_client.addresses import secure
from signet_client.device import GRANT_TYPE
from signet_client.issuers import Issuer
from signet_client.loopback import REGISTERED
from signet_client.problems import Problem, printable
from signet_client.token_endpoint import refused


def register(issuer: Issuer, scope: str) -> tuple[str, dict[str, str] | None]:
    """Register a client for this machine; return its ID, and how to delete it.

    Raises Problem, UnreachableError.
    """
    grants = ["authorization_code", "refresh_token"]
    if GRANT_TYPE in issuer.supported("grant_types_supported"):
        grants.append(GRANT_TYPE)
    wanted = {
        "client_name": f"signet command line on {printable(platform.node()) or 'a machine'}",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [REGISTERED],
        "response_types": ["code"],
        "grant_types": grants,
        "scope": scope,
    }
    response = web.post_json(issuer.endpoint("registration_endpoint"), wanted)
    members = response.object()
    if not response.is_success:
        raise refused(issuer, members)
    client_id = members.get("client_id")
    if not isinstance(client_id, str):
        raise Problem("The issuer’s answer has no client ID.")
    address, token = (
        members.get("registration_client_uri"),
        members.get("registration_access_token"),
    )
    if isinstance(address, str) and isinstance(token, str):
        return client_id, {"address": secure(address, "registration").geturl(), "token": token}
    return client_id, None


def unregister(registration: dict[str, str]) -> None:
    """Delete a client that registered itself. Raises Problem, UnreachableError. RFC 7592 §2.3."""
    response = web.delete(registration["address"], registration["token"])
    if not response.is_success:
        raise Problem(f"The issuer did not delete the registration ({response.status}).")
