"""Which issuer a command means."""

import os

from signet_client import logins
from signet_client.addresses import issuer_address
from signet_client.problems import NotSignedInError, Problem


def named_issuer(option: str | None) -> str:
    """Return the address of the option, of SIGNET_ISSUER, or of the default. Raises Problem."""
    named = option or os.environ.get("SIGNET_ISSUER")
    if named:
        return issuer_address(named)
    if default := logins.default_issuer():
        return default
    raise Problem("Which issuer is it? Name its address, or set SIGNET_ISSUER.")


def issuer_of_login(option: str | None) -> str:
    """Return the issuer of a login. Raises NotSignedInError if none is named, nor the default."""
    named = option or os.environ.get("SIGNET_ISSUER")
    if not named and not logins.default_issuer():
        raise NotSignedInError("You are not signed in. Run: signet login ISSUER")
    return logins.matching(named_issuer(option))
