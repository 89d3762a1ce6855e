"""The audit log: events by reference number, user, app, time and kind, with all details; export."""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.devices import words_for
from accounts.models import Session
from foundation import iso_times
from foundation.plain_text import isolated
from idp import events
from idp.admin import event_words, facts, search
from idp.admin.lists import BadListQuery, can_hold
from idp.admin.page import Link, Record, list_of
from idp.event_lines import json_line, members_of
from idp.models import Client, Event
from idp.models.event import reference_in

#: Rows of one export; a narrower filter gives the rest.
EXPORTED_AT_MOST = 100_000
_CHUNK = 1000
#: The parameters of the date range, and what its form sends.
_RANGE = {"at__gte", "at__lt"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COLUMNS = (
    *("reference", "at", "kind", "user", "operator", "client_id", "target", "ip_address"),
    *("error", "reason", "times", "details"),
)
#: How a formula begins: also in full width, which spreadsheets of East Asian languages read alike.
_FORMULA = set("=+-@\N{MINUS SIGN}")
#: Separators between cells in spreadsheets: not all locales use commas.
_SEPARATORS = re.compile(r"([,;|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029])")


@admin.register(Event)
class EventsPage(Record):
    """Events."""

    list_display = ("happened", "who", "moment")
    list_display_links = None
    list_filter = ("kind", "at")
    linked_by = ("user", "client_id", "target", "session")
    list_select_related = ("user", "actor")
    ordering = ("-pk",)
    search_help_text = search.helped(
        _(
            "A reference, an IP address, or part of the name or email address of a user, or of "
            "the name, client ID or redirect URI of an app."
        ),
        users=True,
        apps=True,
    )
    readonly_fields = ("moment", "person", "doer", "app", "browser", "story")
    change_list_template = "admin/events_change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the exports."""
        export = path(
            "export/<slug:form>/",
            self.admin_site.admin_view(self.export_view),
            name="idp_event_export",
        )
        return [export, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Return events with what their links lead to."""
        return event_words.with_links(super().get_queryset(request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Lead from the form of the date range to the list that it means."""
        query = request.GET.copy()
        for name in _RANGE & query.keys():
            day = str(query[name])
            if not day:
                del query[name]
            elif _DAY.fullmatch(day):
                query[name] = f"{day} 00:00:00+00:00"
        if query != request.GET:
            return redirect(f"{request.path}?{query.urlencode()}")
        about = _about_session(str(query["session"])) if "session" in query else {}
        return super().changelist_view(request, {**about, **(extra_context or {})})

    def found(self, rows: QuerySet[Event], term: str) -> QuerySet[Event]:
        """Return events by any search term: a reference number, an address, or a user's name."""
        reference = reference_in(term)
        if reference and rows.filter(reference=reference).exists():
            return rows.filter(reference=reference)
        if can_hold(Event._meta.get_field("ip_address"), term):
            return rows.filter(ip_address=term)
        users = search.users(term)
        apps = Client.objects.filter(pk__in=search.apps(term)).values_list("client_id", flat=True)
        # An app that requests named need not be known here.
        return search.any_of(rows, user__in=users, actor__in=users, client_id__in=[term, *apps])

    def get_fields(self, request: HttpRequest, obj: Event | None = None) -> list[Any]:  # noqa: ARG002
        """Show the fields that have a value."""
        shown = ("error", "reason", "user", "actor", "client_id", "target", "ip_address")
        several = ["times"] if obj and obj.times > 1 else []
        has = [name for name in shown if obj and getattr(obj, name)]
        links = {"user": "person", "actor": "doer", "client_id": "app"}
        linked = ["browser"] if obj and getattr(obj, "session_browser", None) is not None else []
        has = [links.get(name, name) for name in has]
        return ["reference", "kind", "moment", *several, *has, *linked, "story"]

    def links_of(self, row: Event) -> list[Link]:
        """Return a link to what else happened in the session."""
        if not row.session:
            return []
        return [(_("Events of the session"), list_of(Event, session=row.session), Event)]

    @admin.display(description=_("user"))
    def person(self, event: Event) -> SafeString:
        """Return the user concerned, with a link to their page."""
        return event_words.link("accounts_user", event.user)

    @admin.display(description=_("operator"))
    def doer(self, event: Event) -> SafeString:
        """Return who did it, with a link to their page."""
        return event_words.link("accounts_user", event.actor)

    @admin.display(description=_("app"))
    def app(self, event: Event) -> SafeString:
        """Return the app, with a link to its page."""
        return next(event_words.app(event))

    @admin.display(description=_("session"))
    def browser(self, event: Event) -> SafeString:
        """Return a link to the session."""
        return next(event_words.session(event))

    @admin.display(description=_("time"), ordering="at")
    def moment(self, event: Event) -> SafeString:
        """Return the time of the event, to the second."""
        return iso_times.moment(event.at, seconds=True)

    @admin.display(description=_("what"))
    def happened(self, event: Event) -> SafeString:
        """Return the kind, which leads to the event, its reference, and a summary below."""
        return format_html(
            '<a class="kind" href="{}">{}</a> <span class="quiet">{}</span>{}'
            '<span class="summary">{}</span>',
            self.address_of(event),
            event.get_kind_display(),
            event.reference,
            format_html(" <strong>{}\N{MULTIPLICATION SIGN}</strong>", event.times)
            if event.times > 1
            else "",
            event_words.summary(event),
        )

    @admin.display(description=_("who"))
    def who(self, event: Event) -> SafeString:
        """Return who did it, the user concerned, app and session, each with a link to its page."""
        links = format_html_join(" · ", "{}", ((link,) for link in event_words.about(event)))
        if not links:
            return format_html('<span class="summary nobody">{}</span>', facts.NOTHING)
        return format_html('<span class="summary">{}</span>', links)

    @admin.display(description=_("the whole story"))
    def story(self, event: Event) -> SafeString | str:
        """Return the details as a list of facts."""
        details = dict(event.details)
        changes = details.pop("changes", {})
        return format_html("{}{}", facts.facts(details.items()), facts.changes(changes))

    # --- exporting ----------------------------------------------------------------------------

    def export_view(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """Send the events of the list as it is filtered, as CSV or JSON lines; record that."""
        writers = {"csv": (_csv, "text/csv"), "json": (_json_lines, "application/x-ndjson")}
        if form not in writers or not self.has_view_permission(request):
            raise Http404
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except BadListQuery:
            return self.bad_list_query(request)
        write, content_type = writers[form]
        events.record(
            events.Kind.EXPORTED,
            request,
            actor=request.user,  # type: ignore[arg-type]
            target="events",
            filter=request.GET.dict(),
        )
        chosen = rows.select_related("user", "actor")[:EXPORTED_AT_MOST]
        response = StreamingHttpResponse(
            write(chosen.iterator(_CHUNK)), content_type=f"{content_type}; charset=utf-8"
        )
        name = f"events-{timezone.now():%Y%m%d-%H%M}.{form}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _about_session(key: str) -> dict[str, str]:
    """Return the title of the list of a session's events, while there is a record of it."""
    known = can_hold(Event._meta.get_field("session"), key)
    session = Session.objects.select_related("user").filter(pk=key).first() if known else None
    if session is None:
        return {}
    of = {"browser": words_for(session.user_agent), "user": isolated(str(session.user))}
    return {"title": gettext("Events of a session: %(browser)s, %(user)s") % of}


def _json_lines(rows: Iterable[Event]) -> Iterator[str]:
    return map(json_line, rows)


class _Line:
    """A file object for csv that returns each line."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def _csv(rows: Iterable[Event]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(_COLUMNS)
    for event in rows:
        values = {**members_of(event), "details": json.dumps(event.details, ensure_ascii=False)}
        yield writer.writerow([_plain(values[column]) for column in _COLUMNS])


def _plain(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula, wherever it ends cells."""
    if not isinstance(value, str):
        return value
    parts = _SEPARATORS.split(value)
    plain = "".join(f"'{part}" if _is_formula(part) else part for part in parts)
    return f"'{value}" if plain == value and _SEPARATORS.match(value) else plain


def _is_formula(text: str) -> bool:
    """Whether the first thing that is seen of a text begins a formula."""
    seen = (
        letter for letter in text if letter != '"' and unicodedata.category(letter)[0] not in "ZC"
    )
    return unicodedata.normalize("NFKC", next(seen, ""))[:1] in _FORMULA
