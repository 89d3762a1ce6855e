"""Initial access tokens: who may register clients, how many and what kind. RFC 7591 §1.2."""

import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.models.catalog import Catalog

_HOST = re.compile(r"[a-z0-9.*:\[\]-]{1,253}")
#: The purpose of its hash (`server_keys.keyed_hash`).
TOKEN_PURPOSE = "initial access token"


class InitialAccessToken(models.Model):
    """A token that lets its holder register clients; only its keyed hash is stored."""

    #: A name for operators.
    name = models.CharField(_("name"), max_length=100, unique=True)
    hashed = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    #: How many clients it may register; None for any number.
    max_uses = models.PositiveIntegerField(
        _("how many apps"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    uses = models.PositiveIntegerField(_("apps registered"), default=0, editable=False)
    #: What its clients may be; empty for all that the settings allow.
    grant_types = models.JSONField(_("grant types"), default=list, blank=True)
    scopes = models.JSONField(_("scopes"), default=list, blank=True)
    redirect_hosts = models.JSONField(_("hosts of redirect URIs"), default=list, blank=True)
    #: Whether logos that its apps name are fetched and shown.
    logos = models.BooleanField(_("logos of its apps"), default=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("initial access token")
        verbose_name_plural = _("initial access tokens")
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self, catalog: Catalog | None = None) -> None:
        """Refuse a permit that no client could register with, naming the field."""
        catalog = catalog or Catalog.stored()
        problems: dict[str, Any] = {}
        for field, offered in {
            "grant_types": policy.GRANT_TYPES,
            "scopes": [scope for scope in self.scopes if catalog.offers(scope)],
        }.items():
            unknown = sorted(set(getattr(self, field)) - set(offered))
            if unknown:
                said = gettext("Not offered here: %(values)s.")
                problems[field] = said % {"values": ", ".join(unknown)}
        odd = [host for host in self.redirect_hosts if _HOST.fullmatch(host) is None]
        if odd:
            said = gettext("This is not a host, such as app.example.com: %(host)s.")
            problems["redirect_hosts"] = said % {"host": odd[0]}
        if problems:
            raise ValidationError(problems)
