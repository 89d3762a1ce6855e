"""Clients: the relying parties, what they registered and what operators decided about them.

Registration metadata keeps its own names (OIDC Dynamic Client Registration §2). Where the toolkit's
column has another name (`name`, `skip_authorization`), `clients.metadata` maps it.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from idp import policy
from idp.models.resource_server import ResourceServer
from idp.models.scope import Scope
from idp.protocol import redirect_uris
from idp.protocol.vocabulary import OFFLINE_ACCESS


def known_scopes() -> dict[str, str]:
    """Return every scope there is: the standard ones, and with a description the operator's."""
    scopes = dict.fromkeys(policy.SCOPES, "")
    scopes |= {scope.name: str(scope) for scope in Scope.objects.all()}
    for server in ResourceServer.objects.all():
        scopes |= {scope: server.describe(scope) for scope in server.scopes}
    return scopes


LONGEST_ORIGIN = 300
_DOT_GRANT_TYPES = {
    "authorization_code": AbstractApplication.GRANT_AUTHORIZATION_CODE,
    "refresh_token": "refresh-token",
    "client_credentials": AbstractApplication.GRANT_CLIENT_CREDENTIALS,
}


class Client(AbstractApplication):
    """A relying party."""

    class Profile(models.TextChoices):
        """Which rules hold for a client beyond the specifications' own."""

        RECOMMENDED = "recommended", _("Recommended: what RFC 9700 advises")
        COMPATIBLE = "compatible", _("Compatible: what the specifications allow")

    class ApplicationType(models.TextChoices):
        """OIDC Dynamic Client Registration §2, `application_type`."""

        WEB = "web", _("Website or single-page app")
        NATIVE = "native", _("Mobile or desktop app")

    # --- registration metadata -------------------------------------------------------------
    name = models.CharField(_("name"), max_length=255, blank=True, db_index=True)
    redirect_uris = models.JSONField(_("redirect URIs"), default=list, blank=True)
    post_logout_redirect_uris = models.JSONField(
        _("post-logout redirect URIs"), default=list, blank=True
    )
    grant_types = models.JSONField(_("grant types"), default=list, blank=True)
    response_types = models.JSONField(_("response types"), default=list, blank=True)
    application_type = models.CharField(
        _("application type"),
        max_length=10,
        choices=ApplicationType.choices,
        default=ApplicationType.WEB,
    )
    token_endpoint_auth_method = models.CharField(
        _("client authentication"),
        max_length=30,
        choices=[(name, name) for name in policy.CLIENT_AUTHENTICATION_METHODS],
        default="client_secret_basic",
    )
    id_token_signed_response_alg = models.CharField(
        _("ID token algorithm"),
        max_length=10,
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
    )
    #: The client's own public keys, a JWK set (RFC 7517 §5): by value, or where they are.
    jwks = models.JSONField(_("public keys (jwks)"), null=True, blank=True)
    jwks_uri = models.URLField(_("address of the public keys (jwks_uri)"), blank=True)
    #: The scopes this client may ask for; empty means every standard scope.
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    default_max_age = models.PositiveIntegerField(
        _("default max_age, seconds"), null=True, blank=True
    )
    client_uri = models.URLField(_("home page"), blank=True)
    logo_uri = models.URLField(_("logo"), blank=True)
    policy_uri = models.URLField(_("privacy policy"), blank=True)
    tos_uri = models.URLField(_("terms of service"), blank=True)
    contacts = models.JSONField(_("contacts"), default=list, blank=True)
    #: Web origins that may call token and UserInfo from a browser, beside a public client's own.
    allowed_origins = models.JSONField(_("allowed origins"), default=list, blank=True)

    introspection_signed_response_alg = models.CharField(
        _("introspection response algorithm"),
        max_length=10,
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
    )

    #: Whose app it is: they see its errors. Named `user` by the toolkit.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="apps",
        verbose_name=_("owner"),
    )

    # --- policy ------------------------------------------------------------------------------
    #: What access tokens without a resource look like.
    access_token_format = models.CharField(
        _("access token format"),
        max_length=10,
        choices=[(name, name) for name in policy.ACCESS_TOKEN_FORMATS],
        default=policy.ACCESS_TOKEN_FORMATS[0],
    )
    #: Seconds for which a used refresh token still gives its answer again; confidential clients.
    refresh_token_grace = models.PositiveSmallIntegerField(
        _("refresh grace, seconds"),
        default=0,
        validators=[MaxValueValidator(int(policy.REFRESH_GRACE_AT_MOST.total_seconds()))],
    )
    #: Whether refresh tokens are given without offline_access, bound to the browser session.
    refresh_without_offline_access = models.BooleanField(
        _("refresh tokens without offline_access"), default=False
    )
    profile = models.CharField(
        _("profile"), max_length=20, choices=Profile.choices, default=Profile.RECOMMENDED
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    #: The hash of the token that its registration is managed with (RFC 7592); empty for others.
    registration_access_token_hash = models.CharField(max_length=64, blank=True, editable=False)
    #: What the initial access token said that it registered with; empty for all others.
    registered_with = models.JSONField(default=dict, editable=False)
    #: Grows at every change, so that no process goes on with an older copy.
    version = models.PositiveIntegerField(default=1, editable=False)

    # --- the toolkit's columns that follow from others, or stay empty --------------------------
    client_type = models.CharField(max_length=32, blank=True, editable=False)
    client_secret = models.CharField(max_length=255, blank=True, default="", editable=False)
    authorization_grant_type = models.CharField(max_length=44, blank=True, editable=False)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret to keep (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def pkce_required(self) -> bool:
        """Whether every request needs a code challenge (RFC 9700 §2.1.1)."""
        return self.is_public or self.profile != self.Profile.COMPATIBLE

    @property
    def allowed_scopes(self) -> frozenset[str]:
        """The scopes that can be granted to this client."""
        allowed = frozenset(self.scopes or policy.SCOPES)
        if "refresh_token" not in self.grant_types:
            allowed -= {OFFLINE_ACCESS}
        return allowed

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the version grown and what follows from other fields derived again."""
        self.client_type = self.CLIENT_PUBLIC if self.is_public else self.CLIENT_CONFIDENTIAL
        self.authorization_grant_type = next(
            (_DOT_GRANT_TYPES[g] for g in self.grant_types if g in _DOT_GRANT_TYPES), ""
        )
        kwargs.pop("update_fields", None)
        if self.pk is not None:
            self.version = F("version") + 1
        super().save(*args, **kwargs)
        if not isinstance(self.version, int):
            self.refresh_from_db(fields=["version"])
        self._save_origins()

    def _save_origins(self) -> None:
        """Keep the origins that browsers may call from, indexed; the redirect URIs decide."""
        origins = set(self.allowed_origins)
        if self.is_public:
            origins |= {redirect_uris.origin_of(uri) for uri in self.redirect_uris}
        web = {origin for origin in origins if origin.startswith(("https://", "http://"))}
        self.origins.exclude(origin__in=web).delete()
        ClientOrigin.objects.bulk_create(
            [ClientOrigin(client=self, origin=origin) for origin in web], ignore_conflicts=True
        )

    def clean(self) -> None:
        """Refuse metadata that would fail or be unsafe later, naming the field."""
        problems = self._problems_with_uris() | self._problems_with_origins()
        uses_code = "authorization_code" in self.grant_types
        if uses_code and not self.redirect_uris:
            problems["redirect_uris"] = ["The authorization_code grant needs a redirect URI."]
        if ("code" in self.response_types) != uses_code:
            problems["response_types"] = [
                "The response type code and the grant type authorization_code go together."
            ]
        if self.is_public and "client_credentials" in self.grant_types:
            problems["grant_types"] = ["A client without a secret cannot use client_credentials."]
        if "refresh_token" in self.grant_types and not uses_code:
            problems["grant_types"] = ["Refresh tokens come of the authorization_code grant."]
        if self.is_public and self.refresh_token_grace:
            problems["refresh_token_grace"] = ["A client without a secret cannot have a grace."]
        for field, offered in {
            "grant_types": policy.GRANT_TYPES,
            "response_types": policy.RESPONSE_TYPES,
            "scopes": known_scopes(),
        }.items():
            unknown = sorted(set(getattr(self, field)) - set(offered))
            if unknown:
                problems.setdefault(field, []).append(f"Not offered here: {', '.join(unknown)}.")
        if problems:
            raise ValidationError(problems)

    def _problems_with_uris(self) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {}
        for field in ("redirect_uris", "post_logout_redirect_uris"):
            for uri in getattr(self, field):
                problem = redirect_uris.problem_with(uri, application_type=self.application_type)
                if problem is None and len(redirect_uris.origin_of(uri)) > LONGEST_ORIGIN:
                    problem = "Its host is too long."
                if problem:
                    problems.setdefault(field, []).append(f"{uri}: {problem}")
        return problems

    def _problems_with_origins(self) -> dict[str, list[str]]:
        problems = [
            f"{origin}: This is not an origin, such as https://app.example.com."
            for origin in self.allowed_origins
            if redirect_uris.problem_with(origin, application_type=self.ApplicationType.WEB)
            or origin != redirect_uris.origin_of(origin)
            or len(origin) > LONGEST_ORIGIN
        ]
        return {"allowed_origins": problems} if problems else {}

    # --- what the toolkit asks its application; the answers are ours ------------------------

    @property
    def default_redirect_uri(self) -> str:
        """The redirect URI for requests without one: none, requests always name theirs."""
        return ""

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Whether this redirect URI is registered, exactly."""
        native = self.application_type == self.ApplicationType.NATIVE
        return redirect_uris.is_registered(uri, self.redirect_uris, native=native)

    def post_logout_redirect_uri_allowed(self, uri: str) -> bool:
        """Whether this post-logout redirect URI is registered, exactly."""
        return uri in self.post_logout_redirect_uris

    def origin_allowed(self, origin: str) -> bool:
        """Whether a browser at this origin may call for this client."""
        return bool(self.origins.filter(origin=origin).exists())

    def allows_grant_type(self, *grant_types: str) -> bool:
        """Whether the client is registered for one of the toolkit's grant types."""
        return bool({_DOT_GRANT_TYPES.get(grant) for grant in self.grant_types} & set(grant_types))

    def is_usable(self, request: Any) -> bool:  # noqa: ARG002
        """Whether the client may be used at all."""
        return self.enabled


class ClientSecret(models.Model):
    """A secret of a client, as a keyed hash. Several may be valid at once while rotating."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="secrets")
    hashed = models.CharField(max_length=64, editable=False)
    #: Room for the secret itself, sealed, where it also serves as an HMAC key: none does yet.
    sealed = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    #: To the hour: enough to see that a secret is still needed.
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    def __str__(self) -> str:
        return f"Secret of {self.client_id} since {self.created_at:%Y-%m-%d}"


class ClientOrigin(models.Model):
    """A web origin that may call us for a client, indexed for preflight requests."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="origins")
    origin = models.CharField(max_length=LONGEST_ORIGIN, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "origin"], name="one_row_per_origin")
        ]

    def __str__(self) -> str:
        return self.origin
