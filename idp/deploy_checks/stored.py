"""Checks of what is stored: static files that are collected, and identity providers."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, connection

from accounts.models import Upstream
from accounts.upstream import kinds
from foundation import static_files


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


def upstreams_can_be_used(**_: Any) -> list[CheckMessage]:
    """Name the identity providers whose packages are missing: no user can sign in with them."""
    return [
        checks.Warning(
            f"No user can sign in with {slug}: packages for the kind {kind} are missing.",
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
