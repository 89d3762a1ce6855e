"""The form of an app: its metadata and policy. A page has the fields of its tab."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import URLField
from django.utils.translation import gettext_lazy as _

from accounts.upstream.model import Upstream
from idp.admin.clients.checked_form import CheckedForm
from idp.admin.clients.exchange_fields import ApplicationLines, TargetLines
from idp.admin.clients.tabs import ALL_FIELDSETS
from idp.admin.clients.workloads_field import WorkloadsField
from idp.admin.fields import Choices, Lines, LocalizedLines, PairLines, UserField, WebAddress
from idp.client_metadata import BY_COLUMN, LOCALIZED, MEMBERS, NUMBER
from idp.integrations.catalogue import by_category
from idp.integrations.categories import CATEGORIES
from idp.models import AuthorizationDetailsType, Client
from idp.protocol.vocabulary import CIBA, DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE

_GRANTS = {
    "authorization_code": _("Users sign in with it (authorization_code)"),
    "refresh_token": _("It can stay signed in (refresh_token)"),
    DEVICE_CODE: _("Users sign in with a code that it shows, on another device (device_code)"),
    "client_credentials": _("It acts for itself, without a user (client_credentials)"),
    CIBA: _("It asks users to sign in on their own device (CIBA)"),
    "implicit": _("Legacy: tokens come in an address, without a code (implicit)"),
    "password": _("Legacy: it asks users for their password itself (password)"),
    TOKEN_EXCHANGE: _("It exchanges tokens for others (token-exchange)"),
    JWT_BEARER: _("Trusted issuers vouch for its users (jwt-bearer)"),
}


def _words(column: str) -> dict[str, Any]:
    """Return label and help of a column, from the table of client metadata."""
    return {"label": BY_COLUMN[column].label, "help_text": BY_COLUMN[column].help}


def _lines(column: str) -> Lines:
    return Lines(required=False, **_words(column))


def _upstreams() -> list[tuple[str, str]]:
    return list(Upstream.objects.values_list("slug", "name"))


def _integrations() -> list[Any]:
    """Return the programs of the catalogue, under their categories."""
    return [("", "—")] + [
        (CATEGORIES[category], [(each.slug, each.name) for each in programs])
        for category, programs in by_category().items()
    ]


class ClientForm(CheckedForm):
    """An app's metadata, its lists a line each."""

    recent = ("enabled", "skip_authorization", "workloads", "user_assertions")

    redirect_uris = _lines("redirect_uris")
    post_logout_redirect_uris = _lines("post_logout_redirect_uris")
    allowed_origins = _lines("allowed_origins")
    request_uris = _lines("request_uris")
    scopes = _lines("scopes")
    default_acr_values = _lines("default_acr_values")
    contacts = _lines("contacts")
    grant_types = Choices(_GRANTS.items(), initial=["authorization_code"], **_words("grant_types"))
    response_types = Choices(
        [(kind, kind) for kind in BY_COLUMN["response_types"].choices], **_words("response_types")
    )
    token_exchange_clients = _lines("token_exchange_clients")
    token_exchange_resources = TargetLines(required=False, **_words("token_exchange_resources"))
    connected_applications = ApplicationLines(required=False, **_words("connected_applications"))
    allowed_groups = Choices([], **_words("allowed_groups"))
    authorization_details_types = Choices([], **_words("authorization_details_types"))
    upstreams = Choices([], **_words("upstreams"))
    integration = forms.ChoiceField(
        choices=lambda: _integrations(), required=False, **_words("integration")
    )
    workloads = WorkloadsField(**_words("workloads"))
    user_assertions = PairLines(
        problem=_("Write “issuer = scopes”, each issuer once:"),
        required=False,
        **_words("user_assertions"),
    )
    localized = LocalizedLines(
        label=_("In other languages"),
        problem=_("Write “client_name#de = …”, each name and language once:"),
        required=False,
        help_text=_(
            "One a line: “client_name#de = Bäckerei”. Of the name, client_uri, logo_uri, "
            "policy_uri and tos_uri, users see the one in their language."
        ),
    )
    user = UserField(
        label=_("Owner"),
        help_text=_(
            "The email address of the user who sees its errors at /developers/apps/, and changes "
            "it there if you allow that (IDP_OWNERS_CHANGE_APPS)."
        ),
    )

    class Meta:
        model = Client
        fields = [column for _heading, options in ALL_FIELDSETS for column in options["fields"]]
        field_classes = {
            field.name: WebAddress for field in Client._meta.fields if isinstance(field, URLField)
        }
        widgets = {
            member.column: forms.NumberInput(attrs={"class": "vBigIntegerField"})
            for member in MEMBERS
            if member.type is NUMBER and member.operators_only
        }
        labels = {
            "client_id": _("Client ID"),
            **{member.column: member.label for member in MEMBERS if member.label},
        }
        help_texts = {
            "client_id": _("What the app identifies itself by. It can’t be changed later."),
            **{member.column: member.help for member in MEMBERS},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Fields that are declared above are there without being asked for.
        asked = set(self._meta.fields or ()) - set(self._meta.exclude or ())
        for name in self.fields.keys() - asked:
            del self.fields[name]
        offered: Any = self.fields.get("allowed_groups")
        if offered is not None:  # Operators without permission to change have no fields.
            names = Group.objects.order_by("name").values_list("name", flat=True)
            chosen = self.instance.allowed_groups  # also one that is gone, so that it can be seen
            offered.choices = [(name, name) for name in dict.fromkeys([*names, *chosen])]
        details: Any = self.fields.get("authorization_details_types")
        if details is not None:
            types = AuthorizationDetailsType.objects.values_list("type", "label")
            details.choices = [(name, f"{label} ({name})") for name, label in types]
        upstreams: Any = self.fields.get("upstreams")
        if upstreams is not None:
            gone = {slug: slug for slug in self.instance.upstreams}
            upstreams.choices = list({**gone, **dict(_upstreams())}.items())

    def clean(self) -> dict[str, Any]:
        """Derive the response types from the grant types if none was chosen."""
        cleaned = super().clean() or self.cleaned_data
        if "response_types" in self.fields and not cleaned.get("response_types"):
            signs_in = "authorization_code" in cleaned.get("grant_types", ())
            cleaned["response_types"] = ["code"] if signs_in else []
        return cleaned


#: Columns that a client ID metadata document sets, if there is one; scopes are the operator's.
OF_ITS_DOCUMENT = (
    *(
        member.column
        for member in MEMBERS
        if not member.operators_only and member.column != "scopes"
    ),
    LOCALIZED,
)
