"""`signet token`: print a valid token to standard output, and nothing else."""

from argparse import Namespace

from signet_client import current
from signet_client.choosing import issuer_of_login, named_issuer
from signet_client.credentials import Credentials, credentials
from signet_client.formats import FORMATS
from signet_client.problems import Problem
from signet_client.tokens import AccessToken, expiry_of


def run(options: Namespace) -> int:
    """Print a token of a login, or of the client whose credentials are given."""
    client = credentials(options)
    if client is not None and options.id_token:
        raise Problem("A machine has no ID token: nobody signed in.")
    if client is not None:
        token = _of_machine(client, options)
    else:
        token = _of_login(issuer_of_login(options.issuer), options)
    print(FORMATS[options.format](token), flush=True)
    return 0


def _of_login(issuer: str, options: Namespace) -> AccessToken:
    if options.id_token:
        value = current.id_token(issuer, options.valid_for)
        return AccessToken(value, expiry_of(value), "")
    return current.access_token(issuer, options.scope, options.resource, options.valid_for)


def _of_machine(client: Credentials, options: Namespace) -> AccessToken:
    from signet_client.issuers import discover
    from signet_client.machines import machine_token

    issuer = discover(named_issuer(options.issuer))
    return machine_token(issuer, client, options.scope, options.resource)
