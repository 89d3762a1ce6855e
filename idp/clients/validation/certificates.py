"""The TLS certificates by which a client authenticates. RFC 8705 §2."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from django.utils.translation import gettext as _

from idp.clients.certificates import NAMES, email_of, subject_of
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol import response_types

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*)(\.[A-Za-z0-9_-]+)*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")


def certificates_have_one_name(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 8705 §2.1.2: with tls_client_auth there is exactly one name, of one kind."""
    named = [column for column in NAMES if getattr(client, column)]
    for column in named[1:]:
        yield Problem(column, _("The certificate is known by one name: leave all others empty."))
    if client.token_endpoint_auth_method == "tls_client_auth" and not named:
        yield Problem(
            "tls_client_auth_subject_dn",
            _("The method tls_client_auth needs a name that the certificate has to have."),
        )


def names_of_certificates_can_be_compared(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 8705 §2.1.2: each name is written as its kind is."""
    for column, (is_sound, text) in _rules().items():
        if (name := getattr(client, column)) and not is_sound(name):
            yield Problem(column, text)


def registered_certificates_are_there(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 8705 §2.2.2: with self_signed_tls_client_auth, they are in the client's JWK set."""
    by_certificate = client.token_endpoint_auth_method == "self_signed_tls_client_auth"
    if by_certificate and client.jwks is None and not client.jwks_uri:
        text = _("The method self_signed_tls_client_auth needs jwks or jwks_uri.")
        yield Problem("jwks", text)


def bound_tokens_come_over_a_connection(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 8705 §3: what comes through the browser comes over no connection of the client's."""
    kinds = map(response_types.parts, client.response_types)
    if client.tls_client_certificate_bound_access_tokens and any(
        response_types.TOKEN in parts for parts in kinds
    ):
        yield Problem(
            "tls_client_certificate_bound_access_tokens",
            _("Tokens that come through the browser are bound to no certificate: choose code."),
        )


def _rules() -> dict[str, tuple[Callable[[str], object], str]]:
    return {
        "tls_client_auth_subject_dn": (
            _reads(subject_of),
            _(
                "It has to be a subject as RFC 4514 writes it, without spaces after commas: "
                "CN=backend,O=Example,C=DE"
            ),
        ),
        "tls_client_auth_san_dns": (_HOST.fullmatch, _("It has to be a host name.")),
        "tls_client_auth_san_uri": (_URI.fullmatch, _("It has to be a URI.")),
        "tls_client_auth_san_ip": (_reads(ip_address), _("It has to be an IP address.")),
        "tls_client_auth_san_email": (_reads(email_of), _("It has to be an email address.")),
    }


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def is_sound(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return is_sound
