"""Groups: their members, the apps that they open, and what their members may do here if staff."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from idp.admin import group_members, permission_words
from idp.admin.page import Page
from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.clients.access_policy import clients_open_to
from idp.staff_groups import STAFF_GROUPS

#: How many apps a group's page shows.
_APPS = 50


class SubjectsWidget(forms.CheckboxSelectMultiple):
    """Checkboxes by subject, each subject a named group of them."""

    def _render(self, template_name: str, context: Any, renderer: Any = None) -> SafeString:  # noqa: ARG002
        """Render with the templates of pages, which Django's renderer of forms does not have."""
        return render_to_string("admin/subjects.html", context)


class GroupForm(RecentAuthenticationForm):
    """A group, and what its members may do here if they are staff: permissions in words."""

    powers = forms.MultipleChoiceField(
        label=_("What its staff may do"),
        required=False,
        widget=SubjectsWidget,
        help_text=_("Members who are staff may do this in the administration; others may not."),
    )
    taken = forms.MultipleChoiceField(
        label=_("Other permissions"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The group has these, which are part of nothing above. Tick to take one away."),
    )

    recent = ("powers", "taken")

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = permissions_of(self.instance)
        if "powers" in self.fields:
            self.fields["powers"].choices = permission_words.choices()  # type: ignore[attr-defined]
            self.initial["powers"] = permission_words.fitting(held)
        if "taken" in self.fields:
            others = permission_words.others(held)
            named = [(one, permission_words.other_words(one)) for one in others]
            self.fields["taken"].choices = named  # type: ignore[attr-defined]

    def permissions(self) -> frozenset[str]:
        """Return the permissions of the group after this change: others stay unless taken away."""
        others = frozenset(permission_words.others(permissions_of(self.instance)))
        taken = frozenset(self.cleaned_data.get("taken", ()))
        return permission_words.of(self.cleaned_data["powers"]) | (others - taken)


def permissions_of(group: Group) -> frozenset[str]:
    """Return a group's permissions as `app.codename`."""
    if group.pk is None:
        return frozenset()
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return frozenset(f"{app}.{codename}" for app, codename in rows)


def give(group: Group, permissions: frozenset[str]) -> None:
    """Let a group have exactly these permissions."""
    codenames = [one.partition(".")[2] for one in permissions]
    rows = Permission.objects.filter(codename__in=codenames).select_related("content_type")
    group.permissions.set(
        [row for row in rows if f"{row.content_type.app_label}.{row.codename}" in permissions]
    )


@admin.register(Group)
class GroupsPage(Page):
    """Groups; only superusers change the permissions of a group."""

    form = GroupForm
    list_display = ("name",)
    ordering = ("name",)
    change_form_template = "admin/group_change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:  # noqa: ARG002
        """Show permissions that fit no words only where there are some."""
        others = permission_words.others(permissions_of(obj)) if obj else []
        return [(None, {"fields": ["name", "powers", *(["taken"] if others else [])]})]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether this operator may make a group."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether this operator may change a group: its members could gain any permission."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether this operator may delete one."""
        return bool(request.user.is_superuser)

    # --- showing ----------------------------------------------------------------------------

    @admin.display(description=_("What its staff may do"))
    def powers(self, group: Group) -> SafeString:
        """Return in words what staff of the group may do, for those who only look."""
        held = permission_words.in_words(permissions_of(group))
        lines = ((label,) for _subject, labels in held for label in labels)
        return format_html_join(mark_safe("<br>"), "{}", lines)

    @admin.display(description=_("Other permissions"))
    def taken(self, group: Group) -> str:
        """Return the permissions that fit no words, for those who only look."""
        others = permission_words.others(permissions_of(group))
        return ", ".join(map(permission_words.other_words, others))

    def get_urls(self) -> list[URLPattern]:
        """Add the page of a group's members."""
        view = self.admin_site.admin_view(partial(group_members.members_view, self))
        members = path("<path:object_id>/members/", view, name="auth_group_members")
        return [members, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the newest members, and the apps that the group opens."""
        group: Group | None = kwargs.get("obj")
        if group is not None:
            if request.user.has_perm("accounts.view_user"):
                context["members"] = group_members.some_of(group)
            if request.user.has_perm("idp.view_client"):
                context["apps"] = clients_open_to(group.name)[:_APPS]
            context["is_kept"] = group.name in STAFF_GROUPS
        return super().render_change_form(request, context, *args, **kwargs)

    # --- saving -----------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; clients whose access policy names the group follow its new name."""
        super().save_model(request, obj, form, change)
        before = form.initial.get("name")
        if change and before != obj.name:
            for client in clients_open_to(before):
                names = client.allowed_groups
                client.allowed_groups = [obj.name if n == before else n for n in names]
                client.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """Save the permissions."""
        super().save_related(request, form, formsets, change)
        give(form.instance, form.permissions())

    # --- recording --------------------------------------------------------------------------

    def target_of(self, row: Group) -> str:
        """Return the group by name."""
        return f"group {row.name}"

    def state_of(self, row: Group) -> dict[str, Any]:
        """Return its name and permissions."""
        codes = row.permissions.values_list("codename", flat=True) if row.pk else ()
        return {"name": row.name, "permissions": sorted(codes)}
