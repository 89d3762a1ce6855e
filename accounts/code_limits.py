"""Rate limits on codes: mailed ones, those of an authenticator app, and recovery codes.

Every attempt is counted in the database before it is judged, so parallel requests from many browser
sessions share one count. Known browsers have limits of their own, which attempts from unknown
browsers do not use up.
"""

from contextlib import suppress
from datetime import timedelta
from itertools import chain
from typing import Literal, get_args

from accounts.visitors import Visitor
from foundation import rate_limits
from foundation.rate_limits import Counted, RateLimit, RateLimitExceededError

#: Purposes of mailed codes. Each has its own limit of mails.
Purpose = Literal["sign-up", "password-reset", "sign-in"]
#: Kinds of codes that are typed in the same field of the second factor.
Factor = Literal["app", "recovery"]

ATTEMPTS = RateLimit("code-attempts", 5, timedelta(hours=1))
ATTEMPTS_KNOWN_BROWSER = RateLimit("code-attempts-known-browser", 20, timedelta(days=1))
ATTEMPTS_HERE = RateLimit("code-attempts-account-and-ip-address", 20, timedelta(days=1))
ATTEMPTS_UNKNOWN_BROWSERS = RateLimit("code-attempts-unknown-browsers", 100, timedelta(days=1))
ATTEMPTS_IP_ADDRESS = RateLimit("code-attempts-ip-address", 100, timedelta(hours=1))

MAILS_KNOWN_BROWSER = RateLimit("code-mails-known-browser", 10, timedelta(hours=1))
MAILS_HERE = RateLimit("code-mails-account-and-ip-address", 5, timedelta(minutes=10))
MAILS_HERE_DAY = RateLimit("code-mails-account-and-ip-address-day", 20, timedelta(days=1))
MAILS_UNKNOWN_BROWSERS = RateLimit("code-mails-unknown-browsers", 50, timedelta(days=1))
MAILS_IP_ADDRESS = RateLimit("code-mails-ip-address", 60, timedelta(minutes=1))

SECOND_FACTOR = RateLimit("second-factor", 20, timedelta(minutes=10))
#: At most 100 consecutive failures, then another method (NIST SP 800-63B-4 §3.2.2).
SECOND_FACTOR_IN_A_ROW = RateLimit("second-factor-in-a-row", 100, timedelta(days=365))
SET_UP = RateLimit("second-factor-set-up", 20, timedelta(minutes=10))

PASSKEY_CHALLENGES = RateLimit("passkey-challenges", 300, timedelta(minutes=1))
#: Seconds in which a challenge is answered once. It is valid for half as long.
PASSKEY_ANSWERS = RateLimit("passkey-answers", 1, timedelta(minutes=20))


class CodeUsedUpError(Exception):
    """Too many wrong codes were typed for a mailed code: another has to be mailed."""


def count_mail(visitor: Visitor, purpose: Purpose) -> None:
    """Count a code that is about to be mailed, or would be if the account existed.

    Raises RateLimitExceededError beyond the limit.
    """
    here = f"{purpose} {visitor.account_and_ip_address}"
    _count(
        visitor,
        known=[[(MAILS_KNOWN_BROWSER, f"{purpose} {visitor.known_browser}")]],
        unknown=[
            [(MAILS_IP_ADDRESS, visitor.ip_address), (MAILS_HERE, here), (MAILS_HERE_DAY, here)],
            [(MAILS_UNKNOWN_BROWSERS, f"{purpose} {visitor.account}")],
        ],
    )


def count_attempt(visitor: Visitor, code_id: str) -> list[Counted]:
    """Count a typed code before it is compared with the mailed one, which `code_id` identifies.

    Returns the counts to undo if the code is right. Raises CodeUsedUpError beyond the limit of this
    code, and RateLimitExceededError beyond the limit of the account or the IP address.
    """
    try:
        rate_limits.count((ATTEMPTS, code_id))
    except RateLimitExceededError:
        raise CodeUsedUpError from None
    return _count(
        visitor,
        known=[[(ATTEMPTS_KNOWN_BROWSER, str(visitor.known_browser))]],
        unknown=[
            [
                (ATTEMPTS_IP_ADDRESS, visitor.ip_address),
                (ATTEMPTS_HERE, visitor.account_and_ip_address),
            ],
            [(ATTEMPTS_UNKNOWN_BROWSERS, visitor.account)],
        ],
    )


def is_used_up(code_id: str) -> bool:
    """Whether no attempts are left for a mailed code."""
    try:
        rate_limits.check((ATTEMPTS, code_id))
    except RateLimitExceededError:
        return True
    return False


def count_second_factor(visitor: Visitor, kind: Factor) -> list[Counted]:
    """Count a typed code of a second factor before it is checked.

    Returns the counts to undo if the code is right. Raises RateLimitExceededError.
    """
    groups = (
        [[(SECOND_FACTOR, by)], [(SECOND_FACTOR_IN_A_ROW, f"{kind} {by}")]]
        for by in (str(visitor.known_browser), visitor.account)
    )
    return _count(visitor, known=next(groups), unknown=next(groups))


def is_first_answer(challenge: str) -> bool:
    """Use up a passkey's challenge; return whether this is its first answer. WebAuthn §13.4.3."""
    try:
        rate_limits.count((PASSKEY_ANSWERS, challenge))
    except RateLimitExceededError:
        return False
    return True


def forget(account: str) -> None:
    """Reset the limits on codes for the account with this email address."""
    rate_limits.forget(
        (ATTEMPTS_UNKNOWN_BROWSERS, account),
        (SECOND_FACTOR, account),
        *((SECOND_FACTOR_IN_A_ROW, f"{kind} {account}") for kind in get_args(Factor)),
        *((MAILS_UNKNOWN_BROWSERS, f"{purpose} {account}") for purpose in get_args(Purpose)),
    )


def _count(
    visitor: Visitor, *, known: list[list[Counted]], unknown: list[list[Counted]]
) -> list[Counted]:
    """Count for a known browser; beyond its own limits, and for others, as an unknown browser."""
    if visitor.known_browser is not None:
        with suppress(RateLimitExceededError):
            return _count_each(known)
    return _count_each(unknown)


def _count_each(groups: list[list[Counted]]) -> list[Counted]:
    """Count one group after the other: a group beyond its limit stops the count of the next."""
    for group in groups:
        rate_limits.count(*group)
    return list(chain.from_iterable(groups))
