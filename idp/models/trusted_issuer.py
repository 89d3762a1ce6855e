"""Trusted issuers: others whose JWTs prove clients, or users. RFC 7523 §3."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from foundation import plain_text
from idp import policy
from idp.jose import public_keys
from idp.protocol import addresses

LONGEST = 300
#: SPIFFE ID §2.1: the name of a trust domain.
_TRUST_DOMAIN = re.compile(r"spiffe://[a-z0-9._-]{1,255}")
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_EMAIL_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})+")
_MOST = 50
_SPIFFE = "spiffe://"


class TrustedIssuer(models.Model):
    """An issuer whose JWTs an operator trusts, and for what."""

    class Purpose(models.TextChoices):
        """What its JWTs may prove."""

        WORKLOADS = "workloads", _("Workloads authenticate apps with its tokens")
        USERS = "users", _("It vouches for users (jwt-bearer)")
        ID_JAGS = "id_jags", _("It vouches for users by identity assertion grants (ID-JAG)")

    #: The `iss` of its JWTs, character by character; or a SPIFFE trust domain, `spiffe://…`.
    issuer = models.CharField(_("issuer"), max_length=LONGEST, unique=True)
    #: A name for operators, and for users whom it vouches for.
    name = models.CharField(_("name"), max_length=100, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    purposes = models.JSONField(_("trusted for"), default=list, blank=True)
    #: Its public keys: at an address, or by value; else its discovery document has the address.
    jwks_uri = models.URLField(_("address of the public keys (jwks_uri)"), blank=True)
    jwks = models.JSONField(_("public keys (jwks)"), null=True, blank=True)
    #: The algorithms of its signatures; empty for all that are accepted here.
    algorithms = models.JSONField(_("algorithms"), default=list, blank=True)
    #: The names that its JWTs have for us (`aud`); empty for our issuer and token endpoint.
    audiences = models.JSONField(_("audiences"), default=list, blank=True)
    #: Claims that all its JWTs have to have, with these values: the tenant of one with several.
    claims = models.JSONField(_("required claims"), default=dict, blank=True)
    #: How far ahead the `exp` of its JWTs may be, in seconds.
    longest_life = models.PositiveIntegerField(
        _("longest life of its tokens, seconds"),
        default=3600,
        validators=[MinValueValidator(60), MaxValueValidator(86400)],
    )
    #: The domains of email addresses by which it may name users, whether or not they are linked.
    email_domains = models.JSONField(_("domains of email addresses"), default=list, blank=True)

    class Meta:
        verbose_name = _("trusted issuer")
        verbose_name_plural = _("trusted issuers")
        ordering: ClassVar[list[str]] = ["issuer"]

    def __str__(self) -> str:
        return self.name or self.issuer

    @property
    def is_trust_domain(self) -> bool:
        """Whether it is a SPIFFE trust domain, whose JWTs need not have an `iss`."""
        return self.issuer.startswith(_SPIFFE)

    @property
    def is_discovered(self) -> bool:
        """Whether its discovery document says where its keys are."""
        return not self.jwks_uri and self.jwks is None

    def serves(self, purpose: str) -> bool:
        """Whether it is enabled and trusted for this."""
        return self.enabled and purpose in self.purposes

    def clean(self) -> None:
        """Refuse an issuer that could not be verified, naming each field."""
        problems: dict[str, list[str]] = {}
        for column, problem in self._problems():
            problems.setdefault(column, []).append(problem)
        if problems:
            raise ValidationError(problems)

    def _problems(self) -> Iterator[tuple[str, str]]:
        if problem := problem_with_issuer(self.issuer):
            yield "issuer", problem
        if self.name and (problem := plain_text.problem_with(self.name)):
            yield "name", problem
        yield from self._problems_with_keys()
        yield from self._problems_with_lists()
        if self.is_trust_domain and set(self.purposes) - {self.Purpose.WORKLOADS}:
            yield "purposes", gettext("A SPIFFE trust domain has workloads, and no users.")
        if not self.purposes:
            yield "purposes", gettext("Say what it is trusted for.")

    def _problems_with_keys(self) -> Iterator[tuple[str, str]]:
        if self.jwks is not None and self.jwks_uri:
            said = gettext("Keys come by value (jwks) or by address (jwks_uri), not both.")
            yield "jwks", said
        elif self.jwks is not None and (problem := public_keys.problem_with_set(self.jwks)):
            yield "jwks", problem
        if self.jwks_uri and not addresses.is_on_the_web(self.jwks_uri, _schemes()):
            yield "jwks_uri", gettext("It has to start with https://.")
        if self.is_trust_domain and self.is_discovered:
            said = gettext("A SPIFFE trust domain needs the address of its bundle, or its keys.")
            yield "jwks_uri", said

    def _problems_with_lists(self) -> Iterator[tuple[str, str]]:
        known = {"purposes": self.Purpose.values, "algorithms": policy.SIGNING_ALGORITHMS}
        for column, offered in known.items():
            values = getattr(self, column)
            if not _is_list(values):
                yield column, gettext("This has to be a list of texts.")
            elif unknown := sorted(set(values) - set(offered)):
                said = gettext("Not offered here: %(values)s.")
                yield column, said % {"values": ", ".join(unknown)}
        for column, is_valid in (
            ("audiences", _is_audience),
            ("email_domains", _EMAIL_DOMAIN.fullmatch),
        ):
            values = getattr(self, column)
            if not _is_list(values):
                yield column, gettext("This has to be a list of texts.")
            elif odd := [value for value in values if not is_valid(value)]:
                yield column, gettext("This cannot be used: %(value)s.") % {"value": odd[0]}
        if problem := problem_with_claims(self.claims):
            yield "claims", problem


class IssuerLink(models.Model):
    """A user of a trusted issuer, by the `sub` that it has for them."""

    issuer = models.ForeignKey(
        TrustedIssuer,
        on_delete=models.CASCADE,
        related_name="links",
        db_index=False,
        verbose_name=_("trusted issuer"),
    )
    subject = models.CharField(_("subject (sub)"), max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="issuer_links",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("linked user")
        verbose_name_plural = _("linked users")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_user_of_a_subject")
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer})"

    def clean(self) -> None:
        """Refuse a subject that no JWT can have."""
        if problem := problem_with_subject(self.subject):
            raise ValidationError({"subject": problem})


class UsedIssuerJwt(models.Model):
    """A JWT of a trusted issuer that was used: until it expires, its `jti` works no more."""

    issuer = models.ForeignKey(TrustedIssuer, on_delete=models.CASCADE, db_index=False)
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["issuer", "jti_hash"], name="an_issuers_jwt_works_once")
        ]

    def __str__(self) -> str:
        return f"JWT of {self.issuer_id} until {self.expires_at:%Y-%m-%d %H:%M}"


def problem_with_issuer(issuer: str) -> str | None:
    """Return why this can't be a trusted issuer, as a sentence, or None."""
    if issuer == policy.ISSUER:
        # ID-JAG §8: an assertion of our own must not widen what it was given for.
        return gettext("This is Signet’s own issuer.")
    if _TRUST_DOMAIN.fullmatch(issuer):
        return None
    if not addresses.is_on_the_web(issuer, _schemes()) or {"?", "#"} & set(issuer):
        return gettext(
            "Write the issuer as its tokens have it (iss), an https address without a query; or a "
            "SPIFFE trust domain, such as spiffe://example.org."
        )
    return None


def problem_with_subject(subject: str) -> str | None:
    """Return why a JWT can't have this `sub`, as a sentence, or None."""
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        return gettext("A subject has 1 to 255 characters that can be seen.")
    return None


def problem_with_claims(claims: Any) -> str | None:
    """Return why these can't be claims that a JWT has to have, as a sentence, or None."""
    if not isinstance(claims, dict) or len(claims) > _MOST:
        return gettext("This has to be a mapping of claims to their values.")
    if not all(name and isinstance(value, str) and value for name, value in claims.items()):
        return gettext("Write each value of a claim as a text.")
    return None


def trust_domain_of(subject: str) -> str | None:
    """Return the SPIFFE trust domain of a subject such as `spiffe://example.org/web`, or None.

    SPIFFE ID §2.
    """
    if not subject.startswith(_SPIFFE):
        return None
    domain = "/".join(subject.split("/", 3)[:3])
    return domain if _TRUST_DOMAIN.fullmatch(domain) else None


def _schemes() -> frozenset[str]:
    # Development runs issuers on this machine, without TLS.
    return frozenset({"https", "http"} if settings.IDP_DEVELOPMENT else {"https"})


def _is_list(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= _MOST
        and all(isinstance(value, str) for value in values)
    )


def _is_audience(value: str) -> bool:
    return 0 < len(value) <= LONGEST and value.isprintable() and " " not in value
