"""Resource servers: the APIs that access tokens are for. RFC 8707."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from idp import policy
from idp.jose.encrypt import encrypted
from idp.models.catalog import Catalog
from idp.models.scope import problem_with_scope
from idp.protocol.redirect_uris import problem_with
from idp.protocol.vocabulary import USER_CLAIMS

if TYPE_CHECKING:
    from idp.models.client import Client


#: The members of a scope's description.
_WORDS, _OPEN = "description", "self_registered"
_TYPES = {_WORDS: str, _OPEN: bool}


class ResourceServer(models.Model):
    """An API: its identifier is the `resource` of requests and the `aud` of its access tokens."""

    identifier = models.CharField(_("identifier"), max_length=300, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    #: A list of scopes, or a mapping of scopes to descriptions for users. A description is a text,
    #: or a mapping that may open the scope: `{"description": …, "self_registered": true}`.
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    access_token_format = models.CharField(
        _("access token format"),
        max_length=10,
        choices=[(name, name) for name in policy.ACCESS_TOKEN_FORMATS],
        default="jwt",
    )
    access_token_signing_alg = models.CharField(
        _("access token algorithm"),
        max_length=10,
        choices=[(name, name) for name in policy.SIGNING_ALGORITHMS],
        default=policy.SIGNING_ALGORITHMS[0],
    )
    access_token_typ = models.CharField(
        _("type of the JWT (typ)"),
        max_length=10,
        choices=[(name, name) for name in policy.ACCESS_TOKEN_TYPES],
        default=policy.ACCESS_TOKEN_TYPES[0],
    )
    #: Names of claims about the user that its JWT access tokens have (RFC 9068 §2.2.2, §2.2.3).
    access_token_claims = models.JSONField(_("claims about users"), default=list, blank=True)
    #: Seconds; short, since an API that only checks signatures learns of no revocation.
    access_token_lifetime = models.PositiveIntegerField(
        _("access token lifetime, seconds"),
        default=600,
        validators=[
            MinValueValidator(30),
            MaxValueValidator(int(policy.SIGNED_AT_MOST.total_seconds())),
        ],
    )
    #: Empty, or one of ENCRYPTION_ALGORITHMS.
    access_token_encryption_alg = models.CharField(
        _("encryption"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in policy.ENCRYPTION_ALGORITHMS],
    )
    #: The API's public key, a JWK, for the asymmetric algorithms.
    encryption_jwk = models.JSONField(_("public key"), null=True, blank=True)
    #: The key shared with the API, 32 bytes, sealed, for `dir`.
    encryption_secret_sealed = models.TextField(blank=True, editable=False)
    #: The clients that the API introspects tokens as.
    introspection_clients = models.ManyToManyField(
        "idp.Client", blank=True, related_name="introspects_for"
    )

    #: Whether self-registered clients get tokens for it, although it has no scope that an operator
    #: could exclude.
    open_to_self_registered = models.BooleanField(
        _("open to apps that registered themselves"), default=False
    )

    class Meta:
        verbose_name = _("API")
        verbose_name_plural = _("APIs")

    def __str__(self) -> str:
        return self.name or self.identifier

    def describe(self, scope: str) -> str:
        """Return the description of a scope, from the operator if there is one."""
        return self.words_for(scope) or f"{self}: {scope}"

    def words_for(self, scope: str) -> str:
        """Return the operator's description of a scope of this API, or nothing."""
        return words_of(self.scopes.get(scope, "")) if isinstance(self.scopes, dict) else ""

    @property
    def open_scopes(self) -> frozenset[str]:
        """The scopes that the operator opened to self-registered clients."""
        described = self.scopes.items() if isinstance(self.scopes, dict) else ()
        return frozenset(
            scope for scope, about in described if isinstance(about, dict) and about.get(_OPEN)
        )

    def scopes_for(self, client: "Client") -> frozenset[str]:
        """Return the scopes of this API that a client may request now. RFC 6749 §3.3."""
        may_request = client.allowed_scopes
        if client.may_request_open_scopes:
            may_request |= self.open_scopes
        return may_request & frozenset(self.scopes)

    def clean(self, catalog: Catalog | None = None) -> None:
        """Refuse values that would fail later, naming the field."""
        own = (catalog or Catalog.stored()).claims
        problems: dict[str, Any] = {}
        problem = problem_with(self.identifier, application_type="web")
        if problem:
            problems["identifier"] = gettext(problem)  # RFC 8707 §2: absolute, no fragment
        unusable = [problem for scope in self.scopes if (problem := problem_with_scope(scope))]
        unusable += _problems_with_descriptions(self.scopes)
        if unusable:
            problems["scopes"] = unusable[0]
        elif taken := [scope for scope in self.scopes if scope in own]:
            said = gettext("This is a scope of no API already: %(scope)s.")
            problems["scopes"] = said % {"scope": taken[0]}
        problems |= self._problems_with_jwts(own)
        if self.access_token_encryption_alg not in {"", "dir"}:
            problems |= self._problem_with_key()
        if problems:
            raise ValidationError(problems)

    def _problems_with_jwts(self, own: dict[str, dict[str, str]]) -> dict[str, str]:
        """Return the problems with options of JWTs; `own` are the claims of operators' scopes."""
        problems: dict[str, str] = {}
        if self.access_token_format != "jwt":
            if self.access_token_encryption_alg:
                said = gettext("Only JWT access tokens can be encrypted.")
                problems["access_token_encryption_alg"] = said
            if self.access_token_claims:
                said = gettext("Only JWT access tokens have claims.")
                problems["access_token_claims"] = said
        offered = {*USER_CLAIMS, *(name for claims in own.values() for name in claims)}
        if unknown := [name for name in self.access_token_claims if name not in offered]:
            said = gettext("There is no claim %(name)s about users.")
            problems.setdefault("access_token_claims", said % {"name": unknown[0]})
        # Nothing but `aud` would tell its access tokens from the ID tokens of such an app.
        if self.access_token_typ == "JWT" and self._is_a_client_id():
            said = gettext("An app has the identifier for its client ID, so only at+jwt is safe.")
            problems["access_token_typ"] = said
        return problems

    def _is_a_client_id(self) -> bool:
        clients: Any = apps.get_model("idp", "Client")._default_manager
        return bool(clients.filter(client_id=self.identifier).exists())

    def _problem_with_key(self) -> dict[str, str]:
        jwk: dict[str, Any] = self.encryption_jwk or {}
        kinds = {"RSA-OAEP-256": "RSA", "ECDH-ES": "EC"}
        try:
            key = JWK(**jwk)
            has_private, kind = key.has_private, key["kty"]
        except (JWException, KeyError, TypeError, ValueError):
            return {"encryption_jwk": gettext("This is not a JSON Web Key.")}
        if has_private:
            return {"encryption_jwk": gettext("This is a private key; give the public part only.")}
        if kind != kinds.get(self.access_token_encryption_alg):
            return {"encryption_jwk": gettext("The key does not go with the algorithm.")}
        try:
            encrypted(
                "a test",
                alg=self.access_token_encryption_alg,
                enc=policy.CONTENT_ENCRYPTION,
                key=jwk,
                typ="JWT",
            )
        except (JWException, ValueError, UnsupportedAlgorithm):
            return {"encryption_jwk": gettext("Nothing can be encrypted with this key.")}
        return {}


def words_of(description: Any) -> str:
    """Return the text of a scope's description."""
    return str(description.get(_WORDS, "") if isinstance(description, dict) else description)


def opened(scopes: Any, names: Collection[str]) -> Any:
    """Return scopes with their descriptions, of which these are open to self-registered clients."""
    texts = scopes if isinstance(scopes, dict) else dict.fromkeys(scopes, "")
    if not names:
        return scopes
    return {
        scope: {**({_WORDS: text} if text else {}), _OPEN: True} if scope in names else text
        for scope, text in texts.items()
    }


def _problems_with_descriptions(scopes: Any) -> Iterator[str]:
    """Return what is wrong with the descriptions of scopes, as sentences."""
    said = gettext(
        "%(scope)s: What a scope lets an app do has to be a text, or a mapping with description "
        "(a text) and self_registered (true or false)."
    )
    for scope, about in scopes.items() if isinstance(scopes, dict) else ():
        members = about if isinstance(about, dict) else {_WORDS: about}
        if any(not isinstance(value, _TYPES.get(name, ())) for name, value in members.items()):
            yield said % {"scope": scope}


def open_scopes() -> frozenset[str]:
    """Return the scopes that any API opened to self-registered clients."""
    servers = ResourceServer.objects.only("scopes")
    return frozenset(scope for server in servers for scope in server.open_scopes)
