"""Events: what happened that somebody will ask about, told so that nobody has to guess."""

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
    """Return a reference to read over the telephone, such as `7KQ2-M9XD`."""
    letters = [secrets.choice(_ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def is_reference(text: str) -> bool:
    """Whether this can be a reference."""
    return re.fullmatch(f"[{_ALPHABET}]{{4}}-[{_ALPHABET}]{{4}}", text) is not None


def reference_in(text: str) -> str | None:
    """Return the reference that somebody typed, whatever its case, dash and spaces, or None."""
    letters = re.sub(r"[\W_]", "", text).upper()
    reference = f"{letters[:4]}-{letters[4:]}"
    return reference if is_reference(reference) else None


class Event(models.Model):
    """Something that happened. Rows are added and, after the retention time, dropped; never edited.

    Only `times` grows: it counts what came again and again within the same minute.
    """

    class Kind(models.TextChoices):
        """What sort of thing it was."""

        DENIED = "denied", _("Request denied")
        SIGNED_IN = "signed-in", _("Signed in")
        SIGN_IN_FAILED = "sign-in-failed", _("Sign-in failed")
        SIGNED_UP = "signed-up", _("Account made")
        SESSION_ENDED = "session-ended", _("Session ended")
        NOT_TOLD = "app-not-told", _("App not told of a sign-out")
        EMAIL_VERIFIED = "email-verified", _("Address verified")
        PASSWORD_CHANGED = "password-changed", _("Password changed")
        EMAIL_CHANGED = "email-changed", _("Address changed")
        EMAIL_RESTORED = "email-restored", _("Address put back")
        FACTOR_ADDED = "factor-added", _("Second factor added")
        FACTOR_REMOVED = "factor-removed", _("Second factor removed")
        DELETION_ASKED = "deletion-asked", _("Deletion asked for")
        DELETION_UNDONE = "deletion-undone", _("Account kept")
        CONSENTED = "consented", _("Access allowed")
        WITHDRAWN = "consent-withdrawn", _("Access taken back")
        REUSED = "reused", _("Used code or token came again")
        REGISTERED = "registered", _("App registered itself")
        CREATED = "created", _("Created")
        CHANGED = "changed", _("Changed")
        DELETED = "deleted", _("Deleted")
        ACTED = "acted", _("Operator’s action")
        EXPORTED = "exported", _("Exported")
        HOUSEKEEPING_FAILED = "housekeeping-failed", _("Tidying failed")

    #: What people are shown and operators search for.
    reference = models.CharField(
        _("reference"), max_length=9, unique=True, default=new_reference, editable=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    #: Whom it concerns.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="events",
        verbose_name=_("person"),
        db_index=False,
    )
    #: Who did it, where that is somebody else.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="events_as_actor",
        verbose_name=_("operator"),
    )
    #: As the request named it, known here or not.
    client_id = models.CharField(_("app’s client_id"), max_length=255, blank=True)
    #: What was administered, as `apply` names it: `client bakery`, `user ana@example.com`.
    target = models.CharField(_("about"), max_length=340, blank=True)
    ip_address = models.GenericIPAddressField(_("network address"), null=True)
    #: The error's code (RFC 6749 §5.2), of a denial.
    error = models.CharField(_("error"), max_length=50, blank=True)
    #: What happened, exactly, in a sentence.
    reason = models.TextField(_("reason"), blank=True)
    #: The rest of the story. Nothing in it is a secret: `events` takes those out.
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
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.get_kind_display()}"
