"""Roles of clients: what a user may be at one client, such as `admin`. RFC 9068 §2.2.3.1."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from foundation import plain_text
from idp.models.client import Client

LONGEST = 100


def problem_with_role(name: Any) -> str | None:
    """Return why a role can't have this name, as a sentence, or None."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST or name != name.strip():
        said = gettext("A role’s name has 1 to %(longest)d characters, without spaces at its ends.")
        return said % {"longest": LONGEST}
    return plain_text.problem_with(name)


class Role(models.Model):
    """A role at one client: its users have it themselves, or by a group."""

    client = models.ForeignKey(
        Client,
        on_delete=models.CASCADE,
        related_name="roles",
        db_index=False,
        verbose_name=_("app"),
    )
    name = models.CharField(_("name"), max_length=LONGEST)
    groups = models.ManyToManyField(
        Group, blank=True, related_name="app_roles", verbose_name=_("groups")
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="app_roles", verbose_name=_("users")
    )

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "name"], name="one_role_of_a_name")
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.name}"

    def clean(self) -> None:
        """Refuse names that can't be seen."""
        if problem := problem_with_role(self.name):
            raise ValidationError({"name": problem})
