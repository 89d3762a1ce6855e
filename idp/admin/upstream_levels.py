"""The part of an identity provider's form that declares levels, which superusers alone edit.

A declared level counts as our own: in the administration, too, it stands for a second step. Whoever
sets it decides whose word suffices there.
"""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from idp.admin.fields import Lines
from idp.admin.recent_authentication import RecentAuthenticationForm

#: Their member (OIDC Core §2) and our level, by field.
_FIELDS = {
    "acr_two_factors": ("acr", MULTI_FACTOR),
    "amr_two_factors": ("amr", MULTI_FACTOR),
    "acr_phishing_resistant": ("acr", PHISHING_RESISTANT),
    "amr_phishing_resistant": ("amr", PHISHING_RESISTANT),
}
FIELDS = tuple(_FIELDS)
ABOUT = _(
    "Only superusers can change this. Values that it sends as acr or amr, one a line. A sign-in "
    "with a listed value counts as that level here: apps that ask for a second step ask for no "
    "other proof, and neither does this administration, for anybody who signs in with it. List a "
    "value only if you trust it to tell the truth about it. Any other value counts as one factor."
)
FOR_OTHERS = _("Only superusers can change this.")
#: What decides whose word a declared level is.
_SOURCE = ("issuer", "settings")


class LevelsForm(RecentAuthenticationForm):
    """Which values of `acr` and `amr` mean which level; none of it for others than superusers."""

    acr_two_factors = Lines(label=_("acr: two factors"), required=False)
    amr_two_factors = Lines(
        label=_("amr: two factors"), required=False, help_text=_("Such as mfa or otp.")
    )
    acr_phishing_resistant = Lines(label=_("acr: phishing-resistant"), required=False)
    amr_phishing_resistant = Lines(
        label=_("amr: phishing-resistant"), required=False, help_text=_("Such as hwk.")
    )

    #: Whether the operator is a superuser; set by the page.
    is_superuser = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (member, level) in _FIELDS.items():
            if not self.is_superuser:
                self.fields.pop(name, None)
                continue
            declared = self.instance.levels.get(member, {})
            present = sorted(value for value, each in declared.items() if each == level)
            self.initial.setdefault(name, present)

    def clean(self) -> dict[str, Any]:
        """Put the levels into their column."""
        cleaned = super().clean()
        if self.is_superuser:
            self._set_levels(cleaned)
        elif self.instance.levels:
            said = gettext("Levels are declared for it: only superusers can change where it is.")
            for name in set(_SOURCE).intersection(self.changed_data):
                self.add_error(name, said)
        return cleaned

    def _set_levels(self, cleaned: dict[str, Any]) -> None:
        if not set(FIELDS).intersection(self.changed_data):
            return
        lowest = {
            member: [value for value, level in values.items() if level == SINGLE_FACTOR]
            for member, values in self.instance.levels.items()
        }
        levels: dict[str, dict[str, str]] = {}
        for name, (member, level) in _FIELDS.items():
            for value in cleaned.get(name) or ():
                if value in levels.setdefault(member, {}):
                    self.add_error(
                        name, gettext("It is there twice: %(value)s.") % {"value": value}
                    )
                levels[member][value] = level
        for member, values in lowest.items():
            for value in values:
                levels.setdefault(member, {}).setdefault(value, SINGLE_FACTOR)
        self.instance.levels = levels
