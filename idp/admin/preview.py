"""What an app would receive about a person, before anybody signs in."""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import second_factor
from accounts.levels import reaches
from accounts.models import User
from idp import policy
from idp.admin.fields import Choices, PersonField
from idp.claim_sources import configured
from idp.claims import claims_for, id_token_claims, names_shown, person_of
from idp.models import Authorization, Client, Consent
from idp.protocol.response_types import ID_TOKEN
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.subjects import known_subject


class PreviewForm(forms.Form):
    """Whose claims, by which scopes."""

    person = PersonField(
        label=gettext_lazy("Person"),
        help_text=gettext_lazy("Their e-mail address."),
        widget=forms.EmailInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, client: Client, *args: Any) -> None:
        super().__init__(*args)
        self._client = client
        allowed = client.allowed_scopes - {OFFLINE_ACCESS}
        standard = [scope for scope in policy.SCOPES if scope in allowed]
        names = [*standard, *sorted(allowed - set(standard))]
        self.fields["scopes"] = Choices(
            [(name, name) for name in names], label=_("Scopes that it asks for"), initial=names
        )

    def clean_person(self) -> User:
        """Return the person, who has to be named."""
        person: User | None = self.cleaned_data["person"]
        if person is None:
            raise ValidationError(_("Type somebody’s e-mail address."))
        return person

    def preview(self) -> "Preview":
        """Return what the app would receive about the person by these scopes."""
        chosen = self.cleaned_data
        return preview(self._client, chosen["person"], frozenset(chosen["scopes"]))


@dataclass(frozen=True)
class Preview:
    """What an app would receive, as an operator reads it."""

    #: What stands in the way, or comes before.
    notes: list[str]
    userinfo: list[tuple[str, str]]
    id_token: list[tuple[str, str]]
    #: Claims that the scopes show, but the person has nothing for.
    left_out: list[str]


def preview(client: Client, person: User, scopes: frozenset[str]) -> Preview:
    """Return what the app would receive at UserInfo and in the ID token; nothing is written.

    Claims that others assert are named, and not asked for: they may come with an access token.
    """
    sub = known_subject(client, person) or _("(made at the first sign-in)")
    if "openid" not in scopes:
        return Preview(_notes(client, person, scopes), [], [], [])
    userinfo = claims_for(person_of(person, ("email_verified",)), scopes)
    in_id_token = id_token_claims(
        Authorization(scope=" ".join(sorted(scopes))),
        person,
        client_id=None,
        with_scopes=ID_TOKEN in client.response_types,  # alone, so there is no UserInfo
    )
    left_out = names_shown(scopes) - userinfo.keys()
    sources = configured.claims()
    elsewhere = {
        name: _("(asserted by %(provider)s)") % {"provider": sources[name].provider}
        for name in sorted(left_out & sources.keys())
    }
    return Preview(
        _notes(client, person, scopes),
        _readable({**userinfo, "sub": sub, **elsewhere}),
        _readable({"sub": sub, **in_id_token}),
        sorted(left_out - elsewhere.keys()),
    )


def _notes(client: Client, person: User, scopes: frozenset[str]) -> list[str]:
    """Say what an operator would wonder about when it comes out otherwise."""
    notes: list[tuple[bool, str | Promise]] = [
        (
            "openid" not in scopes,
            _("Without the scope openid there is neither an ID token nor an answer at UserInfo."),
        ),
        (not client.enabled, _("The app is disabled: it gets nothing now.")),
        (not person.is_active, _("The account is disabled: nobody can sign in to it now.")),
        (
            not _reaches(client, person),
            _("The app requires a second step that this person has not set up."),
        ),
        (
            not client.skip_authorization and not _has_agreed(client, person, scopes),
            _("The person is asked to agree first, and can decline."),
        ),
    ]
    return [str(text) for holds, text in notes if holds]


def _reaches(client: Client, person: User) -> bool:
    required = client.required_acr
    return not required or reaches(second_factor.reachable_level(person), required)


def _has_agreed(client: Client, person: User, scopes: frozenset[str]) -> bool:
    consent = Consent.objects.filter(client=client, user=person).first()
    lasts = consent is not None and not (consent.expires_at and consent.expires_at <= now())
    return consent is not None and lasts and scopes <= set(consent.scopes)


def _readable(claims: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _words(value)) for name, value in claims.items()]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
