"""Find a user in a directory, judge their password, and read what it says about them."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import ldap
from django.utils import timezone
from ldap.dn import escape_dn_chars
from ldap.filter import escape_filter_chars

from accounts.upstream.directory import connection
from accounts.upstream.directory.declared import LOGIN, Directory, directory_of
from accounts.upstream.identity import Identity
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError, UpstreamRefusedError

#: Characters of a name, bytes of a password, and characters of a value that are looked at.
_LONGEST_LOGIN, _LONGEST_PASSWORD, _LONGEST_VALUE = 254, 1024, 1000
#: Active Directory's rule for members of members: LDAP_MATCHING_RULE_IN_CHAIN.
_NESTED = ":1.2.840.113556.1.4.1941:"
#: Their values are 16 bytes of a UUID, the first three parts with the lowest byte first.
_GUIDS = frozenset({"objectguid"})

#: Counts an attempt at a DN before its password is judged; may raise.
Count = Callable[[str], object]


def identity(upstream: Upstream, login: str, password: str, count: Count) -> Identity | None:
    """Return the user of this name and password; None if there is none.

    `count` is called with the user whose password is about to be judged: many names may find one.
    Raises what it raises, UnreachableError if the directory can't say, UpstreamRefusedError if what
    it says of the user can't be used.
    """
    if not 0 < len(login) <= _LONGEST_LOGIN or not login.isprintable():
        return None
    if not 0 < len(password.encode()) <= _LONGEST_PASSWORD:
        return None
    directory = directory_of(upstream)
    with connection.reachable():
        found = _found(directory, login, password, count)
    if found is None:
        return None
    entry, groups = found
    return Identity(
        upstream=upstream,
        subject=_subject(directory, entry),
        claims={**_claims(directory, entry), "groups": groups},
        amr=("pwd",),
        authenticated_at=timezone.now(),
    )


def can_search(directory: Directory) -> None:
    """Connect and, if users are searched, search for an unknown one. Raises UnreachableError."""
    with connection.reachable(), connection.opened(directory) as connected:
        if not directory.user_dn:
            _bind_for_search(directory, connected)
            _search(connected, directory.base, ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"], 1)


class _Entry(dict[str, list[bytes]]):
    """An entry's attributes, by their names in lower case; and its DN."""

    def __init__(self, dn: str, attributes: Mapping[str, list[bytes]]) -> None:
        super().__init__({name.lower(): values for name, values in attributes.items()})
        self.dn = dn


def _found(
    directory: Directory, login: str, password: str, count: Count
) -> tuple[_Entry, list[str]] | None:
    """Return the entry and groups of the user with this name and password."""
    if directory.user_dn:
        return _by_dn(directory, login, password, count)
    with connection.opened(directory) as searching:
        _bind_for_search(directory, searching)
        entry = _entry_of(directory, searching, login)
        if entry is not None:
            count(entry.dn.casefold())
        # Judged for unknown users, too: the time does not say who is there (ASVS 6.3.8).
        dn = entry.dn if entry is not None else f"cn={uuid.uuid4()},{directory.base}"
        with connection.opened(directory) as judging:
            if not connection.is_bound(judging, dn, password) or entry is None:
                return None
        return entry, _groups(directory, searching, entry.dn)


def _by_dn(
    directory: Directory, login: str, password: str, count: Count
) -> tuple[_Entry, list[str]] | None:
    if not login.isascii() or " " in login:  # a directory reads many such names as one
        return None
    dn = directory.user_dn.replace(LOGIN, escape_dn_chars(login))
    count(dn.casefold())
    with connection.opened(directory) as connected:
        if not connection.is_bound(connected, dn, password):
            return None
        wanted = (directory.filter, _attributes(directory), 1)
        entries = _search(connected, dn, ldap.SCOPE_BASE, *wanted)
        return (entries[0], _groups(directory, connected, dn)) if entries else None


def _bind_for_search(directory: Directory, connected: Any) -> None:
    if directory.bind_dn and not connection.is_bound(
        connected, directory.bind_dn, directory.bind_password
    ):
        raise UnreachableError("The directory refused the account that searches.")


def _entry_of(directory: Directory, connected: Any, login: str) -> _Entry | None:
    """Return the one entry with this name; None if there is none, or several."""
    value = escape_filter_chars(login)
    names = "".join(f"({name}={value})" for name in directory.login_attributes)
    wanted = f"(&{directory.filter}(|{names}))"
    try:
        entries = _search(
            connected, directory.base, ldap.SCOPE_SUBTREE, wanted, _attributes(directory), 2
        )
    except ldap.SIZELIMIT_EXCEEDED:
        return None
    return entries[0] if len(entries) == 1 else None


def _groups(directory: Directory, connected: Any, dn: str) -> list[str]:
    """Return which of the declared groups have this member, sorted; never more than declared."""
    if not directory.groups:
        return []
    names = "".join(f"(cn={escape_filter_chars(name)})" for name in directory.groups)
    rule = _NESTED if directory.nested_groups else ""
    wanted = f"(&(|{names})(member{rule}={escape_filter_chars(dn)}))"
    most = len(directory.groups)
    try:
        entries = _search(
            connected, directory.groups_base, ldap.SCOPE_SUBTREE, wanted, ["cn"], most
        )
    except ldap.SIZELIMIT_EXCEEDED:
        raise UpstreamRefusedError("The directory has several groups of one name.") from None
    held = {_text(value).casefold() for entry in entries for value in entry.get("cn", [])}
    return sorted(name for name in directory.groups if name.casefold() in held)


def _search(
    connected: Any, base: str, scope: int, wanted: str, attributes: list[str], most: int
) -> list[_Entry]:
    results = connected.search_ext_s(
        base, scope, wanted, attributes, timeout=connection.ANSWERING, sizelimit=most
    )
    return [_Entry(dn, said) for dn, said in results if dn]  # referrals have no DN


def _attributes(directory: Directory) -> list[str]:
    return [directory.subject, *directory.claims.values()]


def _subject(directory: Directory, entry: _Entry) -> str:
    values = entry.get(directory.subject.lower(), [])
    if len(values) != 1:
        raise UpstreamRefusedError(f"The entry has not one {directory.subject}, its subject.")
    if directory.subject.lower() in _GUIDS and len(values[0]) == 16:
        return str(uuid.UUID(bytes_le=values[0]))
    subject = _text(values[0])
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        raise UpstreamRefusedError(f"The entry’s {directory.subject} can’t be a subject.")
    return subject


def _claims(directory: Directory, entry: _Entry) -> dict[str, Any]:
    """Return the first value of each attribute. The address is the directory's word: verified."""
    said = {
        claim: _text(values[0])
        for claim, name in directory.claims.items()
        if (values := entry.get(name.lower())) and len(values[0]) <= _LONGEST_VALUE
    }
    return {**said, "email_verified": True} if "email" in said else said


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
