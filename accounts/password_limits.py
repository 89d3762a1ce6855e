"""Rate limits on passwords. NIST SP 800-63B-4 §3.2.2.

At the sign-in page nobody is refused for what others tried. A known browser is counted by itself.
Strangers are counted together by account and by network; beyond those limits a right password also
needs a code from the account's mailbox, and no answer tells whether the password was right.
The password grant has no page to ask for a code, so it refuses.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from accounts.visitors import Visitor
from foundation import rate_limits
from foundation.rate_limits import Counted, RateLimit, RateLimitExceededError

KNOWN_BROWSER = RateLimit("password-known-browser", 10, timedelta(hours=1))
STRANGERS = RateLimit("password-strangers", 10, timedelta(days=1))
NETWORK = RateLimit("password-network", 20, timedelta(minutes=10))
#: Right or wrong: each costs a password hash.
SIGN_INS = RateLimit("sign-in-network", 300, timedelta(minutes=1))

GRANT = RateLimit("password-grant", 20, timedelta(minutes=10))
GRANT_ACCOUNT = RateLimit("password-grant-account", 100, timedelta(days=1))
GRANT_NETWORK = RateLimit("password-grant-network", 20, timedelta(minutes=1))


@dataclass(frozen=True)
class PasswordAttempt:
    """A password that is about to be checked, and is counted already."""

    counted: tuple[Counted, ...]
    #: Whether a right password needs a mailed code, too.
    needs_code: bool = False


def begin(visitor: Visitor) -> PasswordAttempt:
    """Count a password typed at the sign-in page, before it is checked.

    Raises RateLimitExceededError where strangers of one network send too many altogether.
    """
    if visitor.known_browser is not None:
        # Beyond its own limit, the browser is counted as a stranger's.
        with suppress(RateLimitExceededError):
            known = (KNOWN_BROWSER, visitor.known_browser)
            rate_limits.count(known)
            return PasswordAttempt((known,))
    rate_limits.count((SIGN_INS, visitor.network))
    counted = (STRANGERS, visitor.account), (NETWORK, visitor.network)
    try:
        rate_limits.count(*counted)
    except RateLimitExceededError:
        return PasswordAttempt((), needs_code=True)
    return PasswordAttempt(counted)


def succeeded(attempt: PasswordAttempt) -> None:
    """Do not count an attempt whose password was right."""
    rate_limits.take_back(*attempt.counted)


def begin_grant(visitor: Visitor) -> PasswordAttempt:
    """Count a password that an app sends, before it is checked.

    Raises RateLimitExceededError: the app, or what it runs at, has sent too many wrong ones.
    """
    network = (GRANT_NETWORK, visitor.network)
    rate_limits.count(network)
    account = (GRANT, visitor.account_and_network), (GRANT_ACCOUNT, visitor.account)
    rate_limits.count(*account)
    return PasswordAttempt((network, *account))


def forget(account: str) -> None:
    """Forget what strangers have tried on the account with this email address."""
    rate_limits.forget((STRANGERS, account), (GRANT_ACCOUNT, account))
