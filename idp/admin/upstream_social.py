"""What the form of an identity provider asks of Apple and GitHub otherwise than of others."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from idp.admin.upstream_fields import PastedSecret, Text
from idp.upstream import apple, github

_PREFIX = "apple_"


class AppleFields(forms.Form):
    """Who signs the client secret: `Upstream.settings`."""

    apple_team_id = Text(
        label=_("Team ID"),
        max_length=10,
        help_text=_("Ten letters and digits, under Membership in your Apple developer account."),
    )
    apple_key_id = Text(
        label=_("Key ID"),
        max_length=10,
        help_text=_("Ten letters and digits: what Apple calls the private key."),
    )


APPLE_FIELDS = tuple(AppleFields.base_fields)


def prepare_social(form: Any) -> None:
    """Say what Apple and GitHub want of each field; leave Apple's fields out of other kinds."""
    if form.instance.kind == github.NAME:
        _explain(
            form,
            issuer=_(
                "https://github.com, or the address of your GitHub Enterprise Server or ghe.com."
            ),
            client_id=_("That of the OAuth app."),
        )
    if form.instance.kind != apple.NAME:
        for name in APPLE_FIELDS:
            del form.fields[name]
        return
    for name in APPLE_FIELDS:
        form.initial.setdefault(name, form.instance.settings.get(name.removeprefix(_PREFIX)))
    _explain(form, client_id=_("The identifier of the Services ID."))
    if "new_secret" in form.fields:
        form.fields["new_secret"] = PastedSecret(
            label=_("Private key"),
            max_length=1000,
            help_text=_(
                "The .p8 file that Apple gave you. Stored encrypted and shown nowhere. Empty: what "
                "is stored stays."
            ),
        )


def apple_settings_of(cleaned: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a form has, without empty ones."""
    said = {name.removeprefix(_PREFIX): cleaned.get(name) for name in APPLE_FIELDS}
    return {name: value for name, value in said.items() if value}


def _explain(form: Any, **texts: Any) -> None:
    for name, text in texts.items():
        if name in form.fields:
            form.fields[name].help_text = text
