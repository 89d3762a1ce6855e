"""The tables of rate limits, mail, signs of life, and the operator's brand."""

import hashlib
import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from foundation.colours import ACCENT
from foundation.outbox import OutboxRow
from foundation.plain_text import problem_with, validate_plain

_HOST = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_WEB = re.compile(rf"https://{_HOST}(:[0-9]{{1,5}})?([/?#][!-~]*)?")
_MAIL = re.compile(rf"mailto:[A-Za-z0-9_.+-]+@{_HOST}")


class RateCount(models.Model):
    """How often something was done in a window of time (`foundation.rate_limits`)."""

    #: The limit's name and a hash of its key.
    key = models.CharField(max_length=100, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Mail(OutboxRow):
    """A message that is to be sent (`foundation.mail`). The row is deleted when it was sent."""

    #: The beginning of its templates' names.
    template = models.CharField(_("template"), max_length=100)
    #: Empty if the message is only pretended.
    recipient = models.CharField(_("recipient"), max_length=320)
    #: The message, encrypted.
    sealed = models.TextField()
    #: When its code expires: a later message would be of no use.
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("email")
        verbose_name_plural = _("emails")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "id"], name="mail_by_state"),
            models.Index(fields=["recipient"], name="mail_by_recipient"),
            models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.created_at:%Y-%m-%d %H:%M}"


def validate_accent(text: str) -> None:
    """Raise ValidationError for a text that is no accent colour."""
    if ACCENT.fullmatch(text) is None:
        raise ValidationError(gettext("Write # and six digits from 0 to f, such as #8f3524."))


def validate_web_link(uri: str) -> None:
    """Raise ValidationError for an address that pages can't link to: https only, no user name."""
    if _WEB.fullmatch(uri) is None:
        raise ValidationError(gettext("This is not an https address."))


def validate_help_link(uri: str) -> None:
    """Raise ValidationError for an address where no help can be had: of the web, or of email."""
    if _WEB.fullmatch(uri) is None and _MAIL.fullmatch(uri) is None:
        raise ValidationError(
            gettext("This is neither an https address, nor mailto: and an email address.")
        )


def validate_lines(text: str) -> None:
    """Raise ValidationError for a text of several lines that can't be shown to users."""
    problem = problem_with(text, lines=True)
    if problem is not None:
        raise ValidationError(problem)


def digest_of(picture: bytes) -> str:
    """Return the SHA-256 of a picture in hex, which its address has; empty without a picture."""
    return hashlib.sha256(picture).hexdigest() if picture else ""


class Brand(models.Model):
    """The operator's brand (`foundation.branding`): one row, or none for the default look."""

    #: The only one.
    THE_ONE = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ONE, editable=False)
    name = models.CharField(
        _("name"),
        max_length=60,
        validators=[validate_plain],
        help_text=_("What users read at the top of pages, in titles, and in their passkeys."),
    )
    accent_color = models.CharField(
        _("accent colour"),
        max_length=7,
        blank=True,
        validators=[validate_accent],
        help_text=_(
            "Of buttons and links, such as #8f3524. It is made darker or lighter where words "
            "could not be read otherwise."
        ),
    )
    #: Pictures that `branding.usable_mark` returned, and their SHA-256 in hex, which is in their
    #: addresses.
    mark: Any = models.BinaryField(_("mark"), default=b"", blank=True)
    mark_digest = models.CharField(max_length=64, blank=True, editable=False)
    dark_mark: Any = models.BinaryField(_("mark on dark"), default=b"", blank=True)
    dark_mark_digest = models.CharField(max_length=64, blank=True, editable=False)
    help_uri = models.CharField(
        _("help"),
        max_length=255,
        blank=True,
        validators=[validate_help_link],
        help_text=_("An https address, or mailto: and an email address."),
    )
    policy_uri = models.CharField(
        _("privacy policy"), max_length=255, blank=True, validators=[validate_web_link]
    )
    tos_uri = models.CharField(
        _("terms of service"), max_length=255, blank=True, validators=[validate_web_link]
    )
    imprint_uri = models.CharField(
        _("imprint"), max_length=255, blank=True, validators=[validate_web_link]
    )
    sender_name = models.CharField(
        _("sender of email"),
        max_length=60,
        blank=True,
        validators=[validate_plain],
        help_text=_("Empty: the name."),
    )
    footer_text = models.CharField(
        _("text at the foot"),
        max_length=300,
        blank=True,
        validators=[validate_lines],
        help_text=_("At the foot of pages and of email, such as a postal address."),
    )

    class Meta:
        verbose_name = _("appearance")
        verbose_name_plural = _("appearance")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the digests of the marks."""
        self.mark_digest, self.dark_mark_digest = digest_of(self.mark), digest_of(self.dark_mark)
        super().save(*args, **kwargs)


class Heartbeat(models.Model):
    """When something was last alive or well (`foundation.heartbeats`)."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
