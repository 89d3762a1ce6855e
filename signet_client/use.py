"""`signet use`: which issuer commands mean when they name none."""

from argparse import Namespace

from signet_client import logins
from signet_client.addresses import issuer_address
from signet_client.login import tell
from signet_client.problems import NotSignedInError


def run(options: Namespace) -> int:
    """Make an issuer the default, or list the issuers with a mark at the default."""
    known = logins.known_issuers()
    if options.issuer is None:
        if not known:
            raise NotSignedInError("You are not signed in. Run: signet login ISSUER")
        default = logins.default_issuer()
        for issuer in known:
            print(f"{'*' if issuer == default else ' '} {issuer}")
        return 0
    issuer = logins.matching(issuer_address(options.issuer))
    if issuer not in known:
        raise NotSignedInError(f"You are not signed in at {issuer}. Run: signet login {issuer}")
    logins.make_default(issuer)
    tell(f"Commands that name no issuer now mean {issuer}.")
    return 0
