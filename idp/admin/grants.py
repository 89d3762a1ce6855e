"""Consents and grants: list them, and withdraw or revoke them."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from idp.admin import search
from idp.admin.page import AdminAction, Record, list_of
from idp.admin.times import columns_of
from idp.authorization.consent import withdraw
from idp.endpoints.consent import details_in_words
from idp.models import AccessToken, AuthorizationDetailsType, Consent, Grant
from idp.possession.presenter import JKT
from idp.protocol.authorization_details import Detail, types_of
from idp.tokens.revocation import revoke_grants

_CONSENTED = columns_of(Consent, "created_at", "updated_at", "expires_at")
_GRANTED = columns_of(Grant, "created_at", "revoked_at")
(_SIGNED_IN,) = columns_of(Grant, "auth_time")


def _of_user_or_client(rows: QuerySet[Any], term: str) -> QuerySet[Any]:
    return search.any_of(rows, user__in=search.users(term), client__in=search.apps(term))


_SEARCH = search.helped(
    _("Part of a user’s name or email address, or of an app’s name, client ID or redirect URI."),
    users=True,
    apps=True,
)


@admin.register(Consent)
class ConsentsPage(Record):
    """Consents."""

    list_display = ("user", "client", "shown_scopes", *_CONSENTED)
    list_filter = ("created_at",)
    linked_by = ("user", "client")
    list_select_related = ("user", "client")
    ordering = ("-pk",)
    search_help_text = _SEARCH
    fields: ClassVar[Any] = (
        *list_display[:3],
        *("claims", "resources", "shown_details"),
        *list_display[3:],
    )
    readonly_fields = ("shown_scopes", "shown_details")
    row_actions = (
        AdminAction(
            "withdraw",
            _("Withdraw"),
            _("What the app got for this user ends at once; next time it has to ask again."),
            lambda _request, consent: withdraw(consent, timezone.now()),
        ),
    )

    def found(self, rows: QuerySet[Consent], term: str) -> QuerySet[Consent]:
        """Return consents by user or app."""
        return _of_user_or_client(rows, term)

    def address_of(self, row: Consent) -> str:
        """Return the page of the consent, or the list where it has been withdrawn."""
        return super().address_of(row) if row.pk else list_of(Consent)

    @admin.display(description=_("scopes"))
    def shown_scopes(self, consent: Consent) -> str:
        """Return the scopes of the consent."""
        return " ".join(consent.scopes)

    @admin.display(description=_("authorization details"))
    def shown_details(self, consent: Consent) -> str:
        """Return the authorization details of the consent, in words."""
        return _in_words(map(json.loads, consent.authorization_details or ()))


@admin.register(Grant)
class AuthorizationsPage(Record):
    """Grants."""

    list_display = ("user", "client", "scope", "offline", *_GRANTED)
    list_filter = ("offline",)
    linked_by = ("user", "client", "session")
    list_select_related = ("user", "client")
    ordering = ("-pk",)
    search_help_text = _SEARCH
    fields = (
        *("user", "client", "session", "scope", "claims", "resource", "shown_details"),
        *("offline", _SIGNED_IN, "acr", "amr", "asserted_by", "bound_to", *_GRANTED),
    )
    readonly_fields = ("shown_details", "bound_to")
    row_actions = (
        AdminAction(
            "revoke",
            _("Revoke"),
            _("Every token that came of this ends at once."),
            lambda _request, grant: _revoke(grant, timezone.now()),
            applies=lambda grant: grant.revoked_at is None,
        ),
    )

    def found(self, rows: QuerySet[Grant], term: str) -> QuerySet[Grant]:
        """Return grants by user or app."""
        return _of_user_or_client(rows, term)

    @admin.display(description=_("newest token"))
    def bound_to(self, grant: Grant) -> str:
        """Return whether its newest access token is of use to its client alone; empty for none."""
        tokens = AccessToken.objects.filter(grant=grant).order_by("-pk")
        newest = tokens.values_list("cnf", flat=True)[:1]
        return "".join(_words_of(confirmation) for confirmation in newest)

    @admin.display(description=_("authorization details"))
    def shown_details(self, grant: Grant) -> str:
        """Return the authorization details of the grant, in words."""
        return _in_words(grant.authorization_details or ())


def _in_words(details: Iterable[Detail]) -> str:
    """Return a line for each detail; no statement for none."""
    found = list(details)
    types = AuthorizationDetailsType.objects.in_bulk(types_of(found), field_name="type")
    lines = (f"{sentence} ({kind})" for sentence, kind in details_in_words(found, types))
    return format_html_join(mark_safe("<br>"), "<bdi>{}</bdi>", ((line,) for line in lines)) or "-"


def _words_of(confirmation: dict[str, str] | None) -> str:
    if not confirmation:
        return gettext("bound to no key: whoever has it can use it")
    return gettext("bound to a key (DPoP)") if JKT in confirmation else gettext("bound to a key")


def _revoke(grant: Grant, now: datetime) -> None:
    revoke_grants([grant.pk], now)
