"""Visitors: the account, browser and IP address that rate limits count by."""

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.addresses import normalised_email
from accounts.allauth_door import email_addresses
from accounts.known_browsers import known_browser
from accounts.models import User
from accounts.sessions import session_of
from foundation.client_address import rate_limit_key


@dataclass(frozen=True)
class Visitor:
    """A browser at the sign-in to an account, which may not exist: the limits are the same."""

    #: The account's email address, or the one that was typed.
    account: str
    #: The IP address, or the /64 network of an IPv6 address.
    ip_address: str
    #: The account and the browser, if a user has signed in to it there before.
    known_browser: str | None

    @property
    def account_and_ip_address(self) -> str:
        """Return the key for attempts of unknown browsers at this account from this IP address."""
        return f"{self.account} {self.ip_address}"


def visitor_at(request: HttpRequest, email: str) -> Visitor:
    """Return the visitor at the account with this address, as it was typed."""
    return _visitor(request, account_at(email), normalised_email(email))


def visitor_of(request: HttpRequest, user: User) -> Visitor:
    """Return the visitor at this user's account."""
    return _visitor(request, user, user.email)


def app_at(request: HttpRequest, email: str) -> Visitor:
    """Return the visitor for a client that sends a password without a browser."""
    user = account_at(email)
    account = user.email if user is not None else normalised_email(email)
    return Visitor(account, rate_limit_key(request), known_browser=None)


def account_at(email: str) -> User | None:
    """Return the account with this address, preferring an active one."""
    found = email_addresses.users_at(normalised_email(email))
    return min(found, key=lambda user: (not user.is_active, user.pk), default=None)


def _visitor(request: HttpRequest, user: User | None, email: str) -> Visitor:
    browser = None
    if user is not None:
        email = user.email
        session = session_of(request)
        if session is not None and session.user_id == user.pk:
            browser = f"session {session.pk}"
        else:
            browser = known_browser(request, user)
    return Visitor(
        account=email,
        ip_address=rate_limit_key(request),
        known_browser=f"{email} {browser}" if browser else None,
    )
