"""The form of an identity provider: what its kind needs, its secret, its mark, its mapping."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Upstream
from accounts.upstream import kinds, mappings, own_attributes
from foundation import branding
from foundation.models import digest_of
from idp.admin import upstream_levels
from idp.admin.fields import Lines, PairLines
from idp.admin.upstream_fields import WIDE, Text
from idp.admin.upstream_saml import SAML_FIELDS, SamlFields, entity_id_in, prepare, settings_of
from idp.admin.upstream_social import APPLE_FIELDS, AppleFields, apple_settings_of, prepare_social
from idp.upstream.apple import NAME as APPLE
from idp.upstream.saml.addresses import NAME as SAML

MARKS = ("new_mark", "no_mark")
#: Bytes that an uploaded mark may have.
_LARGEST = 256 * 1024
_CONNECTION = (
    *("issuer", "client_id", "client_auth", "secret", "secret_variable", "scopes"),
    "sign_out_there",
)
#: Columns of the mapping, each a field of its own.
MAPPING = ("claims", "attributes", "groups_claim", "groups")


class GroupLines(PairLines):
    """Groups there and here, one pair a line; names there may have equals signs."""

    def to_python(self, value: Any) -> Any:
        """Return the mapping. Raises ValidationError for other lines."""
        pairs: dict[str, str] = {}
        for line in Lines.to_python(self, value):
            name, equals, text = (part.strip() for part in line.rpartition("="))
            if not equals or not name or not text or name in pairs:
                raise ValidationError(f"{self.problem} {line}")
            pairs[name] = text
        return pairs


class UpstreamForm(upstream_levels.LevelsForm, SamlFields, AppleFields):
    """An identity provider."""

    new_secret = forms.CharField(
        label=_("Client secret"),
        required=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={**WIDE, "autocomplete": "off"}),
        help_text=_("It is stored encrypted and shown nowhere. Empty: what is stored stays."),
    )
    email_domains = Lines(
        label=_("Domains of email addresses"),
        required=False,
        help_text=_("One a line. Whoever types an address of these is sent there to sign in."),
    )
    new_mark = forms.FileField(
        label=_("New mark"),
        required=False,
        help_text=_(
            "SVG with plain shapes, or PNG, JPEG, WebP or GIF; best a square. 256 KiB at most. "
            "None: its initial."
        ),
    )
    no_mark = forms.BooleanField(label=_("Remove the mark"), required=False)
    claims = PairLines(
        label=_("Profile"),
        problem=_("Write “field = claim”, each field once:"),
        required=False,
        help_text=_(
            "One a line: “given_name = first_name” fills our field with their claim. Empty: names, "
            "picture, language and time zone by their usual claims. Values that a field can’t have "
            "are left out."
        ),
    )
    attributes = PairLines(
        label=_("Attributes"),
        problem=_("Write “attribute = claim”, each attribute once:"),
        required=False,
        help_text=_(
            "One a line: “department = dept” fills your attribute with their claim. Values that "
            "the attribute can’t have are left out."
        ),
    )
    groups_claim = Text(
        label=_("Claim with groups"),
        max_length=255,
        help_text=_("Such as groups, or realm_access.roles."),
    )
    groups = GroupLines(
        label=_("Groups"),
        problem=_("Write “their group = our group”, each of theirs once:"),
        required=False,
        help_text=_(
            "One a line: “bakers = Bakers”. Checked at every sign-in: who has left a group there "
            "loses ours, unless it was given by hand. Groups with permissions here are never given."
        ),
    )

    class Meta:
        model = Upstream
        fields = (
            *("name", "slug", "enabled", "place", "issuer", "client_id", "client_auth"),
            *("secret_variable", "scopes", "settings", "creation", "trusts_email"),
            *("email_domains", "refresh", "sign_out_there"),
        )
        labels = {"trusts_email": _("Trust its verified addresses")}
        widgets = {name: forms.TextInput(attrs=WIDE) for name in ("issuer", "client_id", "scopes")}
        help_texts = {
            "name": _("As people read it on the button: “Sign in with …”."),
            "slug": _("In addresses and in files for apply. It cannot be changed later."),
            "issuer": _("Its address, as its discovery document has it."),
            "client_id": _("What it calls this provider."),
            "secret_variable": _(
                "Instead of a secret here: the server’s environment has it by this name, which "
                "begins with UPSTREAM_."
            ),
            "scopes": _("Separated by spaces."),
            "trusts_email": _(
                "A risk: whoever runs it can then say that anybody’s address is theirs. They get "
                "new accounts with it, and accounts that you have entered and nobody has used. "
                "Other accounts are connected only after their user has signed in as usual. Tick "
                "it only if it checks addresses as you would."
            ),
            "place": _("The lowest number comes first."),
            "sign_out_there": _(
                "When people who came from it sign out here. It has to know our post-logout "
                "redirect URI, and to have an end_session_endpoint."
            ),
            "refresh": _("At each sign-in, what people change here is replaced."),
        }

    recent = (
        *("issuer", "client_id", "client_auth", "new_secret", "secret_variable", "settings"),
        *("enabled", "creation", "trusts_email", "email_domains", *MAPPING),
        *upstream_levels.FIELDS,
        *SAML_FIELDS,
        *APPLE_FIELDS,
    )
    #: The kind of a new one; set by the page.
    new_kind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self._begin()
        for name in MAPPING:
            self.initial.setdefault(name, self.instance.mapping.get(name))
        prepare(self)
        prepare_social(self)

    def clean_new_mark(self) -> bytes | None:
        """Return the mark as we show it."""
        file = self.cleaned_data.get("new_mark")
        if not file:
            return None
        if file.size > _LARGEST:
            said = gettext("It is larger than %(most)d KiB.")
            raise ValidationError(said % {"most": _LARGEST // 1024})
        try:
            return branding.usable_mark(file.read())
        except branding.UNUSABLE as problem:
            raise ValidationError(str(problem)) from None

    def clean(self) -> dict[str, Any]:
        """Put secret, mark and mapping into their columns."""
        cleaned = super().clean()
        if self.instance.kind == SAML:
            self.instance.settings = settings_of(cleaned)
            cleaned["issuer"] = cleaned.get("issuer") or entity_id_in(cleaned)
        elif self.instance.kind == APPLE:
            self.instance.settings = apple_settings_of(cleaned)
        self._set_secret(cleaned)
        self._set_mark(cleaned)
        mapping = {**self.instance.mapping, **{name: cleaned.get(name) for name in MAPPING}}
        self.instance.mapping = {name: said for name, said in mapping.items() if said}
        for problem in self._unknown_attributes(cleaned.get("attributes") or {}):
            self.add_error("attributes", problem)
        return cleaned

    def add_error(self, field: Any, error: Any) -> None:
        """Add problems; those of columns that have no field are the whole form's."""
        super().add_error(field, self._placed(error) if field is None else error)

    def _placed(self, error: Any) -> Any:
        if not hasattr(error, "error_dict"):
            return error
        placed: dict[str, list[Any]] = {}
        for column, problems in error.error_dict.items():
            known = {"mapping": "groups" if "groups" in self.fields else "__all__"}
            place = known.get(column, column)
            placed.setdefault(place if place in self.fields else "__all__", []).extend(problems)
        return ValidationError(placed)

    def _unknown_attributes(self, pairs: dict[str, str]) -> list[str]:
        known = own_attributes.declared() if pairs else {}
        return list(mappings.unknown_attributes({"attributes": pairs}, known))

    def _begin(self) -> None:
        kind = kinds.named(self.new_kind)
        if kind is None:
            return
        self.instance.kind = kind.name
        if kind.issuer:  # There is only one of it.
            self.initial.update({"name": str(kind.label), "slug": kind.name})
        self.initial.update({"issuer": kind.issuer, "scopes": kind.scopes})

    def _set_secret(self, cleaned: dict[str, Any]) -> None:
        new, stored = cleaned.get("new_secret"), self.instance.sealed_secret
        if cleaned.get("secret_variable"):
            self.instance.secret = ""
        elif new:
            self.instance.secret = new
        elif stored and "issuer" in self.changed_data and self.instance.kind != SAML:
            said = gettext("Enter the secret again: it would be sent to another server.")
            self.add_error("new_secret", said)

    def _set_mark(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("new_mark"):
            self.instance.mark = cleaned["new_mark"]
        elif cleaned.get("no_mark"):
            self.instance.mark = b""
        else:
            return
        self.instance.mark_digest = digest_of(self.instance.mark)


def shown_columns(kind_name: str) -> list[str]:
    """Return the columns that a kind needs, but for the secret, for those who may only look."""
    return [name for name in _columns(kind_name) if name != "secret"]


def connection_fields(kind_name: str) -> list[str]:
    """Return the fields of the columns that a kind needs, in their order."""
    if kind_name == SAML:
        return ["issuer", *SAML_FIELDS, "new_secret", "secret_variable", "sign_out_there"]
    if kind_name == APPLE:
        key = ("new_secret", "secret_variable")
        return ["issuer", "client_id", *APPLE_FIELDS, *key, "scopes"]
    return ["new_secret" if name == "secret" else name for name in _columns(kind_name)]


def _columns(kind_name: str) -> list[str]:
    kind = kinds.named(kind_name)
    columns = kind.columns if kind else ()
    return [name for name in (*_CONNECTION, "settings") if name in columns]
