"""Checks for production: `manage.py check --deploy`, and `serve` itself.

Each check names the unsafe setting, the reason, and the value to set.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags
from django.db import DatabaseError, connection

from accounts import places, profile_edits, terms
from accounts.models import Upstream
from accounts.next import split
from accounts.upstream import kinds
from foundation import client_certificate, static_files, traces
from foundation.postgresql.base import SESSION_TIMEOUTS
from idp import audit_stream, outbound, policy
from idp.claim_sources import configured
from idp.protocol import addresses
from idp.protocol.redirect_uris import problem_with_scheme

_MINIMUM_KEY = 32
_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
#: The least of OWASP's equals for Argon2id: 7168 KiB and 5 passes.
_ARGON2_MEMORY_KIB, _ARGON2_WORK_KIB = 7168, 5 * 7168
_PER_PROCESS_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
_SILENT_MAIL = ("console.EmailBackend", "dummy.EmailBackend", "locmem.EmailBackend")

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
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


def register() -> None:
    """Register the checks with Django."""
    checks.register(values_are_known)
    checks.register(Tags.staticfiles, deploy=True)(static_files_are_collected)
    checks.register(Tags.security, deploy=True)(deployment_is_safe)
    checks.register(Tags.security, deploy=True)(upstreams_can_be_used)


def static_files_are_collected(**_: Any) -> list[CheckMessage]:
    """Check that the collected static files are those of this version, if there is a folder."""
    if not settings.STATIC_ROOT or not (outdated := static_files.outdated()):
        return []
    return [
        Error(
            f"IDP_STATIC_ROOT is without the static files of this version, such as {outdated[0]}.",
            hint="Run `signet collectstatic --noinput` after each upgrade.",
            id="idp.E046",
        )
    ]


def values_are_known(**_: Any) -> list[CheckMessage]:
    """Check settings with a fixed set of values, and URLs, in development and production."""
    messages: list[CheckMessage] = []
    if settings.IDP_SIGNUP not in {"open", "invite", "closed"}:
        messages.append(
            Error("IDP_SIGNUP is not open, invite or closed.", hint="Set one.", id="idp.E001")
        )
    messages += _terms()
    if not set(settings.IDP_SIGNUP_METHODS) or not {"password", "passkey"}.issuperset(
        settings.IDP_SIGNUP_METHODS
    ):
        hint = "Name password, passkey, or both, separated by a comma."
        messages.append(Error("IDP_SIGNUP_METHODS has other words.", hint=hint, id="idp.E021"))
    if settings.IDP_REGISTRATION not in {"closed", "token", "open"}:
        messages.append(
            Error("IDP_REGISTRATION is not closed, token or open.", hint="Set one.", id="idp.E003")
        )
    if settings.IDP_CLIENT_ID_METADATA not in {"closed", "open"}:
        messages.append(
            Error("IDP_CLIENT_ID_METADATA is not closed or open.", hint="Set one.", id="idp.E008")
        )
    messages += [
        Error(
            f"IDP_CLIENT_ID_METADATA_HOSTS has what is no host: {entry}",
            hint="Write host names alone, such as apps.example.com.",
            id="idp.E009",
        )
        for entry in settings.IDP_CLIENT_ID_METADATA_HOSTS
        if urlsplit(f"//{entry}").hostname != entry
    ]
    messages += [
        Error(
            f"IDP_PRIVATE_URI_SCHEMES: {scheme}: {problem}",
            hint="Write the schemes alone, such as cursor,vscode.",
            id="idp.E020",
        )
        for scheme in settings.IDP_PRIVATE_URI_SCHEMES
        if (problem := problem_with_scheme(scheme))
    ]
    messages += [
        Error(
            f"IDP_PROFILE_LOCKED names what users can’t edit anyway: {claim}",
            hint=f"Choose of: {', '.join(profile_edits.EDITABLE)}.",
            id="idp.E023",
        )
        for claim in settings.IDP_PROFILE_LOCKED
        if claim not in profile_edits.EDITABLE
    ]
    messages += [
        Error(f"{name} is less than 1.", hint="Set 1 or more.", id="idp.E006")
        for name in _AT_LEAST_ONE  # no user could sign in
        if getattr(settings, name) < 1
    ]
    for name, values, offered in (
        ("IDP_REGISTRATION_GRANTS", settings.IDP_REGISTRATION_GRANTS, policy.GRANT_TYPES),
        (
            "IDP_REGISTRATION_RESPONSE_TYPES",
            settings.IDP_REGISTRATION_RESPONSE_TYPES,
            policy.RESPONSE_TYPES,
        ),
        ("IDP_RESPONSE_TYPES", settings.IDP_RESPONSE_TYPES, policy.RESPONSE_TYPES),
    ):
        unknown = sorted(set(values) - set(offered))
        if unknown:
            messages.append(
                Error(
                    f"{name} has what is not offered here: {', '.join(unknown)}",
                    hint=f"Choose of: {', '.join(offered)}.",
                    id="idp.E004",
                )
            )
    messages += [
        Error(
            f"IDP_CLAIM_SOURCES names what can't be used: {problem}",
            hint="See “Aggregated and distributed claims” in docs/operators.md.",
            id="idp.E005",
        )
        for problem in configured.problems()
    ]
    messages += _problems_with_statement_issuers()
    messages += _problems_with_timeouts()
    messages += _traces()
    messages += _client_certificates()
    if settings.IDP_ISSUER_PROBLEM:
        messages.append(
            Error(
                f"IDP_ISSUER can't be used. {settings.IDP_ISSUER_PROBLEM}",
                hint="Set it to the address users will see, such as https://id.example.com.",
                id="idp.E002",
            )
        )
    return messages


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
    """Nobody else is believed to say which certificate a client has. RFC 9440 §4."""
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


def _problems_with_timeouts() -> Iterable[CheckMessage]:
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


def _problems_with_statement_issuers() -> Iterable[CheckMessage]:
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


def deployment_is_safe(**_: Any) -> list[CheckMessage]:
    """Check settings that are fine in development only."""
    return [
        *(*_unsafe(), *_unreadable_places(), *_unwritable_pictures()),
        *_audit_stream(),
        *_push(),
    ]


def upstreams_can_be_used(**_: Any) -> list[CheckMessage]:
    """Name the identity providers whose packages are missing: nobody signs in with them."""
    return [
        checks.Warning(
            f"Nobody can sign in with {slug}: packages for the kind {kind} are missing.",
            hint=f"Install requirements/{kind}.txt, or disable it.",
            id="idp.W031",
        )
        for slug, kind in _enabled_upstreams()
        if kinds.named(kind) is None
    ]


def _enabled_upstreams() -> list[tuple[str, str]]:
    """Return short names and kinds; none before there is a database. Leave it as it was."""
    was_open = connection.connection is not None
    try:
        rows = Upstream.objects.filter(enabled=True).order_by("slug")
        return list(rows.values_list("slug", "kind"))
    except DatabaseError:
        return []
    finally:
        if not was_open:
            connection.close()


def _unsafe() -> Iterable[CheckMessage]:
    if not settings.IDP_ISSUER.startswith("https://"):
        yield Error(
            "IDP_ISSUER is not an https address: passwords and tokens would travel readable.",
            hint="Set IDP_ISSUER to https://… and let a reverse proxy terminate TLS.",
            id="idp.E010",
        )
    if settings.DEVELOPMENT_SECRET_KEY in settings.IDP_SECRET_KEYS:
        yield Error(
            "IDP_SECRET_KEYS is not set: the development key is public.",
            hint=f"Set it to random text: {_GENERATE}",
            id="idp.E011",
        )
    elif any(len(key) < _MINIMUM_KEY for key in settings.IDP_SECRET_KEYS):
        yield Error(
            f"A key of IDP_SECRET_KEYS has under {_MINIMUM_KEY} characters: it can be guessed.",
            hint=f"Generate one: {_GENERATE}",
            id="idp.E012",
        )
    if settings.CACHES["default"]["BACKEND"].endswith(_PER_PROCESS_CACHES):
        yield Error(
            "CACHE_URL keeps counts within one process: rate limits would not hold.",
            hint="Leave it unset to use the database, or set it to redis://…",
            id="idp.E013",
        )
    if settings.EMAIL_BACKEND.endswith(_SILENT_MAIL):
        yield Error(
            "EMAIL_URL sends no mail: users could not sign up or set a new password.",
            hint="Set it to smtp+tls://user:password@host:587.",
            id="idp.E014",
        )
    memory, passes = settings.IDP_ARGON2_MEMORY_KIB, settings.IDP_ARGON2_PASSES
    if memory < _ARGON2_MEMORY_KIB or memory * passes < _ARGON2_WORK_KIB:
        yield Error(
            "IDP_ARGON2_MEMORY_KIB and IDP_ARGON2_PASSES are weaker than all that OWASP advises.",
            hint="Leave both unset: 19456 KiB, 2 passes.",
            id="idp.E017",
        )
    if settings.IDP_DEMO:
        yield Error(
            "IDP_DEMO is on: the passwords of the demo users are public.",
            hint="Unset it, and remove the demo users and apps.",
            id="idp.E015",
        )
    waits = [
        name
        for name in ("connect_timeout", "statement_timeout")
        if settings.DATABASES["default"]["OPTIONS"].get(name, 1) == 0
    ]
    if waits:
        yield checks.Warning(
            f"DATABASE_URL has no {' and no '.join(waits)}: a database that hangs holds requests.",
            hint="Leave it out, or set it: seconds to connect, milliseconds for a statement.",
            id="idp.W019",
        )
    if settings.IDP_TRUSTED_PROXY_COUNT == 0:
        yield checks.Warning(
            "IDP_TRUSTED_PROXY_COUNT is 0: all users behind a reverse proxy share its IP address.",
            hint="Set it to the number of reverse proxies that append to X-Forwarded-For.",
            id="idp.W016",
        )


def _unreadable_places() -> Iterable[CheckMessage]:
    """Users' pages work without places, so a broken file keeps no server from starting."""
    problem = places.problem_with(settings.IDP_GEOIP_DB) if settings.IDP_GEOIP_DB else None
    if problem:
        yield checks.Warning(
            f"IDP_GEOIP_DB can't be read, so users see no places: {problem}",
            hint="Set it to a file in MaxMind's format, such as GeoLite2-City.mmdb, or unset it.",
            id="idp.W021",
        )


def _unwritable_pictures() -> Iterable[CheckMessage]:
    """A folder that does not exist is made at the first upload, so what counts is its parent."""
    if not settings.STORAGES["default"]["BACKEND"].endswith("FileSystemStorage"):
        return
    folder = Path(settings.MEDIA_ROOT).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        yield checks.Warning(
            f"IDP_MEDIA_ROOT can't be written, so users can't upload pictures: {there}",
            hint="Give it to the user of serve and of the worker, or set IDP_STORAGE.",
            id="idp.W024",
        )


def _push() -> Iterable[CheckMessage]:
    address = settings.IDP_PUSH_URL
    if not address:
        return
    if not addresses.is_on_the_web(address, {"https", "http"}):
        yield Error(
            "IDP_PUSH_URL is not a web address.",
            hint="Set it to an address such as https://push.example.com/notify, or unset it.",
            id="idp.E029",
        )
    elif address.startswith("http:") and urlsplit(address).hostname not in _LOOPBACK:
        yield checks.Warning(
            "IDP_PUSH_URL is told of users without encryption.",
            hint="Use https: what is sent has email addresses.",
            id="idp.W030",
        )


def _audit_stream() -> Iterable[CheckMessage]:
    address = settings.IDP_AUDIT_STREAM
    problem = audit_stream.problem_with(address) if address else None
    if problem:
        yield Error(
            f"IDP_AUDIT_STREAM can't be used. {problem}",
            hint="Set it to an address such as syslog+tls://logs.example.com, or unset it.",
            id="idp.E025",
        )
    elif address.startswith(("http:", "syslog:")) and urlsplit(address).hostname not in _LOOPBACK:
        yield checks.Warning(
            "IDP_AUDIT_STREAM passes events on without encryption.",
            hint="Use https or syslog+tls: events have email and IP addresses.",
            id="idp.W026",
        )
