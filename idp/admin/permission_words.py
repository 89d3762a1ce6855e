"""Permissions of staff in words: what staff may do, each a set of permissions of Django."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class PermissionSet:
    """What staff may do, and Django's permissions for it: `app.codename`."""

    name: str
    label: Text
    permissions: frozenset[str]


def _set(name: str, label: Text, *permissions: str) -> PermissionSet:
    """Return a set; `idp.view+change_client` are two permissions."""
    single: list[str] = []
    for written in permissions:
        app, _dot, codename = written.partition(".")
        verbs, _line, model = codename.rpartition("_")
        single += [f"{app}.{verb}_{model}" for verb in verbs.split("+")]
    return PermissionSet(name, label, frozenset(single))


_ALL = "view+add+change+delete"
#: Sets by subject. A set that includes another one comes after it.
SUBJECTS: tuple[tuple[Text, tuple[PermissionSet, ...]], ...] = (
    (
        _("People"),
        (
            _set("see-people", _("See people"), "accounts.view_user"),
            _set(
                "unlock",
                _("Unlock people, and send them password resets"),
                "accounts.view+unlock+send_reset_user",
            ),
            _set(
                "end-sessions", _("End all sessions of a person"), "accounts.view+end_sessions_user"
            ),
            _set(
                "remove-factors",
                _("Remove a lost second factor"),
                "accounts.view+remove_factors_user",
            ),
            _set(
                "edit-people",
                _("Edit people: add, invite, change and disable them, and all of the above"),
                f"accounts.{_ALL}+unlock+send_reset+end_sessions+remove_factors_user",
            ),
            _set("see-groups", _("See groups"), "auth.view_group"),
            _set("see-attributes", _("See attributes"), "idp.view_attribute"),
            _set("edit-attributes", _("Edit attributes"), f"idp.{_ALL}_attribute"),
        ),
    ),
    (
        _("Apps"),
        (
            _set("see-apps", _("See apps and roles"), "idp.view_client", "idp.view_role"),
            _set(
                "edit-apps",
                _("Edit apps, their secrets and roles"),
                f"idp.{_ALL}_client",
                f"idp.{_ALL}_role",
            ),
            _set(
                "see-tokens",
                _("See initial access tokens"),
                "idp.view_initialaccesstoken",
            ),
            _set(
                "edit-tokens",
                _("Make initial access tokens, with which apps register themselves"),
                f"idp.{_ALL}_initialaccesstoken",
            ),
        ),
    ),
    (
        _("Sessions"),
        (
            _set(
                "see-sessions",
                _("See sessions, consents and grants"),
                "accounts.view_session",
                "idp.view_consent",
                "idp.view_grant",
            ),
            _set(
                "edit-sessions",
                _("End any session, withdraw consents, revoke grants"),
                "accounts.view+change_session",
                "idp.view+change_consent",
                "idp.view+change_grant",
            ),
        ),
    ),
    (_("Events"), (_set("see-events", _("See and export events"), "idp.view_event"),)),
    (
        _("APIs and scopes"),
        (
            _set(
                "see-apis",
                _("See APIs and scopes"),
                "idp.view_resourceserver",
                "idp.view_scope",
                "idp.view_authorizationdetailstype",
            ),
            _set(
                "edit-apis",
                _("Edit APIs and scopes"),
                f"idp.{_ALL}_resourceserver",
                f"idp.{_ALL}_scope",
                f"idp.{_ALL}_authorizationdetailstype",
            ),
        ),
    ),
    (
        _("Deliveries"),
        (
            _set(
                "see-deliveries",
                _("See logout notifications and email that waits"),
                "idp.view_delivery",
                "foundation.view_mail",
            ),
            _set(
                "edit-deliveries",
                _("Send them again, and discard email"),
                "idp.view+change_delivery",
                "foundation.view+change_mail",
            ),
        ),
    ),
    (
        _("Keys"),
        (
            _set("see-keys", _("See keys"), "idp.view_signingkey"),
            _set("rotate-keys", _("Rotate keys"), "idp.view+change_signingkey"),
            _set(
                "see-issuers",
                _("See trusted issuers, and the users linked to them"),
                "idp.view_trustedissuer",
                "idp.view_issuerlink",
            ),
            _set(
                "edit-issuers",
                _("Edit trusted issuers, and link users to them"),
                f"idp.{_ALL}_trustedissuer",
                f"idp.{_ALL}_issuerlink",
            ),
        ),
    ),
    (
        _("Identity providers"),
        (
            _set("see-upstreams", _("See identity providers"), "accounts.view_upstream"),
            _set("edit-upstreams", _("Edit identity providers"), f"accounts.{_ALL}_upstream"),
        ),
    ),
    (
        _("Appearance"),
        (
            _set("see-appearance", _("See the appearance"), "foundation.view_brand"),
            _set("edit-appearance", _("Edit the appearance"), f"foundation.{_ALL}_brand"),
        ),
    ),
)
SETS = {one.name: one for _subject, sets in SUBJECTS for one in sets}


def choices() -> list[tuple[Text, list[tuple[str, Text]]]]:
    """Return the sets by subject, for a form's field."""
    return [(subject, [(one.name, one.label) for one in sets]) for subject, sets in SUBJECTS]


def fitting(permissions: Collection[str]) -> list[str]:
    """Return the names of the sets that are all in these permissions."""
    return [one.name for one in SETS.values() if one.permissions <= frozenset(permissions)]


def of(names: Iterable[str]) -> frozenset[str]:
    """Return the permissions of these sets."""
    return frozenset().union(*(SETS[name].permissions for name in names))


def others(permissions: Collection[str]) -> list[str]:
    """Return the permissions that no fitting set has."""
    return sorted(frozenset(permissions) - of(fitting(permissions)))


def other_words(permission: str) -> str:
    """Return a permission in words: `idp.change_client` is “change client”."""
    return permission.partition(".")[2].replace("_", " ")


def in_words(permissions: Collection[str]) -> list[tuple[Text, list[Text]]]:
    """Return what these permissions allow, by subject; those that fit no set come last."""
    found: list[tuple[Text, list[Text]]] = []
    for subject, sets in SUBJECTS:
        held = [one for one in sets if one.permissions <= frozenset(permissions)]
        # “Edit people” says that they are seen, too.
        widest = [one for one in held if not any(one.permissions < o.permissions for o in held)]
        if widest:
            found.append((subject, [one.label for one in widest]))
    if rest := others(permissions):
        found.append((_("Other"), [other_words(permission) for permission in rest]))
    return found
