"""Connections to a directory: encrypted, bounded in time, and to no other host."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ldap

from accounts.upstream.directory.declared import Directory
from accounts.upstream.refusals import UnreachableError

#: Seconds to connect, and to wait for each answer.
CONNECTING, ANSWERING = 3, 5
#: What a server says of a bind whose name or password is wrong. RFC 4511 appendix A.
_WRONG = (
    ldap.INVALID_CREDENTIALS,
    ldap.INAPPROPRIATE_AUTH,
    ldap.NO_SUCH_OBJECT,
    ldap.INVALID_DN_SYNTAX,
    ldap.CONSTRAINT_VIOLATION,
)


@contextmanager
def reachable() -> Iterator[None]:
    """Raise UnreachableError for whatever goes wrong between us and the directory."""
    try:
        yield
    except ldap.LDAPError as error:
        raise UnreachableError(f"The directory failed: {_words(error)}") from error


@contextmanager
def opened(directory: Directory) -> Iterator[Any]:
    """Open a connection, with TLS unless it stays on this machine. Raises ldap.LDAPError."""
    connection = ldap.initialize(directory.address, bytes_mode=False)
    connection.protocol_version = ldap.VERSION3
    connection.timeout = ANSWERING
    connection.set_option(ldap.OPT_REFERRALS, 0)  # another server could ask for the password
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, CONNECTING)
    connection.set_option(ldap.OPT_TIMEOUT, ANSWERING)
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    connection.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, ldap.OPT_X_TLS_PROTOCOL_TLS1_2)
    if authorities := _authorities():
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, authorities)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # takes these options over, so it is the last
    try:
        if directory.start_tls:
            connection.start_tls_s()
        yield connection
    finally:
        connection.unbind_ext()


def is_bound(connection: Any, dn: str, password: str) -> bool:
    """Bind; return whether this is the password of a DN. Raises ldap.LDAPError.

    An empty password is wrong: a bind with a name and none is anonymous, and succeeds
    (RFC 4513 §5.1.2). An empty name is wrong, too.
    """
    if not dn or not password:
        return False
    try:
        connection.simple_bind_s(dn, password)
    except _WRONG:
        return False
    return True


def _authorities() -> str:
    """Return the file of the authorities whose certificates count, as libldap knows it."""
    paths = ssl.get_default_verify_paths()
    return os.environ.get("LDAPTLS_CACERT") or paths.cafile or paths.openssl_cafile


def _words(error: Exception) -> str:
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    words = (str(said.get(name, "")).strip() for name in ("desc", "info"))
    return ", ".join(word for word in words if word) or type(error).__name__
