"""Recent authentication for dangerous admin actions. ASVS 7.5.3, docs/adr/0002."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext

from accounts.second_factor import is_recent
from accounts.views.recent_authentication import way_to_recent_authentication


def missing(request: HttpRequest) -> str | None:
    """Return where this operator has to sign in once more, and is led back from, or None.

    None where they did lately, with their second factor if they have one.
    """
    if is_recent(request):
        return None
    return way_to_recent_authentication(request, request.get_full_path())


class RecentAuthenticationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form with some fields that require a recent authentication to change."""

    recent: tuple[str, ...] = ()
    #: The sign-in page for the operator, if they have to sign in again.
    sign_in_address: str | None = None

    def clean(self) -> dict[str, Any]:
        """Refuse a change of these fields without a recent authentication."""
        cleaned = super().clean() or self.cleaned_data
        changed = [name for name in self.recent if name in self.changed_data]
        if changed and self.sign_in_address:
            self.add_error(
                changed[0],
                format_html(
                    '{} <a href="{}" target="_blank">{}</a>',
                    gettext("Only shortly after signing in. Do so in another tab, then save."),
                    self.sign_in_address,
                    gettext("Sign in again"),
                ),
            )
        return cleaned
