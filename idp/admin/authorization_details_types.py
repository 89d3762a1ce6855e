"""Types of authorization details, and the apps that use them. RFC 9396."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from idp.admin import search
from idp.admin.fields import PairLines
from idp.admin.page import Link, Page
from idp.models import AuthorizationDetailsType, Client

#: How many of the apps that use a type its page links.
_MOST_LINKS = 20


class AuthorizationDetailsTypeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A type."""

    labels = PairLines(
        label=_("Labels in other languages"),
        problem=_("Write “language = label”, each language once:"),
        required=False,
        help_text=_("One a line: “de = Zahlung”."),
    )
    sentences = PairLines(
        label=_("Sentences in other languages"),
        problem=_("Write “language = sentence”, each language once:"),
        required=False,
        help_text=_("One a line: “de = Zahle {amount} an {payee}[ für {reference}]”."),
    )

    class Meta:
        model = AuthorizationDetailsType
        fields = (
            *("type", "label", "labels", "sentence", "sentences", "schema"),
            *("ask_each_time", "open_to_self_registered"),
        )
        widgets = {"sentence": forms.Textarea(attrs={"class": "lines", "rows": 2})}
        help_texts = {
            "type": _("What requests name it by, such as payment_initiation. It can’t be changed."),
            "label": _("What kind of thing it is, as users read it: “Payment”."),
            "sentence": _(
                "What users agree to: “Pay {amount} to {payee}[ for {reference}]”. Braces show a "
                "field of the request ({amount.currency} one within another); what is in brackets "
                "is left out where its fields have no value."
            ),
            "schema": _(
                "A JSON Schema (2020-12) of an object, without “type”. Fields that it does not "
                "name are refused, unless it has additionalProperties."
            ),
            "ask_each_time": _(
                "Users are asked even if they agreed to exactly the same before, as for payments."
            ),
            "open_to_self_registered": _(
                "Apps that register themselves may name it. Users are always asked to agree."
            ),
        }


@admin.register(AuthorizationDetailsType)
class AuthorizationDetailsTypesPage(Page):
    """Types of authorization details."""

    form = AuthorizationDetailsTypeForm
    fields = AuthorizationDetailsTypeForm.Meta.fields
    list_display = ("type", "label", "sentence", "ask_each_time")
    ordering = ("type",)
    search_help_text = _("Part of a type or a label.")

    def found(
        self, rows: QuerySet[AuthorizationDetailsType], term: str
    ) -> QuerySet[AuthorizationDetailsType]:
        """Return types by part of their name or label."""
        return search.having(rows, ("type", "label"), term)

    def get_readonly_fields(
        self, request: HttpRequest, obj: AuthorizationDetailsType | None = None
    ) -> Any:
        """Keep the type: apps and grants refer to it."""
        fixed = ("type",) if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse to delete a type that an app may use."""
        is_used = obj is not None and bool(_clients_with(obj.type))
        return not is_used and super().has_delete_permission(request, obj)

    def links_of(self, row: AuthorizationDetailsType) -> list[Link]:
        """Return the apps that may use it."""
        return [
            (
                _("App %(app)s") % {"app": client},
                reverse("admin:idp_client_change", args=[client.pk]),
                Client,
            )
            for client in _clients_with(row.type)
        ]


def _clients_with(name: str) -> list[Client]:
    """Return clients that may use a type, some of them where there are many."""
    naming = Client.objects.exclude(authorization_details_types=[]).order_by("client_id")
    found: list[Client] = []
    for client in naming.iterator(chunk_size=500):
        if name in client.authorization_details_types:
            found.append(client)
        if len(found) == _MOST_LINKS:
            break
    return found
