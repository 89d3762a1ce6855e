"""Checks of settings with a fixed set of values, URLs and times, in development and production."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from accounts import profile_edits, terms
from accounts.next import split
from foundation import client_certificate, traces
from foundation.postgresql.base import SESSION_TIMEOUTS
from idp import outbound, policy
from idp.claim_sources import configured
from idp.protocol.redirect_uris import problem_with_scheme

_LONGEST_VERSION = 50
#: A header's name (RFC 9110 §5.1), but for characters that WSGI does not tell apart.
_HEADER = re.compile("[A-Za-z0-9-]+")

_AT_LEAST_ONE = (
    "IDP_THREADS",
    "IDP_WAITING",
    "IDP_ARGON2_PASSES",
    "IDP_ARGON2_LANES",
    "IDP_RECENT_SIGN_IN_MINUTES",
    "IDP_SESSION_IDLE_HOURS",
    "IDP_SESSION_HOURS",
    "IDP_STAY_SIGNED_IN_IDLE_HOURS",
    "IDP_STAY_SIGNED_IN_HOURS",
)
_DATABASE_TIMEOUTS = (
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count"),
    *SESSION_TIMEOUTS,
)
_CACHE_TIMEOUTS = ("socket_connect_timeout", "socket_timeout")


def values_are_known(**_: Any) -> list[CheckMessage]:
    """Check settings with a fixed set of values, and URLs, in development and production."""
    parts = (
        *(_issuer, _words, _terms, _registration, _entries_of_lists, _least_numbers, _offers),
        *(_claim_sources, _statement_issuers, _timeouts, _traces, _client_certificates),
    )
    return [message for part in parts for message in part()]


def _issuer() -> Iterable[CheckMessage]:
    if settings.IDP_ISSUER_PROBLEM:
        yield Error(
            f"IDP_ISSUER can't be used. {settings.IDP_ISSUER_PROBLEM}",
            hint="Set it to the address users will see, such as https://id.example.com.",
            id="idp.E002",
        )


def _words() -> Iterable[CheckMessage]:
    """Settings that are one word of a few, or several."""
    if settings.IDP_SIGNUP not in {"open", "invite", "closed"}:
        yield Error("IDP_SIGNUP is not open, invite or closed.", hint="Set one.", id="idp.E001")
    methods = set(settings.IDP_SIGNUP_METHODS)
    if not methods or not methods <= {"password", "passkey"}:
        hint = "Name password, passkey, or both, separated by a comma."
        yield Error("IDP_SIGNUP_METHODS has other words.", hint=hint, id="idp.E021")


def _registration() -> Iterable[CheckMessage]:
    """Who may register clients, and by which documents."""
    if settings.IDP_REGISTRATION not in {"closed", "token", "open"}:
        problem = "IDP_REGISTRATION is not closed, token or open."
        yield Error(problem, hint="Set one.", id="idp.E003")
    if settings.IDP_CLIENT_ID_METADATA not in {"closed", "open"}:
        problem = "IDP_CLIENT_ID_METADATA is not closed or open."
        yield Error(problem, hint="Set one.", id="idp.E008")
    for entry in settings.IDP_CLIENT_ID_METADATA_HOSTS:
        if urlsplit(f"//{entry}").hostname != entry:
            yield Error(
                f"IDP_CLIENT_ID_METADATA_HOSTS has what is no host: {entry}",
                hint="Write host names alone, such as apps.example.com.",
                id="idp.E009",
            )


def _entries_of_lists() -> Iterable[CheckMessage]:
    """Lists of schemes and of claims."""
    for scheme in settings.IDP_PRIVATE_URI_SCHEMES:
        if problem := problem_with_scheme(scheme):
            yield Error(
                f"IDP_PRIVATE_URI_SCHEMES: {scheme}: {problem}",
                hint="Write the schemes alone, such as cursor,vscode.",
                id="idp.E020",
            )
    for claim in settings.IDP_PROFILE_LOCKED:
        if claim not in profile_edits.EDITABLE:
            yield Error(
                f"IDP_PROFILE_LOCKED names what users can’t edit anyway: {claim}",
                hint=f"Choose of: {', '.join(profile_edits.EDITABLE)}.",
                id="idp.E023",
            )


def _least_numbers() -> Iterable[CheckMessage]:
    """With less than 1 of these, no user could sign in."""
    for name in _AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            yield Error(f"{name} is less than 1.", hint="Set 1 or more.", id="idp.E006")


def _offers() -> Iterable[CheckMessage]:
    """Grants and response types are among those that there are."""
    for name, offered in (
        ("IDP_REGISTRATION_GRANTS", policy.GRANT_TYPES),
        ("IDP_REGISTRATION_RESPONSE_TYPES", policy.RESPONSE_TYPES),
        ("IDP_RESPONSE_TYPES", policy.RESPONSE_TYPES),
    ):
        if unknown := sorted(set(getattr(settings, name)) - set(offered)):
            yield Error(
                f"{name} has what is not offered here: {', '.join(unknown)}",
                hint=f"Choose of: {', '.join(offered)}.",
                id="idp.E004",
            )


def _claim_sources() -> Iterable[CheckMessage]:
    for problem in configured.problems():
        yield Error(
            f"IDP_CLAIM_SOURCES names what can't be used: {problem}",
            hint="See “Aggregated and distributed claims” in docs/operators.md.",
            id="idp.E005",
        )


def _terms() -> list[CheckMessage]:
    """Check that terms of service are whole: with half of them, no user would be asked."""
    url, version = settings.IDP_TERMS_URL, settings.IDP_TERMS_VERSION
    if bool(url) != bool(version):
        problem = "IDP_TERMS_URL and IDP_TERMS_VERSION belong together."
    elif len(version) > _LONGEST_VERSION or (url and split(url).scheme != "https"):
        problem = "IDP_TERMS_URL is no HTTPS URL, or IDP_TERMS_VERSION is too long."
    elif terms.since_of(settings.IDP_TERMS_SINCE) is None:
        problem = "IDP_TERMS_SINCE is no date or time in ISO 8601."
    else:
        return []
    return [Error(problem, hint="See “Terms of service” in docs/operators.md.", id="idp.E022")]


def _statement_issuers() -> Iterable[CheckMessage]:
    """RFC 7591 §2.3: each trusted issuer is named once, with keys that can be fetched."""
    seen: set[str] = set()
    for entry in settings.IDP_SOFTWARE_STATEMENT_ISSUERS:
        issuer, _, jwks_uri = entry.partition("=")
        problem = "is named twice." if issuer in seen else outbound.problem_with(jwks_uri)
        seen.add(issuer)
        if not issuer or not jwks_uri:
            problem = "is not a pair of an issuer and the address of its keys."
        if problem:
            yield Error(
                f"IDP_SOFTWARE_STATEMENT_ISSUERS: {entry}: {problem}",
                hint="Write issuer=jwks_uri, such as https://a.example=https://a.example/jwks.",
                id="idp.E007",
            )


def _timeouts() -> Iterable[CheckMessage]:
    """An invalid timeout would fail with the first connection, or let it wait without end."""
    options = settings.DATABASES["default"]["OPTIONS"]
    shared = settings.CACHES["default"].get("OPTIONS", {})
    for variable, given, names in (
        ("DATABASE_URL", options, _DATABASE_TIMEOUTS),
        ("CACHE_URL", shared, _CACHE_TIMEOUTS),
        ("EMAIL_URL", {"timeout": settings.EMAIL_TIMEOUT}, ("timeout",)),
    ):
        for name in names:
            value = given.get(name, 1)
            if not isinstance(value, int | float) or value < 0:
                yield Error(
                    f"{variable} has a {name} that is no number: {value}",
                    hint="Write digits alone; see “Timeouts” in docs/operators/postgresql.md.",
                    id="idp.E018",
                )


def _traces() -> Iterable[CheckMessage]:
    """Traces that are not sent stop no sign-in."""
    if settings.IDP_TRACES and not traces.are_installed():
        yield checks.Warning(
            "No traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is set, and packages are missing.",
            hint="Install requirements/otel.txt, or set OTEL_SDK_DISABLED=true.",
            id="idp.W027",
        )
    elif settings.IDP_TRACES and settings.IDP_TRACES_PROTOCOL != "http/protobuf":
        yield checks.Warning(
            f"Traces are sent as http/protobuf, not as {settings.IDP_TRACES_PROTOCOL}.",
            hint="Set OTEL_EXPORTER_OTLP_ENDPOINT to a receiver of OTLP over HTTP (port 4318).",
            id="idp.W028",
        )


def _client_certificates() -> Iterable[CheckMessage]:
    """Only reverse proxies say which certificate a client has. RFC 9440 §4."""
    header, proxies = (
        settings.IDP_CLIENT_CERTIFICATE_HEADER,
        settings.IDP_CLIENT_CERTIFICATE_PROXIES,
    )
    hint = "See “Client certificates” in docs/operators/client-certificates.md."
    names = filter(None, (header, settings.IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER))
    for name in names:
        if not _HEADER.fullmatch(name):
            problem = f"The name of a header can’t be {name}."
            yield Error(f"IDP_CLIENT_CERTIFICATE_HEADER: {problem}", hint=hint, id="idp.E040")
        elif "-" in name:
            yield checks.Warning(
                f"Apps that send the header {name.replace('-', '_')} could pretend to have any "
                f"certificate: WSGI does not tell it from {name}.",
                hint="Choose a name without a hyphen, such as SslClientCert; or make sure that the "
                "reverse proxy drops headers with underscores, as nginx does.",
                id="idp.W046",
            )
    if settings.IDP_CLIENT_CERTIFICATE_FORMAT not in client_certificate.FORMATS:
        problem = "IDP_CLIENT_CERTIFICATE_FORMAT is not pem or rfc9440."
        yield Error(problem, hint="Set one.", id="idp.E041")
    if bool(header) != bool(proxies):
        yield Error(
            "IDP_CLIENT_CERTIFICATE_HEADER and IDP_CLIENT_CERTIFICATE_PROXIES belong together: "
            "no certificate is accepted.",
            hint=hint,
            id="idp.E042",
        )
    try:
        networks = client_certificate.networks(tuple(proxies))
    except ValueError as problem:
        yield Error(f"IDP_CLIENT_CERTIFICATE_PROXIES: {problem}", hint=hint, id="idp.E043")
    else:
        if any(network.prefixlen == 0 for network in networks):
            yield Error(
                "IDP_CLIENT_CERTIFICATE_PROXIES has every address: anyone could pretend to have "
                "any certificate.",
                hint="Name the addresses of your reverse proxies.",
                id="idp.E044",
            )
    if settings.IDP_MTLS_URL and not (header and settings.IDP_MTLS_URL.startswith("https://")):
        yield Error(
            "IDP_MTLS_URL is not an https address, or has no IDP_CLIENT_CERTIFICATE_HEADER: no "
            "certificate can reach this server there.",
            hint=hint,
            id="idp.E045",
        )
