"""Addresses of issuers and their endpoints: https, or http on this machine."""

from urllib.parse import SplitResult, urlsplit

from signet_client.problems import Problem, printable

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def issuer_address(text: str) -> str:
    """Return the address of an issuer as the user wrote it, with its scheme.

    Raises Problem for what can't be one: another scheme, a query, a fragment or a user name.
    OIDC Discovery §2.
    """
    text = text.strip()
    if "://" not in text:
        scheme = "http" if is_this_machine(_split(f"https://{text}")) else "https"
        text = f"{scheme}://{text}"
    parts = secure(text, "issuer")
    if "?" in text or "#" in text or "@" in parts.netloc:
        raise Problem(f"{printable(text)} is no issuer: it has a query, a fragment or a user name.")
    return text


def secure(address: object, what: str) -> SplitResult:
    """Return the parts of an address that secrets may go to. RFC 9700 §2.6, RFC 8252 §7.3.

    `what` names it in the Problem that is raised for any other.
    """
    if not isinstance(address, str):
        raise Problem(f"The address of the {what} is missing in the issuer’s metadata.")
    parts = _split(address)
    if parts.hostname and parts.scheme == "https":
        return parts
    if parts.scheme == "http" and is_this_machine(parts):
        return parts
    raise Problem(f"The address of the {what} has to start with https://: {printable(address)}")


def is_this_machine(parts: SplitResult) -> bool:
    """Whether the host is this machine, to which no TLS is needed."""
    return parts.hostname in _THIS_MACHINE


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise Problem(f"{printable(address)} is no address.") from None
    if not address.isprintable() or " " in address or "\\" in address:
        raise Problem(f"{printable(address)} is no address.")
    return parts
