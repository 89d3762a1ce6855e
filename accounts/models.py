"""Users and their sign-ins. `User` has a place for every standard claim (OIDC Core §5.1)."""

import secrets
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.addresses import NormalisedEmailField, normalised_email, shown_email
from foundation import plain_text


class UserManager(BaseUserManager["User"]):
    """Creates users, who sign in with their email address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user. Without a password they can sign in only after a reset."""
        user = self.model(email=normalised_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a superuser with a verified address.

        Raises ValidationError for a password that password validators refuse.
        """
        if password is not None:
            validate_password(password, self.model(email=email, **fields))
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        user.set_email(user.email, verified=True)
        return user

    def unfinished(self) -> "models.QuerySet[User]":
        """Return sign-ups whose address was never verified and that were never used."""
        return self.filter(self_registered=True, last_login=None).exclude(
            emailaddress__verified=True
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by email address, normalised."""
        return self.get(email=username)


#: At most 255 characters of ASCII (OIDC Core §2), without spaces at the ends.
validate_subject = RegexValidator(
    r"\A[!-~](?:[ -~]{0,253}[!-~])?\Z",
    _("A subject has 1 to 255 characters of ASCII that can be seen."),
)


def new_subject() -> str:
    """Return an unguessable subject: a random UUID."""
    return str(uuid.uuid4())


def field_of(claim: str) -> str:
    """Return the name of the user's field for a claim: the claim's own name, except for `profile`.

    That name is free for models of others: a `Profile` with a `OneToOneField` to the user.
    """
    return "profile_url" if claim == "profile" else claim


#: Texts of a user that others read, written by the user or another system.
_SHOWN_TEXTS = (
    *("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"),
    *("profile_url", "picture", "website", "gender", "zoneinfo", "locale", "phone_number"),
)


class User(AbstractBaseUser, PermissionsMixin):
    """A user. `sub` identifies them to relying parties; it never changes and is never reused."""

    #: Random for new people; of those who moved in, the one that they had before. Upper and lower
    #: case differ.
    sub = models.CharField(
        _("subject"),
        max_length=255,
        default=new_subject,
        unique=True,
        editable=False,
        validators=[validate_subject],
    )
    email = NormalisedEmailField(_("email address"), unique=True)
    #: Longer than Django's, for hashes of other software (`accounts.foreign_hashes`).
    password = models.CharField(_("password"), max_length=512)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    date_joined = models.DateTimeField(_("joined"), auto_now_add=True)
    #: Whether the next sign-in has to set a new password first.
    password_change_required = models.BooleanField(
        _("has to choose a new password"), default=False, editable=False
    )
    #: Hashes in sessions after a rehash of the same password: of the new hash, and of the one
    #: before. Sessions that began with the old hash stay valid.
    rehashed = models.CharField(max_length=129, blank=True, default="", editable=False)
    #: When the password was last set; None if that was before this was recorded.
    password_changed_at = models.DateTimeField(
        _("password changed"), null=True, blank=True, editable=False
    )
    #: The language and colours of the pages, if the user has chosen them (`accounts.preferences`).
    language = models.CharField(max_length=10, blank=True, default="", editable=False)
    theme = models.CharField(max_length=5, blank=True, default="", editable=False)
    #: The user handle of passkeys: random, base64url. None until the first is made.
    passkey_handle = models.CharField(max_length=86, null=True, unique=True, editable=False)
    #: When a passkey was last offered after signing in.
    passkey_offered_at = models.DateTimeField(null=True, editable=False)
    #: Whether the user signed up, rather than being created by an operator.
    self_registered = models.BooleanField(_("self-registered"), default=False, editable=False)
    #: When the account is deleted, if the user asked for that. Until then it is inactive.
    deletion_due_at = models.DateTimeField(_("to be deleted on"), null=True, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    #: A new value makes every browser unknown to the account (`accounts.known_browsers`).
    known_browsers_key = models.CharField(max_length=16, blank=True, editable=False)

    name = models.CharField(_("full name"), max_length=200, blank=True)
    given_name = models.CharField(_("given name"), max_length=100, blank=True)
    family_name = models.CharField(_("family name"), max_length=100, blank=True)
    middle_name = models.CharField(_("middle name"), max_length=100, blank=True)
    nickname = models.CharField(_("nickname"), max_length=100, blank=True)
    preferred_username = models.CharField(_("preferred username"), max_length=100, blank=True)
    profile_url = models.URLField(_("profile page"), blank=True, db_column="profile")
    #: The address of a picture elsewhere, as an operator sets it. It precedes the uploaded one.
    picture = models.URLField(_("picture"), blank=True)
    #: The name of the uploaded picture's file (`accounts.profile_pictures`), or empty.
    uploaded_picture = models.CharField(max_length=60, blank=True, editable=False)
    website = models.URLField(_("website"), blank=True)
    gender = models.CharField(_("gender"), max_length=50, blank=True)
    #: `YYYY-MM-DD`, `0000-MM-DD` where the year is withheld, or `YYYY` (OIDC Core §5.1).
    birthdate = models.CharField(
        _("date of birth"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(r"\A\d{4}(-\d\d-\d\d)?\Z", _("Use YYYY-MM-DD or YYYY."))],
    )
    zoneinfo = models.CharField(_("time zone"), max_length=50, blank=True)
    locale = models.CharField(_("language"), max_length=35, blank=True)
    phone_number = models.CharField(_("phone number"), max_length=40, blank=True)
    phone_number_verified = models.BooleanField(_("phone number verified"), default=False)
    #: The members of OIDC Core §5.1.1 that are known.
    address = models.JSONField(_("address"), default=dict, blank=True)
    #: The values of the operator's own attributes, by their names (`idp.models.Attribute`).
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("people")
        #: What support staff may be permitted, without permission to change users.
        permissions: ClassVar[Any] = [
            ("unlock_user", "Can unlock user"),
            ("send_reset_user", "Can send user a password reset"),
            ("end_sessions_user", "Can end sessions of user"),
            ("remove_factors_user", "Can remove second factor of user"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["date_joined"], name="users_by_time"),
            models.Index(
                fields=["id"], condition=models.Q(is_staff=True), name="users_of_the_staff"
            ),
            models.Index(fields=["id"], condition=models.Q(is_active=False), name="disabled_users"),
            models.Index(
                fields=["deletion_due_at"],
                condition=models.Q(deletion_due_at__isnull=False),
                name="users_to_be_deleted",
            ),
            models.Index(
                Lower("preferred_username"),
                condition=~models.Q(preferred_username=""),
                name="users_by_user_name",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def set_password(self, raw_password: str | None) -> None:
        """Set the password and when it was set. Without a password, none matches."""
        super().set_password(raw_password)
        self.password_changed_at = timezone.now()

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. A hash with outdated parameters is replaced."""
        return check_password(raw_password, self.password, self._rehash)

    def _rehash(self, password: str) -> None:
        """Replace the hash, unless the password was changed since it was read."""
        before, noted = (self.password, self.rehashed), self.get_session_auth_hash()
        self.password = make_password(password)
        self.rehashed = f"{self.get_session_auth_hash()}:{noted}"
        unchanged = User.objects.filter(pk=self.pk, password=before[0])
        if not unchanged.update(password=self.password, rehashed=self.rehashed):
            self.password, self.rehashed = before

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield session hashes that are valid as well: under earlier keys, of an earlier hash."""
        yield from super().get_session_auth_fallback_hash()
        now, _, before = self.rehashed.partition(":")
        if before and constant_time_compare(now, self.get_session_auth_hash()):
            yield before

    def clean(self) -> None:
        """Refuse names and other texts with invisible characters, naming the field."""
        super().clean()
        problems = {
            field: problem
            for field in _SHOWN_TEXTS
            if (problem := plain_text.problem_with(getattr(self, field)))
        }
        for text in (self.address or {}).values():
            problem = plain_text.problem_with(text, lines=True) if isinstance(text, str) else None
            if problem:
                problems["address"] = problem
        if problems:
            raise ValidationError(problems)

    @property
    def can_be_kept(self) -> bool:
        """Whether the account is to be deleted and signing in still offers to keep it."""
        return self.deletion_due_at is not None and self.deletion_due_at > timezone.now()

    @property
    def may_sign_in(self) -> bool:
        """Whether the user may sign in."""
        return self.is_active or self.can_be_kept

    def get_full_name(self) -> str:
        """Return the name to greet the user by, or their address."""
        return self.name or self.given_name or self.shown_email

    @property
    def shown_email(self) -> str:
        """Return the address for the user's own pages: its domain in Unicode."""
        return shown_email(self.email)

    def set_email(self, email: str, *, verified: bool) -> None:
        """Set the primary address; its record says whether it is verified."""
        from accounts.allauth_door import email_addresses

        email = normalised_email(email)
        if self.email != email:
            self.email = email
            self.save(update_fields=["email", "updated_at"])
        email_addresses.make_primary(self, email, verified=verified)


def new_session_id() -> str:
    """Return an unguessable session id: 32 URL-safe characters, 192 bits."""
    return secrets.token_urlsafe(24)


class Session(models.Model):
    """A sign-in of one browser: user, time and method. Its row stays after its end as a record."""

    id = models.CharField(primary_key=True, max_length=32, default=new_session_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("user")
    )
    #: When the user last authenticated in this browser, unrounded.
    authenticated_at = models.DateTimeField(_("authenticated"))
    #: allauth's authentication records of this sign-in: `{"method": …, "at": …}`.
    methods = models.JSONField(default=list)
    #: The User-Agent header at sign-in.
    user_agent = models.CharField(_("browser"), max_length=400, blank=True)
    #: The id of the browser (`accounts.known_browsers`), the same for its later sign-ins to this
    #: account; empty where no browser signed in.
    browser = models.CharField(max_length=16, blank=True, default="", editable=False)
    ip_address = models.GenericIPAddressField(_("IP address"), null=True)
    #: Whether the session ends with the browser: the user did not ask to stay signed in.
    until_closed = models.BooleanField(_("until the browser is closed"), default=True)
    #: Whether it is an app's on a device without a browser. It has no limits of time, and ends with
    #: what the app was given, which has lifetimes of its own.
    lasting = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(_("began"), auto_now_add=True)
    last_seen_at = models.DateTimeField(_("last seen"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    #: Why it ended: a value of `accounts.sessions.Ending`.
    ending = models.CharField(_("why it ended"), max_length=30, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "ended_at"], name="session_of_user"),
            models.Index(fields=["created_at"], name="session_by_time"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(ended_at__isnull=False),
                name="ended_session_by_time",
            ),
            models.Index(
                fields=["last_seen_at"],
                condition=models.Q(ended_at=None),
                name="session_by_last_visit",
            ),
        ]

    def __str__(self) -> str:
        since = timezone.localtime(self.created_at)
        named = {"user": self.user, "time": f"{since:%Y-%m-%d %H:%M}"}
        return gettext("Session of %(user)s since %(time)s") % named


class EmailChange(models.Model):
    """A change of a user's email address; after it, what undoes it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    old_email = NormalisedEmailField()
    new_email = NormalisedEmailField()
    #: Of the code that was mailed; empty where the address is another user's.
    code_hash = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(db_index=True)
    changed_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user_id} asked for another address at {self.asked_at:%Y-%m-%d %H:%M}"


class InactiveSession(models.Model):
    """A session that is inactive while another account is used in its browser.

    The browser identifies it by a cookie, of which only the hash is stored
    (`accounts.account_switching`).
    """

    session = models.OneToOneField(Session, primary_key=True, on_delete=models.CASCADE)
    browser = models.CharField(max_length=64, db_index=True)
    #: Django's session hash of the password that the sign-in began with.
    password_hash = models.CharField(max_length=128)
    #: Whether the session ends with the browser: the user did not ask to stay signed in.
    until_closed = models.BooleanField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Inactive: {self.session_id}"


class TermsAcceptance(models.Model):
    """A user's acceptance of a version of the terms of service (`accounts.terms`)."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="terms_accepted", verbose_name=_("user")
    )
    version = models.CharField(_("version"), max_length=50)
    #: Where they could be read.
    url = models.URLField(_("address"))
    accepted_at = models.DateTimeField(_("accepted"), auto_now_add=True)

    class Meta:
        verbose_name = _("accepted terms")
        verbose_name_plural = _("accepted terms")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "version"], name="terms_accepted_once")
        ]

    def __str__(self) -> str:
        return f"Terms {self.version}, accepted {self.accepted_at:%Y-%m-%d %H:%M}"


class TrustedBrowser(models.Model):
    """A browser at which a user is not asked for the second factor (`accounts.trusted_browsers`).

    The browser identifies it by a cookie, of which only the hash is stored.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trusted_browsers")
    browser = models.CharField(max_length=64)
    #: Django's session hash of the password at that time.
    password_hash = models.CharField(max_length=128)
    #: Fingerprint of the account's second factors at that time.
    factors_hash = models.CharField(max_length=64)
    user_agent = models.CharField(max_length=400, blank=True)
    ip_address = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["browser", "user"], name="trusted_browser_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} trusts a browser since {self.created_at:%Y-%m-%d %H:%M}"


# Django finds models here; those of upstreams are in their own package.
from accounts.upstream.answers import UpstreamAnswer as UpstreamAnswer  # noqa: E402
from accounts.upstream.model import Upstream as Upstream  # noqa: E402
from accounts.upstream.model import UpstreamMembership as UpstreamMembership  # noqa: E402
from accounts.upstream.model import UpstreamSession as UpstreamSession  # noqa: E402
from accounts.upstream.model import UsedUpstreamToken as UsedUpstreamToken  # noqa: E402
