"""The page of an app around its tabs: its head, links, what is wrong in a form."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import Form
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from idp import event_counts
from idp.admin.clients import app_preview, secret_pages, tabs
from idp.admin.clients.activity import activity_of
from idp.admin.clients.new_app import KINDS
from idp.admin.clients.summary import summary_of
from idp.admin.clients.tabs import ACTIVITY, OVERVIEW, Tab
from idp.admin.page import AdminAction, Link, Page, list_of, permitted
from idp.clients.display import initial_of, shown_logo
from idp.models import Client, Consent, Delivery, Event, Grant, Role
from idp.protocol.vocabulary import DEVICE_CODE


@dataclass(frozen=True)
class Problem:
    """Something wrong in a form: which field it is, where that is, and what is said."""

    label: str
    address: str
    texts: list[str]
    #: The other tab that has the field.
    tab: str | Promise = ""


@dataclass(frozen=True)
class Head:
    """The head of an app's page."""

    logo: str
    initial: str
    kind: str | Promise
    #: None for staff who may not see events.
    sign_ins_today: int | None
    #: The address of the owner's page, for staff who may see users.
    owner_address: str
    #: Where a test sign-in begins; empty where none is possible.
    test_sign_in: str
    actions: list[AdminAction]
    #: What can't be taken back, or stops the app.
    dangerous: list[AdminAction]
    delete_address: str


def app_page(
    page: Page, request: HttpRequest, client: Client | None, tab: Tab, context: dict[str, Any]
) -> dict[str, Any]:
    """Return the context of an app's page, or of the form of a new app."""
    form = context["adminform"].form
    may_save = client is None or page.has_change_permission(request, client)
    more: dict[str, Any] = {
        "problems": list(_problems(client, form)),
        "sent": " ".join(form.fields) if may_save else "",
    }
    if client is None:
        return more
    is_overview = tab is OVERVIEW
    return more | {
        "title": tab.title,
        "tab": tab,
        "tabs": [
            (each, tabs.address_of(client, each))
            for each in tabs.offered(client)
            if each is not ACTIVITY or request.user.has_perm("idp.view_event")
        ],
        "head": _head(page, request, client, context["row_actions"]),
        "links": permitted(request, _links(client, tab)),
        "summary": summary_of(client, request) if is_overview else None,
        "activity": activity_of(client, request) if tab is ACTIVITY else None,
        "preview_address": app_preview.address_of(client, tab),
    }


def kind_of(client: Client) -> str | Promise:
    """Return the kind of an app in words."""
    if not client.signs_users_in and "client_credentials" in client.grant_types:
        return KINDS["machine"].label
    if not client.signs_users_in and DEVICE_CODE in client.grant_types:
        return KINDS["device"].label
    if client.application_type == Client.ApplicationType.NATIVE:
        return KINDS["native"].label
    return KINDS["single-page" if client.is_public else "website"].label


def _head(page: Page, request: HttpRequest, client: Client, actions: list[AdminAction]) -> Head:
    may: Any = request.user.has_perm
    today = None
    if may("idp.view_event") and client.signs_users_in:
        today = event_counts.of_app_today(client.client_id, Event.Kind.SIGNED_IN, timezone.now())
    can_test = client.signs_users_in and may("idp.change_client")
    deletes = page.has_delete_permission(request, client)
    sees_owner = client.user_id is not None and may("accounts.view_user")
    return Head(
        logo=shown_logo(client),
        initial=initial_of(str(client)),
        kind=kind_of(client),
        sign_ins_today=today,
        owner_address=reverse("admin:accounts_user_change", args=[client.user_id])
        if sees_owner
        else "",
        test_sign_in=reverse("admin:idp_client_test_sign_in", args=[client.pk]) if can_test else "",
        actions=[action for action in actions if not action.needs_recent_authentication],
        dangerous=[action for action in actions if action.needs_recent_authentication],
        delete_address=reverse("admin:idp_client_delete", args=[client.pk]) if deletes else "",
    )


def _links(client: Client, tab: Tab) -> list[Link]:
    """Return the pages and lists about an app that belong to a tab."""
    secrets = (_("Secrets"), secret_pages.address_of(client), Client)
    links: dict[str, list[Link]] = {
        "sign-in": [secrets] if client.needs_secret else [],
        "access": [
            (_("Roles"), list_of(Role, client=client.pk), Role),
            (_("Consents"), list_of(Consent, client=client.pk), Consent),
            (_("What it receives"), reverse("admin:idp_client_preview", args=[client.pk]), User),
        ],
        "sign-out": [
            (_("Logout notifications"), list_of(Delivery, client=client.pk), Delivery),
        ],
        "activity": [
            (_("Events"), list_of(Event, client_id=client.client_id), Event),
            (
                _("Errors"),
                list_of(Event, client_id=client.client_id, kind__exact=Event.Kind.DENIED),
                Event,
            ),
            (_("Changes"), reverse("admin:idp_client_history", args=[client.pk]), Event),
            (_("Grants"), list_of(Grant, client=client.pk), Grant),
        ],
    }
    return links.get(tab.slug, [])


def _problems(client: Client | None, form: Form) -> Iterator[Problem]:
    """Yield what is wrong, the fields of this tab first."""
    for name, said in form.errors.items():
        if name != NON_FIELD_ERRORS:
            yield Problem(str(form.fields[name].label), f"#id_{name}", [str(it) for it in said])
    elsewhere: dict[str, str] = getattr(form, "elsewhere", {})
    for text in map(str, form.non_field_errors()):
        column = elsewhere.get(text)
        if column is None or client is None:
            yield Problem("", "", [text])
            continue
        label = tabs.label_of(column)
        tab = tabs.TAB_OF.get(column, OVERVIEW)
        words = text.removeprefix(f"{label}: ")
        yield Problem(label, tabs.address_of_field(client, column), [words], tab.title)
