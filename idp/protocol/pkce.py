"""Proof Key for Code Exchange, S256 only. RFC 7636 §4, RFC 9700 §2.1.1."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from idp.protocol.errors import InvalidGrant
from idp.protocol.rules import upholds

METHODS = ("S256",)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def is_challenge(text: str) -> bool:
    """Whether this can be an S256 challenge: 43 characters of unpadded base64url."""
    return _CHALLENGE.fullmatch(text) is not None


@upholds("RFC 7636 §4.6")
def verifier_matches_challenge(verifier: str | None, challenge: str | None) -> None:
    """Raise InvalidGrant unless this is the verifier of the S256 challenge. RFC 7636 §4.6.

    Where the authorization request had no challenge, the token request has no verifier.
    """
    if not challenge:
        if verifier is not None:
            raise InvalidGrant(
                "A code_verifier came, but the authorization request had no code_challenge."
            )
        return
    if verifier is None:
        raise InvalidGrant(
            "The parameter code_verifier is missing, but the authorization request had a "
            "code_challenge."
        )
    if _VERIFIER.fullmatch(verifier) is None:  # RFC 7636 §4.1
        raise InvalidGrant(
            "The code_verifier is not 43 to 128 characters of letters, digits and -._~ alone."
        )
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    if not hmac.compare_digest(urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge):
        raise InvalidGrant(
            "The code_verifier does not belong to the code_challenge of the authorization request."
        )
