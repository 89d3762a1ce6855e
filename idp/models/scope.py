"""Scopes of the operator's own, beside the standard ones and those of APIs. RFC 6749 §3.3."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.claim_sources import configured
from idp.models.attribute import NAME
from idp.models.catalog import Catalog
from idp.protocol.claim_names import problem_with_claim
from idp.protocol.vocabulary import GROUPS, ROLES, USER_CLAIMS

SCOPE = re.compile(r"[!#-[\]-~]+")
#: The user's fields that a claim can have as source: those of the standard scopes.
FIELDS = tuple(name for name in USER_CLAIMS if name not in {GROUPS, ROLES})
#: The kind of a source that is an attribute of the operator's.
ATTRIBUTE = "attribute"
#: The kind of a source that is not here, and how it is written.
CLAIMS_PROVIDER = "claims provider"
_MOST_CLAIMS = 50
_LONGEST_TEXT = 300


def problem_with_scope(name: str) -> str | None:
    """Return why a scope of an operator's can't have this name, as a sentence, or None."""
    if SCOPE.fullmatch(name) is None:
        return gettext("This is not a scope: %(name)s.") % {"name": repr(name)}  # RFC 6749 §3.3
    if name in policy.SCOPES:
        return gettext("This means something else already: %(name)s.") % {"name": name}
    return None


@dataclass(frozen=True)
class Source:
    """The source of an operator's claim: a field, an attribute, groups, a text, or a provider."""

    kind: str
    #: The field; the attribute; the prefix of the groups' names, or nothing for all groups; the
    #: text; nothing if a claims provider asserts it (OIDC Core §5.6.2, `claim_sources`).
    argument: str

    @property
    def is_asserted(self) -> bool:
        """Whether a claims provider asserts the claim."""
        return self.kind == CLAIMS_PROVIDER

    @classmethod
    def parse(cls, words: str) -> "Source | None":
        """Read `phone_number`, `attribute rank`, `groups dept-*`, `text Ltd`, `claims provider`.

        Returns None for other words.
        """
        if words.split() == CLAIMS_PROVIDER.split():
            return cls(CLAIMS_PROVIDER, "")
        kind, _space, argument = words.strip().partition(" ")
        argument = argument.strip()
        if kind in FIELDS and not argument:
            return cls("field", kind)
        if kind == ATTRIBUTE and NAME.fullmatch(argument):
            return cls(ATTRIBUTE, argument)
        if kind == GROUPS and (not argument or re.fullmatch(r"[^*]+\*", argument)):
            return cls(GROUPS, argument.removesuffix("*"))
        if kind == "text" and 0 < len(argument) <= _LONGEST_TEXT:
            return cls("text", argument)
        return None


def problem_with_claims(claims: Any) -> str | None:
    """Return why these can't be the claims of an operator's scope, as a sentence, or None."""
    if not isinstance(claims, dict):
        return gettext("They have to be a mapping of claims to sources.")
    if len(claims) > _MOST_CLAIMS:
        return gettext("A scope has at most %(most)d claims.") % {"most": _MOST_CLAIMS}
    for name, words in claims.items():
        if problem := problem_with_claim(name):
            return f"{name}: {gettext(problem)}"
        if problem := _problem_with_source(name, words):
            return f"{name}: {problem}"
    return None


def claims_of_attributes(claims: Mapping[str, str]) -> dict[str, str]:
    """Return those of a scope's claims that are filled from attributes, with these."""
    sources = ((name, Source.parse(words)) for name, words in claims.items())
    return {
        name: source.argument for name, source in sources if source and source.kind == ATTRIBUTE
    }


def problem_with_attributes(claims: Mapping[str, str], known: Container[str]) -> str | None:
    """Return which claim has an attribute for its source that is not known, or None."""
    for name, attribute in claims_of_attributes(claims).items():
        if attribute not in known:
            said = gettext("There is no attribute %(attribute)s.")
            return f"{name}: {said % {'attribute': attribute}}"
    return None


def _problem_with_source(name: str, words: Any) -> str | None:
    source = Source.parse(words) if isinstance(words, str) else None
    if source is None:
        no_source = gettext(
            "%(words)s is no source; use a standard claim (such as phone_number), groups, "
            "groups dept-*, attribute followed by its name, text followed by the text, or claims "
            "provider."
        )
        return no_source % {"words": repr(words)}
    if source.kind == CLAIMS_PROVIDER and name not in configured.claims():
        return gettext("No source in IDP_CLAIM_SOURCES has this claim.")
    return None


class Scope(models.Model):
    """A scope that clients may request, with a description for users."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.CharField(
        _("what it lets an app do"),
        max_length=300,
        blank=True,
        help_text=_("As users read it when they agree: “See which bread is baked today”."),
    )
    #: The claims of this scope at UserInfo: sources by claims' names (OIDC Core §5.1.2).
    claims = models.JSONField(_("claims"), default=dict, blank=True)

    class Meta:
        verbose_name = _("scope")
        verbose_name_plural = _("scopes")

    def __str__(self) -> str:
        return self.description or self.name

    def clean(self, catalog: Catalog | None = None) -> None:
        """Refuse names that are none, or taken, and claims that are another user's."""
        catalog = catalog or Catalog.stored()
        problems: dict[str, Any] = {
            "name": problem_with_scope(self.name) or self._problem_with_apis(catalog),
            "claims": problem_with_claims(self.claims)
            or problem_with_attributes(self.claims, catalog.attributes)
            or self._problem_with_other_scopes(catalog),
        }
        if any(problems.values()):
            raise ValidationError({name: text for name, text in problems.items() if text})

    def _problem_with_other_scopes(self, catalog: Catalog) -> str | None:
        """A claim's name has to mean one thing, whichever scope it comes by."""
        for other, claims in catalog.claims.items():
            for name, words in claims.items():
                if other != self.name and self.claims.get(name, words) != words:
                    said = gettext("The scope %(scope)s fills this claim from %(source)s.")
                    return f"{name}: {said % {'scope': other, 'source': words}}"
        return None

    def _problem_with_apis(self, catalog: Catalog) -> str | None:
        api = catalog.api_with_scope(self.name)
        said = gettext("This is a scope of the API %(api)s already.")
        return said % {"api": api} if api is not None else None
