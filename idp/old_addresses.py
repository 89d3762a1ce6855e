"""Addresses of a server before this one that are answered here. No Django here: settings read this.

An operator names presets, or single addresses: `toolkit`, `keycloak:NAME`, `oidc-provider`, or
`/path=endpoint`, with the endpoint's name in discovery (RFC 8414 §2).
"""

from collections.abc import Iterable, Iterator

DISCOVERY = "discovery"
#: What an old address can stand for: endpoints by their names in discovery …
ENDPOINTS = (
    *("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "revocation_endpoint"),
    *("introspection_endpoint", "device_authorization_endpoint", "jwks_uri"),
    *("backchannel_authentication_endpoint", "end_session_endpoint", "check_session_iframe"),
)
#: … and others, with their paths here.
OTHERS = {
    DISCOVERY: "/.well-known/openid-configuration",
    "device": "/device",
    "account": "/account/",
}

_TOOLKIT = {
    "authorize/": "authorization_endpoint",
    "token/": "token_endpoint",
    "revoke_token/": "revocation_endpoint",
    "introspect/": "introspection_endpoint",
    "userinfo/": "userinfo_endpoint",
    "logout/": "end_session_endpoint",
    "device-authorization/": "device_authorization_endpoint",
    "device/": "device",
    "authorized_tokens/": "account",
    ".well-known/openid-configuration": DISCOVERY,
    ".well-known/oauth-authorization-server": DISCOVERY,
    ".well-known/jwks.json": "jwks_uri",
}
_OIDC_PROVIDER = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "introspect": "introspection_endpoint",
    "end-session": "end_session_endpoint",
    "check-session-iframe": "check_session_iframe",
    ".well-known/openid-configuration": DISCOVERY,
    "jwks": "jwks_uri",
}
_KEYCLOAK = {
    ".well-known/openid-configuration": DISCOVERY,
    "account": "account",
    "device": "device",
    **{
        f"protocol/openid-connect/{path}": name
        for path, name in {
            "auth": "authorization_endpoint",
            "auth/device": "device_authorization_endpoint",
            "ext/ciba/auth": "backchannel_authentication_endpoint",
            "token": "token_endpoint",
            "token/introspect": "introspection_endpoint",
            "userinfo": "userinfo_endpoint",
            "revoke": "revocation_endpoint",
            "logout": "end_session_endpoint",
            "certs": "jwks_uri",
            "login-status-iframe.html": "check_session_iframe",
        }.items()
    },
}
#: Where each server is mounted that an operator names without a path.
_MOUNTED = {"toolkit": "/o", "oidc-provider": "/openid"}
#: Parts of Signet's own pages, below which nothing else is answered.
_OWN = frozenset({"account", "admin", "developers", "picture", "static"})
_EXAMPLE = "Write toolkit, keycloak:NAME, oidc-provider or /path=token_endpoint."


class UnusableOldAddressError(ValueError):
    """An entry is no old address; the message is a sentence."""


def parsed(entries: Iterable[str]) -> dict[str, str]:
    """Return what each old path stands for, with and without a slash at its end.

    Raises UnusableOldAddressError.
    """
    found: dict[str, str] = {}
    for entry in entries:
        for path, name in _of(entry):
            found[path.rstrip("/")] = found[f"{path.rstrip('/')}/"] = name
    return found


def below(issuer_path: str, paths: dict[str, str]) -> dict[str, str]:
    """Return our path by each old one, also as it is without the issuer's path.

    An issuer that has kept its old URL, such as https://example.com/o, has them below its path,
    which is taken off before (`idp.mounting`). A path of our own stands for itself.
    """
    short = {
        path.removeprefix(issuer_path): ours
        for path, ours in paths.items()
        if issuer_path and path.startswith(f"{issuer_path}/")
    }
    own = set(paths.values())
    return {path: ours for path, ours in {**paths, **short}.items() if path not in own}


def _of(entry: str) -> Iterator[tuple[str, str]]:
    """Return the paths of an entry and what each stands for."""
    if "=" in entry:
        path, name = entry.split("=", 1)
        if name not in {*ENDPOINTS, *OTHERS}:
            words = ", ".join((*ENDPOINTS, *OTHERS))
            raise UnusableOldAddressError(f"{name} is none of {words}.")
        yield _path(path), name
        return
    server, _, rest = entry.partition(":")
    if server == "keycloak":
        yield from _realm(rest)
    elif server in _MOUNTED:
        paths = _TOOLKIT if server == "toolkit" else _OIDC_PROVIDER
        mounted = _path(rest.rstrip("/") if rest else _MOUNTED[server], root=bool(rest))
        yield from ((f"{mounted}/{path}", name) for path, name in paths.items())
        for known in ("openid-configuration", "oauth-authorization-server"):
            if mounted:  # at the root of the host (RFC 8414 §3.1)
                yield f"/.well-known/{known}{mounted}", DISCOVERY
    else:
        raise UnusableOldAddressError(f"{entry} is no old address. {_EXAMPLE}")


def _realm(name: str) -> Iterator[tuple[str, str]]:
    """Return the paths of a realm of Keycloak; before version 17 they were below /auth."""
    if not name or "/" in name:
        raise UnusableOldAddressError(f"keycloak:{name} names no realm. {_EXAMPLE}")
    for root in ("/realms", "/auth/realms"):
        yield from ((f"{root}/{name}/{path}", meant) for path, meant in _KEYCLOAK.items())


def _path(path: str, *, root: bool = False) -> str:
    """Return an old path, or raise UnusableOldAddressError. `root` allows none at all."""
    if root and not path:
        return path
    if not path.startswith("/") or path.startswith("//") or not path.isprintable():
        raise UnusableOldAddressError(f"{path or 'An empty path'} does not begin with one slash.")
    if path.split("/")[1] in _OWN:
        raise UnusableOldAddressError(f"{path} is below pages of Signet.")
    return path
