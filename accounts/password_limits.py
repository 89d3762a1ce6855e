"""Rate limits on passwords. NIST SP 800-63B-4 §3.2.2.

The sign-in page does not refuse a user for the attempts of others. A known browser is counted by
itself. Unknown browsers are counted together by account and by IP address; beyond those limits a
right password also needs a code from the account's mailbox, and no response reveals whether the
password was right. The password grant has no page to ask for a code, so it refuses.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from accounts.visitors import Visitor
from foundation import rate_limits
from foundation.rate_limits import Counted, RateLimit, RateLimitExceededError

KNOWN_BROWSER = RateLimit("password-known-browser", 10, timedelta(hours=1))
UNKNOWN_BROWSERS = RateLimit("password-unknown-browsers", 10, timedelta(days=1))
IP_ADDRESS = RateLimit("password-ip-address", 20, timedelta(minutes=10))
#: Limit on right and wrong passwords: each costs a password hash.
SIGN_INS = RateLimit("sign-in-ip-address", 300, timedelta(minutes=1))

GRANT = RateLimit("password-grant", 20, timedelta(minutes=10))
GRANT_ACCOUNT = RateLimit("password-grant-account", 100, timedelta(days=1))
GRANT_IP_ADDRESS = RateLimit("password-grant-ip-address", 20, timedelta(minutes=1))


@dataclass(frozen=True)
class PasswordAttempt:
    """A password that is about to be checked, and is counted already."""

    counted: tuple[Counted, ...]
    #: Whether a right password needs a mailed code, too.
    needs_code: bool = False


def begin(visitor: Visitor) -> PasswordAttempt:
    """Count a password typed at the sign-in page before it is checked.

    Raises RateLimitExceededError if one IP address sends too many from unknown browsers.
    """
    if visitor.known_browser is not None:
        # Beyond its own limit, the browser counts as unknown.
        with suppress(RateLimitExceededError):
            known = (KNOWN_BROWSER, visitor.known_browser)
            rate_limits.count(known)
            return PasswordAttempt((known,))
    rate_limits.count((SIGN_INS, visitor.ip_address))
    counted = (UNKNOWN_BROWSERS, visitor.account), (IP_ADDRESS, visitor.ip_address)
    try:
        rate_limits.count(*counted)
    except RateLimitExceededError:
        return PasswordAttempt((), needs_code=True)
    return PasswordAttempt(counted)


def succeeded(attempt: PasswordAttempt) -> None:
    """Undo the count of an attempt whose password was right."""
    rate_limits.take_back(*attempt.counted)


def begin_grant(visitor: Visitor) -> PasswordAttempt:
    """Count a password that a client sends, before it is checked.

    Raises RateLimitExceededError if the client or its IP address has sent too many wrong ones.
    """
    ip_address = (GRANT_IP_ADDRESS, visitor.ip_address)
    rate_limits.count(ip_address)
    account = (GRANT, visitor.account_and_ip_address), (GRANT_ACCOUNT, visitor.account)
    rate_limits.count(*account)
    return PasswordAttempt((ip_address, *account))


def begin_at_directory(slug: str, name: str, ip_address: str) -> PasswordAttempt:
    """Count a password for a directory, before it is judged, by the name that was typed or the DN.

    Raises RateLimitExceededError, as there is no mailbox to ask for a code.
    """
    account = f"{slug} {name}"
    counted = (GRANT, f"{account} {ip_address}"), (GRANT_ACCOUNT, account)
    rate_limits.count((SIGN_INS, ip_address), *counted)
    return PasswordAttempt(counted)


def forget(account: str) -> None:
    """Reset the limits on passwords for the account with this email address."""
    rate_limits.forget((UNKNOWN_BROWSERS, account), (GRANT_ACCOUNT, account))
