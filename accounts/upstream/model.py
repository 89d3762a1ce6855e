"""Upstreams: identity providers at which users have accounts, and sessions that began there."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from cryptography.fernet import InvalidToken
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from foundation import plain_text, server_keys

_SECRET, _ID_TOKEN, _SAID = "upstream secret", "upstream id token", "upstream claims"
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})+")
#: Others have secrets of our own, which an operator could have sent to a server of theirs.
_VARIABLE = re.compile(r"UPSTREAM_[A-Z0-9_]{1,90}")
_MOST_DOMAINS = 200


class Upstream(models.Model):
    """An identity provider whose accounts sign in here, as an operator configured it."""

    class Creation(models.TextChoices):
        """Whether a user without an account gets one."""

        ON = "on", _("Yes, at the first sign-in")
        INVITED = "invited", _("Only people whom an operator has entered")
        OFF = "off", _("No, only people who have connected their account")

    class ClientAuth(models.TextChoices):
        """How we prove to it that we are its client. OIDC Core §9."""

        BASIC = "client_secret_basic", _("Client secret, in the header")
        POST = "client_secret_post", _("Client secret, in the form")
        PRIVATE_KEY = "private_key_jwt", _("Our signing key (private_key_jwt)")
        NONE = "none", _("Not at all: PKCE alone")

    class Refresh(models.TextChoices):
        """When what it says about people is taken over."""

        ALWAYS = "always", _("At each sign-in")
        FIRST = "first", _("At the first sign-in only")

    class SignOut(models.TextChoices):
        """Whether who signs out here is taken there to sign out, too."""

        OFFERED = "offered", _("Offered: a button")
        ALWAYS = "always", _("Always, without a question of ours")
        NEVER = "never", _("Never")

    #: Its name in addresses and links; it never changes.
    slug = models.CharField(
        _("short name"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"\A[a-z0-9][a-z0-9-]*\Z", _("Use a–z, 0–9 and dashes."))],
    )
    name = models.CharField(_("name"), max_length=60)
    #: A kind of the registry (`accounts.upstream.kinds`).
    kind = models.CharField(_("kind"), max_length=30)
    #: A PNG as `foundation.pictures` makes it; and its SHA-256 in hex, which is its address.
    mark: Any = models.BinaryField(default=b"", editable=False)
    mark_digest = models.CharField(max_length=64, blank=True, default="", db_index=True)
    #: Upstreams are listed in this order, those of the same place by name.
    place = models.PositiveSmallIntegerField(_("place in the list"), default=100)
    enabled = models.BooleanField(_("enabled"), default=True)

    issuer = models.CharField(_("issuer"), max_length=300, blank=True)
    client_id = models.CharField(_("client ID"), max_length=255, blank=True)
    client_auth = models.CharField(
        _("authentication"),
        max_length=30,
        choices=ClientAuth.choices,
        default=ClientAuth.BASIC,
    )
    #: The environment variable that has the secret; else it is stored here, encrypted.
    secret_variable = models.CharField(
        _("environment variable of the secret"), max_length=100, blank=True
    )
    sealed_secret = models.TextField(blank=True, default="", editable=False)
    scopes = models.CharField(_("scopes"), max_length=300, blank=True)
    #: Users who type an address of these domains are sent here (home realm discovery).
    email_domains = models.JSONField(_("domains of email addresses"), default=list, blank=True)
    #: Whether addresses that it calls verified count as verified here.
    trusts_email = models.BooleanField(_("its verified addresses are trusted"), default=False)
    creation = models.CharField(
        _("new people"), max_length=10, choices=Creation.choices, default=Creation.ON
    )
    #: What only its kind knows: addresses of a directory, of metadata.
    settings = models.JSONField(_("settings"), default=dict, blank=True)

    #: How claims become attributes, groups and roles (`accounts.upstream.attributes`).
    mapping = models.JSONField(_("mapping"), default=dict, blank=True)
    refresh = models.CharField(
        _("taken over"), max_length=10, choices=Refresh.choices, default=Refresh.FIRST
    )
    #: Whether users who sign out here sign out there, too.
    sign_out_there = models.CharField(
        _("signing out there, too"),
        max_length=10,
        choices=SignOut.choices,
        default=SignOut.OFFERED,
        db_default=SignOut.OFFERED,
    )
    #: Our level of authentication for its `acr` and `amr` values.
    levels = models.JSONField(_("levels of authentication"), default=dict, blank=True)

    class Meta:
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        ordering: ClassVar[list[str]] = ["place", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """The secret that we have for it; empty if there is none, or it can't be decrypted."""
        if self.secret_variable:
            return os.environ.get(self.secret_variable, "")
        try:
            return server_keys.unseal(self.sealed_secret, _SECRET).decode()
        except InvalidToken:
            return ""

    @secret.setter
    def secret(self, secret: str) -> None:
        self.sealed_secret = server_keys.seal(secret.encode(), _SECRET) if secret else ""

    def clean(self) -> None:
        """Refuse what can't work, naming each field."""
        problems: dict[str, list[str]] = {}
        for column, problem in self._problems():
            problems.setdefault(column, []).append(problem)
        if problems:
            raise ValidationError(problems)

    def _problems(self) -> Iterator[tuple[str, str]]:
        from accounts.upstream import kinds, levels, mappings

        if problem := plain_text.problem_with(self.name):
            yield "name", problem
        if self.secret_variable and _VARIABLE.fullmatch(self.secret_variable) is None:
            yield (
                "secret_variable",
                gettext("Use a name that begins with UPSTREAM_, of A–Z, 0–9 and _."),
            )
        yield from (("levels", problem) for problem in levels.problems_with(self.levels))
        yield from self._problems_with_domains()
        yield from self._problems_with_changes()
        yield from (("mapping", problem) for problem in mappings.problems_with(self.mapping))
        kind = kinds.named(self.kind)
        if kind is None:
            yield "kind", gettext("There is no such kind here.")
        else:
            yield from kind.problems(self)

    def _problems_with_domains(self) -> Iterator[tuple[str, str]]:
        domains = self.email_domains
        if not isinstance(domains, list) or len(domains) > _MOST_DOMAINS:
            yield "email_domains", gettext("This has to be a list of domains.")
            return
        odd = [name for name in domains if not isinstance(name, str) or not _DOMAIN.fullmatch(name)]
        if odd:
            said = gettext("This is not a domain in lower case: %(value)s.")
            yield "email_domains", said % {"value": odd[0]}

    def _problems_with_changes(self) -> Iterator[tuple[str, str]]:
        """A subject belongs to one issuer: links must not lead to another one's users."""
        from accounts.upstream import links

        before = Upstream.objects.filter(pk=self.pk).first() if self.pk else None
        if before is None:
            return
        if before.slug != self.slug:
            yield "slug", gettext("The short name cannot be changed.")
        fixed = ("issuer", "kind")
        changed = [name for name in fixed if getattr(before, name) != getattr(self, name)]
        if changed and links.number_at(before.slug):
            for column in changed:
                said = gettext("People have connected accounts of it: make another one instead.")
                yield column, said


class UpstreamMembership(models.Model):
    """A group that an upstream has given a user: it is taken away when it no longer says so."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "upstream", "group"], name="upstream_membership_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id} by {self.upstream_id}"


class UpstreamSession(models.Model):
    """Where a session of ours began: a session of an upstream. What ends it there ends it here."""

    session = models.OneToOneField(
        "accounts.Session", on_delete=models.CASCADE, related_name="at_upstream"
    )
    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="sessions")
    subject = models.CharField(max_length=255)
    #: The upstream's own id of the session (OIDC Back-Channel Logout §2.1); empty if it said none.
    sid = models.CharField(max_length=255, blank=True, default="")
    #: The ID token, or the NameID of SAML, encrypted: for signing out there.
    sealed_id_token = models.TextField(blank=True, default="")
    #: What it said about the user, encrypted: for the preview of a changed mapping.
    sealed_said = models.TextField(blank=True, default="", db_default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["upstream", "subject"], name="upstream_session_by_subject"),
            models.Index(fields=["upstream", "sid"], name="upstream_session_by_sid"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} at {self.upstream_id}"

    @property
    def id_token(self) -> str:
        """The upstream's ID token, or the NameID of SAML; empty if there is none."""
        try:
            return server_keys.unseal(self.sealed_id_token, _ID_TOKEN).decode()
        except InvalidToken:
            return ""

    @id_token.setter
    def id_token(self, id_token: str) -> None:
        self.sealed_id_token = server_keys.seal(id_token.encode(), _ID_TOKEN) if id_token else ""

    @property
    def said(self) -> dict[str, Any]:
        """What the upstream said at the sign-in: `claims`, `acr`, `amr`; empty if not known."""
        try:
            said: dict[str, Any] = json.loads(server_keys.unseal(self.sealed_said, _SAID))
        except (InvalidToken, ValueError):
            return {}
        return said

    @said.setter
    def said(self, said: Mapping[str, Any]) -> None:
        self.sealed_said = server_keys.seal(json.dumps(said).encode(), _SAID)


class UsedUpstreamToken(models.Model):
    """A token of an upstream that works once and was used: until it expires it works no more."""

    upstream = models.ForeignKey(
        Upstream, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    #: SHA-256, in hex, of its identifier (`jti`).
    identifier_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["upstream", "identifier_hash"], name="upstream_token_works_once"
            )
        ]

    def __str__(self) -> str:
        return f"token of {self.upstream_id} until {self.expires_at:%Y-%m-%d %H:%M}"
