"""SSO sessions: list them with user, browser, time and method, and end them."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from accounts.authentication import method_in_words
from accounts.devices import words_for
from accounts.models import Session
from accounts.operations import end_all_users_sessions, end_session
from accounts.sessions import Ending, session_of
from foundation.iso_times import moment
from idp import events
from idp.admin import event_words, recent_authentication, rights, search
from idp.admin.facts import NOTHING
from idp.admin.page import AdminAction, Link, Record, counted, list_of
from idp.admin.times import columns_of
from idp.models import Delivery, Event, Grant

_AUTHENTICATED, _BEGAN, _SEEN, _ENDED = columns_of(
    Session, "authenticated_at", "created_at", "last_seen_at", "ended_at"
)


def sessions_live(sessions: QuerySet[Session]) -> str:
    """Return in a sentence how many of these sessions live."""
    return gettext("Sessions that are live: %(number)s.") % {
        "number": counted(sessions.filter(ended_at=None))
    }


class Living(admin.SimpleListFilter):
    """Sessions that live, or that have ended."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Return the two."""
        return [("live", _("live")), ("ended", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:  # noqa: ARG002
        """Return those asked for."""
        if self.value() is None:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "live")


def _two_lines(first: str, second: str) -> SafeString:
    return format_html('{}<span class="summary">{}</span>', first, second)


def sign_all_users_out(request: HttpRequest, ending: Ending = Ending.OPERATOR) -> int:
    """End all sessions within the operator's reach except their present one; return how many."""
    reached = rights.sessions_not_above(request)
    return end_all_users_sessions(ending, of=reached, but=session_of(request))


#: The text of its confirmation page.
SIGNS_ALL_USERS_OUT = _(
    "All users are signed out everywhere, except you in this browser; staff only by a superuser. "
    "What apps got through these sessions ends, and the apps are notified. With very many sessions "
    "this takes minutes; if it "
    "is interrupted, run it once more for those that are left."
)
_END_ALL = _("Sign all users out")


@admin.register(Session)
class SessionsPage(Record):
    """Sessions."""

    change_list_template = "admin/sessions_change_list.html"
    list_display = ("user", "device", "times", "end")
    list_filter = (Living, "created_at")
    linked_by = ("user",)
    list_select_related = ("user",)
    ordering = ("-created_at",)
    search_help_text = search.helped(_("Part of a user’s name or email address."), users=True)
    fields: ClassVar[Any] = (
        *("person", "device", "how", _AUTHENTICATED, _BEGAN, _SEEN, _ENDED, "why"),
    )
    readonly_fields: ClassVar[Any] = (
        "person",
        "device",
        "how",
        _AUTHENTICATED,
        _BEGAN,
        _SEEN,
        _ENDED,
        "why",
    )
    row_actions = (
        AdminAction(
            "end",
            _("End"),
            _("The browser is signed out, and what apps got through this session ends."),
            lambda _request, session: end_session(session),
            applies=lambda session: session.ended_at is None,
            recent=True,
        ),
    )

    def found(self, rows: QuerySet[Session], term: str) -> QuerySet[Session]:
        """Return the sessions of users by part of their name or address."""
        return search.any_of(rows, user__in=search.users(term))

    def may_run_actions(self, request: HttpRequest, row: Session | None = None) -> bool:
        """Whether this operator may end sessions, or the sessions of this user."""
        if row is None:
            return super().may_run_actions(request)
        return rights.may_end_session(request, row.user)

    @admin.display(description=_("user"))
    def person(self, session: Session) -> SafeString:
        """Return the user, with a link to their page."""
        return event_words.link("accounts_user", session.user)

    @admin.display(description=_("browser"))
    def device(self, session: Session) -> SafeString:
        """Return browser and system in words, as on the user's own page, and the IP address."""
        words = _("App on a device") if session.lasting else words_for(session.user_agent)
        return _two_lines(str(words), session.ip_address or "")

    @admin.display(description=_("last seen"))
    def times(self, session: Session) -> SafeString:
        """Return when the session was last used, and when it began."""
        began = format_html(gettext("began {time}"), time=moment(session.created_at))
        return _two_lines(moment(session.last_seen_at), began)

    @admin.display(description=_("ended"))
    def end(self, session: Session) -> SafeString | str:
        """Return when and why the session ended, if it has."""
        if session.ended_at is None:
            return NOTHING
        return _two_lines(moment(session.ended_at), event_words.ending_words(session.ending))

    @admin.display(description=_("signed in with"))
    def how(self, session: Session) -> str:
        """Return the methods that were used."""
        return method_in_words(session.methods)

    @admin.display(description=_("why it ended"))
    def why(self, session: Session) -> str:
        """Return why the session ended, in words."""
        return event_words.ending_words(session.ending)

    def links_of(self, row: Session) -> list[Link]:
        """Return links to what clients got through the session."""
        return [
            (_("Grants"), list_of(Grant, session=row.pk), Grant),
            (_("Logout notifications"), list_of(Delivery, session=row.pk), Delivery),
            (_("Events"), list_of(Event, session=row.pk), Event),
        ]

    # --- all sessions ---------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the page that is about all of them."""
        page = self.admin_site.admin_view(self.end_all_view)
        return [path("end-all/", page, name="accounts_session_end_all"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Offer to end all sessions to operators who may."""
        more = {"may_run_actions": self.may_run_actions(request), **(extra_context or {})}
        return super().changelist_view(request, more)

    def end_all_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm, then end all sessions except the operator's present one."""
        if not self.may_run_actions(request):
            raise PermissionDenied
        sign_in_address = recent_authentication.missing(request)
        back = reverse("admin:accounts_session_changelist")
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "action": {"label": _END_ALL, "question": SIGNS_ALL_USERS_OUT, "danger": True},
                "extent": sessions_live(rights.sessions_not_above(request)),
                "opts": self.opts,
                "original": _("All users"),
                "title": _END_ALL,
                "back": back,
                "sign_in_address": sign_in_address,
            }
            return TemplateResponse(request, "admin/action.html", context)
        if sign_in_address:
            return redirect(sign_in_address)
        ended = sign_all_users_out(request)
        with override(settings.LANGUAGE_CODE):  # In the language of all events.
            reason = f"{_END_ALL}: {ended}."
        actor: Any = request.user
        events.record(
            events.Kind.ADMIN_ACTION, request, actor=actor, target="all sessions", reason=reason
        )
        messages.success(request, gettext("Sessions ended: %(number)d.") % {"number": ended})
        return redirect(back)
