"""Groups: permissions of staff here, and values of the groups claim for clients."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest

from idp.admin.page import Page
from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.models import Client


class GroupForm(RecentAuthenticationForm):
    """A group and its rights."""

    recent = ("permissions",)


@admin.register(Group)
class GroupsPage(Page):
    """Groups; only superusers change the permissions of a group."""

    form = GroupForm
    list_display = ("name",)
    ordering = ("name",)

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the permissions that mean something here."""
        shown = {model._meta.model_name for model in self.admin_site._registry}
        kwargs["queryset"] = (
            Permission.objects.filter(content_type__model__in=shown)
            .select_related("content_type")
            .order_by("content_type__model", "codename")
        )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether this operator may make a group."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether this operator may change a group: its members could gain any permission."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether this operator may delete one."""
        return bool(request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; clients whose access policy names the group follow its new name."""
        super().save_model(request, obj, form, change)
        before = form.initial.get("name")
        if change and before != obj.name:
            for client in Client.objects.exclude(allowed_groups=[]):
                if before in client.allowed_groups:
                    names = client.allowed_groups
                    client.allowed_groups = [obj.name if n == before else n for n in names]
                    client.save()

    def target_of(self, row: Group) -> str:
        """Return the group by name."""
        return f"group {row.name}"

    def state_of(self, row: Group) -> dict[str, Any]:
        """Return its name and permissions."""
        codes = row.permissions.values_list("codename", flat=True) if row.pk else ()
        return {"name": row.name, "permissions": sorted(codes)}
