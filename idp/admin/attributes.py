"""Attributes of users that the operator declares, and their values on a user's page."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.renderers import get_default_renderer
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from accounts.models import Upstream, User
from idp import attributes
from idp.admin import search
from idp.admin.fields import Lines, PairLines
from idp.admin.page import Link, Page
from idp.attributes import AttributeField
from idp.models import Attribute, Scope


class AttributeForm(forms.ModelForm):  # type: ignore[type-arg]
    """An attribute."""

    labels = PairLines(
        label=_("Labels in other languages"),
        problem=_("Write “language = label”, each language once:"),
        required=False,
        help_text=_("One a line: “de = Abteilung”."),
    )
    choices = Lines(
        label=_("Choices"),
        required=False,
        help_text=_("Of the type choice: its values, one a line."),
    )

    class Meta:
        model = Attribute
        fields = ("name", "label", "labels", "type", "choices", "user_access")
        help_texts = {
            "name": _(
                "Small letters, digits and underscores. To release it to apps, add a claim to a "
                "scope, with the source “attribute” and this name."
            ),
            "label": _("As users read it in their profile."),
            "user_access": _("With their own value, in their profile. Operators edit all values."),
        }


@admin.register(Attribute)
class AttributesPage(Page):
    """Attributes."""

    form = AttributeForm
    list_display = ("name", "label", "type", "user_access")
    ordering = ("name",)
    search_help_text = _("Part of a name or a label.")

    def found(self, rows: QuerySet[Attribute], term: str) -> QuerySet[Attribute]:
        """Return attributes by part of their name or label."""
        return search.having(rows, ("name", "label"), term)

    def get_readonly_fields(self, request: HttpRequest, obj: Attribute | None = None) -> Any:
        """Keep name and type: values and scopes refer to them."""
        fixed = ("name", "type") if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse to delete an attribute that a scope releases or an upstream fills."""
        is_used = obj is not None and (
            attributes.scopes_releasing(obj.name) or attributes.upstreams_filling(obj.name)
        )
        return not is_used and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Attribute) -> None:
        """Delete the attribute and its values."""
        attributes.forget(obj)
        super().delete_model(request, obj)

    def links_of(self, row: Attribute) -> list[Link]:
        """Return the scopes that release it, and the identity providers that fill it."""
        scopes: list[Link] = [
            (
                _("Scope %(scope)s") % {"scope": scope.name},
                reverse("admin:idp_scope_change", args=[scope.pk]),
                Scope,
            )
            for scope in attributes.scopes_releasing(row.name)
        ]
        upstreams: list[Link] = [
            (
                _("Filled by %(name)s") % {"name": upstream},
                reverse("admin:accounts_upstream_change", args=[upstream.pk]),
                Upstream,
            )
            for upstream in attributes.upstreams_filling(row.name)
        ]
        return scopes + upstreams


class AttributesWidget(forms.MultiWidget):
    """A labelled field for each attribute."""

    def __init__(self, fields: Mapping[str, AttributeField]) -> None:
        super().__init__({name: field.widget for name, field in fields.items()})
        self.labels = {name: field.label for name, field in fields.items()}
        self.attributes = fields

    def decompress(self, value: Any) -> list[Any]:
        """Return the attributes' values in their order."""
        present = value if isinstance(value, dict) else {}
        return [field.prepare_value(present.get(name)) for name, field in self.attributes.items()]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return each field below its label."""
        context = self.get_context(name, value, attrs)
        renderer = renderer or get_default_renderer()
        parts = zip(self.labels.values(), context["widget"]["subwidgets"], strict=True)
        rows = (
            (
                part["attrs"].get("id", ""),
                label,
                mark_safe(renderer.render(part["template_name"], {"widget": part})),  # noqa: S308
            )
            for label, part in parts
        )
        labelled = format_html_join("", '<p><label for="{}">{}</label><br>{}</p>', rows)
        return format_html('<div class="attributes">{}</div>', labelled)


class AttributesField(forms.MultiValueField):
    """The values of a user's attributes; `define` says which there are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__((), require_all_fields=False, required=False, **kwargs)

    def define(self, user: User) -> None:
        """Take a field for each attribute. Values of attributes that are gone stay."""
        self.present = user.attributes
        self.named = {
            row.name: AttributeField(row, user.attributes.get(row.name))
            for row in Attribute.objects.all()
        }
        self.fields = tuple(self.named.values())
        self.widget = AttributesWidget(self.named)

    def clean(self, value: Any) -> dict[str, Any]:
        """Return the attributes with a value. Raises ValidationError naming the attribute."""
        cleaned: dict[str, Any] = {}
        problems = []
        for (name, field), typed in zip(self.named.items(), value or (), strict=False):
            try:
                cleaned[name] = field.clean(typed)
            except ValidationError as problem:
                problems.append(f"{field.label}: {problem.messages[0]}")
        if problems:
            raise ValidationError(problems)
        merged = {**self.present, **cleaned}
        return {name: text for name, text in merged.items() if text is not None}

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another value was typed."""
        present = initial or {}
        return any(
            field.has_changed(present.get(name), typed)
            for (name, field), typed in zip(self.named.items(), data or (), strict=False)
        )
