"""Checks of settings that are fine in development only."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from accounts import places
from idp import audit_stream
from idp.protocol import addresses

_MINIMUM_KEY = 32
_GENERATE = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
#: The least of OWASP's equals for Argon2id: 7168 KiB and 5 passes.
_ARGON2_MEMORY_KIB, _ARGON2_WORK_KIB = 7168, 5 * 7168
_PER_PROCESS_CACHES = ("locmem.LocMemCache", "dummy.DummyCache")
_SILENT_MAIL = ("console.EmailBackend", "dummy.EmailBackend", "locmem.EmailBackend")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def deployment_is_safe(**_: Any) -> list[CheckMessage]:
    """Check settings that are fine in development only."""
    parts = (
        *(_issuer_and_keys, _cache_and_mail, _passwords, _database_and_proxies),
        *(_unreadable_places, _unwritable_pictures, _audit_stream, _push),
    )
    return [message for part in parts for message in part()]


def _issuer_and_keys() -> Iterable[CheckMessage]:
    """Secrets travel encrypted, and are sealed by keys that are secret."""
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


def _cache_and_mail() -> Iterable[CheckMessage]:
    """All processes share the cache, and mail is sent."""
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


def _passwords() -> Iterable[CheckMessage]:
    """Hashes of passwords are strong, and no password is public."""
    memory, passes = settings.IDP_ARGON2_MEMORY_KIB, settings.IDP_ARGON2_PASSES
    if memory < _ARGON2_MEMORY_KIB or memory * passes < _ARGON2_WORK_KIB:
        yield Error(
            "IDP_ARGON2_MEMORY_KIB and IDP_ARGON2_PASSES are weaker than all that OWASP advises.",
            hint="Leave both unset: 7168 KiB, 5 passes.",
            id="idp.E017",
        )
    if settings.IDP_DEMO:
        yield Error(
            "IDP_DEMO is on: the passwords of the demo users are public.",
            hint="Unset it, and remove the demo users and apps.",
            id="idp.E015",
        )


def _database_and_proxies() -> Iterable[CheckMessage]:
    """No database holds requests for ever, and users have IP addresses of their own."""
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
