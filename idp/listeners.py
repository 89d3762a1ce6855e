"""Receivers of signals about users, from accounts and the libraries below."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.allauth_door import factors, signals
from accounts.authentication import authentication_methods
from accounts.deletion import deletion_asked, deletion_undone
from accounts.email_change import email_changed, email_restored
from accounts.models import Session, User
from accounts.second_factor import factor_renamed
from accounts.sessions import sessions_ended
from accounts.terms import Terms, terms_accepted
from accounts.trusted_browsers import browser_trusted, trust_ended
from accounts.upstream.attributes import taken_over
from accounts.upstream.links import account_connected, account_disconnected
from foundation.mail import mail_given_up
from foundation.models import Mail
from idp.current_interaction import interaction_of
from idp.events import Kind, masked, record, record_sessions_ended
from idp.logout import backchannel
from idp.models import ClientSession, Grant
from idp.protocol.errors import printable
from idp.tokens.revocation import revoke_grants


def connect() -> None:
    """Connect; each listener records one kind of event."""
    for signal, listener in {
        user_logged_in: _signed_in,
        user_login_failed: _sign_in_failed,
        sessions_ended: _sessions_ended,
        email_changed: _email_changed,
        email_restored: _email_restored,
        deletion_asked: _deletion_asked,
        deletion_undone: _deletion_undone,
        terms_accepted: _terms_accepted,
        mail_given_up: _mail_given_up,
        signals.signed_up: _signed_up,
        signals.email_verified: _email_verified,
        signals.password_changed: _password_changed,
        signals.password_set: _password_changed,
        signals.password_reset: _password_changed,
        signals.factor_added: _factor_added,
        signals.factor_renewed: _factor_renewed,
        signals.factor_removed: _factor_removed,
        signals.factor_refused: _factor_failed,
        factor_renamed: _factor_renamed,
        browser_trusted: _browser_trusted,
        trust_ended: _trust_ended,
        account_connected: _account_connected,
        account_disconnected: _account_disconnected,
        taken_over: _taken_over,
    }.items():
        signal.connect(listener, dispatch_uid=f"idp.{listener.__name__}")


def _signed_in(*, request: HttpRequest, user: User, **_: Any) -> None:
    session: Session | None = getattr(request, "signed_in_session", None)
    interaction = interaction_of(request)
    records = session.methods if session else []
    record(
        Kind.SIGNED_IN,
        request,
        user=user,
        client_id=interaction.client.client_id if interaction else "",
        methods=list(authentication_methods(records)) if session else None,
        upstream=next((each["provider"] for each in records if "provider" in each), ""),
        user_agent=request.headers.get("User-Agent", "")[:400],
    )


def _sign_in_failed(
    *, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Record the user of a failed sign-in, if there is such a user.

    The typed address is not stored: users type passwords into that field.
    """
    if upstream := credentials.get("upstream"):  # an LDAP directory, which says why
        reason = printable(credentials["reason"])
        record(Kind.SIGN_IN_FAILED, request, upstream=upstream, reason=reason)
        return
    typed = credentials.get("email") or credentials.get("username")
    user = User.objects.filter(email=str(typed)).first() if typed else None
    reason = "The password is wrong." if user else "No account has the address that was typed."
    record(Kind.SIGN_IN_FAILED, request, user=user, reason=reason)


def _sessions_ended(*, sessions: list[Session], ending: str, **_: Any) -> None:
    backchannel.plan(ClientSession.objects.filter(session__in=sessions))
    if of_devices := [session.pk for session in sessions if session.lasting]:
        _revoke(Grant.objects.filter(session__in=of_devices))
    record_sessions_ended(sessions, ending)


def _deletion_asked(*, request: HttpRequest, user: User, **_: Any) -> None:
    _revoke_all_of(user)
    record(Kind.DELETION_ASKED, request, user=user)


def _deletion_undone(*, request: HttpRequest | None, user: User, **_: Any) -> None:
    _revoke_all_of(user)  # tokens that were issued while the deletion was requested
    record(Kind.DELETION_UNDONE, request, user=user)


def _email_changed(
    *, request: HttpRequest | None, user: User, actor: User | None, **_: Any
) -> None:
    record(Kind.EMAIL_CHANGED, request, user=user, actor=actor)


def _email_restored(*, request: HttpRequest, user: User, since: datetime, **_: Any) -> None:
    _revoke(Grant.objects.filter(user=user, created_at__gte=since))
    record(Kind.EMAIL_RESTORED, request, user=user)


def _revoke_all_of(user: User) -> None:
    _revoke(Grant.objects.filter(user=user))


def _revoke(grants: QuerySet[Grant]) -> None:
    revoke_grants(grants.values("pk"), timezone.now())


def _terms_accepted(*, request: HttpRequest, user: User, terms: Terms, **_: Any) -> None:
    record(Kind.TERMS_ACCEPTED, request, user=user, version=terms.version, url=terms.url)


def _mail_given_up(*, mail: Mail, problem: str, **_: Any) -> None:
    user = User.objects.filter(email=mail.recipient).first()
    reason = f"An email ({mail.template}) was not sent: {problem}"
    record(Kind.MAIL_FAILED, user=user, reason=reason, attempts=mail.attempts)


def _signed_up(*, request: HttpRequest, user: User, **_: Any) -> None:
    record(Kind.SIGNED_UP, request, user=user)


def _email_verified(*, request: HttpRequest, email_address: Any, **_: Any) -> None:
    record(Kind.EMAIL_VERIFIED, request, user=email_address.user)


def _password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    record(Kind.PASSWORD_CHANGED, request, user=user)


def _factor_added(*, request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    record(Kind.FACTOR_ADDED, request, user=user, **_told_of(authenticator))


def _factor_renewed(*, request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    reason = "New ones replaced the old ones."
    record(Kind.FACTOR_ADDED, request, user=user, reason=reason, factor=authenticator.type)


def _factor_removed(
    *,
    request: HttpRequest | None,
    user: User,
    authenticator: Any,
    actor: User | None = None,
    **_: Any,
) -> None:
    record(Kind.FACTOR_REMOVED, request, user=user, actor=actor, **_told_of(authenticator))


def _factor_renamed(*, request: HttpRequest, user: User, authenticator: Any, **_: Any) -> None:
    record(Kind.FACTOR_RENAMED, request, user=user, **_told_of(authenticator))


def _told_of(factor: Any) -> dict[str, Any]:
    """Return what events say of a factor: its type, and the name that its user knows it by."""
    named = factor.type != factors.RECOVERY_CODES
    return {"factor": factor.type, "name": factors.name_of(factor) if named else ""}


def _browser_trusted(*, request: HttpRequest, user: User, browser: Any, **_: Any) -> None:
    record(Kind.BROWSER_TRUSTED, request, user=user, user_agent=browser.user_agent)


def _trust_ended(*, request: HttpRequest, user: User, browser: Any, **_: Any) -> None:
    record(Kind.TRUST_ENDED, request, user=user, user_agent=browser.user_agent)


def _factor_failed(
    *, request: HttpRequest, user: User | None, authenticator: Any, **_: Any
) -> None:
    wrong = "The second factor's code is wrong." if authenticator else "A passkey was refused."
    record(Kind.SIGN_IN_FAILED, request, user=user, reason=wrong)


def _account_connected(
    *, request: HttpRequest | None, user: User, upstream: str, subject: str, **_: Any
) -> None:
    record(Kind.ACCOUNT_CONNECTED, request, user=user, upstream=upstream, subject=subject)


def _account_disconnected(
    *, request: HttpRequest | None, user: User, upstream: str, subject: str, **_: Any
) -> None:
    record(Kind.ACCOUNT_DISCONNECTED, request, user=user, upstream=upstream, subject=subject)


def _taken_over(*, user: User, upstream: str, changes: Mapping[str, Any], **_: Any) -> None:
    """Record which fields an upstream has changed; of groups, which there were and are."""
    fields = sorted(changes.keys() - {"groups"})
    groups = {"groups": changes["groups"]} if "groups" in changes else {}
    about: dict[str, Any] = {"fields": fields, "changes": masked(groups)}
    about = {name: said for name, said in about.items() if said}
    record(Kind.PROFILE_CHANGED, None, user=user, upstream=upstream, **about)
