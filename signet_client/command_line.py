"""The commands of `signet` that need no server: options, help and exit codes."""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module

from signet_client import COMMANDS
from signet_client.problems import Problem

#: What the shell expects of a program that Ctrl-C ended, and of one whose reader went away.
_INTERRUPTED, _READER_GONE = 130, 141

_CODES = """\
Exit codes: 0 success; 1 refused or not possible; 2 wrong options; 3 not signed in, or no longer;
4 the issuer cannot be reached now.
"""
_SUMMARY = """\
Commands for people and scripts, at any OpenID Connect issuer (signet COMMAND --help):

  login   sign in with a browser, here or on another device
  token   print a valid access token or ID token
  whoami  show who is signed in
  logout  end a login here and at the issuer
  use     choose the issuer that commands mean
"""


def summary() -> str:
    """Return the list of these commands, for the help of all."""
    return _SUMMARY


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code. No error is shown with a traceback."""
    try:
        options = parser().parse_args(arguments)
        command = import_module(f"signet_client.{options.command}")
        return int(command.run(options))
    except Problem as problem:
        print(f"signet: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("\nsignet: interrupted.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush at exit
        return _READER_GONE


def parser() -> ArgumentParser:
    """Return the parser of all commands."""
    top = ArgumentParser("signet", description=_SUMMARY, formatter_class=_Formatter)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    builders = (_login, _token, _whoami, _logout, _use)
    for name, build in zip(COMMANDS, builders, strict=True):
        build(commands.add_parser(name, formatter_class=_Formatter, epilog=_CODES))
    return top


class _Formatter(RawDescriptionHelpFormatter):
    """Keeps line ends of descriptions."""


def _login(command: ArgumentParser) -> None:
    command.description = """\
Sign in at an issuer with a browser, and keep what is needed for tokens: sealed with a key in the
system's keyring, or in a file that only you can read where there is no keyring.

  signet login https://id.example.com
  signet login id.example.com --device        with the browser of another device
"""
    _issuer(command)
    command.add_argument(
        "--client-id", metavar="ID", help="the app to sign in with (default: signet-cli)"
    )
    command.add_argument(
        "--register", action="store_true", help="register an app for this machine, if anyone may"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument(
        "--device",
        action="store_true",
        help="show a code for the browser of any device; the default where no browser is",
    )
    how.add_argument(
        "--no-browser", action="store_true", help="show the address, and open no browser"
    )
    command.add_argument(
        "--scope",
        default="openid email",
        metavar="SCOPES",
        help='what to ask for (default: "openid email")',
    )
    command.add_argument(
        "--offline",
        action="store_true",
        help="ask for tokens that outlive the session of the browser (offline_access)",
    )
    _resource(command, "an API that tokens are for; may be repeated")
    command.add_argument(
        "--storage", choices=("keyring", "file"), help="where tokens are (default: the keyring)"
    )


def _token(command: ArgumentParser) -> None:
    command.description = """\
Print a valid token to standard output and nothing else. An expired one is refreshed first; any
number of processes may ask at once.

  curl -H "Authorization: Bearer $(signet token)" https://api.example.com/
  signet token --format header | curl -H @- https://api.example.com/

For a machine, with the client's own credentials (nothing is stored):

  SIGNET_CLIENT_SECRET=... signet token --issuer id.example.com --client-id backup
"""
    command.add_argument("--issuer", metavar="ISSUER", help="the issuer's address")
    command.add_argument(
        "--scope", default="", metavar="SCOPES", help="fewer scopes than you agreed to"
    )
    _resource(command, "the API that the token is for; may be repeated")
    command.add_argument("--id-token", action="store_true", help="print the ID token instead")
    command.add_argument(
        "--format",
        choices=("token", "header", "json", "kubernetes"),
        default="token",
        help="the token alone, a header for curl, a token response, or an ExecCredential",
    )
    command.add_argument(
        "--valid-for",
        type=_seconds,
        default=60,
        metavar="SECONDS",
        help="how long the token has to last yet (default: 60)",
    )
    machine = command.add_argument_group(
        "machines",
        "Each has a variable, too: SIGNET_CLIENT_ID, SIGNET_CLIENT_SECRET_FILE, "
        "SIGNET_PRIVATE_KEY_FILE, SIGNET_ASSERTION_FILE. SIGNET_CLIENT_SECRET has the secret "
        "itself. The file - is standard input.",
    )
    machine.add_argument("--client-id", metavar="ID", help="get a token for this client itself")
    machine.add_argument("--client-secret-file", metavar="FILE", help="its secret")
    machine.add_argument("--private-key-file", metavar="FILE", help="its private key: PEM or JWK")
    machine.add_argument(
        "--assertion-file", metavar="FILE", help="a JWT that proves it, as Kubernetes gives one"
    )


def _whoami(command: ArgumentParser) -> None:
    command.description = "Show who is signed in, as the issuer says now."
    _issuer(command)
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people or for programs"
    )


def _logout(command: ArgumentParser) -> None:
    command.description = "Revoke the tokens of a login at its issuer, and delete them here."
    _issuer(command)
    command.add_argument("--all", action="store_true", help="all logins")
    command.add_argument(
        "--session",
        action="store_true",
        help="also open the page that ends the session in the browser",
    )


def _use(command: ArgumentParser) -> None:
    command.description = "Choose the issuer that commands mean when they name none, or list all."
    _issuer(command)


def _issuer(command: ArgumentParser) -> None:
    command.add_argument(
        "issuer",
        nargs="?",
        metavar="ISSUER",
        help="the issuer's address (default: $SIGNET_ISSUER, else that of the last login)",
    )


def _resource(command: ArgumentParser, about: str) -> None:
    command.add_argument(
        *("--resource", "--audience"), action="append", default=[], metavar="URL", help=about
    )


def _seconds(text: str) -> int:
    """Return a number of seconds. Raises ValueError, which argparse explains."""
    if not text.isdecimal():
        raise ValueError
    return int(text)
