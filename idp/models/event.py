"""The audit log: events that users and operators ask about."""

import re
import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Without letters and digits that are mistaken for each other when read aloud.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """Return a reference number to read over the telephone, such as `7KQ2-M9XD`."""
    letters = [secrets.choice(_ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def is_reference(text: str) -> bool:
    """Whether this can be a reference."""
    return re.fullmatch(f"[{_ALPHABET}]{{4}}-[{_ALPHABET}]{{4}}", text) is not None


def reference_in(text: str) -> str | None:
    """Return the reference number in a user's spelling (case, dash, spaces), or None."""
    letters = re.sub(r"[\W_]", "", text).upper()
    reference = f"{letters[:4]}-{letters[4:]}"
    return reference if is_reference(reference) else None


class Event(models.Model):
    """An event of the audit log. Rows are added, and deleted after retention; never edited.

    Only `times` grows: it counts repetitions within the same minute.
    """

    class Kind(models.TextChoices):
        """The kind of event."""

        DENIED = "denied", _("Request denied")
        SIGNED_IN = "signed-in", _("Signed in")
        SIGN_IN_FAILED = "sign-in-failed", _("Sign-in failed")
        SIGNED_UP = "signed-up", _("Account made")
        SESSION_ENDED = "session-ended", _("Session ended")
        NOTIFICATION_FAILED = "notification-failed", _("App not notified of a sign-out")
        MAIL_FAILED = "mail-failed", _("Email not sent")
        EMAIL_VERIFIED = "email-verified", _("Address verified")
        PASSWORD_CHANGED = "password-changed", _("Password changed")
        EMAIL_CHANGED = "email-changed", _("Address changed")
        EMAIL_RESTORED = "email-restored", _("Address put back")
        FACTOR_ADDED = "factor-added", _("Second factor added")
        FACTOR_REMOVED = "factor-removed", _("Second factor removed")
        NOT_ME = "not-me", _("Reported: it was not the user")
        FACTOR_RENAMED = "factor-renamed", _("Second factor renamed")
        BROWSER_TRUSTED = "browser-trusted", _("Browser trusted")
        TRUST_ENDED = "trust-ended", _("Browser no longer trusted")
        ACCOUNT_CONNECTED = "account-connected", _("Account elsewhere connected")
        ACCOUNT_DISCONNECTED = "account-disconnected", _("Account elsewhere disconnected")
        PROFILE_CHANGED = "profile-changed", _("Profile changed")
        DELETION_ASKED = "deletion-asked", _("Deletion asked for")
        DELETION_UNDONE = "deletion-undone", _("Account kept")
        TERMS_ACCEPTED = "terms-accepted", _("Terms accepted")
        SIGN_IN_ASKED = "sign-in-asked", _("Asked to sign in elsewhere")
        SIGN_IN_APPROVED = "sign-in-approved", _("Sign-in elsewhere approved")
        SIGN_IN_DENIED = "sign-in-denied", _("Sign-in elsewhere denied")
        CONSENTED = "consented", _("Access allowed")
        WITHDRAWN = "consent-withdrawn", _("Access taken back")
        DEVICE_APPROVED = "device-approved", _("Device allowed to sign in")
        DEVICE_DENIED = "device-denied", _("Device refused")
        DEVICE_CODE_WRONG = "device-code-wrong", _("Wrong code of a device")
        EXCHANGED = "token-exchanged", _("Token exchanged")
        REUSED = "reused", _("Used code or token came again")
        ASSERTION_ACCEPTED = "assertion-accepted", _("Trusted issuer vouched")
        REGISTERED = "registered", _("App registered itself")
        CREATED = "created", _("Created")
        CHANGED = "changed", _("Changed")
        DELETED = "deleted", _("Deleted")
        ADMIN_ACTION = "admin-action", _("Operator’s action")
        OWNER_ACTION = "owner-action", _("Owner’s action")
        EXPORTED = "exported", _("Exported")
        HOUSEKEEPING_FAILED = "housekeeping-failed", _("Tidying failed")

    #: What users are shown and operators search for.
    reference = models.CharField(
        _("reference"), max_length=9, unique=True, default=new_reference, editable=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    #: The user concerned.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="events",
        verbose_name=_("user"),
        db_index=False,
    )
    #: The user who did it, if another one.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="events_as_actor",
        verbose_name=_("operator"),
    )
    #: The id of the session in which it happened, if that is known; the row may be gone.
    session = models.CharField(_("session"), max_length=32, null=True, editable=False)
    #: As the request named it, known here or not.
    client_id = models.CharField(_("app’s client_id"), max_length=255, blank=True)
    #: The administered row, named as by `apply`: `client bakery`, `user ana@example.com`.
    target = models.CharField(_("about"), max_length=340, blank=True)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True)
    #: The error's code (RFC 6749 §5.2), of a denial.
    error = models.CharField(_("error"), max_length=50, blank=True)
    #: The reason in a sentence.
    reason = models.TextField(_("reason"), blank=True)
    #: Further details. `events` masks secrets.
    details = models.JSONField(_("details"), default=dict)
    times = models.PositiveIntegerField(_("times"), default=1)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["kind", "id"], name="event_by_kind"),
            models.Index(fields=["user", "id"], name="event_by_user"),
            models.Index(fields=["client_id", "id"], name="event_by_client"),
            models.Index(fields=["client_id", "kind", "id"], name="event_by_client_and_kind"),
            models.Index(fields=["ip_address", "id"], name="event_by_address"),
            models.Index(fields=["target", "id"], name="event_by_target"),
            models.Index(
                fields=["session", "id"],
                condition=models.Q(session__isnull=False),
                name="event_by_session",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.get_kind_display()}"

    @property
    def is_by_operator(self) -> bool:
        """Whether another user than the one concerned did it, or a command.

        Where and with what device is then the operator's own affair, and not shown to the user.
        """
        if self.actor_id is not None:
            return self.actor_id != self.user_id
        # The actor's account may be deleted since.
        return "by" in self.details or self.kind in self._BY_OPERATORS

    _BY_OPERATORS: ClassVar[frozenset[str]] = frozenset(
        {Kind.CREATED, Kind.CHANGED, Kind.DELETED, Kind.ADMIN_ACTION}
    )
