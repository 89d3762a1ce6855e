"""Preview the claims that an app would receive about a user, without a sign-in."""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import second_factor
from accounts.levels import reaches
from accounts.models import User
from idp import policy
from idp.admin.fields import Choices, UserField
from idp.admin.page import Page
from idp.claim_sources import configured
from idp.claims import access_token_claims, claims_for, names_shown
from idp.clients.access_policy import allows
from idp.models import Client, Consent, ResourceServer
from idp.protocol.response_types import ID_TOKEN, TOKEN, parts
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.statements.bearers import values_of
from idp.subjects import known_subject


def view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the claims that the app would receive about a user."""
    client = page.get_object(request, object_id)
    if client is None:
        raise Http404
    may_view = page.has_view_permission(request, client)
    if not may_view or not request.user.has_perm("accounts.view_user"):
        raise PermissionDenied
    form = PreviewForm(client, request.GET)
    shown = form.is_valid()
    return page.about(
        client,
        request,
        "admin/preview.html",
        _("What %(app)s receives") % {"app": client},
        {
            "form": form,
            "previewed_user": form.cleaned_data["user"] if shown else None,
            "preview": form.preview() if shown else None,
        },
    )


class PreviewForm(forms.Form):
    """The user and the scopes of a preview."""

    user = UserField(
        label=gettext_lazy("User"),
        help_text=gettext_lazy("Their email address."),
        widget=forms.EmailInput(attrs={"class": "vTextField"}),
    )

    def __init__(self, client: Client, asked: QueryDict) -> None:
        allowed = client.allowed_scopes - {OFFLINE_ACCESS}
        standard = [scope for scope in policy.SCOPES if scope in allowed]
        names = [*standard, *sorted(allowed - set(standard))]
        if asked and "scopes" not in asked:  # A link that names only a user means all of them.
            asked = asked.copy()
            asked.setlist("scopes", names)
        super().__init__(asked or None)
        self._client = client
        self.fields["scopes"] = Choices(
            [(name, name) for name in names], label=_("Scopes that it asks for"), initial=names
        )

    def clean_user(self) -> User:
        """Return the user, who is required."""
        user: User | None = self.cleaned_data["user"]
        if user is None:
            raise ValidationError(_("Type a user’s email address."))
        return user

    def preview(self) -> "Preview":
        """Return the preview for this user and these scopes."""
        chosen = self.cleaned_data
        return preview(self._client, chosen["user"], frozenset(chosen["scopes"]))


@dataclass(frozen=True)
class Preview:
    """The claims that an app would receive; empty lists for responses that it never gets."""

    #: Why the app might receive nothing, or something else.
    notes: list[str]
    userinfo: list[tuple[str, str]]
    id_token: list[tuple[str, str]]
    #: In the one of the response type id_token, which has no access token for UserInfo.
    id_token_alone: list[tuple[str, str]]
    #: In JWT access tokens, by the name of their API.
    access_tokens: list[tuple[str, list[tuple[str, str]]]]
    #: Claims that the scopes show, but the user has no value for.
    left_out: list[str]


def preview(client: Client, user: User, scopes: frozenset[str]) -> Preview:
    """Return the claims that the app would receive at UserInfo and in ID tokens; writes nothing.

    Claims that others assert are named, but not fetched: they may come with an access token.
    """
    notes = _notes(client, user, scopes)
    if "openid" not in scopes or not client.has_users:
        return Preview(notes, [], [], [], [], [])
    sub = {"sub": known_subject(client, user) or _("(made at the first sign-in)")}
    claims = claims_for(values_of(user.pk), scopes, client_id=client.client_id, asserted=False)
    left_out = names_shown(scopes) - claims.keys()
    sources = configured.claims()
    elsewhere = {
        name: _("(asserted by %(provider)s)") % {"provider": sources[name].provider}
        for name in sorted(left_out & sources.keys())
    }
    has_scopes = client.id_token_claims == Client.IdTokenClaims.SCOPES
    kinds = {parts(kind) for kind in client.response_types}
    by_password = "password" in client.grant_types
    has_userinfo = by_password or kinds != {(ID_TOKEN,)}
    has_id_token = by_password or kinds - {(ID_TOKEN,), (TOKEN,)}
    return Preview(
        notes,
        _readable({**claims, **sub, **elsewhere}) if has_userinfo else [],
        _readable({**(claims if has_scopes else {}), **sub}) if has_id_token else [],
        _readable({**claims, **sub, **elsewhere}) if (ID_TOKEN,) in kinds else [],
        _in_access_tokens(client, user, scopes),
        sorted(left_out - elsewhere.keys()),
    )


def _in_access_tokens(
    client: Client, user: User, scopes: frozenset[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the claims about the user in tokens for the APIs of these scopes (RFC 9068 §2.2.2)."""
    return [
        (str(api), _readable(access_token_claims(user.pk, client.client_id, names)))
        for api in ResourceServer.objects.order_by("identifier")
        if (names := api.access_token_claims) and scopes & frozenset(api.scopes)
    ]


def _notes(client: Client, user: User, scopes: frozenset[str]) -> list[str]:
    """Explain to operators why a sign-in may turn out otherwise."""
    if not client.has_users:
        return [str(_("The app acts for itself: no user signs in to it, and it gets no claims."))]
    asks = client.signs_users_in
    notes: list[tuple[bool, str | Promise]] = [
        (
            "openid" not in scopes,
            _("Without the scope openid there is neither an ID token nor an answer at UserInfo."),
        ),
        (not client.enabled, _("The app is disabled: it gets nothing now.")),
        (not user.is_active, _("The account is disabled: its user can’t sign in now.")),
        (
            not allows(client, user),
            _("The user is in none of the groups that may use the app, and can’t sign in to it."),
        ),
        (
            not _reaches(client, user),
            _("The app requires a second factor that this user has not set up."),
        ),
        (
            asks and not client.skip_authorization and not _has_agreed(client, user, scopes),
            _("The user is asked to agree first, and can decline."),
        ),
        (
            bool(client.authorization_details_types),
            _(
                "It may also ask for authorization details, which come with the access token, in "
                "JWT access tokens and at introspection: %(types)s."
            )
            % {"types": ", ".join(client.authorization_details_types)},
        ),
    ]
    return [str(text) for holds, text in notes if holds]


def _reaches(client: Client, user: User) -> bool:
    required = client.required_acr
    return not required or reaches(second_factor.reachable_level(user), required)


def _has_agreed(client: Client, user: User, scopes: frozenset[str]) -> bool:
    consent = Consent.objects.filter(client=client, user=user).first()
    return consent is not None and not consent.has_expired(now()) and scopes <= set(consent.scopes)


def _readable(claims: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _words(value)) for name, value in claims.items()]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
