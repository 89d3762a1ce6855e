"""Roles of apps: their pages. An event of a role is a change of its app."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from foundation.deletion import delete_in_batches
from idp import events
from idp.admin import role_users, search
from idp.admin.fields import ClientField
from idp.admin.page import Link, Page
from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.declaration import differences, name_of
from idp.declaration.roles import of_client
from idp.models import Client, Role

_BEFORE = "_roles_before"


class RoleForm(RecentAuthenticationForm):
    """A role: its app, name and groups."""

    recent = ("groups",)
    client = ClientField(label=_("App"), help_text=_("Its client ID."))

    class Meta:
        model = Role
        fields = ("client", "name", "groups")
        help_texts = {
            "name": _("As the app expects it in the claim roles, such as admin or editor."),
            "groups": _("Their members have the role."),
        }


@admin.register(Role)
class RolesPage(Page):
    """Roles."""

    form = RoleForm
    list_display = ("name", "client")
    list_select_related = ("client",)
    linked_by = ("client",)
    ordering = ("client", "name")
    search_help_text = search.helped(
        _("Part of the name, client ID or redirect URI of an app."), apps=True
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the page of a role's users, and suggestions for fields."""
        view = self.admin_site.admin_view
        users = view(partial(role_users.users_view, self))
        suggestions = view(partial(role_users.suggestions, self))
        return [
            path("suggestions/<slug:kind>/", suggestions, name="idp_role_suggestions"),
            path("<path:object_id>/users/", users, name="idp_role_users"),
            *super().get_urls(),
        ]

    def found(self, rows: QuerySet[Role], term: str) -> QuerySet[Role]:
        """Return the roles of the apps that a term finds."""
        return search.any_of(rows, client__in=search.apps(term))

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> Any:  # noqa: ARG002
        """Return read-only fields: a role stays with its app."""
        return () if obj is None else ("client",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the app whose roles the list showed."""
        shown = QueryDict(request.GET.get("_changelist_filters", "")).get("client", "")
        client = self._client(shown)
        return {"client": client.client_id} if client else {}

    def _client(self, key: str) -> Client | None:
        known = key.isascii() and key.isdigit() and len(key) < 19
        return Client.objects.filter(pk=int(key)).first() if known else None

    def links_of(self, row: Role) -> list[Link]:
        """Return the role's users and its app."""
        app = reverse("admin:idp_client_change", args=[row.client_id])
        return [
            (_("Users who have it"), reverse("admin:idp_role_users", args=[row.pk]), User),
            (_("The app"), app, Client),
        ]

    # --- recording --------------------------------------------------------------------------

    def target_of(self, row: Role) -> str:
        """Return the name of its app in events."""
        return name_of(row.client)

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        """Save; remember the roles of the app as they were."""
        setattr(request, _BEFORE, of_client(obj.client))
        obj.save()

    def log_addition(self, request: HttpRequest, obj: Role, message: Any) -> None:  # type: ignore[override]  # noqa: ARG002
        """Record a new role."""
        self._record(request, obj, getattr(request, _BEFORE), of_client(obj.client))

    def log_change(self, request: HttpRequest, obj: Role, message: Any) -> None:  # type: ignore[override]  # noqa: ARG002
        """Record another name, or other groups."""
        self._record(request, obj, getattr(request, _BEFORE), of_client(obj.client))

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """Record roles that are to be deleted."""
        for role in queryset:
            before = of_client(role.client)
            after = {name: groups for name, groups in before.items() if name != role.name}
            self._record(request, role, before, after)

    def _record(
        self, request: HttpRequest, role: Role, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        changes = differences({"roles": before}, {"roles": after})
        if changes:
            self.record(request, events.Kind.CHANGED, role, changes=events.masked(changes))

    def delete_model(self, request: HttpRequest, obj: Role) -> None:  # noqa: ARG002
        """Delete the role, in batches with what its users have of it."""
        delete_in_batches(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Describe what is deleted with it, without listing a million users."""
        said = _("%(role)s, which its users and groups then no longer have")
        return [said % {"role": objs[0]}], {}, set(), []
