"""The pages of apps: their list, and the form of each with the ways to its other pages."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.models import User
from idp.admin import recent_authentication, search
from idp.admin.clients import (
    integration_pages,
    linter,
    new_app,
    new_program,
    preview,
    secret_pages,
    test_sign_in,
)
from idp.admin.clients.actions import ACTIONS
from idp.admin.clients.checked_form import remote_problem_with
from idp.admin.clients.form import FIELDSETS, OF_ITS_DOCUMENT, THE_RECORD, ClientForm
from idp.admin.clients.summary import summary_of
from idp.admin.page import Link, Page, list_of
from idp.clients import deletion, logos, secrets
from idp.models import Client, Consent, Delivery, Event, Grant, Role
from idp.registration import software_statements

#: Request attribute that holds the result of the remote checks.
_REMOTE_PROBLEM = "_remote_problem"


@admin.register(Client)
class ClientsPage(Page):
    """Apps."""

    form = ClientForm
    change_form_template = "admin/app_change_form.html"
    list_display = ("label", "client_id", "kind", "enabled", "profile", "created")
    list_filter = ("enabled", "token_endpoint_auth_method", "profile", "registration_source")
    sortable_by = ("client_id",)
    linked_by = ("user",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of a name, client ID or redirect URI, or of the owner’s email address with its @."),
        apps=True,
    )
    readonly_fields = THE_RECORD
    fieldsets = FIELDSETS
    row_actions = ACTIONS

    def get_urls(self) -> list[URLPattern]:
        """Add the pages for a new app, and an app's pages beside its form."""
        row = "<path:object_id>"
        pages = (
            ("add/", partial(new_app.kinds_view, self), "add"),
            ("add/everything/", self.add_view, "everything"),
            ("add/<slug:kind>/", partial(new_app.view, self), "new"),
            ("add/program/<slug:slug>/", partial(new_program.view, self), "new_program"),
            (f"{row}/settings/", partial(integration_pages.view, self), "settings"),
            (f"{row}/secrets/", partial(secret_pages.view, self), "secrets"),
            (f"{row}/preview/", partial(preview.view, self), "preview"),
            (f"{row}/findings/", partial(linter.view, self), "linter"),
            (f"{row}/test-sign-in/", partial(test_sign_in.begin_view, self), "test_sign_in"),
        )
        answer = require_GET(partial(test_sign_in.answer_view, self))
        return [
            *(
                path(address, self.admin_site.admin_view(view), name=f"idp_client_{name}")
                for address, view, name in pages
            ),
            path(f"{row}/test-sign-in/answer/", answer, name="idp_client_test_sign_in_answer"),
            *super().get_urls(),
        ]

    @admin.display(description=_("software statement by"))
    def vouched_for_by(self, client: Client) -> str:
        """Return the issuer of the software statement that it registered with (RFC 7591 §2.3)."""
        return software_statements.issuer_of(client.software_statement)

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:  # noqa: ARG002
        """Return read-only fields: the client_id once it is in use; its document."""
        if obj is None:
            return self.readonly_fields
        by_document = obj.registration_source == Client.RegistrationSource.CIMD
        fixed = (*OF_ITS_DOCUMENT, *self.json_columns.values()) if by_document else ()
        return (*self.readonly_fields, "client_id", *fixed)

    def found(self, rows: QuerySet[Client], term: str) -> QuerySet[Client]:
        """Return apps by part of the client_id, name or a redirect URI, or by their owner."""
        if "@" in term:
            return search.any_of(rows, user__in=search.users(term))
        return rows.filter(pk__in=search.apps(term, search.FOUND_AT_MOST))

    @admin.display(description=_("name"))
    def label(self, client: Client) -> str:
        """Return the app's name, or its id."""
        return str(client)

    @admin.display(description=_("client secret"), boolean=True)
    def kind(self, client: Client) -> bool:
        """Return whether the client is confidential or public."""
        return client.needs_secret

    def user_of(self, row: Client) -> None:
        """Return None: events of an app do not concern its owner's account."""

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Pass the result of the remote checks to the form."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.remote_problem = getattr(request, _REMOTE_PROBLEM, None)
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Run the remote checks before the transaction begins: they may take seconds."""
        if request.method == "POST":
            setattr(request, _REMOTE_PROBLEM, self._remote_problem(request, object_id))
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _remote_problem(
        self, request: HttpRequest, object_id: str | None
    ) -> ValidationError | None:
        """Return what the remote checks find, for an app that would be saved otherwise."""
        if not request.POST.get("sector_identifier_uri"):
            return None
        client = self.get_object(request, unquote(object_id)) if object_id else None
        adds = object_id is None and self.has_add_permission(request)
        if not (adds or (client and self.has_change_permission(request, client))):
            return None
        form = self.get_form(request, client, change=client is not None)(
            request.POST, instance=client
        )
        return remote_problem_with(form.instance) if form.is_valid() else None

    def client_id_of(self, row: Client) -> str:
        """Return the app's client_id."""
        return str(row.client_id)

    def links_of(self, row: Client) -> list[Link]:
        """Return the secrets, and the lists that are about this app."""
        settings_page = (
            integration_pages.title_for(row),
            integration_pages.address_of(row),
            Client,
        )
        secrets_page = (_("Secrets"), secret_pages.address_of(row), Client)
        return [
            *([settings_page] if settings_page[0] else []),
            *([secrets_page] if row.needs_secret else []),
            (_("Roles"), list_of(Role, client=row.pk), Role),
            (_("What it receives"), reverse("admin:idp_client_preview", args=[row.pk]), User),
            (_("Findings"), reverse("admin:idp_client_linter", args=[row.pk]), Client),
            (
                _("Errors"),
                list_of(Event, client_id=row.client_id, kind__exact=Event.Kind.DENIED),
                Event,
            ),
            (_("Events"), list_of(Event, client_id=row.client_id), Event),
            (_("Consents"), list_of(Consent, client=row.pk), Consent),
            (_("Grants"), list_of(Grant, client=row.pk), Grant),
            (_("Logout notifications"), list_of(Delivery, client=row.pk), Delivery),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Begin the page of an app with its problems and its summary."""
        client = kwargs.get("obj")
        if client is None or context["errors"]:
            context["summary"] = None
        else:
            context["summary"] = summary_of(client, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: Client, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the first secret of an app that needs one."""
        if not obj.needs_secret:
            return super().response_add(request, obj, post_url_continue)
        return secret_pages.show_new(self, request, obj, None)

    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        """Show a new secret where the app now signs with one, and has none that can."""
        if secrets.can_sign(obj):
            return super().response_change(request, obj)
        if recent_authentication.missing(request):
            messages.warning(request, _("The app needs a new secret now: make one here."))
            return redirect(secret_pages.address_of(obj))
        return secret_pages.show_new(self, request, obj, timezone.now() + timedelta(days=1))

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; the worker fetches a logo that is new."""
        super().save_model(request, obj, form, change)
        logos.plan(obj, timezone.now())

    def delete_model(self, request: HttpRequest, obj: Client) -> None:  # noqa: ARG002
        """Delete the app with all that is its own, in batches."""
        deletion.delete(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Describe what is deleted with it, without listing a million tokens."""
        said = _("%(app)s, with its secrets, consents, grants and tokens")
        return [said % {"app": objs[0]}], {}, set(), []
