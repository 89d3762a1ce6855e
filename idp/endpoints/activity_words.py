"""A user's activity in sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.devices import known_words_for, words_for
from accounts.places import place_of
from accounts.sessions import Ending
from foundation.plain_text import isolated
from idp import policy
from idp.activity.entries import Entry, Kind
from idp.clients.display import host_of, name_of
from idp.endpoints.consent import phrases
from idp.models import Client, Event, Scope
from idp.sharing import Shared


@dataclass(frozen=True)
class Line:
    """An entry as users read it."""

    entry: Entry
    icon: str
    sentence: str
    #: Device, place and the like.
    facts: Sequence[str]
    #: The reference of the event, where “This wasn't me” makes sense.
    not_me: str = ""


#: Sentences without an app, with their icons.
_PLAIN: dict[str, tuple[str, str | Promise]] = {
    Kind.SIGNED_UP: ("person", gettext_lazy("You created your account")),
    Kind.EMAIL_VERIFIED: ("mail", gettext_lazy("Your email address was verified")),
    Kind.PASSWORD_CHANGED: ("lock", gettext_lazy("Your password was changed")),
    Kind.EMAIL_CHANGED: ("mail", gettext_lazy("Your email address was changed")),
    Kind.EMAIL_RESTORED: ("mail", gettext_lazy("Your old email address was put back")),
    "profile-changed": ("person", gettext_lazy("Your profile was changed")),
    "factor-renamed": ("pencil", gettext_lazy("A sign-in method was renamed")),
    "browser-trusted": ("device", gettext_lazy("A device was trusted with signing in by one step")),
    "trust-ended": ("device", gettext_lazy("A device is asked for the second step again")),
    "account-connected": ("apps", gettext_lazy("An account elsewhere was connected")),
    "account-disconnected": ("apps", gettext_lazy("An account elsewhere was disconnected")),
    Kind.NOT_ME: ("warning", gettext_lazy("You reported that it was not you")),
    Kind.DELETION_ASKED: ("trash", gettext_lazy("The deletion of your account was asked for")),
    Kind.DELETION_UNDONE: ("check", gettext_lazy("Your account was kept")),
    Kind.TERMS_ACCEPTED: ("file", gettext_lazy("You accepted the terms of service")),
    Kind.DEVICE_CODE_WRONG: ("warning", gettext_lazy("A wrong code of a device was entered")),
    Kind.EXPORTED: ("download", gettext_lazy("Your data was exported")),
    Kind.CREATED: ("person", gettext_lazy("An administrator created your account")),
    Kind.CHANGED: ("pencil", gettext_lazy("An administrator changed your account")),
    Kind.ADMIN_ACTION: ("pencil", gettext_lazy("An administrator changed your account")),
}
#: Sentences about an app.
_OF_APP: dict[str, tuple[str, str | Promise]] = {
    Kind.CONSENTED: ("apps", gettext_lazy("You allowed %(app)s to see your data")),
    Kind.WITHDRAWN: ("apps", gettext_lazy("You removed %(app)s from your connected apps")),
    Kind.SESSION_ENDED: ("leave", gettext_lazy("You signed out of %(app)s")),
    Kind.SIGN_IN_ASKED: ("apps", gettext_lazy("%(app)s asked you to sign in")),
    Kind.SIGN_IN_APPROVED: ("key", gettext_lazy("You let %(app)s sign you in")),
    Kind.SIGN_IN_DENIED: ("apps", gettext_lazy("You did not let %(app)s sign you in")),
    Kind.DEVICE_APPROVED: ("device", gettext_lazy("You let a device sign in to %(app)s")),
    Kind.DEVICE_DENIED: (
        "device",
        gettext_lazy("You refused a device that asked to sign in to %(app)s"),
    ),
}
_ADDED: dict[str, str | Promise] = {
    "totp": gettext_lazy("An authenticator app was added"),
    "webauthn": gettext_lazy("A passkey was added"),
    "recovery_codes": gettext_lazy("New recovery codes were made"),
}
_REMOVED: dict[str, str | Promise] = {
    "totp": gettext_lazy("An authenticator app was removed"),
    "webauthn": gettext_lazy("A passkey was removed"),
    "recovery_codes": gettext_lazy("Recovery codes were removed"),
}
_ENDED: dict[str, str | Promise] = {
    Ending.SIGNED_OUT: gettext_lazy("You signed out"),
    Ending.SIGNED_OUT_ELSEWHERE: gettext_lazy("A device was signed out by you"),
    Ending.SIGNED_OUT_UPSTREAM: gettext_lazy("You signed out at an identity provider"),
    Ending.OPERATOR: gettext_lazy("A device was signed out by an administrator"),
    Ending.EXPIRED: gettext_lazy("A sign-in expired"),
}
#: Whose sentences say that an administrator did it.
_OPERATORS = frozenset({Kind.CREATED, Kind.CHANGED, Kind.ADMIN_ACTION})
_SUSPICIOUS = frozenset(
    {
        *(Kind.SIGNED_IN, Kind.PASSWORD_CHANGED, Kind.EMAIL_CHANGED, Kind.FACTOR_ADDED),
        *(Kind.FACTOR_REMOVED, Kind.CONSENTED, Kind.EXPORTED, Kind.DELETION_ASKED),
        *("browser-trusted", "profile-changed", "account-connected", "account-disconnected"),
        *(Kind.DEVICE_APPROVED, Kind.DEVICE_CODE_WRONG, Kind.SIGN_IN_APPROVED),
    }
)


class Words:
    """Sentences about some entries, with the names of their apps read at once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        ids = {_client_id(entry) for entry in entries} | {_from(entry) for entry in entries}
        ids -= {""}
        self._names = {
            client.client_id: name_of(client) for client in Client.objects.filter(client_id__in=ids)
        }
        self._own = _own_scopes(entries)

    def line(self, entry: Entry) -> Line:
        """Return an entry as users read it."""
        if entry.shared is not None:
            return self._shared(entry, entry.shared)
        if entry.event is None:
            raise ValueError("An entry has an event, or what was shared.")
        event = entry.event
        icon, sentence = self._sentence(event, entry.times)
        suspicious = event.kind in _SUSPICIOUS and not event.is_by_operator
        return Line(entry, icon, sentence, _facts(event), event.reference if suspicious else "")

    def app(self, client_id: str) -> str:
        """Return the name of an app, for a sentence."""
        return isolated(self._names.get(client_id, client_id))

    def _sentence(self, event: Event, times: int) -> tuple[str, str]:
        app = {"app": self.app(event.client_id)} if event.client_id else None
        match event.kind:
            case Kind.SIGNED_IN:
                return "key", _("You signed in to %(app)s") % app if app else _("You signed in")
            case Kind.SIGN_IN_FAILED:
                return "warning", _failed(times)
            case Kind.FACTOR_ADDED:
                return "shield", _of_factor(_ADDED, event)
            case Kind.FACTOR_REMOVED:
                return "shield", _of_factor(_REMOVED, event)
            case kind if app and kind in _OF_APP:
                icon, words = _OF_APP[kind]
                return icon, str(words) % app
            case Kind.EXCHANGED if app:
                return "apps", self._exchanged(event, app)
            case Kind.SESSION_ENDED:
                return "leave", str(_ENDED.get(event.details.get("ending", ""), ""))
            case _:
                icon, sentence = _PLAIN.get(event.kind, ("clock", event.get_kind_display()))
                return icon, str(sentence)

    def _exchanged(self, event: Event, app: dict[str, str]) -> str:
        """Return which app got access by an exchange, where, and from which app."""
        details = event.details
        if audience := details.get("audience") or details.get("resource"):
            named = {**app, "api": isolated(host_of(audience) or audience)}
            return _("%(app)s got access in your name at %(api)s") % named
        by = {**app, "other": self.app(details.get("of_client", ""))}
        return _("You were signed in to %(app)s, as in %(other)s on the same device") % by

    def _shared(self, entry: Entry, shared: Shared) -> Line:
        scopes = set(shared.scope.split())
        seen = phrases(scopes, shared.claims)
        seen += [words for name, words in self._own.items() if name in scopes]
        sentence = _("Shared with %(app)s") % {"app": self.app(shared.client_id)}
        return Line(entry, "apps", sentence, seen or [_("Only that it is you")])


def _client_id(entry: Entry) -> str:
    if entry.shared is not None:
        return entry.shared.client_id
    return entry.event.client_id if entry.event is not None else ""


def _from(entry: Entry) -> str:
    """Return the client_id of the app whose token another one exchanged."""
    return str(entry.event.details.get("of_client", "")) if entry.event is not None else ""


def _own_scopes(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the operator's own scopes among these, in the operator's words."""
    asked = {name for entry in entries if entry.shared for name in entry.shared.scope.split()}
    names = asked - {*policy.SCOPES, "openid"}
    return {scope.name: str(scope) for scope in Scope.objects.filter(name__in=names)}


def _failed(times: int) -> str:
    words = ngettext(
        "%(times)d failed attempt to sign in", "%(times)d failed attempts to sign in", times
    )
    return words % {"times": times}


def _of_factor(words: dict[str, str | Promise], event: Event) -> str:
    return str(words.get(event.details.get("factor", ""), event.get_kind_display()))


def _facts(event: Event) -> list[str]:
    """Return how, with which device and where: what is known of these, unless an operator's."""
    name = str(event.details.get("name", ""))
    if event.is_by_operator:
        by = "" if event.kind in _OPERATORS else _("by an administrator")
        return [fact for fact in (name, by) if fact]
    # Of a device: where its code was asked for, which need not be where the user was.
    ip_address = event.details.get("asked_from") or event.ip_address
    facts = [
        name,
        str(event.details.get("binding_message", "")),
        method_words(event.details.get("methods") or ()) if event.kind == Kind.SIGNED_IN else "",
        _device_words(event),
        place_of(ip_address),
        ip_address or "",
        *(_consented(event) if event.kind == Kind.CONSENTED else ()),
    ]
    return [fact for fact in facts if fact]


def _device_words(event: Event) -> str:
    """Return the browser, or the program on a device if its name is one that is known."""
    user_agent = event.details.get("user_agent", "")
    if event.details.get("asked_from"):
        return known_words_for(user_agent)
    return words_for(user_agent) if user_agent else ""


def _consented(event: Event) -> list[str]:
    return phrases(event.details.get("scope", "").split(), event.details.get("claims", ()))


def method_words(amr: Sequence[Any]) -> str:
    """Return how a user signed in, by the `amr` values of the event. RFC 8176 §2."""
    if "pop" in amr:
        return _("with a password and a passkey") if "pwd" in amr else _("with a passkey")
    if "pwd" in amr:
        return _("with a password and a code") if "otp" in amr else _("with a password")
    return _("with a mailed code") if "otp" in amr else ""
