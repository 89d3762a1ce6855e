"""An app's form: its metadata and policy, under headings that operators know."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.admin.fields import Choices, Lines, LocalizedLines, PersonField, WebAddress
from idp.admin.proof import ProvenForm
from idp.client_metadata import BY_COLUMN
from idp.models import Client

_GRANTS = {
    "authorization_code": _("People sign in with it (authorization_code)"),
    "refresh_token": _("It can stay signed in (refresh_token)"),
    "client_credentials": _("It acts for itself, without a person (client_credentials)"),
    "implicit": _("Legacy: tokens come in an address, without a code (implicit)"),
    "password": _("Legacy: it asks people for their password itself (password)"),
}
_ANSWERS = [(kind, kind) for kind in policy.RESPONSE_TYPES]
_SIGNATURES = (
    "id_token_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "introspection_signed_response_alg",
)
_LIFETIMES = (
    *("access_token_lifetime", "refresh_token_idle_lifetime", "refresh_token_absolute_lifetime"),
    "refresh_token_grace",
)
_SUBJECTS = ("subject_type", "sector_identifier_uri")
_SOFTWARE = ("software_id", "software_version")
_LOGOUT = (
    *("backchannel_logout_uri", "backchannel_logout_session_required"),
    *("frontchannel_logout_uri", "frontchannel_logout_session_required"),
)
_REQUEST_OBJECTS = (
    *("request_uris", "require_signed_request_object", "request_object_signing_alg"),
    *("request_object_encryption_alg", "request_object_encryption_enc"),
)


class ClientForm(ProvenForm):
    """An app's metadata, its lists a line each."""

    proven = ("enabled", "skip_authorization")
    #: Why the list at the sector identifier URI does not vouch for the app.
    sector_problem: ValidationError | None = None

    redirect_uris = Lines(
        label=_("Redirect URIs"),
        required=False,
        help_text=_(
            "Where people return to after signing in, one a line. Compared character by "
            "character: every slash counts."
        ),
    )
    post_logout_redirect_uris = Lines(
        label=_("Post-logout redirect URIs"),
        required=False,
        help_text=_("Where people may return to after signing out, one a line."),
    )
    allowed_origins = Lines(
        label=_("Allowed origins"),
        required=False,
        help_text=_(
            "Web origins that may call token and UserInfo from a browser, one a line. Those of "
            "a public app’s redirect URIs may anyway."
        ),
    )
    request_uris = Lines(
        label=_("Request URIs"),
        required=False,
        help_text=_("Where signed requests may be fetched from, one https address a line."),
    )
    grant_types = Choices(_GRANTS.items(), label=_("What it does"), initial=["authorization_code"])
    response_types = Choices(
        _ANSWERS,
        label=_("What it gets after a sign-in"),
        help_text=_(
            "None ticked: a code, which is what every app should use. All others are legacy and "
            "need implicit, and the profile that is compatible."
        ),
    )
    scopes = Lines(
        label=_("Scopes"),
        required=False,
        help_text=_("What it may ask for, one a line. None: every standard scope."),
    )
    allowed_groups = Choices(
        [],
        label=_("Groups who may use it"),
        help_text=_("Only their members can sign in to it. None ticked: everybody."),
    )
    default_acr_values = Lines(
        label=_("Wished sign-in"),
        required=False,
        help_text=_(
            "Levels of sign-in (default_acr_values) that people are asked for who can reach them, "
            "one a line."
        ),
    )
    localized = LocalizedLines(
        label=_("In other languages"),
        problem=_("Write “client_name#de = …”, each name and language once:"),
        required=False,
        help_text=_(
            "One a line: “client_name#de = Bäckerei”. Of the name, client_uri, logo_uri, "
            "policy_uri and tos_uri, people see the one in their language."
        ),
    )
    contacts = Lines(
        label=_("Contacts"), required=False, help_text=_("Its makers’ e-mail addresses.")
    )
    user = PersonField(
        label=_("Owner"), help_text=_("The e-mail address of whoever may see its errors.")
    )

    class Meta:
        model = Client
        fields = (
            *("client_id", "name", "application_type", "token_endpoint_auth_method", "enabled"),
            *("user", "redirect_uris", "post_logout_redirect_uris", "allowed_origins"),
            *("jwks", "jwks_uri", "token_endpoint_auth_signing_alg"),
            *_LOGOUT,
            *_REQUEST_OBJECTS,
            *_SUBJECTS,
            *("grant_types", "response_types", "scopes", "profile", "skip_authorization"),
            *("default_max_age", "required_acr", "default_acr_values", "require_auth_time"),
            "allowed_groups",
            "access_token_format",
            *_SIGNATURES,
            *_LIFETIMES,
            *("refresh_without_offline_access", "client_uri", "logo_uri", "policy_uri", "tos_uri"),
            *("initiate_login_uri", "localized", "contacts"),
            *_SOFTWARE,
        )
        field_classes = dict.fromkeys(
            (
                "client_uri",
                "logo_uri",
                "policy_uri",
                "tos_uri",
                "jwks_uri",
                "initiate_login_uri",
                "sector_identifier_uri",
                "backchannel_logout_uri",
                "frontchannel_logout_uri",
            ),
            WebAddress,
        )
        widgets = dict.fromkeys(_LIFETIMES, forms.NumberInput(attrs={"class": "vBigIntegerField"}))
        labels = {
            "client_id": _("Client ID"),
            "name": _("Name"),
            "skip_authorization": _("Your own app: people are not asked to agree"),
        }
        help_texts = {
            "client_id": _("What the app identifies itself by. It can’t be changed later."),
            "name": _("As people read it when they sign in."),
            "logo_uri": _("An https address; each visitor’s browser loads it."),
            "jwks": _("A JWK set in JSON, public keys only; or else their address below."),
            "subject_type": _(
                "Pairwise: it knows people by identifiers (sub) that apps of other hosts don’t "
                "have. Changing it later makes everybody a stranger to the app."
            ),
            "require_signed_request_object": _(
                "Sign-ins begin only with what the app has signed; nothing else in their address "
                "counts."
            ),
            "sector_identifier_uri": _(
                "For pairwise apps with several hosts: the https address of a JSON list that has "
                "all of their redirect URIs."
            ),
            "backchannel_logout_uri": _(
                "An https address of the app that we tell when somebody’s session ends."
            ),
            "frontchannel_logout_uri": _(
                "A page of the app that the person’s browser loads when they sign out here. It "
                "has scheme, host and port of a redirect URI."
            ),
            "initiate_login_uri": _(
                "An https address of the app that begins a sign-in. With it, people can open the "
                "app from their list of apps."
            ),
            "id_token_signed_response_alg": _(
                "RS256 suits nearly every app. Those that start with HS sign with the app’s secret."
            ),
            "id_token_encrypted_response_alg": _(
                "None: not encrypted, which suits nearly every app. Otherwise only the app can "
                "read its ID tokens, with a key of its own or with its secret."
            ),
            "userinfo_signed_response_alg": _("None: plain JSON, which nearly every app expects."),
            "required_acr": _(
                "Nobody gets in below it; whoever has no second step is led to set one up."
            ),
            "access_token_lifetime": _(
                "Empty: 3600, an hour. 86400, a day, at most. Tokens for APIs live as long as "
                "those say."
            ),
            "refresh_token_idle_lifetime": _(
                "How long one lives that is not used; each use gives a new one. Empty: 2592000, "
                "30 days."
            ),
            "refresh_token_absolute_lifetime": _(
                "How long after a sign-in the last one ends, used or not. Empty: 31536000, a year, "
                "which is the most."
            ),
            "refresh_token_grace": _(
                "How long one that was just used still gives an answer, for answers that were lost "
                "and apps in two tabs. Empty: 10 for an app without a secret, 0 for all others. 30 "
                "at most."
            ),
            "software_id": _("The same for every installation of one program (software_id)."),
            "require_auth_time": _("ID tokens always say when somebody signed in."),
            "enabled": _("Off: everything of this app stops at once."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered: Any = self.fields.get("allowed_groups")
        if offered is not None:  # those who may only look have no fields
            names = Group.objects.order_by("name").values_list("name", flat=True)
            chosen = self.instance.allowed_groups  # also one that is gone, so that it can be seen
            offered.choices = [(name, name) for name in dict.fromkeys([*names, *chosen])]

    def clean(self) -> dict[str, Any]:
        """Derive the response types where none was chosen: they follow from what the app does."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("response_types"):
            signs_in = "authorization_code" in cleaned.get("grant_types", ())
            cleaned["response_types"] = ["code"] if signs_in else []
        return cleaned

    def _post_clean(self) -> None:
        """Check the app as a whole; and what its sector identifier URI has, which was fetched."""
        super()._post_clean()  # type: ignore[misc]
        if self.sector_problem and not self.errors:
            self.add_error(None, self.sector_problem)


#: What an app says of itself in its own document, if it has one; its scopes are the operator's.
OF_ITS_DOCUMENT = (
    *(
        field
        for field in ClientForm.Meta.fields
        if field in BY_COLUMN and not BY_COLUMN[field].operators_only and field != "scopes"
    ),
    "localized",
)
#: What the form shows and nobody writes.
THE_RECORD = ("registration_source", "vouched_for_by", "created", "updated")
#: Headings, with the fields under each.
FIELDSETS: tuple[Any, ...] = (
    (
        None,
        {
            "fields": (
                *("name", "client_id", "application_type", "token_endpoint_auth_method"),
                *("enabled", "user"),
            )
        },
    ),
    (
        _("Addresses"),
        {"fields": ("redirect_uris", "post_logout_redirect_uris", "allowed_origins")},
    ),
    (_("How it learns of sign-outs"), {"fields": _LOGOUT}),
    (
        _("How it proves itself with keys"),
        {"fields": ("jwks", "jwks_uri", "token_endpoint_auth_signing_alg", *_REQUEST_OBJECTS)},
    ),
    (_("How it knows people"), {"fields": _SUBJECTS}),
    (_("What it may do"), {"fields": ("grant_types", "response_types", "scopes")}),
    (
        _("What people see"),
        {
            "fields": (
                *("client_uri", "initiate_login_uri", "logo_uri", "policy_uri", "tos_uri"),
                *("localized", "contacts"),
            )
        },
    ),
    (
        _("Policy"),
        {
            "fields": (
                *("profile", "skip_authorization", "allowed_groups", "default_max_age"),
                *("required_acr", "default_acr_values", "require_auth_time"),
                *("access_token_format", "refresh_without_offline_access"),
                *_LIFETIMES,
            )
        },
    ),
    (_("Signatures and encryption"), {"fields": _SIGNATURES}),
    (_("The record"), {"fields": (*_SOFTWARE, *THE_RECORD)}),
)
