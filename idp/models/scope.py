"""Scopes of the operator's own, beside the standard ones and those of APIs. RFC 6749 §3.3."""

import re
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from idp import policy

SCOPE = re.compile(r"[!#-[\]-~]+")


def problem_with_scope(name: str) -> str | None:
    """Return why a scope of an operator's can't have this name, as a sentence, or None."""
    if SCOPE.fullmatch(name) is None:
        return f"This is not a scope: {name!r}."  # RFC 6749 §3.3
    if name in policy.SCOPES:
        return f"This means something else already: {name}."
    return None


class Scope(models.Model):
    """A scope that clients may ask for, in words that people read when they agree."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.CharField(
        _("what it lets an app do"),
        max_length=300,
        blank=True,
        help_text=_("As people read it when they agree: “See which bread is baked today”."),
    )

    class Meta:
        verbose_name = _("scope")
        verbose_name_plural = _("scopes")

    def __str__(self) -> str:
        return self.description or self.name

    def clean(self) -> None:
        """Refuse names that are none, or taken."""
        problem: Any = problem_with_scope(self.name) or self._problem_with_apis()
        if problem:
            raise ValidationError({"name": problem})

    def _problem_with_apis(self) -> str | None:
        apis: Any = apps.get_model("idp", "ResourceServer")._default_manager.all()
        owner = next((api for api in apis if self.name in api.scopes), None)
        return f"This is a scope of the API {owner.identifier} already." if owner else None
