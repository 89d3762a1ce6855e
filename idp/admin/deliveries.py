"""Deliveries: notifications of sign-outs, and email that is not sent yet."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from accounts.addresses import normalised_email
from foundation import mail
from foundation.models import Mail
from idp.admin import search
from idp.admin.facts import NOTHING, when
from idp.admin.page import AdminAction, Record
from idp.admin.times import columns_of
from idp.logout.backchannel import outbox
from idp.models import Delivery

_MADE, _DONE = columns_of(Delivery, "created_at", "done_at")
_WRITTEN, _EXPIRES, _SENT = columns_of(Mail, "created_at", "expires_at", "done_at")


@admin.register(Delivery)
class DeliveriesPage(Record):
    """Deliveries."""

    list_display = ("client", _MADE, "state", "attempts", "next_attempt", "last_problem")
    list_filter = ("state",)
    linked_by = ("client", "session")
    list_select_related = ("client",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of an app’s name, client ID or redirect URI."), apps=True
    )
    fields = (
        *("client", "session", "sub", "sid", _MADE, "state", "attempts"),
        *("next_attempt", _DONE, "last_problem"),
    )
    readonly_fields = ("next_attempt",)
    row_actions = (
        AdminAction(
            "again",
            _("Try again"),
            _("The app is notified again within seconds, and then as often as the first time."),
            lambda _request, delivery: outbox.retry(delivery),
            applies=lambda delivery: delivery.state != Delivery.State.DELIVERED,
        ),
    )

    @admin.display(description=_("next attempt"), ordering="due_at")
    def next_attempt(self, delivery: Delivery) -> str:
        """Return when the client is notified again, if it is."""
        return when(delivery.due_at) if delivery.state == Delivery.State.WAITING else NOTHING

    def found(self, rows: QuerySet[Delivery], term: str) -> QuerySet[Delivery]:
        """Return the deliveries to an app."""
        return search.any_of(rows, client__in=search.apps(term))


@admin.register(Mail)
class MailPage(Record):
    """Email that is on its way or was given up: to whom and which, never what it says."""

    list_display = (
        *("recipient", "template", _WRITTEN, "state", "attempts"),
        *("next_attempt", "last_problem"),
    )
    list_filter = ("state",)
    ordering = ("-pk",)
    search_help_text = _("An email address.")
    fields = (
        *("recipient", "template", _WRITTEN, _EXPIRES, "state", "attempts"),
        *("next_attempt", _SENT, "last_problem"),
    )
    readonly_fields = ("next_attempt",)
    row_actions = (
        AdminAction(
            "again",
            _("Try again"),
            _("The email is sent again within seconds, and then as often as the first time."),
            lambda _request, row: mail.outbox.retry(row),
        ),
        AdminAction(
            "discard",
            _("Discard"),
            _("The email is deleted, and is not sent any more."),
            lambda _request, row: _discard(row),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mail]:
        """Leave out those that are only pretended."""
        return super().get_queryset(request).exclude(recipient="")

    @admin.display(description=_("next attempt"), ordering="due_at")
    def next_attempt(self, row: Mail) -> str:
        """Return when it is sent again, if it is."""
        return when(row.due_at) if row.state == Mail.State.WAITING else NOTHING

    def found(self, rows: QuerySet[Mail], term: str) -> QuerySet[Mail]:
        """Return the email to an address."""
        return rows.filter(recipient=normalised_email(term))


def _discard(row: Mail) -> HttpResponse:
    Mail.objects.filter(pk=row.pk).delete()
    return redirect("admin:foundation_mail_changelist")
