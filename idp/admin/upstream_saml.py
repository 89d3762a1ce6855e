"""What the form of an identity provider asks of one that speaks SAML: `Upstream.settings`."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.upstream.refusals import UpstreamRefusedError
from idp.admin.fields import PairLines
from idp.admin.upstream_fields import Pasted, PastedSecret, Text
from idp.upstream.saml.addresses import NAME, NAME_IDS

_PREFIX = "saml_"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
#: Characters of a key and its certificate, in the field that other kinds have for a secret.
_LONGEST_KEY = 20_000


class SamlFields(forms.Form):
    """Where the identity provider is, what it signs with, and who a user is there."""

    saml_metadata_url = Text(
        label=_("Address of its metadata"),
        help_text=_("The best way: new certificates are found there. It begins with https://."),
    )
    saml_metadata = Pasted(
        label=_("Or its metadata"),
        help_text=_("The whole XML document, if it has no address."),
    )
    saml_sso_url = Text(
        label=_("Or its sign-in address"),
        help_text=_("For the binding HTTP-Redirect. With it, enter certificates."),
    )
    saml_certificates = Pasted(
        label=_("Certificates"),
        help_text=_("In PEM, one after the other: those of the keys that it signs with."),
    )
    saml_slo_url = Text(
        label=_("Its sign-out address"),
        help_text=_("Where people sign out there. Metadata may say it."),
    )
    saml_name_id = forms.ChoiceField(
        label=_("Who a user is there"),
        required=False,
        choices=[
            ("persistent", _("NameID, persistent")),
            ("emailAddress", _("NameID, an email address")),
            ("unspecified", _("NameID, unspecified")),
        ],
        help_text=_(
            "Another format is refused. An address is a risk: whoever gets it there later gets the "
            "account here."
        ),
    )
    saml_subject_attribute = Text(
        label=_("Or by an attribute"),
        help_text=_("One that is never given to somebody else. The NameID does not count then."),
    )
    saml_claims = PairLines(
        label=_("Attributes"),
        problem=_("Write “claim = attribute”, each claim once:"),
        required=False,
        help_text=_(
            "One a line, where names are unusual: “email = Mail”. All attributes can be named "
            "below as claims, too."
        ),
    )


SAML_FIELDS = tuple(SamlFields.base_fields)


def prepare(form: Any) -> None:
    """Show what is set, in the form of an identity provider that speaks SAML; else leave it out."""
    if form.instance.kind != NAME:
        for name in SAML_FIELDS:
            del form.fields[name]
        return
    for name in SAML_FIELDS:
        said = form.instance.settings.get(name.removeprefix(_PREFIX))
        form.initial.setdefault(name, "\n".join(said) if isinstance(said, list) else said)
    if "issuer" in form.fields:
        form.fields["issuer"].label = _("Entity ID")
        form.fields["issuer"].help_text = _("What its metadata calls it, letter by letter.")
    if "sign_out_there" in form.fields:
        form.fields["sign_out_there"].help_text = _(
            "When people who came from it sign out here. It needs an address for that "
            "(SingleLogoutService), and we need a key."
        )
    if "new_secret" in form.fields:
        form.fields["new_secret"] = PastedSecret(
            label=_("Our key"),
            max_length=_LONGEST_KEY,
            help_text=_(
                "To sign requests, to open encrypted assertions, and to sign people out there: a "
                "private key (RSA) and its certificate, both in PEM. Stored encrypted and shown "
                "nowhere. Empty: what is stored stays."
            ),
        )


def settings_of(cleaned: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a form has, without empty ones."""
    said = {name.removeprefix(_PREFIX): cleaned.get(name) for name in SAML_FIELDS}
    pasted = str(said["certificates"] or "").strip()
    said["certificates"] = _CERTIFICATE.findall(pasted) or ([pasted] if pasted else [])
    if said["name_id"] == next(iter(NAME_IDS)):
        said["name_id"] = None
    return {name: value for name, value in said.items() if value}


def entity_id_in(cleaned: dict[str, Any]) -> str:
    """Return the entity ID of pasted metadata that is about one provider only, or empty."""
    from idp.upstream.saml import metadata  # needs lxml

    try:
        found = metadata.entity_ids((cleaned.get("saml_metadata") or "").encode())
    except UpstreamRefusedError:
        return ""
    return found[0] if len(found) == 1 else ""
