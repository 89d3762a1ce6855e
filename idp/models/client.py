"""Clients: the relying parties, their metadata, and the policy that operators set.

Registration metadata keeps its own names (OIDC Dynamic Client Registration §2). Where the toolkit's
column has another name (`name`, `skip_authorization`), `client_metadata` maps it.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from foundation.models import validate_accent
from idp import policy
from idp.models import client_derived
from idp.protocol import addresses, redirect_uris
from idp.protocol.vocabulary import DEVICE_CODE, DEVICE_SSO, OFFLINE_ACCESS

#: Columns that only registration writes, apart from the rest of the row
#: (`registration.access_tokens`).
_REGISTRATION_TOKENS = frozenset(
    {"registration_access_token_hash", "previous_registration_access_token_hash"}
)
_DOT_GRANT_TYPES = {
    "authorization_code": AbstractApplication.GRANT_AUTHORIZATION_CODE,
    "refresh_token": "refresh-token",
    "client_credentials": AbstractApplication.GRANT_CLIENT_CREDENTIALS,
    "implicit": AbstractApplication.GRANT_IMPLICIT,
    "password": AbstractApplication.GRANT_PASSWORD,
    DEVICE_CODE: AbstractApplication.GRANT_DEVICE_CODE,
}


def _between(least: int, most: timedelta) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(int(most.total_seconds()))]


def _name(verbose_name: Any) -> Any:
    """Return a column for a name that a certificate has to have."""
    return models.CharField(verbose_name, max_length=1000, blank=True, default="", db_default="")


class Client(AbstractApplication):
    """A relying party."""

    PAIRWISE = "pairwise"

    class Profile(models.TextChoices):
        """Which rules hold for a client beyond the specifications' own."""

        RECOMMENDED = "recommended", _("Recommended: what RFC 9700 advises")
        COMPATIBLE = "compatible", _("Compatible: what the specifications allow")
        FAPI2 = "fapi2", _("High security: what FAPI 2.0 demands, as banks do")

    class ApplicationType(models.TextChoices):
        """OIDC Dynamic Client Registration §2, `application_type`."""

        WEB = "web", _("Web app or single-page app")
        NATIVE = "native", _("Native app")

    class IdTokenClaims(models.TextChoices):
        """Where a client gets the claims of its scopes (OIDC Core §5.4)."""

        SCOPES = "scopes", _("In the ID token and at UserInfo")
        USERINFO = "userinfo", _("At UserInfo alone")

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
        choices=[(name, name) for name in policy.ID_TOKEN_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
    )
    #: Whether ID tokens of the token endpoint have the claims of scopes.
    id_token_claims = models.CharField(
        _("claims of its scopes"),
        max_length=10,
        choices=IdTokenClaims.choices,
        default=IdTokenClaims.SCOPES,
    )
    #: Empty: not encrypted. The `enc` follows where only the `alg` is given.
    id_token_encrypted_response_alg = models.CharField(
        _("ID token encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.RESPONSE_ENCRYPTION_ALGORITHMS],
    )
    id_token_encrypted_response_enc = models.CharField(
        _("ID token content encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.RESPONSE_CONTENT_ENCRYPTIONS],
    )
    #: Empty: UserInfo is plain JSON.
    userinfo_signed_response_alg = models.CharField(
        _("UserInfo algorithm"),
        max_length=10,
        blank=True,
        choices=[(name, name) for name in policy.ID_TOKEN_ALGORITHMS],
    )
    userinfo_encrypted_response_alg = models.CharField(
        _("UserInfo encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.RESPONSE_ENCRYPTION_ALGORITHMS],
    )
    userinfo_encrypted_response_enc = models.CharField(
        _("UserInfo content encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.RESPONSE_CONTENT_ENCRYPTIONS],
    )
    #: How authorization responses in JWTs are signed (JARM §3); empty: see `response_signing_alg`.
    authorization_signed_response_alg = models.CharField(
        _("algorithm of signed answers"),
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
    )
    #: Empty: they are not encrypted. The `enc` follows where only the `alg` is given.
    authorization_encrypted_response_alg = models.CharField(
        _("encryption of signed answers"),
        max_length=20,
        blank=True,
        default="",
        db_default="",
        choices=[(name, name) for name in policy.RESPONSE_ENCRYPTION_ALGORITHMS],
    )
    authorization_encrypted_response_enc = models.CharField(
        _("content encryption of signed answers"),
        max_length=20,
        blank=True,
        default="",
        db_default="",
        choices=[(name, name) for name in policy.RESPONSE_CONTENT_ENCRYPTIONS],
    )
    #: Whether it gets no authorization response but in a JWT (FAPI 2.0 Message Signing §5.4).
    require_signed_authorization_response = models.BooleanField(
        _("signed answers only"), default=False, db_default=False
    )
    #: The client's own public keys, a JWK set (RFC 7517 §5): by value, or where they are.
    jwks = models.JSONField(_("public keys (jwks)"), null=True, blank=True)
    jwks_uri = models.URLField(_("address of the public keys (jwks_uri)"), blank=True)
    #: Workloads whose JWTs of trusted issuers authenticate it, instead of its own (`clients.
    #: workloads`).
    workloads = models.JSONField(_("workloads"), default=list, db_default=[], blank=True)
    #: The trusted issuers whose assertions about users it may present, each with the scopes that it
    #: gets for them, separated by spaces (RFC 7523 §2.1).
    user_assertions = models.JSONField(
        _("assertions about users"), default=dict, db_default={}, blank=True
    )
    token_endpoint_auth_signing_alg = models.CharField(
        _("client authentication’s algorithm"),
        max_length=10,
        blank=True,
        choices=[(name, name) for name in policy.CLIENT_ALGORITHMS],
    )
    #: With tls_client_auth, which name the certificate has to have: one of these (RFC 8705 §2.1.2).
    tls_client_auth_subject_dn = _name(_("certificate’s subject"))
    tls_client_auth_san_dns = _name(_("certificate’s DNS name"))
    tls_client_auth_san_uri = _name(_("certificate’s URI"))
    tls_client_auth_san_ip = _name(_("certificate’s IP address"))
    tls_client_auth_san_email = _name(_("certificate’s email address"))
    #: RFC 8705 §3.4.
    tls_client_certificate_bound_access_tokens = models.BooleanField(
        _("tokens bound to a certificate"), default=False, db_default=False
    )
    #: Where request objects may be fetched from, each with the hash of its content or without.
    request_uris = models.JSONField(_("request URIs"), default=list, blank=True)
    #: Empty: any of its own keys' algorithms.
    request_object_signing_alg = models.CharField(
        _("request object algorithm"),
        max_length=10,
        blank=True,
        choices=[(name, name) for name in policy.CLIENT_ALGORITHMS],
    )
    #: Empty: request objects are not encrypted. The `enc` follows where only the `alg` is given.
    request_object_encryption_alg = models.CharField(
        _("request object encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.DECRYPTION_ALGORITHMS],
    )
    request_object_encryption_enc = models.CharField(
        _("request object content encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.RESPONSE_CONTENT_ENCRYPTIONS],
    )
    require_signed_request_object = models.BooleanField(_("signed requests only"), default=False)
    #: RFC 9126 §6.
    require_pushed_authorization_requests = models.BooleanField(
        _("pushed requests only"), default=False, db_default=False
    )
    #: RFC 9449 §5.2.
    dpop_bound_access_tokens = models.BooleanField(
        _("tokens bound to a key (DPoP)"), default=False, db_default=False
    )
    subject_type = models.CharField(
        _("subject type"),
        max_length=10,
        choices=[(name, name) for name in policy.SUBJECT_TYPES],
        default=policy.SUBJECT_TYPES[0],
    )
    sector_identifier_uri = models.URLField(_("sector identifier URI"), blank=True)
    #: Clients of one sector have the same subject of a user; derived from the two above.
    sector = models.CharField(max_length=255, blank=True, editable=False)
    #: The scopes that this client may request; empty means every standard scope.
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    #: Those of its scopes that it registered because an API opens them to self-registered clients.
    #: They are no permission of its own: `ResourceServer.scopes_for` looks whether they are open.
    open_scopes = models.JSONField(default=list, editable=False)
    default_max_age = models.PositiveIntegerField(
        _("default max_age, seconds"), null=True, blank=True
    )
    #: Authentication levels that apply if a request names none: voluntary.
    default_acr_values = models.JSONField(_("default acr_values"), default=list, blank=True)
    #: `auth_time` is in every ID token, so this changes nothing.
    require_auth_time = models.BooleanField(_("require auth_time"), default=False)
    client_uri = models.URLField(_("home page"), blank=True)
    logo_uri = models.URLField(_("logo"), blank=True)
    #: The accent of its sign-in and consent pages (`foundation.colours`); empty for the brand's.
    accent_color = models.CharField(
        _("accent colour"), max_length=7, blank=True, validators=[validate_accent]
    )
    #: Where it learns that a session ended: a token posted there (OIDC Back-Channel Logout §2.2) …
    backchannel_logout_uri = models.URLField(_("back-channel logout address"), blank=True)
    backchannel_logout_session_required = models.BooleanField(
        _("back-channel logout with sid"), default=False
    )
    #: … or a page that the user's browser loads there (OIDC Front-Channel Logout §2).
    frontchannel_logout_uri = models.URLField(_("front-channel logout address"), blank=True)
    frontchannel_logout_session_required = models.BooleanField(
        _("front-channel logout with sid"), default=False
    )
    #: How it learns that a user has answered whom it asked to sign in (OIDC CIBA §4), empty unless
    #: it has that grant; where it is told, with ping; and how its requests are signed.
    backchannel_token_delivery_mode = models.CharField(
        _("how it learns of an answer"),
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=[(name, name) for name in policy.BACKCHANNEL_DELIVERY_MODES],
    )
    backchannel_client_notification_endpoint = models.URLField(
        _("address that is told of an answer"), blank=True, default="", db_default=""
    )
    backchannel_authentication_request_signing_alg = models.CharField(
        _("algorithm of its signed requests"),
        max_length=10,
        blank=True,
        default="",
        db_default="",
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
    )
    #: Where a sign-in begins that the user starts here (OIDC Core §4).
    initiate_login_uri = models.URLField(_("address that starts a sign-in"), blank=True)
    policy_uri = models.URLField(_("privacy policy"), blank=True)
    tos_uri = models.URLField(_("terms of service"), blank=True)
    #: The same in other languages, by member and language tag: `{"client_name#de": …}` (§2.1).
    localized = models.JSONField(_("in other languages"), default=dict, blank=True)
    contacts = models.JSONField(_("contacts"), default=list, blank=True)
    #: The program that it is an installation of (RFC 7591 §2).
    software_id = models.CharField(_("program"), max_length=255, blank=True)
    software_version = models.CharField(_("version of the program"), max_length=255, blank=True)
    #: The program of the catalogue that it is registered for (`integrations`); empty if none.
    integration = models.SlugField(_("integration"), max_length=50, blank=True, db_index=False)
    #: Web origins that may call token and UserInfo from a browser, beside a public client's own.
    allowed_origins = models.JSONField(_("allowed origins"), default=list, blank=True)

    introspection_signed_response_alg = models.CharField(
        _("introspection response algorithm"),
        max_length=10,
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
    )

    #: The owner, who sees the client's errors. Named `user` by the toolkit.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="apps",
        verbose_name=_("owner"),
    )

    # --- policy ------------------------------------------------------------------------------
    #: The format of access tokens without a resource.
    access_token_format = models.CharField(
        _("access token format"),
        max_length=10,
        choices=[(name, name) for name in policy.ACCESS_TOKEN_FORMATS],
        default=policy.ACCESS_TOKEN_FORMATS[0],
    )
    #: Seconds that access tokens without a resource live; None: ACCESS_TOKEN_LIFETIME.
    access_token_lifetime = models.PositiveIntegerField(
        _("access token lifetime, seconds"),
        null=True,
        blank=True,
        validators=_between(30, policy.SIGNED_AT_MOST),
    )
    #: Seconds after which an unused refresh token expires; None: REFRESH_TOKEN_IDLE_LIFETIME.
    refresh_token_idle_lifetime = models.PositiveIntegerField(
        _("unused refresh tokens, seconds"),
        null=True,
        blank=True,
        validators=_between(60, policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME),
    )
    #: Seconds after the authorization when the last one expires; None: the maximum.
    refresh_token_absolute_lifetime = models.PositiveIntegerField(
        _("all refresh tokens, seconds"),
        null=True,
        blank=True,
        validators=_between(60, policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME),
    )
    #: Seconds for which a used refresh token still gives an answer; None: see `refresh_grace`.
    refresh_token_grace = models.PositiveSmallIntegerField(
        _("refresh grace, seconds"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(int(policy.REFRESH_GRACE_AT_MOST.total_seconds()))],
    )
    #: Whether refresh tokens are given without offline_access, bound to the browser session; None:
    #: see `refreshes_in_session`.
    refresh_without_offline_access = models.BooleanField(
        _("refresh tokens without offline_access"),
        null=True,
        blank=True,
        choices=[
            (None, _("native apps, and apps without a secret that registered themselves")),
            (True, _("yes")),
            (False, _("no")),
        ],
    )
    #: The level of authentication that it requires of every user; empty for none.
    required_acr = models.CharField(
        _("required sign-in"),
        max_length=100,
        choices=[(name, name) for name in policy.ACR_VALUES],
        blank=True,
    )
    #: The access policy: names of the groups whose members may use it; empty for all users. A
    #: deleted group stays named, and allows no user.
    allowed_groups = models.JSONField(_("groups who may use it"), default=list, blank=True)
    #: Which upstreams its sign-in page offers, by their short names; empty for all.
    upstreams = models.JSONField(_("identity providers"), default=list, db_default=[], blank=True)
    #: Whether its sign-in page also offers what our own accounts have: passwords, passkeys, codes.
    own_sign_in = models.BooleanField(
        _("sign-in with our own accounts"), default=True, db_default=True
    )
    #: Whether it authenticates by the registered method alone, and not by the other one that sends
    #: a secret.
    strict_client_authentication = models.BooleanField(
        _("registered client authentication only"), default=False
    )
    #: Clients whose tokens it may exchange (RFC 8693), by client_id: beside its own, and those for
    #: an API that it introspects for.
    token_exchange_clients = models.JSONField(
        _("apps whose tokens it may exchange"), default=list, db_default=[], blank=True
    )
    #: Whether it may also exchange ID tokens: its own, and those of these clients.
    token_exchange_id_tokens = models.BooleanField(
        _("it may exchange ID tokens"), default=False, db_default=False
    )
    #: The APIs that it may get tokens for by exchange: their identifiers, each with a mapping of
    #: scopes there to the scope that the exchanged token has to have.
    token_exchange_resources = models.JSONField(
        _("APIs it may get tokens for"), null=True, blank=True
    )
    #: The client that alone may exchange this one's tokens (RFC 8693 §4.4); empty for any with
    #: permission.
    may_act = models.CharField(
        _("app that may act for its users"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
    )
    #: Clients with the same name here share sign-ins on a device (OIDC Native SSO).
    native_sso_group = models.CharField(
        _("shares sign-ins on a device"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
    )
    #: The applications that it gets ID-JAGs for, by the issuer of each (`models.connection`).
    connected_applications = models.JSONField(_("connected applications"), null=True, blank=True)
    #: The types of authorization details that it may ask for (RFC 9396 §10).
    authorization_details_types = models.JSONField(
        _("authorization details"), default=list, db_default=[], blank=True
    )
    profile = models.CharField(
        _("profile"), max_length=20, choices=Profile.choices, default=Profile.RECOMMENDED
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    #: The hash of the token that its registration is managed with (RFC 7592); empty for others.
    registration_access_token_hash = models.CharField(max_length=64, blank=True, editable=False)
    #: The previous one, valid until this one is used: the response may have been lost.
    previous_registration_access_token_hash = models.CharField(
        max_length=64, blank=True, editable=False
    )
    #: The permit of the initial access token that it registered with; empty for all others.
    registered_with = models.JSONField(default=dict, editable=False)
    #: The statement that it registered with, as it came (RFC 7591 §2.3); empty for all others.
    software_statement = models.TextField(blank=True, editable=False)
    #: When its own document was last fetched; beside `cimd_expires_at`, when it is fetched again.
    document_fetched_at = models.DateTimeField(null=True, editable=False)
    #: Of a self-registered client, a hash of its display for users; empty for others.
    display_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    #: Whether it has legacy grant types; follows from the grant types.
    has_legacy_grants = models.BooleanField(default=False, editable=False)
    #: Whether it has extension grants (RFC 6749 §4.5); follows from the grant types.
    has_extension_grants = models.BooleanField(default=False, db_default=False, editable=False)
    #: Grows at every change, so that no process uses an older copy.
    version = models.PositiveIntegerField(default=1, editable=False)

    # --- the toolkit's columns that follow from others, or stay empty --------------------------
    client_type = models.CharField(max_length=32, blank=True, editable=False)
    client_secret = models.CharField(max_length=255, blank=True, default="", editable=False)
    authorization_grant_type = models.CharField(max_length=44, blank=True, editable=False)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["has_legacy_grants"],
                condition=models.Q(has_legacy_grants=True),
                name="clients_with_legacy_grants",
            ),
            models.Index(
                fields=["has_extension_grants"],
                condition=models.Q(has_extension_grants=True),
                name="clients_with_extension_grants",
            ),
            models.Index(fields=["enabled", "id"], name="clients_enabled"),
            models.Index(fields=["profile", "id"], name="clients_by_profile"),
            models.Index(fields=["registration_source", "id"], name="clients_by_source"),
            models.Index(
                fields=["user", "id"],
                condition=models.Q(user__isnull=False),
                name="clients_by_owner",
            ),
            models.Index(fields=["token_endpoint_auth_method", "id"], name="clients_by_method"),
            models.Index(
                fields=["id"], condition=~models.Q(allowed_groups=[]), name="clients_with_policy"
            ),
        ]

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def uses_certificates(self) -> bool:
        """Whether it authenticates with a TLS certificate, or binds its tokens to one."""
        by_certificate = self.token_endpoint_auth_method in policy.CERTIFICATE_METHODS
        return by_certificate or self.tls_client_certificate_bound_access_tokens

    @property
    def is_self_registered(self) -> bool:
        """Whether no operator registered it, so that its metadata is unverified."""
        return bool(self.registration_source != self.RegistrationSource.MANUAL)

    @property
    def is_vouched_for(self) -> bool:
        """Whether an operator entered it, or let it register with a token of theirs."""
        by_operator = self.registration_source == self.RegistrationSource.MANUAL
        return bool(by_operator or self.registered_with)

    @property
    def signs_users_in(self) -> bool:
        """Whether it sends users to the authorization endpoint."""
        return not {"authorization_code", "implicit"}.isdisjoint(self.grant_types)

    @property
    def has_users(self) -> bool:
        """Whether one of its grants is about users; client_credentials is about itself."""
        return bool(set(self.grant_types) - {"client_credentials"})

    @property
    def needs_hmac_key(self) -> bool:
        """Whether the client's secret is a signing key, which then has to be stored."""
        return self.hmac_key_octets > 0

    @property
    def needs_secret(self) -> bool:
        """Whether there is a secret between the client and us."""
        return self.token_endpoint_auth_method.startswith("client_secret_") or self.needs_hmac_key

    @property
    def authentication_methods(self) -> tuple[str, ...]:
        """The methods by which it may authenticate (OIDC Core §9, docs/adr/0030)."""
        registered = self.token_endpoint_auth_method
        if registered in policy.SECRET_METHODS and not self.strict_client_authentication:
            return policy.SECRET_METHODS
        return (registered,)

    @property
    def hmac_key_octets(self) -> int:
        """The minimum octets of a secret for its uses as a key; 0 if there are none."""
        return max(client_derived.secret_octets(self).values(), default=0)

    @property
    def has_high_security(self) -> bool:
        """Whether FAPI 2.0 holds for it (`clients.fapi2`)."""
        return bool(self.profile == self.Profile.FAPI2)

    @property
    def response_signing_alg(self) -> str:
        """The algorithm of its authorization responses in JWTs (JARM §3)."""
        default = policy.FAPI2_ALGORITHMS if self.has_high_security else policy.SIGNING_ALGORITHMS
        return self.authorization_signed_response_alg or default[0]

    @property
    def has_to_push(self) -> bool:
        """Whether its authorization requests have to be pushed (RFC 9126 §6)."""
        return self.require_pushed_authorization_requests or self.has_high_security

    @property
    def pkce_required(self) -> bool:
        """Whether every request for a code needs a code challenge (RFC 9700 §2.1.1)."""
        return self.is_public or self.has_high_security

    @property
    def pkce_or_nonce_required(self) -> bool:
        """Whether every request for a code needs a code challenge, or a nonce that stands in.

        RFC 9700 §2.1.1: a confidential client can compare the nonce of the ID token with its own.
        """
        return self.pkce_required or self.profile != self.Profile.COMPATIBLE

    @property
    def refresh_grace(self) -> timedelta:
        """For how long after its use a refresh token still gives an answer (RFC 9700 §4.14.2)."""
        if self.refresh_token_grace is not None:
            return timedelta(seconds=self.refresh_token_grace)
        return policy.REFRESH_GRACE_OF_PUBLIC_CLIENTS if self.is_public else timedelta(0)

    @property
    def refreshes_in_session(self) -> bool:
        """Whether its refresh tokens need no offline_access and end with the browser session.

        By default those of native apps do, and of public clients that registered themselves: few of
        these programs ask for offline_access, and a connection lasts longer than an access token.
        """
        if self.refresh_without_offline_access is not None:
            return self.refresh_without_offline_access
        is_native = self.application_type == self.ApplicationType.NATIVE
        return is_native or (self.is_self_registered and self.is_public)

    @property
    def allowed_scopes(self) -> frozenset[str]:
        """The scopes that can be granted to this client, whichever API a request names."""
        allowed = frozenset(self.scopes or policy.STANDARD_SCOPES) - frozenset(self.open_scopes)
        if "refresh_token" not in self.grant_types:
            allowed -= {OFFLINE_ACCESS}
        return allowed | {DEVICE_SSO} if self.native_sso_group else allowed - {DEVICE_SSO}

    @property
    def may_request_open_scopes(self) -> bool:
        """Whether it may request what APIs open to self-registered clients.

        An initial access token that names scopes limits its clients to these.
        """
        return self.is_self_registered and not self.registered_with.get("scopes")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the version incremented and derived columns updated."""
        self.client_type = self.CLIENT_PUBLIC if self.is_public else self.CLIENT_CONFIDENTIAL
        self.authorization_grant_type = next(
            (_DOT_GRANT_TYPES[g] for g in self.grant_types if g in _DOT_GRANT_TYPES), ""
        )
        self.open_scopes = [scope for scope in self.open_scopes if scope in self.scopes]
        self.sector = client_derived.sector_of(self) or ""
        self.display_fingerprint = client_derived.display_fingerprint_of(self)
        self.has_legacy_grants = not policy.LEGACY_GRANT_TYPES.isdisjoint(self.grant_types)
        self.has_extension_grants = not policy.EXTENSION_GRANT_TYPES.isdisjoint(self.grant_types)
        kwargs.pop("update_fields", None)
        is_new = self.pk is None
        if not is_new:
            self.version = F("version") + 1
            # An older copy must not restore a token that its client has replaced since.
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if not field.primary_key and field.name not in _REGISTRATION_TOKENS
            ]
        super().save(*args, **kwargs)
        if not isinstance(self.version, int):
            self.refresh_from_db(fields=["version"])
        self._save_derived_rows(is_new=is_new)

    def _save_derived_rows(self, *, is_new: bool) -> None:
        """Store what clients are looked up by: the origins that browsers may call from, and how the
        names of an operator's app look, to detect others with such a name.
        """
        for rows, column, values in (
            (self.origins, "origin", client_derived.origins_of(self)),
            (self.names, "skeleton", client_derived.skeletons_of(self)),
        ):
            if not is_new:
                rows.exclude(**{f"{column}__in": values}).delete()
            derived = [rows.model(client=self, **{column: value}) for value in values]
            rows.bulk_create(derived, ignore_conflicts=True)

    def clean(self) -> None:
        """Do nothing: all code that saves a client runs the checks of `clients.validation`."""

    # --- methods that the toolkit calls on its application model ----------------------------

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
        return uri in self.post_logout_redirect_uris and addresses.parse(uri) is not None

    def origin_allowed(self, origin: str) -> bool:
        """Whether a browser at this origin may call for this client."""
        return bool(self.origins.filter(origin=origin).exists())

    def allows_grant_type(self, *grant_types: str) -> bool:
        """Whether the client is registered for one of the toolkit's grant types."""
        return bool({_DOT_GRANT_TYPES.get(grant) for grant in self.grant_types} & set(grant_types))

    def is_usable(self, request: Any) -> bool:  # noqa: ARG002
        """Whether the client may be used at all."""
        return self.enabled
