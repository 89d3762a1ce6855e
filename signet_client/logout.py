"""`signet logout`: end a login here and at its issuer."""

import webbrowser
from argparse import Namespace
from urllib.parse import urlencode

from signet_client import logins, revocation
from signet_client.choosing import issuer_of_login
from signet_client.issuers import discover
from signet_client.login import is_browser_here, tell
from signet_client.problems import NotSignedInError, Problem


def run(options: Namespace) -> int:
    """End one login or all; return the exit code of the worst."""
    issuers = logins.known_issuers() if options.all else [issuer_of_login(options.issuer)]
    if not issuers:
        raise NotSignedInError("You are not signed in.")
    return max(_end(issuer, ends_session=options.session) for issuer in issuers)


def _end(issuer: str, *, ends_session: bool) -> int:
    """Revoke, then delete, whatever the issuer says; return an exit code."""
    failed: Problem | None = None
    with logins.lock(issuer):
        try:
            login = logins.load(issuer)
            at = discover(issuer)
            revocation.revoke(at, login)
        except NotSignedInError:
            logins.delete(issuer)
            raise
        except Problem as problem:
            failed = problem
        logins.delete(issuer)
    if failed is not None:
        tell(f"{failed}\nYour login is deleted here, but was not revoked at {issuer}.")
        return failed.exit_code
    tell(f"You are signed out of {issuer} on this machine.")
    if ends_session:
        _end_session(at.endpoint("end_session_endpoint"), login.client_id)
    return 0


def _end_session(endpoint: str, client_id: str) -> None:
    """Show the page that ends the session in the browser. OIDC RP-Initiated Logout §2.

    Without `id_token_hint`: it would be in the list of processes. The page asks the user instead.
    """
    address = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode({'client_id': client_id})}"
    tell(f"To sign out in the browser, too, go to:\n\n  {address}\n")
    if is_browser_here():
        webbrowser.open(address)
