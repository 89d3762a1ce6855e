"""Deliveries of back-channel logout notifications: sent, failed and pending."""

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from idp.admin import search
from idp.admin.facts import when
from idp.admin.page import AdminAction, Record
from idp.logout.backchannel import retry
from idp.models import Delivery


@admin.register(Delivery)
class DeliveriesPage(Record):
    """Deliveries."""

    list_display = ("client", "created_at", "state", "attempts", "next_attempt", "last_problem")
    list_filter = ("state",)
    linked_by = ("client", "session")
    list_select_related = ("client",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of an app’s name, client ID or redirect URI."), apps=True
    )
    fields = (
        *("client", "session", "sub", "sid", "created_at", "state", "attempts"),
        *("next_attempt", "done_at", "last_problem"),
    )
    readonly_fields = ("next_attempt",)
    row_actions = (
        AdminAction(
            "again",
            _("Try again"),
            _("The app is notified again within seconds, and then as often as the first time."),
            lambda _request, delivery: retry(delivery),
            applies=lambda delivery: delivery.state != Delivery.State.DELIVERED,
        ),
    )

    @admin.display(description=_("next attempt"), ordering="due_at")
    def next_attempt(self, delivery: Delivery) -> str | None:
        """Return when the client is notified again, if it is."""
        return when(delivery.due_at) if delivery.state == Delivery.State.WAITING else None

    def found(self, rows: QuerySet[Delivery], term: str) -> QuerySet[Delivery]:
        """Return the deliveries to an app."""
        return search.any_of(rows, client__in=search.apps(term))
