"""Create an app for a program of the catalogue: ask where it is, then fill in what it needs."""

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from idp.admin.clients import new_app
from idp.admin.fields import Lines
from idp.admin.page import Page
from idp.client_metadata import BY_NAME
from idp.integrations.catalogue import Integration, catalogue, is_base
from idp.models import Client


class AddressForm(forms.Form):
    """Asks for the program's own address."""

    base = forms.CharField(max_length=300)

    def __init__(self, program: Integration, data: Any = None) -> None:
        super().__init__(data)
        field = self.fields["base"]
        field.label = _("Address of %(program)s") % {"program": program.name}
        field.help_text = _("As users’ browsers reach it.")
        field.widget.attrs |= {"placeholder": program.base, "class": "vTextField"}
        field.widget.input_type = "url"

    def clean_base(self) -> str:
        """Return the address without a slash at its end. Raises ValidationError."""
        base = str(self.cleaned_data["base"]).rstrip("/")
        base = base if "://" in base else f"https://{base}"
        if not is_base(base):
            raise ValidationError(_("Write an address such as https://app.example.com."))
        return base


class NewProgramForm(new_app.NewAppForm):
    """The form for an app of a program, filled in for its address."""

    def __init__(self, program: Integration, data: Any = None) -> None:
        kind = new_app.KINDS[program.kind]
        more = ("backchannel_logout_uri",) if program.backchannel_logout_uri else ()
        asked = (*kind.fields, "scopes", "id_token_claims", *more)
        if program.id_token_alg:
            asked = (*asked, "id_token_signed_response_alg")
        super().__init__(replace(kind, fields=asked), data)
        if program.id_token_alg:
            self.fields["id_token_signed_response_alg"] = _signature(program)
        self.fields["scopes"] = Lines(
            label=_("Scopes"),
            help_text=_("What %(program)s asks for, one a line.") % {"program": program.name},
        )
        self.initial = {
            "name": program.name,
            "redirect_uris": program.redirect_uris,
            "post_logout_redirect_uris": program.post_logout_redirect_uris,
            "backchannel_logout_uri": program.backchannel_logout_uri,
            "scopes": program.scopes,
            "id_token_claims": program.client.get("id_token_claims", self.instance.id_token_claims),
            "stays_signed_in": program.stays_signed_in,
            "id_token_signed_response_alg": program.id_token_alg,
        }
        self.instance.integration = program.slug
        if program.client_id and not Client.objects.filter(client_id=program.client_id).exists():
            self.instance.client_id = program.client_id
        for name, value in program.client.items():
            setattr(self.instance, BY_NAME[name].column, value)


def _signature(program: Integration) -> forms.ChoiceField:
    """Return the choice between the algorithm that suits a program and the one that all know."""
    return forms.ChoiceField(
        label=_("Signature of ID tokens"),
        choices=[
            (
                program.id_token_alg,
                _("%(algorithm)s: short and fast") % {"algorithm": program.id_token_alg},
            ),
            ("RS256", _("RS256: every program knows it")),
        ],
        help_text=_(
            "%(program)s has been tested with %(algorithm)s. Choose RS256 for an older version "
            "that doesn’t accept it."
        )
        % {"program": program.name, "algorithm": program.id_token_alg},
    )


def view(page: Page, request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the program's address; with it, show the form filled in, and create the app."""
    program = catalogue().get(slug)
    if program is None:
        raise Http404
    if not page.has_add_permission(request):
        raise PermissionDenied
    about = {"title": program.name, "about": program.shown_about, "program": program}
    if request.method == "POST":
        return new_app.answer(page, request, NewProgramForm(program, request.POST), about)
    asked = AddressForm(program, request.GET if "base" in request.GET else None)
    if program.has_address and not asked.is_valid():
        context = {**page.admin_site.each_context(request), "opts": page.opts, "form": asked}
        return TemplateResponse(request, "admin/new_program.html", context | about)
    base = asked.cleaned_data["base"] if program.has_address else ""
    return new_app.answer(page, request, NewProgramForm(program.filled_in(base=base)), about)
