"""Clients: the relying parties, what they registered and what operators decided about them.

Registration metadata keeps its own names (OIDC Dynamic Client Registration §2). Where the toolkit's
column has another name (`name`, `skip_authorization`), `client_metadata` maps it.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from foundation import plain_text
from foundation.lookalikes import skeleton
from idp import policy
from idp.jose import public_keys
from idp.jose.algorithms import ALGORITHMS
from idp.jose.encrypt import public_key_for
from idp.models.catalog import Catalog
from idp.models.resource_server import ResourceServer
from idp.models.scope import Scope
from idp.protocol import addresses, redirect_uris, response_types
from idp.protocol.languages import best, tagged
from idp.protocol.vocabulary import OFFLINE_ACCESS


def known_scopes() -> dict[str, str]:
    """Return every scope there is: the standard ones, and with a description the operator's."""
    scopes = dict.fromkeys(policy.SCOPES, "")
    scopes |= {scope.name: str(scope) for scope in Scope.objects.all()}
    for server in ResourceServer.objects.all():
        scopes |= {scope: server.describe(scope) for scope in server.scopes}
    return scopes


LONGEST_ORIGIN = 300
LONGEST_SKELETON = 255
LONGEST_REQUEST_URI = 512
LONGEST_SECTOR = 255
MOST_REQUEST_URIS = 50
#: What takes the client's secret for a key: how many octets it needs, by column and value. Each MAC
#: needs as many as its hash has; encryption hashes the secret first (OIDC Core §10.1, §10.2).
_MACS = {name: ALGORITHMS[name].octets for name in policy.MAC_ALGORITHMS}
_KEYED_BY_SECRET: tuple[tuple[str, dict[str, int]], ...] = (
    ("id_token_signed_response_alg", _MACS),
    ("userinfo_signed_response_alg", _MACS),
    ("id_token_encrypted_response_alg", dict.fromkeys(policy.SECRET_ENCRYPTION, 1)),
    ("userinfo_encrypted_response_alg", dict.fromkeys(policy.SECRET_ENCRYPTION, 1)),
    ("token_endpoint_auth_method", {"client_secret_jwt": 32}),
    ("token_endpoint_auth_signing_alg", _MACS),
    ("request_object_signing_alg", _MACS),
)
#: Answers that can be encrypted, by the beginning of their columns' names.
_ENCRYPTED = ("id_token", "userinfo")
_MOST_LOCALIZED = 100
#: What only registration writes, apart from the rest of the row (`registration.access_tokens`).
_REGISTRATION_TOKENS = frozenset(
    {"registration_access_token_hash", "previous_registration_access_token_hash"}
)
_DOT_GRANT_TYPES = {
    "authorization_code": AbstractApplication.GRANT_AUTHORIZATION_CODE,
    "refresh_token": "refresh-token",
    "client_credentials": AbstractApplication.GRANT_CLIENT_CREDENTIALS,
    "implicit": AbstractApplication.GRANT_IMPLICIT,
    "password": AbstractApplication.GRANT_PASSWORD,
}
_HTTPS_ONLY = _("It has to start with https://.")
_NEEDS_BESIDE = _("It needs %(other)s beside it.")
_NO_ADDRESS = _("It is not an address that starts with https://.")
#: What we add to the query of a client's address, which then must not have it already.
_ADDED: dict[str, frozenset[str]] = {
    "redirect_uris": redirect_uris.RESPONSE_PARAMETERS,
    "post_logout_redirect_uris": frozenset({"state"}),
    "frontchannel_logout_uri": frozenset({"iss", "sid"}),
    "initiate_login_uri": frozenset({"iss"}),
}
#: Addresses on the web, one each.
_WEB_ADDRESSES = (
    *("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "frontchannel_logout_uri"),
    *("initiate_login_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri"),
)
#: What goes together, by the grant type that is there without a response type, or not there.
_MISMATCHES = {
    "authorization_code": _(
        "The response type code, alone or with others, and the grant type authorization_code go "
        "together."
    ),
    "implicit": _(
        "Response types with id_token or token, and the grant type implicit, go together."
    ),
}


def _between(least: int, most: timedelta) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(int(most.total_seconds()))]


class Client(AbstractApplication):
    """A relying party."""

    PAIRWISE = "pairwise"

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
        choices=[(name, name) for name in policy.ID_TOKEN_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
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
    #: The client's own public keys, a JWK set (RFC 7517 §5): by value, or where they are.
    jwks = models.JSONField(_("public keys (jwks)"), null=True, blank=True)
    jwks_uri = models.URLField(_("address of the public keys (jwks_uri)"), blank=True)
    token_endpoint_auth_signing_alg = models.CharField(
        _("client authentication’s algorithm"),
        max_length=10,
        blank=True,
        choices=[(name, name) for name in policy.CLIENT_ALGORITHMS],
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
    subject_type = models.CharField(
        _("subject type"),
        max_length=10,
        choices=[(name, name) for name in policy.SUBJECT_TYPES],
        default=policy.SUBJECT_TYPES[0],
    )
    sector_identifier_uri = models.URLField(_("sector identifier URI"), blank=True)
    #: Whom it may compare its people's subjects with; follows from the two above.
    sector = models.CharField(max_length=255, blank=True, editable=False)
    #: The scopes this client may ask for; empty means every standard scope.
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    default_max_age = models.PositiveIntegerField(
        _("default max_age, seconds"), null=True, blank=True
    )
    #: Levels of authentication that its requests ask for where they name none: a wish.
    default_acr_values = models.JSONField(_("default acr_values"), default=list, blank=True)
    #: `auth_time` is in every ID token, so this changes nothing.
    require_auth_time = models.BooleanField(_("require auth_time"), default=False)
    client_uri = models.URLField(_("home page"), blank=True)
    logo_uri = models.URLField(_("logo"), blank=True)
    #: Where it learns that a session ended: a token posted there (OIDC Back-Channel Logout §2.2) …
    backchannel_logout_uri = models.URLField(_("back-channel logout address"), blank=True)
    backchannel_logout_session_required = models.BooleanField(
        _("back-channel logout with sid"), default=False
    )
    #: … or a page that the person's browser loads there (OIDC Front-Channel Logout §2).
    frontchannel_logout_uri = models.URLField(_("front-channel logout address"), blank=True)
    frontchannel_logout_session_required = models.BooleanField(
        _("front-channel logout with sid"), default=False
    )
    #: Where a sign-in begins that the person starts here (OIDC Core §4).
    initiate_login_uri = models.URLField(_("address that starts a sign-in"), blank=True)
    policy_uri = models.URLField(_("privacy policy"), blank=True)
    tos_uri = models.URLField(_("terms of service"), blank=True)
    #: The same in other languages, by member and language tag: `{"client_name#de": …}` (§2.1).
    localized = models.JSONField(_("in other languages"), default=dict, blank=True)
    contacts = models.JSONField(_("contacts"), default=list, blank=True)
    #: Which program it is an installation of, whoever says so (RFC 7591 §2).
    software_id = models.CharField(_("program"), max_length=255, blank=True)
    software_version = models.CharField(_("version of the program"), max_length=255, blank=True)
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
    #: Seconds that access tokens without a resource live; None: ACCESS_TOKEN_LIFETIME.
    access_token_lifetime = models.PositiveIntegerField(
        _("access token lifetime, seconds"),
        null=True,
        blank=True,
        validators=_between(30, policy.SIGNED_AT_MOST),
    )
    #: Seconds after which an unused refresh token dies; None: REFRESH_TOKEN_IDLE_LIFETIME.
    refresh_token_idle_lifetime = models.PositiveIntegerField(
        _("unused refresh tokens, seconds"),
        null=True,
        blank=True,
        validators=_between(60, policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME),
    )
    #: Seconds after the authorization when the last one dies; None: the longest there is.
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
    #: Whether refresh tokens are given without offline_access, bound to the browser session.
    refresh_without_offline_access = models.BooleanField(
        _("refresh tokens without offline_access"), default=False
    )
    #: The level of authentication below which nobody is let in to it; empty for none.
    required_acr = models.CharField(
        _("required sign-in"),
        max_length=100,
        choices=[(name, name) for name in policy.ACR_VALUES],
        blank=True,
    )
    #: The names of the groups whose members alone may use it; empty for everybody. One that is
    #: deleted stays named, and lets nobody in.
    allowed_groups = models.JSONField(_("groups who may use it"), default=list, blank=True)
    profile = models.CharField(
        _("profile"), max_length=20, choices=Profile.choices, default=Profile.RECOMMENDED
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    #: The hash of the token that its registration is managed with (RFC 7592); empty for others.
    registration_access_token_hash = models.CharField(max_length=64, blank=True, editable=False)
    #: The one before, good until this one is used: its answer may have been lost.
    previous_registration_access_token_hash = models.CharField(
        max_length=64, blank=True, editable=False
    )
    #: What the initial access token said that it registered with; empty for all others.
    registered_with = models.JSONField(default=dict, editable=False)
    #: The statement that it registered with, as it came (RFC 7591 §2.3); empty for all others.
    software_statement = models.TextField(blank=True, editable=False)
    #: When its own document was last fetched; beside `cimd_expires_at`, when it is looked at again.
    document_fetched_at = models.DateTimeField(null=True, editable=False)
    #: Of a client that registered itself, a hash of what people are shown of it; empty for others.
    display_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    #: Whether it was opened for what is off by default; follows from the grant types.
    has_legacy_grants = models.BooleanField(default=False, editable=False)
    #: Grows at every change, so that no process goes on with an older copy.
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
            models.Index(fields=["enabled", "id"], name="clients_enabled"),
            models.Index(fields=["profile", "id"], name="clients_by_profile"),
            models.Index(fields=["registration_source", "id"], name="clients_by_source"),
            models.Index(fields=["token_endpoint_auth_method", "id"], name="clients_by_method"),
        ]

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret to keep (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def is_self_registered(self) -> bool:
        """Whether no operator entered it, so that nobody vouches for what it says of itself."""
        return bool(self.registration_source != self.RegistrationSource.MANUAL)

    @property
    def is_vouched_for(self) -> bool:
        """Whether an operator entered it, or let it register with a token of theirs."""
        by_operator = self.registration_source == self.RegistrationSource.MANUAL
        return bool(by_operator or self.registered_with)

    @property
    def needs_hmac_key(self) -> bool:
        """Whether something is signed with the client's secret, which then has to be kept."""
        return self.hmac_key_octets > 0

    @property
    def needs_secret(self) -> bool:
        """Whether there is a secret between the client and us."""
        return self.token_endpoint_auth_method.startswith("client_secret_") or self.needs_hmac_key

    @property
    def hmac_key_octets(self) -> int:
        """How long a secret has to be for all that takes it for a key; 0 where nothing does."""
        return max(octets.get(getattr(self, column), 0) for column, octets in _KEYED_BY_SECRET)

    @property
    def pkce_required(self) -> bool:
        """Whether every request needs a code challenge (RFC 9700 §2.1.1)."""
        return self.is_public or self.profile != self.Profile.COMPATIBLE

    @property
    def refresh_grace(self) -> timedelta:
        """For how long after its use a refresh token still gives an answer (RFC 9700 §4.14.2)."""
        if self.refresh_token_grace is not None:
            return timedelta(seconds=self.refresh_token_grace)
        return policy.REFRESH_GRACE_OF_PUBLIC_CLIENTS if self.is_public else timedelta(0)

    @property
    def allowed_scopes(self) -> frozenset[str]:
        """The scopes that can be granted to this client."""
        allowed = frozenset(self.scopes or policy.STANDARD_SCOPES)
        if "refresh_token" not in self.grant_types:
            allowed -= {OFFLINE_ACCESS}
        return allowed

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with the version grown and what follows from other fields derived again."""
        self.client_type = self.CLIENT_PUBLIC if self.is_public else self.CLIENT_CONFIDENTIAL
        self.authorization_grant_type = next(
            (_DOT_GRANT_TYPES[g] for g in self.grant_types if g in _DOT_GRANT_TYPES), ""
        )
        self.sector = self._sector() or ""
        self.display_fingerprint = self._display_fingerprint()
        self.has_legacy_grants = not policy.LEGACY_GRANT_TYPES.isdisjoint(self.grant_types)
        kwargs.pop("update_fields", None)
        if self.pk is not None:
            self.version = F("version") + 1
            # An older copy must not bring back a token that its client has replaced meanwhile.
            kwargs["update_fields"] = [
                field.name
                for field in self._meta.concrete_fields
                if not field.primary_key and field.name not in _REGISTRATION_TOKENS
            ]
        super().save(*args, **kwargs)
        if not isinstance(self.version, int):
            self.refresh_from_db(fields=["version"])
        self._save_origins()
        self._save_names()

    def _display_fingerprint(self) -> str:
        """Return a hash of its name, logo and where it sends people: what a consent rests on."""
        if not self.is_self_registered:
            return ""
        shown = {
            name: text
            for name, text in self.localized.items()
            if tagged(name)[0] in {"client_name", "logo_uri"}
        }
        hosts = {urlsplit(uri).netloc or redirect_uris.origin_of(uri) for uri in self.redirect_uris}
        shown |= {"client_name": self.name, "logo_uri": self.logo_uri, "hosts": sorted(hosts)}
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()

    def _sector(self) -> str | None:
        """Return the sector, None where it takes a sector_identifier_uri to say. OIDC Core §8.1."""
        uris = [self.sector_identifier_uri] if self.sector_identifier_uri else self.redirect_uris
        try:
            hosts = {(urlsplit(uri).hostname or "").lower() for uri in uris}
        except ValueError:  # no address at all; `clean` says so
            return None
        host = hosts.pop() if len(hosts) == 1 else ""
        return host if 0 < len(host) <= LONGEST_SECTOR else None

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

    def _save_names(self) -> None:
        """Keep how the names of an operator's app look: others with such a name are marked."""
        names = [] if self.is_self_registered else [self.name, *self._localized_names().values()]
        looks = {skeleton(name)[:LONGEST_SKELETON] for name in names} - {""}
        self.names.exclude(skeleton__in=looks).delete()
        ClientName.objects.bulk_create(
            [ClientName(client=self, skeleton=look) for look in looks], ignore_conflicts=True
        )

    def _localized_names(self) -> dict[str, str]:
        """Return its names in languages, by their members."""
        return {
            member: name
            for member, name in self.localized.items()
            if tagged(member)[0] == "client_name"
        }

    def clean(self, catalog: Catalog | None = None) -> None:
        """Refuse metadata that would fail or be unsafe later, naming the field."""
        catalog = catalog or Catalog.stored()
        problems = self._problems_with_addresses() | self._problems_with_uris()
        problems |= self._problems_with_origins() | self._problems_with_texts()
        problems |= self._problems_with_keys() | self._problems_with_request_objects()
        problems |= self._problems_with_secret() | self._problems_with_encryption()
        problems |= self._problems_with_languages() | self._problems_with_grants()
        problems |= self._problems_with_logout()
        if self.initiate_login_uri and not self.initiate_login_uri.startswith("https://"):
            problems["initiate_login_uri"] = [str(_HTTPS_ONLY)]
        if self.subject_type == self.PAIRWISE and self._sector() is None:
            problems["subject_type"] = [
                gettext(
                    "Pairwise subjects need redirect URIs of one host, or a sector_identifier_uri."
                )
            ]
        if self.sector_identifier_uri and not self.sector_identifier_uri.startswith("https://"):
            problems["sector_identifier_uri"] = [str(_HTTPS_ONLY)]
        problems |= self._problems_with_groups(catalog)
        for field, offered in {
            "grant_types": policy.GRANT_TYPES,
            "response_types": self._known_response_types(),
            "scopes": [scope for scope in self.scopes if catalog.offers(scope)],
            "default_acr_values": policy.ACR_VALUES,
        }.items():
            unknown = sorted(set(getattr(self, field)) - set(offered))
            if unknown:
                said = gettext("Not offered here: %(values)s.") % {"values": ", ".join(unknown)}
                problems.setdefault(field, []).append(said)
        if problems:
            raise ValidationError(problems)

    def _known_response_types(self) -> list[str]:
        """Return those of its response types that there are, in whatever order their parts are."""
        known = set(map(response_types.parts, policy.RESPONSE_TYPES))
        return [kind for kind in self.response_types if response_types.parts(kind) in known]

    def _problems_with_grants(self) -> dict[str, list[str]]:
        """OIDC Dynamic Client Registration §2: grants and response types go together."""
        problems: dict[str, list[str]] = {}
        answered = {"authorization_code", "implicit"} & set(self.grant_types)
        if answered and not self.redirect_uris:
            needs_one = gettext("The %(grant_type)s grant needs a redirect URI.")
            problems["redirect_uris"] = [needs_one % {"grant_type": min(answered)}]
        needed = {g for kind in self.response_types for g in response_types.grants_of(kind)}
        if needed != answered:
            problems["response_types"] = [str(_MISMATCHES[min(needed ^ answered)])]
        if self.is_public and "client_credentials" in self.grant_types:
            problems["grant_types"] = [
                gettext("A client without a secret cannot use client_credentials.")
            ]
        if "refresh_token" in self.grant_types and not (
            {"authorization_code", "password"} & set(self.grant_types)
        ):
            problems["grant_types"] = [
                gettext("Refresh tokens come of the authorization_code grant.")
            ]
        legacy = sorted(policy.LEGACY_GRANT_TYPES & set(self.grant_types))
        if legacy and self.profile != self.Profile.COMPATIBLE:
            without = gettext("The profile %(profile)s is without %(grant_types)s.")
            named = {"profile": self.profile, "grant_types": ", ".join(legacy)}
            problems["grant_types"] = [without % named]
        return problems

    def _problems_with_groups(self, catalog: Catalog) -> dict[str, list[str]]:
        unknown = catalog.unknown_groups(self.allowed_groups)
        return (
            {"allowed_groups": [gettext("There is no group %(name)s.") % {"name": unknown[0]}]}
            if unknown
            else {}
        )

    def _problems_with_addresses(self) -> dict[str, list[str]]:
        """RFC 3986 §3: what every program reads alike."""
        problems: dict[str, list[str]] = {}
        for field in _WEB_ADDRESSES:
            uri = getattr(self, field)
            if uri and not addresses.is_on_the_web(uri):
                problems[field] = [str(_NO_ADDRESS)]
            elif uri and (problem := _problem_with_query(field, uri)):
                problems[field] = [problem]
        return problems

    def _problems_with_uris(self) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {}
        for field in ("redirect_uris", "post_logout_redirect_uris"):
            for uri in getattr(self, field):
                said = redirect_uris.problem_with(uri, application_type=self.application_type)
                problem = gettext(said) if said else None
                if problem is None and len(redirect_uris.origin_of(uri)) > LONGEST_ORIGIN:
                    problem = gettext("Its host is too long.")
                if problem is None and field == "redirect_uris" and self._exposes_tokens_at(uri):
                    problem = gettext(
                        "It starts with http://, but a website with implicit uses https."
                    )
                problem = problem or _problem_with_query(field, uri)
                if problem:
                    problems.setdefault(field, []).append(f"{uri}: {problem}")
        return problems

    def _problems_with_keys(self) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {}
        method, algorithm = self.token_endpoint_auth_method, self.token_endpoint_auth_signing_alg
        if self.jwks is not None and self.jwks_uri:
            problems["jwks"] = [
                gettext("Keys come by value (jwks) or by address (jwks_uri), not both.")
            ]
        elif self.jwks is not None and (problem := public_keys.problem_with_set(self.jwks)):
            problems["jwks"] = [problem]
        schemes = ("https://", "http://") if settings.IDP_DEVELOPMENT else ("https://",)
        if self.jwks_uri and not self.jwks_uri.startswith(schemes):
            problems["jwks_uri"] = [str(_HTTPS_ONLY)]
        if method == "private_key_jwt" and self.jwks is None and not self.jwks_uri:
            problems["jwks"] = [gettext("The method private_key_jwt needs jwks or jwks_uri.")]
        offered = {
            "private_key_jwt": policy.SIGNING_ALGORITHMS,
            "client_secret_jwt": policy.MAC_ALGORITHMS,
        }.get(method, policy.CLIENT_ALGORITHMS)
        if algorithm and algorithm not in offered:
            apart = gettext("It does not go with %(method)s.") % {"method": method}
            problems["token_endpoint_auth_signing_alg"] = [apart]
        return problems

    def _problems_with_request_objects(self) -> dict[str, list[str]]:
        """OIDC Dynamic Client Registration §2: where they are, and how they are protected."""
        problems: dict[str, list[str]] = {}
        odd = [uri for uri in self.request_uris if not _is_request_uri(uri)]
        if odd:
            problems["request_uris"] = [f"{odd[0]}: {gettext('It has to be an https address.')}"]
        if len(self.request_uris) > MOST_REQUEST_URIS:
            too_many = gettext("There may be %(most)d of them.") % {"most": MOST_REQUEST_URIS}
            problems["request_uris"] = [too_many]
        signed = self.request_object_signing_alg in policy.SIGNING_ALGORITHMS
        if signed and self.jwks is None and not self.jwks_uri:
            problems["request_object_signing_alg"] = [
                gettext("It needs public keys: jwks or jwks_uri.")
            ]
        shared = self.request_object_signing_alg in policy.MAC_ALGORITHMS
        if self.require_signed_request_object and not (shared or self.jwks or self.jwks_uri):
            problems["require_signed_request_object"] = [
                gettext("It needs jwks, jwks_uri, or a request_object_signing_alg with the secret.")
            ]
        alg, enc = self.request_object_encryption_alg, self.request_object_encryption_enc
        if alg and not enc:
            self.request_object_encryption_enc = policy.RESPONSE_CONTENT_ENCRYPTIONS[0]
        if enc and not alg:
            beside = _NEEDS_BESIDE % {"other": "request_object_encryption_alg"}
            problems["request_object_encryption_enc"] = [beside]
        return problems

    def _problems_with_logout(self) -> dict[str, list[str]]:
        """OIDC Back-Channel Logout §2.2, OIDC Front-Channel Logout §2: where it can be told."""
        problems: dict[str, list[str]] = {}
        schemes = ("https://", "http://") if settings.IDP_DEVELOPMENT else ("https://",)
        told_at = self.backchannel_logout_uri
        if told_at and (not told_at.startswith(schemes) or "#" in told_at):
            problems["backchannel_logout_uri"] = [
                gettext("It has to start with https://, and to have no fragment.")
            ]
        loaded_at = self.frontchannel_logout_uri
        origins = {redirect_uris.origin_of(uri) for uri in self.redirect_uris}
        if loaded_at and (redirect_uris.origin_of(loaded_at) not in origins or "#" in loaded_at):
            problems["frontchannel_logout_uri"] = [
                gettext("It has to have scheme, host and port of a redirect URI, and no fragment.")
            ]
        return problems

    def _exposes_tokens_at(self, uri: str) -> bool:
        """Whether tokens would be sent there unprotected (Dynamic Client Registration §2)."""
        is_web = self.application_type == self.ApplicationType.WEB
        return is_web and "implicit" in self.grant_types and uri.startswith("http://")

    def _problems_with_secret(self) -> dict[str, list[str]]:
        """OIDC Core §10.1: who has no secret shares no key."""
        without = gettext(
            "A client without a secret cannot use it as a key; choose another algorithm."
        )
        return {
            column: [without]
            for column, octets in _KEYED_BY_SECRET
            if self.is_public and getattr(self, column) in octets
        }

    def _problems_with_encryption(self) -> dict[str, list[str]]:
        """OIDC Dynamic Client Registration §2: an `enc` needs an `alg`, which needs a key."""
        problems: dict[str, list[str]] = {}
        for answer in _ENCRYPTED:
            alg_column = f"{answer}_encrypted_response_alg"
            enc_column = f"{answer}_encrypted_response_enc"
            alg, enc = getattr(self, alg_column), getattr(self, enc_column)
            if alg and not enc:
                setattr(self, enc_column, policy.RESPONSE_CONTENT_ENCRYPTIONS[0])
            if enc and not alg:
                problems[enc_column] = [_NEEDS_BESIDE % {"other": alg_column}]
            if alg in policy.PUBLIC_KEY_ENCRYPTION and not self._may_have_key_for(alg):
                problems[alg_column] = [
                    gettext("The public keys (jwks) have none that goes with this.")
                ]
        return problems

    def _may_have_key_for(self, alg: str) -> bool:
        """Whether there is a key to encrypt to; what is at jwks_uri is seen when it is needed."""
        if self.jwks_uri:
            return True
        keys = self.jwks.get("keys") if isinstance(self.jwks, dict) else None
        return isinstance(keys, list) and public_key_for(keys, alg) is not None

    def _problems_with_texts(self) -> dict[str, list[str]]:
        """UTS #39: what people read of it is all that there is."""
        texts = {
            "name": [self.name],
            "contacts": self.contacts,
            "software_id": [self.software_id],
            "software_version": [self.software_version],
        }
        found = {column: map(plain_text.problem_with, values) for column, values in texts.items()}
        problems = {column: list(filter(None, odd)) for column, odd in found.items()}
        return {column: odd for column, odd in problems.items() if odd}

    def _problems_with_languages(self) -> dict[str, list[str]]:
        """OIDC Dynamic Client Registration §2.1: as sound as what they stand beside."""
        problems = (
            [] if len(self.localized) <= _MOST_LOCALIZED else [gettext("There are too many.")]
        )
        for name, value in self.localized.items():
            longest = 255 if name.startswith("client_name#") else 200
            if len(value) > longest:
                too_long = gettext("It is longer than %(most)d characters.") % {"most": longest}
                problems.append(f"{name}: {too_long}")
            elif name.startswith("client_name#"):
                problem = plain_text.problem_with(value)
                problems += [f"{name}: {problem}"] if problem else []
            elif not addresses.is_on_the_web(value):
                problems.append(f"{name}: {_NO_ADDRESS}")
        return {"localized": problems} if problems else {}

    def in_language(self, member: str, language: str) -> str:
        """Return what it says of itself in a language, else without one. RFC 4647 §3.4."""
        said = {
            tag: text
            for name, text in self.localized.items()
            for base, tag in [tagged(name)]
            if base == member and tag
        }
        tag = best(said, language)
        if tag is not None:
            return str(said[tag])
        return str(self) if member == "client_name" else str(getattr(self, member))

    def _problems_with_origins(self) -> dict[str, list[str]]:
        no_origin = gettext("This is not an origin, such as https://app.example.com.")
        problems = [
            f"{origin}: {no_origin}"
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


def _problem_with_query(field: str, uri: str) -> str | None:
    """RFC 6749 §4.1.2: an answer has each parameter once, whoever reads it."""
    taken = addresses.taken_parameter(uri, _ADDED.get(field, ()))
    said = gettext("Its query has %(parameter)s, which we add to it ourselves.")
    return said % {"parameter": taken} if taken else None


def _is_request_uri(uri: str) -> bool:
    """Whether something can be fetched there: https, printable ASCII. OIDC Core §6.2.

    Its fragment is a key for caches, which should be the hash of what is there and may be anything.
    """
    schemes = ("https", "http") if settings.IDP_DEVELOPMENT else ("https",)
    is_short = len(uri) <= LONGEST_REQUEST_URI
    return is_short and addresses.is_on_the_web(uri, schemes) and uri.count("#") <= 1


class ClientName(models.Model):
    """How a name of a client that an operator entered looks (`foundation.lookalikes`)."""

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="names", db_index=False
    )
    skeleton = models.CharField(max_length=LONGEST_SKELETON, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "skeleton"], name="one_row_per_look")
        ]

    def __str__(self) -> str:
        return self.skeleton


class ClientSecret(models.Model):
    """A secret of a client, as a keyed hash. Several may be valid at once while rotating."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="secrets")
    hashed = models.CharField(max_length=64, editable=False)
    #: The secret itself, sealed, where it also serves as an HMAC key; empty for all others.
    sealed = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    #: To the hour: enough to see that a secret is still needed.
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    def __str__(self) -> str:
        return f"Secret of {self.client_id} since {self.created_at:%Y-%m-%d}"


class UsedAssertion(models.Model):
    """A client assertion that was used: until it expires, its `jti` works no more."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "jti_hash"], name="an_assertion_works_once")
        ]

    def __str__(self) -> str:
        return f"Assertion of {self.client_id} until {self.expires_at:%Y-%m-%d %H:%M}"


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
