"""The pages of apps: their list, and the page of each with its tabs."""

from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from idp.admin import appearance_preview, recent_authentication, search
from idp.admin.clients import (
    app_preview,
    integration_pages,
    linter,
    new_app,
    new_program,
    preview,
    secret_pages,
    tabs,
    test_sign_in,
)
from idp.admin.clients.actions import ACTIONS
from idp.admin.clients.app_page import app_page
from idp.admin.clients.checked_form import remote_problem_with
from idp.admin.clients.form import OF_ITS_DOCUMENT, ClientForm
from idp.admin.clients.tabs import Tab
from idp.admin.page import Page
from idp.admin.times import columns_of
from idp.clients import deletion, logos, secrets
from idp.models import Client

(_ADDED,) = columns_of(Client, "created")
_get_or_post = require_http_methods(["GET", "POST"])
#: Request attribute that holds the result of the remote checks.
_REMOTE_PROBLEM = "_remote_problem"
#: The field of a form that names its other fields.
_SENT = "shown"
#: Columns that the remote checks are about.
_OF_SECTORS = frozenset({"redirect_uris", "subject_type", "sector_identifier_uri"})


class RegistrationFilter(admin.ChoicesFieldListFilter):
    """How an app was registered. The toolkit's own name of the field is not translated."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.title = _("registration")


@admin.register(Client)
class ClientsPage(Page):
    """Apps."""

    form = ClientForm
    change_form_template = "admin/app_change_form.html"
    list_display = ("label", "client_id", "kind", "enabled", "rules", _ADDED)
    list_filter: ClassVar[Any] = (
        *("enabled", "token_endpoint_auth_method", "profile"),
        ("registration_source", RegistrationFilter),
    )
    sortable_by = ("client_id",)
    linked_by = ("user",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of a name, client ID or redirect URI, or of the owner’s email address with its @."),
        apps=True,
    )
    row_actions = ACTIONS

    def get_urls(self) -> list[URLPattern]:
        """Add the pages for a new app, and an app's pages beside its form."""
        row = "<path:object_id>"
        pages = (
            (f"{row}/change/<slug:tab>/", self.tab_view, "tab"),
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
        # The form comes from our own page about an answer, which has no token of Django's: the
        # answer's `state` binds it to this browser (RFC 6749 §10.12).
        answer = csrf_exempt(_get_or_post(partial(test_sign_in.answer_view, self)))
        # Named like the tab, whose form is sent there.
        of_tab = path(
            f"{row}/change/appearance/preview/",
            self.admin_site.admin_view(partial(app_preview.view, self)),
            {"tab": app_preview.APPEARANCE.slug},
            name="idp_client_appearance_preview",
        )
        return [
            of_tab,
            *(
                path(address, self.admin_site.admin_view(view), name=f"idp_client_{name}")
                for address, view, name in pages
            ),
            path(f"{row}/test-sign-in/answer/", answer, name="idp_client_test_sign_in_answer"),
            *super().get_urls(),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:  # noqa: ARG002
        """Return read-only fields: those of the app's own document, if it has one."""
        if obj is None or obj.registration_source != Client.RegistrationSource.CIMD:
            return ()
        return (*OF_ITS_DOCUMENT, *self.json_columns.values())

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

    @admin.display(description=_("profile"))
    def rules(self, client: Client) -> str:
        """Return the profile's name, without its explanation."""
        return str(client.get_profile_display()).partition(":")[0]

    def user_of(self, row: Client) -> None:
        """Return None: events of an app do not concern its owner's account."""

    # --- the tabs of an app's page ------------------------------------------------------------

    def tab_view(self, request: HttpRequest, object_id: str, tab: str) -> HttpResponse:
        """Show and save a tab: the view of Django's admin, with this tab's fields alone."""
        if tab not in tabs.BY_SLUG:
            raise Http404
        if tab == tabs.ACTIVITY.slug and not request.user.has_perm("idp.view_event"):
            raise PermissionDenied
        response = self.change_view(request, object_id)
        is_framing = tab == app_preview.APPEARANCE.slug
        return appearance_preview.framing(response) if is_framing else response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        """Return apps; the one that is being saved is locked, so that no other tab undoes it."""
        rows: QuerySet[Client] = super().get_queryset(request)
        saves = request.method == "POST" and connection.in_atomic_block
        return rows.select_for_update(of=("self",)) if saves else rows

    def get_fieldsets(self, request: HttpRequest, obj: Client | None = None) -> Any:
        """Return the headings and fields of the tab, or all of a new app."""
        if obj is None:
            return tabs.ALL_FIELDSETS
        sent = request.POST.get(_SENT)
        names = None if sent is None else frozenset(sent.split())
        return self.readable(request, obj, tabs.fieldsets_of(_tab(request), obj, names))

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
            if object_id is not None and not _tab(request).groups:
                return HttpResponseNotAllowed(["GET", "HEAD"])
            setattr(request, _REMOTE_PROBLEM, self._remote_problem(request, object_id))
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _remote_problem(
        self, request: HttpRequest, object_id: str | None
    ) -> ValidationError | None:
        """Return what the remote checks find, for an app that would be saved otherwise."""
        if object_id is not None and _OF_SECTORS.isdisjoint(_tab(request).columns):
            return None
        client = self.get_object(request, unquote(object_id)) if object_id else None
        stored = client.sector_identifier_uri if client else ""
        if not (stored or request.POST.get("sector_identifier_uri")):
            return None
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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a tab below the head of the app's page, or the form of a new app."""
        client = kwargs.get("obj")
        if client is not None and _tab(request) not in tabs.offered(client):
            raise Http404
        response = super().render_change_form(request, context, *args, **kwargs)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data |= app_page(self, request, client, _tab(request), context)
        return response

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

    def response_post_save_change(self, request: HttpRequest, obj: Client) -> HttpResponseRedirect:
        """Stay at the tab."""
        return HttpResponseRedirect(tabs.address_of(obj, _tab(request)))

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


def _tab(request: HttpRequest) -> Tab:
    """Return the tab that the address names."""
    match = request.resolver_match
    return tabs.BY_SLUG[match.kwargs.get("tab", "") if match else ""]
