"""`signet login`: sign in at an issuer with a browser, and keep what is needed for tokens."""

import os
import sys
import time
from argparse import Namespace
from dataclasses import replace
from typing import Any

from signet_client import authorization_code, device, keyrings, logins, registration, revocation
from signet_client.authorization_code import Wish
from signet_client.choosing import named_issuer
from signet_client.issuers import Issuer, discover
from signet_client.logins import FILE, KEYRING, WHOLE, Login
from signet_client.problems import Problem, RefusedError, printable
from signet_client.tokens import Tokens

#: The client that operators add for this program (docs/command-line.md).
CLIENT_ID = "signet-cli"


def tell(text: str) -> None:
    """Say something to the user: on standard error, since standard output is for tokens."""
    print(text, file=sys.stderr, flush=True)


def run(options: Namespace) -> int:
    """Sign in, store the login, and make its issuer the default."""
    storage = options.storage or _storage()
    issuer = discover(named_issuer(options.issuer))
    logins.prepare(issuer.identifier, storage)
    earlier = logins.find(issuer.identifier)
    client_id, registered = _client(issuer, options, earlier)
    wish = Wish(client_id, _scope(options), options.resource)
    tokens, claims = _signed_in(issuer, wish, options)
    login = Login(
        *(issuer.identifier, client_id, wish.scope, list(wish.resources), claims),
        refresh_token=tokens.refresh_token,
        id_token=tokens.id_token,
        access_tokens={WHOLE: tokens.access_token},
        storage=storage,
        registration=registered,
    )
    with logins.lock(issuer.identifier):
        replaced = logins.find(issuer.identifier)  # as scripts may have refreshed it meanwhile
        logins.save(login)
    logins.make_default(issuer.identifier)
    if replaced is not None:
        kept = replaced.registration == registered
        revocation.revoke_quietly(
            issuer, replace(replaced, registration=None) if kept else replaced
        )
    _report(login, tokens, options)
    return 0


def _storage() -> str:
    """Return where secrets go if the user does not say: a file only where there is no keyring."""
    return KEYRING if keyrings.is_there() else FILE


def _scope(options: Namespace) -> str:
    scopes = options.scope.split()
    if options.offline and "offline_access" not in scopes:
        scopes.append("offline_access")
    return " ".join(scopes)


def _client(
    issuer: Issuer, options: Namespace, earlier: Login | None
) -> tuple[str, dict[str, str] | None]:
    """Return the ID of the client to sign in with, and its registration if it registered itself."""
    if options.client_id:
        return options.client_id, None
    if options.register:
        return registration.register(issuer, _scope(options))
    if earlier is not None:
        return earlier.client_id, earlier.registration
    if not options.device and not authorization_code.is_known(issuer, CLIENT_ID):
        raise _unknown_app(issuer)
    return CLIENT_ID, None


def _unknown_app(issuer: Issuer) -> Problem:
    return Problem(
        f"{issuer.identifier} does not know the app {CLIENT_ID}, or lets it not do this. Its "
        "operator can add the app “signet command line”; or name another app with --client-id."
    )


def _signed_in(issuer: Issuer, wish: Wish, options: Namespace) -> tuple[Tokens, dict[str, Any]]:
    """Let the user sign in here or on another device; return tokens and claims."""
    if _uses_device(issuer, options):
        try:
            return device.sign_in(issuer, wish, tell)
        except RefusedError as refusal:
            is_ours = wish.client_id == CLIENT_ID
            if is_ours and refusal.error in {"invalid_client", "unauthorized_client"}:
                raise _unknown_app(issuer) from refusal
            raise
    opens = not options.no_browser and is_browser_here()
    if not opens and _is_remote():
        tell("If your browser is on another machine, forward the port of the redirect_uri below.")
    return authorization_code.sign_in(issuer, wish, tell, open_browser=opens)


def _uses_device(issuer: Issuer, options: Namespace) -> bool:
    if options.device:
        return True
    is_offered = issuer.offers("device_authorization_endpoint")
    return not options.no_browser and not is_browser_here() and is_offered


def is_browser_here() -> bool:
    """Whether a browser can open on the screen that the user sees."""
    if os.environ.get("BROWSER"):
        return True
    if _is_remote():
        return False
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _is_remote() -> bool:
    return bool(os.environ.get("SSH_CONNECTION"))


def name_of(claims: dict[str, Any]) -> str:
    """Return a user's name and email address, as far as they are known."""
    name, email = printable(claims.get("name", "")), printable(claims.get("email", ""))
    if name and email:
        return f"{name} ({email})"
    return name or email or printable(claims.get("sub", "an unnamed user"))


def _report(login: Login, tokens: Tokens, options: Namespace) -> None:
    who = f" as {name_of(login.claims)}" if login.claims else ""
    tell(f"You are signed in at {login.issuer}{who}.")
    if login.storage == KEYRING:
        tell("The system’s keyring has the key to your tokens.")
    elif options.storage == FILE:
        tell(f"Your tokens are in a file in {logins.folder()}, which only you can read.")
    else:
        tell(
            f"There is no keyring here: {keyrings.why_not()} Your tokens are in a file in "
            f"{logins.folder()}, which only you can read."
        )
    if tokens.refresh_token is None:
        until = time.strftime("%H:%M", time.localtime(tokens.access_token.expires_at))
        tell(f"The issuer gave no refresh token: this login ends at {until}. Try --offline.")
