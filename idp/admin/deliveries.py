"""Deliveries: which apps were told that a session ended, which were not, and why."""

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from idp.admin.page import Act, Record
from idp.logout.backchannel import try_again
from idp.models import Delivery


@admin.register(Delivery)
class DeliveriesPage(Record):
    """Deliveries."""

    list_display = ("client", "created_at", "state", "tries", "due_at", "last_problem")
    list_filter = ("state", "created_at")
    list_select_related = ("client",)
    ordering = ("-pk",)
    search_help_text = _("A client ID.")
    fields = (
        *("client", "session", "sub", "sid", "created_at", "state", "tries"),
        *("due_at", "done_at", "last_problem"),
    )
    acts = (
        Act(
            "again",
            _("Try again"),
            _("The app is told once more, within seconds, and then as often as the first time."),
            lambda _http, delivery: try_again(delivery),
            applies=lambda delivery: delivery.state != Delivery.State.DELIVERED,
        ),
    )

    def found(self, rows: QuerySet[Delivery], term: str) -> QuerySet[Delivery]:
        """Return the deliveries to an app."""
        return rows.filter(client__client_id=term)
