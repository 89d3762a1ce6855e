"""APIs, scopes of the operator's own, and initial access tokens."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.admin import search
from idp.admin.fields import Choices, ClientsField, DescribedLines, Lines, PairLines
from idp.admin.page import AdminAction, Page
from idp.admin.times import columns_of
from idp.models import InitialAccessToken, ResourceServer, Scope
from idp.models.resource_server import opened
from idp.registration import initial_access_tokens

_MADE, _EXPIRES, _REVOKED = columns_of(InitialAccessToken, "created_at", "expires_at", "revoked_at")


class ResourceServerForm(forms.ModelForm):  # type: ignore[type-arg]
    """An API."""

    scopes = DescribedLines(
        label=_("Scopes"),
        required=False,
        help_text=_(
            "One a line, with what it lets an app do, as users read it when they agree: "
            "“bread.read: See which bread is baked today”."
        ),
    )
    access_token_claims = Lines(
        label=_("Claims about users"),
        required=False,
        help_text=_(
            "What its JWT access tokens say about the user, one claim a line: groups, email, … "
            "Users read it when they consent; the app can read it, too."
        ),
    )
    self_registered_scopes = Lines(
        label=_("Scopes open to apps that register themselves"),
        required=False,
        help_text=_(
            "Those of the scopes above, one a line, that every app may ask users for which "
            "registers itself or has a document of its own. Users are always asked to agree."
        ),
    )
    introspection_clients = ClientsField(
        label=_("Apps that may ask about its tokens"),
        required=False,
        help_text=_("Client IDs, one a line: what the API introspects tokens as."),
    )

    class Meta:
        model = ResourceServer
        fields = (
            *("identifier", "name", "scopes", "access_token_format", "access_token_signing_alg"),
            *("access_token_typ", "access_token_claims", "access_token_lifetime"),
            *("access_token_encryption_alg", "encryption_jwk"),
            *("open_to_self_registered", "introspection_clients"),
        )
        help_texts = {
            "identifier": _("The address of the API: the `resource` of requests, `aud` of tokens."),
            "access_token_format": _(
                "jwt: the API checks tokens by itself. opaque: it asks us, and knows at once of a "
                "sign-out."
            ),
            "access_token_typ": _(
                "at+jwt suits most (RFC 9068): it tells access tokens from ID tokens. JWT is for "
                "an API that refuses it, such as one with Spring."
            ),
            "open_to_self_registered": _(
                "For an API without scopes: apps that registered themselves get tokens for it when "
                "their users agree. With scopes, they get those that are open to them."
            ),
            "encryption_jwk": _("The API’s public key as a JSON Web Key."),
        }

    field_order = ("identifier", "name", "scopes", "self_registered_scopes")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["self_registered_scopes"] = sorted(self.instance.open_scopes)

    def clean(self) -> dict[str, Any]:
        """Open the scopes that are named; they have to be scopes of this API."""
        cleaned = super().clean() or self.cleaned_data
        scopes, names = cleaned.get("scopes", []), cleaned.get("self_registered_scopes", [])
        unknown = [name for name in names if name not in scopes]
        if unknown:
            text = _("The API has no scope %(scope)s.") % {"scope": unknown[0]}
            self.add_error("self_registered_scopes", text)
        return {**cleaned, "scopes": opened(scopes, names)}

    def clean_access_token_encryption_alg(self) -> str:
        """Refuse the shared key where none is stored: only `apply` sets one."""
        value: str = self.cleaned_data["access_token_encryption_alg"]
        if value == "dir" and not self.instance.encryption_secret_sealed:
            raise forms.ValidationError(
                _("A shared key is set with “apply”; choose a public key’s algorithm here.")
            )
        return value


@admin.register(ResourceServer)
class ResourceServersPage(Page):
    """APIs."""

    form = ResourceServerForm
    list_display = ("identifier", "name", "access_token_format", "access_token_lifetime")
    ordering = ("identifier",)
    search_help_text = _("Part of an identifier or a name.")

    def found(self, rows: QuerySet[ResourceServer], term: str) -> QuerySet[ResourceServer]:
        """Return APIs by part of their identifier or name."""
        return search.having(rows, ("identifier", "name"), term)


class ScopeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A scope, its claims a line each."""

    claims = PairLines(
        label=_("Claims about users"),
        problem=_("Write “claim = source”, each claim once:"),
        required=False,
        help_text=_(
            "One a line: “department = groups dept-*” (the user’s groups that begin so), "
            "“teams = groups” (all of them), “work_phone = phone_number” (a field), "
            "“company = text Bakery Ltd” (always the same), “credit_score = claims provider” "
            "(asserted by another provider)."
        ),
    )

    class Meta:
        model = Scope
        fields = ("name", "description", "claims")


@admin.register(Scope)
class ScopesPage(Page):
    """Scopes."""

    form = ScopeForm
    list_display = ("name", "description")
    ordering = ("name",)
    search_help_text = _("Part of a name or description.")

    def found(self, rows: QuerySet[Scope], term: str) -> QuerySet[Scope]:
        """Return scopes by part of their name or description."""
        return search.having(rows, ("name", "description"), term)


class InitialAccessTokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A token's limits."""

    grant_types = Choices(
        ((name, name) for name in policy.GRANT_TYPES),
        label=_("Grant types"),
        help_text=_("What its apps may do. None ticked: what the settings allow."),
    )
    scopes = Lines(
        label=_("Scopes"),
        required=False,
        help_text=_("What its apps may ask for, one a line. None: every standard scope."),
    )
    redirect_hosts = Lines(
        label=_("Hosts of redirect URIs"),
        required=False,
        help_text=_("Where its apps may be, one host a line. None: anywhere."),
    )

    class Meta:
        model = InitialAccessToken
        fields = (
            *("name", "expires_at", "max_uses", "grant_types", "scopes", "redirect_hosts"),
            "logos",
        )
        help_texts: ClassVar = {
            "logos": _(
                "Users see the logo that an app names when they sign in and agree. It is fetched "
                "once and served from here."
            )
        }


def _revoke(_request: HttpRequest, token: InitialAccessToken) -> None:
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])


@admin.register(InitialAccessToken)
class InitialAccessTokensPage(Page):
    """Initial access tokens; each is shown once, when it is made."""

    form = InitialAccessTokenForm
    list_display = ("name", _MADE, _EXPIRES, "uses", "max_uses", _REVOKED)
    readonly_fields: ClassVar[Any] = ("uses", _MADE, _REVOKED)
    row_actions = (
        AdminAction(
            "revoke",
            _("Revoke"),
            _("It registers no more apps. Apps that it registered stay."),
            _revoke,
            applies=lambda token: token.revoked_at is None,
        ),
    )

    def save_model(
        self,
        request: HttpRequest,
        obj: InitialAccessToken,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        """Make the token itself when its row is made; it lives as long as this request."""
        if not change:
            obj.plaintext = initial_access_tokens.issue(obj)  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self,
        request: HttpRequest,
        obj: InitialAccessToken,
        post_url_continue: str | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Show the token, in this one answer: it is stored nowhere."""
        return self.about(
            obj,
            request,
            "admin/secret.html",
            _("The initial access token %(name)s") % {"name": obj},
            {
                "secret": obj.plaintext,  # type: ignore[attr-defined]
            },
        )
