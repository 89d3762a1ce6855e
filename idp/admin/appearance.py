"""The page "Appearance": the operator's brand, with a preview of what is not saved yet."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from foundation import branding
from foundation.models import Brand
from idp.admin import appearance_preview
from idp.admin.page import Page

#: Bytes that an uploaded mark may have.
_LARGEST = 256 * 1024


def _file(label: Any, help_text: Any = "") -> forms.FileField:
    return forms.FileField(label=label, required=False, help_text=help_text)


class BrandForm(forms.ModelForm):  # type: ignore[type-arg]
    """The brand, with uploads in the place of its marks."""

    new_mark = _file(
        _("Mark"),
        _("SVG with plain shapes, or PNG, JPEG, WebP or GIF; best a square. 256 KiB at most."),
    )
    no_mark = forms.BooleanField(label=_("Remove the mark"), required=False)
    new_dark_mark = _file(_("Mark on dark"), _("Empty: the same in both themes."))
    no_dark_mark = forms.BooleanField(label=_("Remove the mark on dark"), required=False)

    class Meta:
        model = Brand
        fields: ClassVar[list[str]] = [
            *("name", "accent_color", "help_uri", "policy_uri", "tos_uri", "imprint_uri"),
            *("sender_name", "footer_text"),
        ]
        widgets = {
            "name": forms.TextInput(attrs={"class": "vTextField"}),
            "footer_text": forms.Textarea(attrs={"rows": 3}),
        }

    def clean_new_mark(self) -> bytes | None:
        """Return the mark as we show it."""
        return self._uploaded("new_mark")

    def clean_new_dark_mark(self) -> bytes | None:
        """Return the mark for dark backgrounds as we show it."""
        return self._uploaded("new_dark_mark")

    def clean(self) -> dict[str, Any]:
        """Put the marks in their columns."""
        cleaned = super().clean() or self.cleaned_data
        for column in ("mark", "dark_mark"):
            if cleaned.get(f"new_{column}"):
                setattr(self.instance, column, cleaned[f"new_{column}"])
            elif cleaned.get(f"no_{column}"):
                setattr(self.instance, column, b"")
        return cleaned

    def _uploaded(self, name: str) -> bytes | None:
        file = self.cleaned_data.get(name)
        if not file:
            return None
        if file.size > _LARGEST:
            raise ValidationError(
                gettext("It is larger than %(most)d KiB.") % {"most": _LARGEST // 1024}
            )
        try:
            return branding.usable_mark(file.read())
        except branding.UNUSABLE as problem:
            raise ValidationError(str(problem)) from None


_MARKS = ("new_mark", "no_mark", "new_dark_mark", "no_dark_mark")


@admin.register(Brand)
class AppearancePage(Page):
    """The one row, without a list."""

    form = BrandForm
    change_form_template = "admin/appearance.html"
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "accent_color", *_MARKS)}),
        (
            _("Links at the foot"),
            {"fields": ("help_uri", "policy_uri", "tos_uri", "imprint_uri", "footer_text")},
        ),
        (_("Email"), {"fields": ("sender_name",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the preview."""
        view = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", view, name="foundation_brand_preview"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the uploads out for operators who only look."""
        fieldsets = super().get_fieldsets(request, obj)
        if self._may_write(request):
            return fieldsets
        return [
            (heading, {**shown, "fields": [name for name in shown["fields"] if name not in _MARKS]})
            for heading, shown in fieldsets
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the form, or lead to the row that there is."""
        if Brand.objects.exists():
            return redirect("admin:foundation_brand_changelist")
        only = {"title": capfirst(Brand._meta.verbose_name), "show_save_and_add_another": False}
        return super().add_view(request, form_url, {**only, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead to the one row, or to the form that makes it."""
        brand = Brand.objects.defer("mark", "dark_mark").first()
        if brand is not None and self.has_view_permission(request):
            return redirect(self.address_of(brand))
        if self.has_add_permission(request):
            return redirect("admin:foundation_brand_add")
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form, which frames the preview."""
        response = super().changeform_view(request, object_id, *args, **kwargs)
        return appearance_preview.framing(response)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Tell the form where its preview is."""
        context["preview_address"] = reverse("admin:foundation_brand_preview")
        context["may_save"] = self._may_write(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show pages and email in the brand that the form has, or else in the stored one."""
        brand = Brand.objects.first()
        if not (self._may_write(request) or self.has_view_permission(request, brand)):
            raise PermissionDenied
        if request.method != "POST":
            return appearance_preview.of_brand(request, brand)
        form = BrandForm(request.POST, request.FILES, instance=brand)
        if not form.is_valid():
            return appearance_preview.refused(request, form)
        return appearance_preview.of_brand(request, form.instance)

    def save_model(self, request: HttpRequest, obj: Brand, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; this process shows it at once."""
        super().save_model(request, obj, form, change)
        branding.forget()

    def delete_model(self, request: HttpRequest, obj: Brand) -> None:
        """Delete it, which brings the default look back."""
        super().delete_model(request, obj)
        branding.forget()

    def _may_write(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) or self.has_add_permission(request)
