"""Change the email address of an account: verified by a code, undone by a link in the old mailbox.

A change is a row, unlike allauth's, which a browser session holds. Attempts are counted across
browsers, and the link in the old mailbox undoes the change, however many changes came after. So an
attacker does not keep an account by changing its address; nor does an operator, who needs no code.
"""

import re
from datetime import datetime, timedelta

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts import code_limits, deletion, known_browsers
from accounts.addresses import shown_email
from accounts.allauth_door import codes, email_addresses, factors, mails
from accounts.models import EmailChange, Session, User
from accounts.sessions import Ending, end_sessions, session_of
from accounts.visitors import visitor_of
from foundation import rate_limits
from foundation.rate_limits import RateLimit

#: Sent inside the transaction, with `request` and `user`; besides, the first with `actor` (an
#: operator, or None), the second with `since`.
email_changed = Signal()
email_restored = Signal()

CODE_LIFETIME = timedelta(minutes=10)
CHANGES = RateLimit("email-changes", 5, timedelta(minutes=10))
CHANGES_DAY = RateLimit("email-changes-day", 20, timedelta(days=1))
MAILS = RateLimit("email-change-mails", 5, timedelta(hours=1))
UNDONE_WITHIN = timedelta(days=7)
#: Authentication that was set up this long before a change, or since, may be an attacker's.
_PREPARED_WITHIN = timedelta(days=7)
_TOKEN = re.compile(r"[1-9][0-9]{0,17}:[0-9A-Za-z]{1,12}:[0-9A-Za-z_-]{43}")
_SIGNER = TimestampSigner(salt="accounts.email_change")


class TakenError(Exception):
    """The address belongs to another account now, or the account has another address since."""


def ask(request: HttpRequest, session: Session, email: str) -> None:
    """Mail a code to the new address. Raises RateLimitExceededError.

    If it is another user's address, that user is notified and there is no code; the response is the
    same.
    """
    user = session.user
    rate_limits.count((CHANGES, str(user.pk)), (CHANGES_DAY, str(user.pk)))
    rate_limits.count((MAILS, email))
    code = "" if _is_taken(email, user) else codes.new_code()
    template = "email_change_code" if code else "email_taken"
    with transaction.atomic():
        EmailChange.objects.create(
            user=user,
            old_email=user.email,
            new_email=email,
            code_hash=_hash_of(code, email) if code else "",
            asked_at=timezone.now(),
        )
        mails.send(f"account/email/{template}", email, {"code": code}, request)


def unconfirmed(user: User) -> EmailChange | None:
    """Return the change whose code is still to be confirmed, or None."""
    since = timezone.now() - CODE_LIFETIME
    asked = EmailChange.objects.filter(user=user, asked_at__gt=since).order_by("pk").last()
    if asked is None or asked.changed_at is not None or code_limits.is_used_up(_code_id(asked)):
        return None
    return asked if asked.old_email == user.email else None


def seconds_left(change: EmailChange) -> int:
    """Return how long the code is valid; 0 if it has expired."""
    return max(0, int((change.asked_at + CODE_LIFETIME - timezone.now()).total_seconds()))


def confirm(request: HttpRequest, session: Session, change: EmailChange, code: str) -> bool:
    """Change the address if the code is right, and end the user's other sessions.

    Counts each call. Raises TakenError, CodeUsedUpError (also after the last attempt) and
    RateLimitExceededError.
    """
    counted = code_limits.count_attempt(visitor_of(request, session.user), _code_id(change))
    if not constant_time_compare(change.code_hash, _hash_of(code, change.new_email)):
        if code_limits.is_used_up(_code_id(change)):
            raise code_limits.CodeUsedUpError
        return False
    rate_limits.take_back(*counted)
    user, now = session.user, timezone.now()
    try:
        with transaction.atomic():
            unchanged = EmailChange.objects.filter(pk=change.pk, changed_at=None)
            if not unchanged.update(changed_at=now):
                return True  # The button was pressed twice, and the other request was faster.
            _tell_old_address(change, user, request)
            _move(user, change.old_email, change.new_email, now)
            others = user.sessions.filter(ended_at=None).exclude(pk=session.pk)
            end_sessions(others, Ending.EMAIL_CHANGED)
            email_changed.send(sender=User, request=request, user=user, actor=None)
    except IntegrityError:
        raise TakenError from None
    known_browsers.forget(user)
    return True


def change_at_once(
    user: User,
    email: str,
    *,
    verified: bool,
    request: HttpRequest | None = None,
    actor: User | None = None,
) -> None:
    """Change an account's address without a code, for an operator. Raises TakenError.

    Notifies the old address with the link that undoes the change, and ends all sessions except the
    actor's own. Links of earlier changes stay valid, so that two changes hide no more than one.
    Setting the same address without verification counts as a change, too: otherwise the address
    would not be notified of the next one.
    """
    old, now = User.objects.values_list("email", flat=True).get(pk=user.pk), timezone.now()
    present = session_of(request) if request else None
    try:
        with transaction.atomic():
            EmailChange.objects.filter(user=user, changed_at=None).delete()
            restored = _put_back(user, email, now)
            change = EmailChange.objects.create(
                user=user,
                old_email=old,
                new_email=email,
                asked_at=now,
                changed_at=now,
                undone_at=now if restored else None,
            )
            _tell_old_address(change, user, None)
            _move(user, old, email, now, verified=verified)
            sessions = user.sessions.filter(ended_at=None)
            end_sessions(
                sessions.exclude(pk=present.pk) if present else sessions, Ending.EMAIL_CHANGED
            )
            email_changed.send(sender=User, request=request, user=user, actor=actor)
    except IntegrityError:
        raise TakenError from None


def _put_back(user: User, email: str, now: datetime) -> bool:
    """Mark the changes since the account had this address as undone; return whether it had it.

    An attacker must not get a link that changes the address once more.
    """
    done = EmailChange.objects.filter(
        user=user, changed_at__gt=now - UNDONE_WITHIN, undone_at=None
    ).order_by("changed_at")
    taken_away = done.filter(old_email=email).exclude(new_email=email).first()
    if taken_away is None:
        return False
    done.filter(changed_at__gte=taken_away.changed_at).update(undone_at=now)
    return True


def _tell_old_address(change: EmailChange, user: User, request: HttpRequest | None) -> None:
    """Notify a formerly verified address of the change, with the link that undoes it.

    `request` is the user's own, if it was not an operator who changed the address.
    """
    if not email_addresses.is_verified(user, change.old_email):
        return
    context = {"new_email": shown_email(change.new_email), "days": UNDONE_WITHIN.days, "link": ""}
    if change.undone_at is None:
        path = reverse("account_email_undo", args=[token_for(change)])
        context["link"] = f"{settings.IDP_ORIGIN}{path}"
    mails.send("account/email/email_changed", change.old_email, context, request)


def token_for(change: EmailChange) -> str:
    """Return the token that undoes a change. It is mailed to the old address only."""
    return _SIGNER.sign(str(change.pk))


def undone_by(token: str) -> EmailChange | None:
    """Return the change that a token undoes, with its user; None if it expired or is invalid."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        pk = int(_SIGNER.unsign(token, max_age=UNDONE_WITHIN))
    except BadSignature:
        return None
    done = EmailChange.objects.select_related("user").filter(
        changed_at__isnull=False, undone_at=None
    )
    change = done.filter(pk=pk).first()
    return change if change is not None and change.user.may_sign_in else None


def undo(request: HttpRequest, change: EmailChange) -> bool:
    """Restore the old address for its owner; return whether this call did it.

    Ends all sessions. Removes the password and recently added factors, so that only a user who
    reads mail at the old address can sign in. A requested deletion of the account is undone, too.
    Raises TakenError.
    """
    now, since = timezone.now(), change.asked_at - _PREPARED_WITHIN
    try:
        with transaction.atomic():
            if not EmailChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=now):
                return False
            theirs = EmailChange.objects.filter(user=change.user)
            theirs.filter(changed_at__gte=change.changed_at).update(undone_at=now)
            theirs.filter(changed_at=None).delete()
            user = User.objects.select_for_update().get(pk=change.user_id)
            taken_back = user.email
            _move(user, user.email, change.old_email, now)
            user.set_unusable_password()
            user.save(update_fields=["password", "password_changed_at"])
            end_sessions(user.sessions.filter(ended_at=None), Ending.EMAIL_RESTORED)
            factors.remove(user, factors.of(user).filter(created_at__gte=since), request)
            email_restored.send(sender=User, request=request, user=user, since=since)
            if user.deletion_due_at is not None:
                deletion.keep(user, request)
            context = {"old_email": shown_email(change.old_email)}
            mails.send("account/email/email_restored", taken_back, context, request)
    except IntegrityError:
        raise TakenError from None
    return True


def _is_taken(email: str, user: User) -> bool:
    """Whether the address is another user's. An unfinished sign-up does not count."""
    holders = User.objects.filter(email=email).exclude(pk=user.pk)
    finished = holders.exclude(pk__in=User.objects.unfinished().values("pk"))
    return finished.exists() or email_addresses.is_verified_by_another(email, user.pk)


def _move(user: User, old: str, new: str, now: datetime, *, verified: bool = True) -> None:
    """Make another address the user's only one. Raises IntegrityError if it is taken."""
    User.objects.unfinished().filter(email=new).exclude(pk=user.pk).delete()
    moved = User.objects.filter(pk=user.pk, email=old).update(email=new, updated_at=now)
    if not moved:
        raise IntegrityError("the account has another address since")
    email_addresses.replace(user, new, verified=verified)
    user.email = new


def _code_id(change: EmailChange) -> str:
    return f"email change {change.pk}"


def _hash_of(code: str, email: str) -> str:
    typed = codes.normalised(code)
    return salted_hmac("accounts.email_change", f"{typed} {email}", algorithm="sha256").hexdigest()
