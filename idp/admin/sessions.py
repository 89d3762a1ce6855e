"""Sessions: who is signed in where, since when and how, and ending one."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from accounts.operations import end_session
from idp.admin.page import Act, Link, Record, list_of, people_like
from idp.models import Authorization


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


@admin.register(Session)
class SessionsPage(Record):
    """Sessions."""

    list_display = ("user", "user_agent", "ip_address", "created_at", "last_seen_at", "ended_at")
    list_filter = (Living, "created_at")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    search_help_text = _("The beginning of a person’s e-mail address.")
    fields = (
        *("user", "user_agent", "ip_address", "how", "authenticated_at", "created_at"),
        *("last_seen_at", "ended_at", "ending"),
    )
    readonly_fields = ("how",)
    acts = (
        Act(
            "end",
            _("End"),
            _("The browser is signed out, and what apps got through this session ends."),
            lambda _http, session: end_session(session),
            applies=lambda session: session.ended_at is None,
        ),
    )

    def found(self, rows: QuerySet[Session], term: str) -> QuerySet[Session]:
        """Return the sessions of people by their address."""
        return rows.filter(user__in=people_like(term))

    @admin.display(description=_("signed in with"))
    def how(self, session: Session) -> str:
        """Return the methods that were used."""
        return ", ".join(record.get("type") or record["method"] for record in session.methods)

    def links_of(self, row: Session) -> list[Link]:
        """Return what apps got through the session."""
        return [(_("Authorizations"), list_of(Authorization, session=row.pk), Authorization)]
