"""Interactions, consents, clients in a session, and grants."""

import secrets
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from idp.models.client import Client


def unguessable_id() -> str:
    """Return a random id for addresses: 43 URL-safe characters, 256 bits."""
    return secrets.token_urlsafe(32)


def session_id_for_client() -> str:
    """Return a new `sid` (OIDC Back-Channel Logout §2.1): 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


class Interaction(models.Model):
    """An authorization request that is not answered yet: validated, and found by its id."""

    id = models.CharField(primary_key=True, max_length=43, default=unguessable_id, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    parameters = models.JSONField()
    #: The values of `resource`, the one parameter that may come several times.
    resources = models.JSONField(default=list)
    #: When the client's request came; freshness of a sign-in is judged against it.
    arrived_at = models.DateTimeField(db_index=True)
    ip_address = models.GenericIPAddressField(null=True)
    #: The session that agreed on this request's consent page; it does not count for others.
    consented_in = models.ForeignKey(Session, null=True, on_delete=models.SET_NULL)
    #: The session that was chosen on this request's chooser; another has to be chosen anew.
    chosen_in = models.ForeignKey(
        Session, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    #: The session of the operator of a test sign-in; None for a client's own request.
    tested_in = models.ForeignKey(
        Session, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    #: Whether its client pushed it (RFC 9126), and authenticated itself then if it can.
    was_pushed = models.BooleanField(default=False, db_default=False)
    #: What its client may name it by (RFC 9126 §2.2), until it is answered.
    pushed_as = models.CharField(max_length=43, null=True, unique=True)
    #: When its client was answered, which is once.
    answered_at = models.DateTimeField(null=True)
    #: The session that the client got a code for; None if it got an error.
    answered_in = models.ForeignKey(
        Session, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["ip_address", "arrived_at"], name="interaction_by_address")
        ]

    def __str__(self) -> str:
        return f"Request of {self.client_id} at {self.arrived_at:%Y-%m-%d %H:%M}"


class Consent(models.Model):
    """What a user allows a client to see, until they withdraw it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user")
    )
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, verbose_name=_("app"), db_index=False
    )
    scopes = models.JSONField(_("scopes"), default=list)
    #: Claims that were requested one by one, beyond those of the scopes (OIDC Core §5.5).
    claims = models.JSONField(_("claims"), default=list)
    #: The identifiers of the APIs that its tokens may be for (RFC 8707).
    resources = models.JSONField(_("APIs"), default=list)
    #: The authorization details agreed to last, as texts that are compared (RFC 9396).
    authorization_details = models.JSONField(_("authorization details"), null=True)
    #: The ports of this user's device at which it may be answered (RFC 8252 §8.6), newest last.
    loopback_ports = models.JSONField(default=list)
    #: The client's `display_fingerprint` when this was given; of another it holds no longer.
    display_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("given"), auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(_("last given"), auto_now=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "client"], name="one_consent_per_app")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["client", "id"], name="consent_by_client")
        ]

    def __str__(self) -> str:
        return f"Consent of {self.user} to {self.client}"

    def has_expired(self, now: datetime) -> bool:
        """Whether it holds no longer."""
        return self.expires_at is not None and self.expires_at <= now


class ClientSession(models.Model):
    """A client that took part in a session, under the `sid` it knows the session by."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, db_index=False)
    sid = models.CharField(max_length=22, default=session_id_for_client, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    #: When its part in the session ended before the session did. Signing in to it again there
    #: begins it anew, under another `sid`.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["session", "client"], name="one_sid_per_client")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["client", "id"], name="session_of_client")
        ]

    def __str__(self) -> str:
        return f"{self.client_id} in {self.session_id}"


class Grant(models.Model):
    """One authorization and its facts at that time: all its codes and tokens point here.

    Revoking this row revokes them all.
    """

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, verbose_name=_("app"), db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user")
    )
    session = models.ForeignKey(
        Session, null=True, on_delete=models.CASCADE, verbose_name=_("session"), db_index=False
    )
    client_session = models.ForeignKey(ClientSession, null=True, on_delete=models.SET_NULL)
    scope = models.TextField(_("scope"))
    #: The claims asked for one by one: `{"id_token": […], "userinfo": […]}` (OIDC Core §5.5).
    claims = models.JSONField(_("claims"), default=dict)
    #: The APIs that the request named; empty for none in particular (RFC 8707 §2).
    resource = models.JSONField(default=list)
    #: The authorization details that were agreed to (RFC 9396 §2); None for none.
    authorization_details = models.JSONField(_("authorization details"), null=True)
    #: Whether it continues after the session (OIDC Core §11).
    offline = models.BooleanField(_("goes on after the session"), default=False)
    nonce = models.TextField(null=True)
    #: The trusted issuer that vouched for the user, who did not sign in here; empty otherwise.
    asserted_by = models.CharField(
        _("asserted by"), max_length=300, blank=True, default="", db_default=""
    )
    auth_time = models.DateTimeField(_("authenticated"))
    acr = models.CharField(max_length=100)
    amr = models.JSONField(default=list)
    created_at = models.DateTimeField(_("given"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    #: The subject that the client knows the user by, if it was read with the grant
    #: (`idp.statements.tokens`); `idp.subjects` finds and makes it otherwise.
    subject: str | None = None

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["client", "id"], name="grant_by_client"),
            # By the field itself, PostgreSQL would have a second one, for LIKE.
            models.Index(fields=["session"], name="grant_by_session"),
            models.Index(
                fields=["asserted_by", "id"],
                condition=~models.Q(asserted_by=""),
                name="grant_by_issuer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client} for {self.user}" if self.user_id else f"{self.client}"
