"""Create an app by its kind: ask only for what the kind needs, with safe defaults for the rest.

RFC 9700 §2.1, RFC 8252 §7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.admin.clients import integration_pages, secret_pages
from idp.admin.clients.checked_form import CheckedForm
from idp.admin.fields import Choices, Json, Lines, WebAddress
from idp.admin.page import Page
from idp.client_metadata import BY_NAME
from idp.clients import logos
from idp.models import Client, ResourceServer
from idp.protocol.vocabulary import DEVICE_CODE

_SIGNS_IN = ("name", "redirect_uris", "post_logout_redirect_uris", "stays_signed_in")


@dataclass(frozen=True)
class Kind:
    """A kind of app (web, SPA, native, machine-to-machine, …) and its metadata."""

    name: str
    label: str | Promise
    #: A description for operators.
    about: str | Promise
    fields: tuple[str, ...]
    #: Columns of the client; the others have the model's own defaults, which are the safe ones.
    preset: Mapping[str, Any]
    #: The form of its redirect URIs, and an example.
    addresses: str | Promise = ""
    example: str = ""
    #: Whether staying signed in is suggested.
    stays_signed_in: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "website",
            _("Web app"),
            _("It runs on a server, which can keep a secret: Django, Rails, PHP, Express, Java, …"),
            _SIGNS_IN,
            {"token_endpoint_auth_method": "client_secret_basic"},
            _("They start with https://; on your own machine http://localhost will do, too."),
            "https://shop.example.com/callback",
        ),
        Kind(
            "single-page",
            _("Single-page app"),
            _("It runs in the browser alone and keeps no secret: React, Vue, Angular, …"),
            _SIGNS_IN,
            {"token_endpoint_auth_method": "none"},
            _("They start with https://; on your own machine http://localhost will do, too."),
            "https://app.example.com/callback",
        ),
        Kind(
            "native",
            _("Native app"),
            _("A mobile or desktop app on users’ own devices, which keep no secret."),
            _SIGNS_IN,
            {"token_endpoint_auth_method": "none", "application_type": "native"},
            _(
                "An https address that opens the app; or http://127.0.0.1/…, where any port may "
                "come; or a scheme of its own, which is a domain name of yours in reverse."
            ),
            "com.example.app:/callback",
            stays_signed_in=True,
        ),
        Kind(
            "device",
            _("Command-line or TV app"),
            _(
                "It runs where no browser opens: on a television, a games console or a server. It "
                "shows a code, and its users type that on their phone."
            ),
            ("name",),
            {
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "grant_types": [DEVICE_CODE, "refresh_token"],
                "response_types": [],
            },
        ),
        Kind(
            "machine",
            _("Machine-to-machine client"),
            _("A service, script or device that acts for itself: no user signs in to it."),
            ("name", "scopes"),
            {
                "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["client_credentials"],
                "response_types": [],
            },
        ),
        Kind(
            "high-security",
            _("Web app with high security"),
            _(
                "For banks, health services and the like (FAPI 2.0): stolen tokens are of no use. "
                "Its library has to know private_key_jwt, PAR and DPoP."
            ),
            (*_SIGNS_IN, "jwks", "jwks_uri"),
            {
                "profile": Client.Profile.FAPI2,
                "token_endpoint_auth_method": "private_key_jwt",
                "dpop_bound_access_tokens": True,
                "id_token_signed_response_alg": policy.FAPI2_ALGORITHMS[0],
                "introspection_signed_response_alg": policy.FAPI2_ALGORITHMS[0],
            },
            _("They start with https://."),
            "https://bank.example.com/callback",
        ),
    )
}


class NewAppForm(CheckedForm):
    """The form for an app of one kind."""

    redirect_uris = Lines(label=_("Redirect URIs"))
    post_logout_redirect_uris = Lines(
        label=_("Post-logout redirect URIs"),
        required=False,
        help_text=_(
            "Where users may return to after signing out, one a line. It can be left empty."
        ),
    )
    stays_signed_in = forms.BooleanField(
        label=_("It stays signed in"),
        required=False,
        help_text=_(
            "It may ask users for access that goes on when they are away (refresh tokens, scope "
            "offline_access)."
        ),
    )

    class Meta:
        model = Client
        fields = (
            *("name", "redirect_uris", "post_logout_redirect_uris", "backchannel_logout_uri"),
            *("scopes", "id_token_claims", "id_token_signed_response_alg", "jwks", "jwks_uri"),
        )
        field_classes = {
            **dict.fromkeys(("backchannel_logout_uri", "jwks_uri"), WebAddress),
            "jwks": Json,
        }
        widgets = {"jwks": forms.Textarea(attrs={"rows": 5, "spellcheck": "false"})}
        labels = {"name": _("Name")}
        help_texts = {
            "name": _("As users read it when they sign in."),
            "id_token_claims": BY_NAME["id_token_claims"].help,
            "jwks": BY_NAME["jwks"].help,
        }

    def __init__(self, kind: Kind, data: Any = None) -> None:
        self.kind = kind
        super().__init__(data, instance=Client(**_preset(kind)))
        self.fields["name"].required = True
        self.fields["name"].widget.attrs["class"] = "vTextField"
        self.fields["scopes"] = Choices(
            _scopes_of_apis(),
            label=_("What it may do"),
            help_text=_("The scopes of your APIs that it gets tokens for."),
        )
        uris = self.fields["redirect_uris"]
        uris.help_text = _explained(kind)
        uris.widget.attrs["placeholder"] = kind.example
        self.fields["stays_signed_in"].initial = kind.stays_signed_in
        for name in self.fields.keys() - set(kind.fields):
            del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Give it refresh tokens where they were asked for."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("stays_signed_in"):
            self.instance.grant_types = ["authorization_code", "refresh_token"]
        return cleaned


def _preset(kind: Kind) -> dict[str, Any]:
    signs_in = {"grant_types": ["authorization_code"], "response_types": ["code"]}
    return {**signs_in, **kind.preset}


def _explained(kind: Kind) -> str:
    start = _(
        "Where users return to after signing in, one a line, exactly as the app sends it: every "
        "slash counts."
    )
    return f"{start} {kind.addresses}"


def _scopes_of_apis() -> list[tuple[str, str]]:
    """Return the scopes of all APIs, each with its description."""
    return [
        (scope, f"{scope}: {server.describe(scope)}" if isinstance(server.scopes, dict) else scope)
        for server in ResourceServer.objects.order_by("identifier")
        for scope in server.scopes
    ]


def kinds_view(page: Page, request: HttpRequest) -> HttpResponse:
    """Ask for the kind of app."""
    if not page.has_add_permission(request):
        raise PermissionDenied
    context = {**page.admin_site.each_context(request), "opts": page.opts}
    words = request.GET.get("q", "")
    more = {
        "title": _("Add an app"),
        "kinds": KINDS.values(),
        "words": words,
        "categories": integration_pages.categories(words),
    }
    return TemplateResponse(request, "admin/new_app.html", context | more)


def view(page: Page, request: HttpRequest, kind: str) -> HttpResponse:
    """Ask for what this kind needs, and create the app; a script only asks for errors."""
    chosen = KINDS.get(kind)
    if chosen is None:
        raise Http404
    if not page.has_add_permission(request):
        raise PermissionDenied
    form = NewAppForm(chosen, request.POST if request.method == "POST" else None)
    return answer(page, request, form, {"title": chosen.label, "about": chosen.about})


def answer(
    page: Page, request: HttpRequest, form: NewAppForm, more: dict[str, Any]
) -> HttpResponse:
    """Create the app, or show the form with what is wrong; a script only asks for that."""
    if form.is_bound and request.headers.get("Accept") == "application/json":
        return JsonResponse({name: list(said) for name, said in form.errors.items()})
    if form.is_valid():
        return _made(page, request, form)
    return TemplateResponse(
        request,
        "admin/new_app_form.html",
        {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "kind": form.kind,
            "form": form,
            "add_api": reverse("admin:idp_resourceserver_add"),
            **more,
        },
    )


@transaction.atomic
def _made(page: Page, request: HttpRequest, form: NewAppForm) -> HttpResponse:
    client = form.save()
    logos.plan(client, timezone.now())
    page.log_addition(request, client, None)
    if client.needs_secret:
        return secret_pages.show_new(page, request, client, None)
    if client.integration:
        return redirect(integration_pages.address_of(client))
    messages.success(request, _("%(app)s is ready.") % {"app": client})
    return redirect(page.address_of(client))
