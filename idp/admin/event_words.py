"""Events in lists: what happened in one line, and links to its people, app and session."""

from collections.abc import Iterator
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.devices import words_for
from accounts.models import Session
from accounts.sessions import Ending
from idp.admin.page import list_of
from idp.endpoints.activity_words import method_words
from idp.models import Client, Event

_LONGEST = 240
_ENDINGS: dict[str, str | Promise] = {
    Ending.SIGNED_OUT: gettext_lazy("signed out"),
    Ending.SIGNED_OUT_ELSEWHERE: gettext_lazy("signed out from another device"),
    Ending.SIGNED_OUT_UPSTREAM: gettext_lazy("signed out at the identity provider"),
    Ending.NOT_ME: gettext_lazy("the user reported that it was not them"),
    Ending.OPERATOR: gettext_lazy("ended by an operator"),
    Ending.KEY_REPLACED: gettext_lazy("a key was replaced"),
    Ending.ACCOUNT_DISABLED: gettext_lazy("the account was disabled"),
    Ending.NEW_PASSWORD_REQUIRED: gettext_lazy("a new password was required"),
    Ending.ANOTHER_USER: gettext_lazy("another user signed in there"),
    Ending.PASSWORD_CHANGED: gettext_lazy("the password was changed"),
    Ending.PASSWORD_RESET: gettext_lazy("the password was reset"),
    Ending.FACTOR_REMOVED: gettext_lazy("the second factor was removed"),
    Ending.DELETION_ASKED: gettext_lazy("deletion was asked for"),
    Ending.ACCOUNT_DELETED: gettext_lazy("the account was deleted"),
    Ending.EMAIL_CHANGED: gettext_lazy("the email address was changed"),
    Ending.EMAIL_RESTORED: gettext_lazy("the old email address was put back"),
    Ending.EXPIRED: gettext_lazy("expired"),
}


def with_links(rows: "QuerySet[Event]") -> "QuerySet[Event]":
    """Return events with the key of their app, and the browser of their session, if these exist."""
    client = Client.objects.filter(client_id=OuterRef("client_id")).values("pk")[:1]
    session = Session.objects.filter(pk=OuterRef("session")).values("user_agent")[:1]
    return rows.annotate(client_key=Subquery(client), session_browser=Subquery(session))


def summary(event: Event) -> str:
    """Return what is to be known besides the kind, in one line."""
    names = event.details.get("changes", ()) if event.kind != Event.Kind.CREATED else ()
    words = event.reason or method_words(event.details.get("methods", ())) or ", ".join(names)
    typed = event.details.get("typed_reason", "")
    shown = ": ".join(filter(None, [event.error, event.target, words, typed]))
    return Truncator(shown).chars(_LONGEST)


def what(event: Event) -> str:
    """Return what happened, for a list of events about one user."""
    kind = str(event.get_kind_display())
    match event.kind:
        case Event.Kind.ADMIN_ACTION:
            parts = [event.reason or kind, event.details.get("typed_reason", "")]
        case Event.Kind.SESSION_ENDED:
            parts = [kind, ending_words(event.details.get("ending", ""))]
        case Event.Kind.SIGNED_IN:
            parts = [f"{kind} {method_words(event.details.get('methods', ()))}"]
        case Event.Kind.CREATED:
            parts = [kind]
        case _:
            names = ", ".join(event.details.get("changes", ()))
            parts = [kind, event.details.get("name", "") or names or event.reason]
    return Truncator(": ".join(filter(None, parts))).chars(_LONGEST)


def ending_words(ending: str) -> str:
    """Return why a session ended, in words; empty if it has not."""
    return str(_ENDINGS.get(ending, ending))


def about(event: Event) -> Iterator[SafeString]:
    """Yield who did it beside the user concerned, the app, and the session, each with its link."""
    yield from people(event)
    yield from app(event)
    yield from session(event)
    if event.session:
        address = list_of(Event, session=event.session)
        is_linked = getattr(event, "session_browser", None) is not None
        words = _("its events") if is_linked else _("events of its session")
        yield format_html('<a href="{}">{}</a>', address, words)


def people(event: Event) -> Iterator[SafeString]:
    """Yield who did it, and beside them the user concerned, if that is another one."""
    subject = link("accounts_user", event.user) if event.user else None
    if event.actor is None or event.actor == event.user:
        yield from filter(None, [subject])
        return
    actor = link("accounts_user", event.actor)
    yield format_html("{} → {}", actor, subject) if subject else actor


def app(event: Event) -> Iterator[SafeString]:
    """Yield the app, with a link if it exists: a request may name one that does not."""
    key: int | None = getattr(event, "client_key", None)
    if key is not None:
        address = reverse("admin:idp_client_change", args=[key])
        yield format_html('<a href="{}"><bdi>{}</bdi></a>', address, event.client_id)
    elif event.client_id:
        yield format_html("<bdi>{}</bdi>", event.client_id)


def session(event: Event) -> Iterator[SafeString]:
    """Yield a link to the session, while there is a record of it."""
    browser: str | None = getattr(event, "session_browser", None)
    if event.session and browser is not None:
        address = reverse("admin:accounts_session_change", args=[event.session])
        words = _("Session: %(browser)s") % {"browser": words_for(browser)}
        yield format_html('<a href="{}">{}</a>', address, words)


def link(model: str, row: Any) -> SafeString:
    """Return a link to a row's page."""
    address = reverse(f"admin:{model}_change", args=[row.pk])
    return format_html('<a href="{}"><bdi>{}</bdi></a>', address, row)
