"""What an operator declares of a directory, in `Upstream.settings`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext

from accounts.upstream.model import Upstream

LOGIN = "{login}"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST = 500
#: Groups that may be asked for: one filter names them all.
_MOST_GROUPS = 100
_TEXTS = (
    *("address", "user_dn", "bind_dn", "base", "filter", "subject", "groups_base"),
    "password_page",
)
_TEXTS_IN_LISTS = ("login_attributes", "groups")
_SWITCHES = ("start_tls", "nested_groups", "local_passwords")
#: Claims (OIDC Core §5.1) and the attributes that have them in both OpenLDAP and Active Directory.
_CLAIMS = {
    "email": "mail",
    "name": "displayName",
    "given_name": "givenName",
    "family_name": "sn",
}


@dataclass(frozen=True)
class Directory:
    """A directory: where it is, how users are found in it, and what is read of them."""

    #: `ldaps://` or `ldap://`, a host and perhaps a port.
    address: str
    #: Whether TLS begins on a connection without it (StartTLS, RFC 4511 §4.14).
    start_tls: bool
    #: The user's DN with `{login}` in it; empty if users are searched.
    user_dn: str
    #: Who searches, and their password; both empty for an anonymous search.
    bind_dn: str
    bind_password: str
    #: Where users are searched, by which attributes, and what else they have to be.
    base: str
    login_attributes: tuple[str, ...]
    filter: str
    #: The attribute that is unique and never given to another user.
    subject: str
    #: Attributes by the claims that they become.
    claims: Mapping[str, str]
    #: Where groups are, and the names (`cn`) of those that are asked for.
    groups_base: str
    groups: tuple[str, ...]
    #: Whether members of members count: Active Directory alone knows how.
    nested_groups: bool


def directory_of(upstream: Upstream) -> Directory:
    """Return what was declared; `problems` has found nothing wrong with it."""
    said = upstream.settings
    return Directory(
        address=said["address"],
        start_tls=said.get("start_tls", False),
        user_dn=said.get("user_dn", ""),
        bind_dn=said.get("bind_dn", ""),
        bind_password=upstream.secret,
        base=said.get("base", ""),
        login_attributes=tuple(said.get("login_attributes", ["mail"])),
        filter=said.get("filter", "(objectClass=person)"),
        subject=said.get("subject", "entryUUID"),
        claims={**_CLAIMS, **said.get("claims", {})},
        groups_base=said.get("groups_base", ""),
        groups=tuple(said.get("groups", ())),
        nested_groups=said.get("nested_groups", False),
    )


def problems(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """Yield `settings` and a sentence for each of them that can't be right."""
    said = upstream.settings
    wrong = list(_of_wrong_types(said)) if isinstance(said, dict) else [gettext("Enter settings.")]
    yield from (("settings", problem) for problem in wrong or _problems(said, upstream))


def _of_wrong_types(said: dict[str, Any]) -> Iterator[str]:
    known = {*_TEXTS, *_TEXTS_IN_LISTS, *_SWITCHES, "claims"}
    for name in sorted(set(said) - known):
        yield gettext("There is no setting %(name)s.") % {"name": name}
    rules = {
        **dict.fromkeys(_TEXTS, _is_text),
        **dict.fromkeys(_TEXTS_IN_LISTS, _are_texts),
        **dict.fromkeys(_SWITCHES, lambda value: isinstance(value, bool)),
        "claims": _are_claims,
    }
    for name, fits in rules.items():
        if name in said and not fits(said[name]):
            yield gettext("The setting %(name)s can’t be this.") % {"name": name}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _MOST_GROUPS and all(map(_is_text, value))


def _are_claims(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MOST_GROUPS
        and all(map(_is_text, (*value, *value.values())))
        and not {"sub", "email_verified", "groups"} & set(value)
    )


def _problems(said: dict[str, Any], upstream: Upstream) -> Iterator[str]:
    yield from _problems_with_address(said.get("address", ""), bool(said.get("start_tls")))
    if "user_dn" in said and LOGIN not in said["user_dn"]:
        yield gettext("user_dn needs %(login)s where the user’s name is put.") % {"login": LOGIN}
    if "user_dn" not in said and "base" not in said:
        yield gettext("Set base, below which users are searched, or user_dn.")
    if "user_dn" in said and "bind_dn" in said:
        yield gettext("Set bind_dn for a search, or user_dn, not both.")
    if "bind_dn" in said and not (upstream.secret_variable or upstream.sealed_secret):
        yield gettext("bind_dn needs a password: set secret_variable.")
    if ("groups" in said) != ("groups_base" in said):
        yield gettext("groups and groups_base belong together.")
    if not said.get("password_page", "https://").startswith("https://"):
        yield gettext("password_page has to begin with https://.")
    names = (*said.get("login_attributes", ()), *said.get("claims", {}).values())
    odd = [name for name in (*names, said.get("subject", "uid")) if not _is_attribute(name)]
    if odd:
        yield gettext("This is not the name of an attribute: %(name)s.") % {"name": odd[0]}


def _problems_with_address(address: str, start_tls: bool) -> Iterator[str]:  # noqa: FBT001  a fact, no mode
    parts = _split(address)
    if parts is None:
        yield gettext("Enter the directory’s address, such as ldaps://ldap.example.com.")
    elif parts.scheme == "ldaps" and start_tls:
        yield gettext("With ldaps:// there is TLS from the beginning: leave start_tls out.")
    elif parts.scheme == "ldap" and not start_tls and parts.hostname not in _LOOPBACK:
        yield gettext("Passwords need TLS: use ldaps://, or set start_tls.")


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address that has a scheme, a host and a port only."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    plain = f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
    is_one = parts.scheme in {"ldap", "ldaps"} and host and plain == address.lower()
    return parts if is_one and " " not in host and "," not in host else None


def _is_attribute(name: str) -> bool:
    """Whether a filter or request may name it. RFC 4512 §2.5, without numbers and options."""
    return name.isascii() and name[:1].isalpha() and name.replace("-", "").isalnum()
