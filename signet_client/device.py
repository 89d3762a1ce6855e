"""Sign in with a browser of any device: the device authorization grant. RFC 8628."""

import time
from collections.abc import Callable
from typing import Any

from signet_client import web
from signet_client.addresses import secure
from signet_client.authorization_code import Wish
from signet_client.issuers import Issuer
from signet_client.problems import Problem, RefusedError, UnreachableError, printable
from signet_client.token_endpoint import refused, request_tokens
from signet_client.tokens import Tokens

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
#: Seconds between polls if the issuer does not say, and by how much to slow down. RFC 8628 §3.5.
_INTERVAL = _SLOWER = 5
#: The longest wait between two polls while the issuer does not answer.
_LONGEST_INTERVAL = 60


def sign_in(
    issuer: Issuer, wish: Wish, tell: Callable[[str], None]
) -> tuple[Tokens, dict[str, Any]]:
    """Let the user sign in elsewhere; return tokens, and the claims of the ID token.

    Raises Problem, UnreachableError.
    """
    response = web.post(issuer.endpoint("device_authorization_endpoint"), wish.form)
    members = response.object()
    if not response.is_success:
        raise refused(issuer, members)
    code = members.get("device_code")
    if not isinstance(code, str):
        raise Problem("The issuer’s answer has no device code.")
    tell(_instructions(members))
    tokens = _polled(issuer, wish, code, members)
    if tokens.id_token is None:
        return tokens, {}
    from signet_client.id_tokens import verified_claims  # which takes a while to load

    access = tokens.access_token.value
    return tokens, verified_claims(issuer, tokens.id_token, wish.client_id, access_token=access)


def _instructions(members: dict[str, Any]) -> str:
    """Return what the user has to do. RFC 8628 §3.3."""
    user_code = printable(members.get("user_code", ""))
    address = secure(members.get("verification_uri"), "page for the code").geturl()
    said = f"On any device, open\n\n  {address}\n\nand type the code\n\n  {user_code}\n"
    complete = members.get("verification_uri_complete")
    if complete is not None:
        said += f"\nOr open {secure(complete, 'page for the code').geturl()}\n"
    return said


def _polled(issuer: Issuer, wish: Wish, code: str, members: dict[str, Any]) -> Tokens:
    """Ask for tokens until the user has decided or the code expires. RFC 8628 §3.4, §3.5."""
    form = [("grant_type", GRANT_TYPE), ("device_code", code), ("client_id", wish.client_id)]
    interval: float = _seconds(members, "interval", _INTERVAL)
    until = time.monotonic() + _seconds(members, "expires_in", _LONGEST_INTERVAL)
    while time.monotonic() < until:
        time.sleep(interval)
        try:
            return request_tokens(issuer, form)
        except RefusedError as refusal:
            if refusal.error == "slow_down":
                interval += _SLOWER
            elif refusal.error == "expired_token":
                break
            elif refusal.error == "access_denied":
                raise Problem("The sign-in was denied on the other device.") from None
            elif refusal.error != "authorization_pending":
                raise
        except UnreachableError:
            interval = min(interval * 2, _LONGEST_INTERVAL)
    raise Problem("The code has expired before anybody used it. Sign in again.")


def _seconds(members: dict[str, Any], name: str, default: int) -> int:
    value = members.get(name)
    return value if isinstance(value, int) and value > 0 else default
