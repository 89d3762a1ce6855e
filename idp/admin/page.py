"""The base of all admin pages: lists without counts, admin actions, events of changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import DateTimeField, JSONField, ManyToManyField, Model, QuerySet, URLField
from django.forms import Media, URLInput
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.email_change import TakenError
from accounts.models import User
from idp import events
from idp.admin import recent_authentication
from idp.admin.facts import JsonColumn
from idp.admin.fields import Json, Moment
from idp.admin.lists import (
    COUNTED_AT_MOST,
    BadListQuery,
    BoundedList,
    BoundedPaginator,
    can_hold,
    is_declared,
)
from idp.declaration import differences, key_of, name_of, state_of

_BEFORE = "_state_before"
Link = tuple[str | Promise, str, type[Model]]


@dataclass(frozen=True)
class AdminAction:
    """Something an operator does to a row, with a question before and an Event after."""

    name: str
    label: str | Promise
    #: The text of the confirmation page.
    question: str | Promise
    run: Callable[[HttpRequest, Any], HttpResponse | None]
    #: Whether it makes sense for a row as it is.
    applies: Callable[[Any], bool] = lambda _row: True
    danger: bool = False
    #: Whether it requires a recent authentication; dangerous actions always do.
    recent: bool = False
    #: The extent of the action on this row, for the confirmation page.
    extent: Callable[[Any], str] | None = None

    @property
    def needs_recent_authentication(self) -> bool:
        """Whether the action requires a recent authentication."""
        return self.danger or self.recent


class Page(admin.ModelAdmin):  # type: ignore[type-arg]
    """A model's pages. Lists delete nothing and do not count all rows."""

    view_on_site = False
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    paginator = BoundedPaginator
    #: Columns that lists are sorted by when asked: those with an index in that order.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    #: Columns that links to the list name beside its filters (`list_of`).
    linked_by: ClassVar[tuple[str, ...]] = ()
    formfield_overrides = {
        URLField: {"widget": URLInput(attrs={"class": "vTextField"})},
        ManyToManyField: {"widget": forms.CheckboxSelectMultiple},
        JSONField: {"form_class": Json},
        DateTimeField: {"form_class": forms.DateTimeField, "widget": Moment},
    }
    row_actions: ClassVar[tuple[AdminAction, ...]] = ()
    #: What the search finds, for its help text; `found` implements it.
    search_help_text: ClassVar[Any] = None
    #: “Add” with the noun, for nouns whose form it changes in other languages.
    add_label: ClassVar[Any] = None
    change_form_template = "admin/page_change_form.html"
    delete_confirmation_template = "admin/page_delete.html"
    change_list_template = "admin/page_change_list.html"

    @property
    def media(self) -> Media:
        """Return the one script of Django's that these pages use: it ticks all rows of a list.

        Its others, with jQuery, have 260 KB and serve pop-up windows, which no page opens.
        """
        return Media(js=["admin/js/actions.js"])

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return a column's field, without Django's links to pop-up windows."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    # --- finding --------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002
        """Return the kind of list."""
        return BoundedList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether an address may filter the list by this: declared filters only."""
        return is_declared(self, request, lookup, value)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return a row by its address, or None."""
        field: Any = self.opts.get_field(from_field) if from_field else self.opts.pk
        known = can_hold(field, object_id)
        return super().get_object(request, object_id, from_field) if known else None

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Show the search box where there is something to search by."""
        return ("pk",) if self.search_help_text else ()

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Any],
        search_term: str,
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows of a search; every search uses an index."""
        term = search_term.strip().replace("\0", "")
        return (self.found(queryset, term) if term else queryset), False

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:  # noqa: ARG002
        """Return the rows that a search term means."""
        return rows

    # --- reading ----------------------------------------------------------------------------

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        #: The text in a form for JSON columns that are read-only there.
        self.json_columns = {
            field.name: JsonColumn(field)
            for field in model._meta.fields
            if isinstance(field, JSONField)
        }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the headings with their fields."""
        return self.readable(request, obj, super().get_fieldsets(request, obj))

    def readable(self, request: HttpRequest, obj: Any, fieldsets: Any) -> Any:
        """Return headings whose JSON columns are readable where this operator can't write them."""
        if obj is None:
            return fieldsets
        may_write = self.has_change_permission(request, obj)
        fixed: Any = self.get_readonly_fields(request, obj) if may_write else self.json_columns
        shown = {name: column for name, column in self.json_columns.items() if name in fixed}
        return [
            (heading, {**options, "fields": [shown.get(name, name) for name in options["fields"]]})
            for heading, options in fieldsets
        ]

    # --- admin actions ----------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the form know whether the operator signed in lately."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.sign_in_address = recent_authentication.missing(request)
        return form

    def get_urls(self) -> list[URLPattern]:
        """Add a URL for each admin action."""
        action = path(
            "<path:object_id>/action/<slug:name>/",
            self.admin_site.admin_view(self.action_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_action",
        )
        return [action, *super().get_urls()]

    def may_run_actions(self, request: HttpRequest, row: Any = None) -> bool:  # noqa: ARG002
        """Whether this operator may run admin actions, on all rows or on this one."""
        change = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return bool(request.user.has_perm(change))

    def actions_on(self, request: HttpRequest, row: Any) -> list[AdminAction]:
        """Return the admin actions that this operator can run on a row now."""
        if not self.may_run_actions(request, row):
            return []
        return [action for action in self.row_actions if action.applies(row)]

    def action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Confirm, then run an admin action and show the result."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        action = next(
            (action for action in self.actions_on(request, row) if action.name == name), None
        )
        if action is None:
            # Done already, by another tab or another operator; or not theirs to do.
            if not self.may_run_actions(request, row):
                raise PermissionDenied
            messages.info(request, _("That is no longer possible for %(row)s.") % {"row": row})
            return redirect(self.address_of(row))
        sign_in_address = (
            recent_authentication.missing(request) if action.needs_recent_authentication else None
        )
        if request.method != "POST":
            extent = action.extent(row) if action.extent else ""
            more = {"action": action, "extent": extent, "sign_in_address": sign_in_address}
            return self.about(row, request, "admin/action.html", action.label, more)
        if sign_in_address:
            return redirect(sign_in_address)
        response = self.action(request, action, row)
        messages.success(
            request, _("Done: %(action)s (%(row)s).") % {"action": action.label, "row": row}
        )
        return response or redirect(self.address_of(row))

    def about(
        self,
        row: Model,
        request: HttpRequest,
        template: str,
        title: str | Promise,
        more: dict[str, Any],
    ) -> TemplateResponse:
        """Return a page about a row other than its form, with `more` for its template."""
        context = {"opts": self.opts, "original": row, "back": self.address_of(row)}
        context |= self.admin_site.each_context(request) | {"title": title}
        return TemplateResponse(request, template, context | more)

    def action(self, request: HttpRequest, action: AdminAction, row: Any) -> HttpResponse | None:
        """Do it, and record it."""
        response = action.run(request, row)
        with override(settings.LANGUAGE_CODE):  # One language in all events.
            self.record(request, events.Kind.ADMIN_ACTION, row, reason=str(action.label))
        return response

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Confirm and delete, after a recent authentication."""
        sign_in_address = recent_authentication.missing(request)
        if request.method == "POST" and sign_in_address:
            return redirect(sign_in_address)
        back = reverse(
            f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id]
        )
        return super().delete_view(
            request,
            object_id,
            {"sign_in_address": sign_in_address, "back": back, **(extra_context or {})},
        )

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer actions for several rows at once, too; the dangerous ones are done one by one."""
        if not self.may_run_actions(request):
            return {}
        several = (action for action in self.row_actions if not action.danger)
        return {action.name: (_several(action), action.name, action.label) for action in several}

    def address_of(self, row: Any) -> str:
        """Return the address of a row's page."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[quote(row.pk)])

    # --- recording --------------------------------------------------------------------------

    def target_of(self, row: Any) -> str:
        """Return a row's name in events."""
        return name_of(row)

    def state_of(self, row: Any) -> dict[str, Any]:
        """Return a row as Events show it before and after; no secret is in it."""
        key = key_of(row)
        return {key: getattr(row, key), **state_of(row)}

    def user_of(self, row: Any) -> User | None:
        """Return the user that a row concerns."""
        return getattr(row, "user", None)

    def client_id_of(self, row: Any) -> str:
        """Return the client_id of the app that a row concerns."""
        client = getattr(row, "client", None)
        return client.client_id if client is not None else ""

    def record(self, request: HttpRequest, kind: events.Kind, row: Any, **more: Any) -> None:
        """Record an admin action on a row."""
        events.record(
            kind,
            request,
            actor=request.user,  # type: ignore[arg-type]
            user=self.user_of(row),
            client_id=self.client_id_of(row),
            target=self.target_of(row),
            **more,
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save; remember the row as it was."""
        before = self.model._default_manager.get(pk=obj.pk) if change else None
        setattr(request, _BEFORE, self.state_of(before) if before else {})
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # noqa: ARG002
        """Record a created row."""
        changes = events.masked(differences({}, self.state_of(obj)))
        self.record(request, events.Kind.CREATED, obj, changes=changes)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # noqa: ARG002
        """Record changed fields, if there are any."""
        before = getattr(request, _BEFORE, {})
        fresh = self.model._default_manager.get(pk=obj.pk)
        changes = events.masked(differences(before, self.state_of(fresh)))
        if changes:
            self.record(request, events.Kind.CHANGED, obj, changes=changes)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> None:  # type: ignore[override]
        """Record deleted rows."""
        for row in queryset:
            self.record(request, events.Kind.DELETED, row)

    # --- showing ----------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Head the list with its description; refuse filters that are not declared."""
        title = capfirst(self.opts.verbose_name_plural)
        try:
            context = {"title": title, "add_label": self.label_of_add()}
            return super().changelist_view(request, {**context, **(extra_context or {})})
        except BadListQuery:
            return self.bad_list_query(request)

    def label_of_add(self) -> str:
        """Return what leads to the form of a new row, and heads it."""
        return str(self.add_label or capfirst(_("Add %(name)s") % {"name": self.opts.verbose_name}))

    def bad_list_query(self, request: HttpRequest) -> HttpResponse:
        """Answer an address that filters the list by something undeclared."""
        title = capfirst(self.opts.verbose_name_plural)
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, "admin/bad_list_query.html", context, status=400)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show and save a form; refuse to save if another operator changed the row meanwhile."""
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except (IntegrityError, TakenError):
            messages.error(
                request,
                _("Nothing was saved: another operator just saved one with the same name."),
            )
            return redirect(request.get_full_path())

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:  # type: ignore[override]
        """Do something to the chosen rows. Raises BadListQuery for keys that no row can have."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(can_hold(self.opts.pk, key) for key in keys):
            raise BadListQuery
        return super().response_action(request, queryset)

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: Any = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Lead to the events about a row."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        query = urlencode({"target": self.target_of(row)})
        return redirect(f"{reverse('admin:idp_event_changelist')}?{query}")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the actions beside the form."""
        row = kwargs.get("obj")
        if row is not None:
            context["title"] = capfirst(self.opts.verbose_name)
        elif "title" in context:
            context["title"] = self.label_of_add()
        context["row_actions"] = self.actions_on(request, row) if row is not None else []
        links = self.links_of(row) if row is not None else []
        context["links"] = permitted(request, links)
        return super().render_change_form(request, context, *args, **kwargs)

    def links_of(self, row: Any) -> list[Link]:  # noqa: ARG002
        """Return links on a row's page: texts, addresses, and the model of the target."""
        return []


class Record(Page):
    """Rows that operators see and run actions on, but never edit."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Whether a row may be made here: no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether a row may be edited: no; actions have `may_run_actions`."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Whether a row may be deleted: no."""
        return False

    def target_of(self, row: Any) -> str:
        """Return the row's kind and key."""
        return f"{self.opts.verbose_name_raw} {row.pk}"


def permitted(request: HttpRequest, links: Iterable[Link]) -> list[tuple[str | Promise, str]]:
    """Return texts and addresses of the links whose targets this staff member may view."""
    return [
        (text, address)
        for text, address, shown in links
        if request.user.has_perm(f"{shown._meta.app_label}.view_{shown._meta.model_name}")
    ]


def list_of(model: type[Model], **filters: Any) -> str:
    """Return the address of a model's list with these filters."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return f"{reverse(name)}?{urlencode(filters)}"


def counted(rows: QuerySet[Any]) -> str:
    """Return the number of rows in words; beyond COUNTED_AT_MOST rows are not counted."""
    number = rows.values("pk")[:COUNTED_AT_MOST].count()
    return _("%d or more") % number if number == COUNTED_AT_MOST else str(number)


def _several(
    action: AdminAction,
) -> Callable[[Page, HttpRequest, QuerySet[Any]], HttpResponse | None]:
    """Return an admin action for Django's lists: run on every chosen row that it applies to."""

    def run(page: Page, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        if action.needs_recent_authentication and (
            sign_in_address := recent_authentication.missing(request)
        ):
            return redirect(sign_in_address)
        done, chosen = 0, rows[:COUNTED_AT_MOST]  # The number counted by the list.
        for row in chosen:
            if action in page.actions_on(request, row):
                page.action(request, action, row)
                done += 1
        text = _("Done for %(done)d of %(all)d: %(action)s.")
        messages.success(request, text % {"done": done, "all": len(chosen), "action": action.label})
        return None

    return run
