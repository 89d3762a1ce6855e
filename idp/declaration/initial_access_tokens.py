"""Initial access tokens in a file: who may register clients. RFC 7591 §1.2."""

from datetime import UTC, datetime
from functools import partial
from types import NoneType
from typing import Any

from django.db.models import QuerySet

from foundation import server_keys
from idp.clients.secrets import MINIMUM_LENGTH
from idp.declaration.change import NEW_SECRET, Change, Outcome, differences
from idp.declaration.members import (
    DeclarationError,
    MissingSecretError,
    refuse_other_types,
    refuse_unknown,
    secret_of,
    validate,
)
from idp.declaration.steps import Step, updated
from idp.models import InitialAccessToken
from idp.models.catalog import Catalog
from idp.models.registration import TOKEN_PURPOSE

_TYPES: dict[str, tuple[type, ...]] = {
    "max_uses": (int, NoneType),
    "grant_types": (list,),
    "scope": (str,),
    "redirect_hosts": (list,),
    "logos": (bool,),
}
_MEMBERS = {"name", "token", "expires_at", *_TYPES}
_NAMES = {"scopes": "scope", "hashed": "token"}
_COLUMNS = ("expires_at", "max_uses", "grant_types", "scopes", "redirect_hosts")
#: Columns that change with another secret.
_SECRET_COLUMNS = ("hashed", "uses", "revoked_at")


def plan_initial_access_token(
    entry: dict[str, Any], *, catalog: Catalog, holders: dict[str, str]
) -> tuple[InitialAccessToken, Step | None]:
    """Return an initial access token as declared, and the step that makes it so.

    With another secret it is another token: none of its uses are used up. `holders` has the names
    of tokens by their hashes, as they will be. Raises DeclarationError.
    """
    what = f"initial access token {entry['name']}"
    refuse_unknown(what, entry, _MEMBERS)
    refuse_other_types(what, entry, _TYPES)
    row = InitialAccessToken.objects.filter(name=entry["name"]).first()
    is_new = row is None
    row = row or InitialAccessToken(name=entry["name"])
    before = {} if is_new else state(row)
    row.expires_at = _time(what, entry.get("expires_at"))
    row.max_uses = entry.get("max_uses")
    row.grant_types = entry.get("grant_types", [])
    row.scopes = entry.get("scope", "").split()
    row.redirect_hosts = entry.get("redirect_hosts", [])
    row.logos = entry.get("logos", False)
    token = _token_of(what, row, entry)
    new_token = token is not None and not server_keys.matches(token, row.hashed, TOKEN_PURPOSE)
    if new_token and token is not None:
        holders.pop(row.hashed, None)
        row.hashed = server_keys.keyed_hash(token, TOKEN_PURPOSE)
        row.uses, row.revoked_at = 0, None
    validate(what, row, clean=partial(row.clean, catalog), names=_NAMES)
    holder = holders.setdefault(row.hashed, row.name)
    if holder != row.name:
        raise DeclarationError(f"{what}: token: It is that of initial access token {holder}.")
    fields = differences(before, state(row))
    if new_token:
        fields["token"] = NEW_SECRET
    if not fields:
        return row, None
    change = Change(what, Outcome.ADDED if is_new else Outcome.CHANGED, fields)
    return row, Step(change, partial(_make, row, fields))


def _make(planned: InitialAccessToken, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        columns = _SECRET_COLUMNS if "token" in fields else ()
        planned = updated(planned, fields, state, (*_COLUMNS, *columns))
    planned.save()


def state(row: InitialAccessToken) -> dict[str, Any]:
    """Return the exportable members of a token, except the token."""
    expires_at = row.expires_at
    return {
        "expires_at": expires_at.astimezone(UTC).isoformat() if expires_at else None,
        "max_uses": row.max_uses,
        "grant_types": row.grant_types,
        "scope": " ".join(row.scopes),
        "redirect_hosts": row.redirect_hosts,
        "logos": row.logos,
    }


def defaults(_: InitialAccessToken) -> dict[str, Any]:
    """Return the defaults of a token."""
    return state(InitialAccessToken())


def rows() -> QuerySet[InitialAccessToken]:
    """Return the rows that are exported and pruned: those not revoked."""
    return InitialAccessToken.objects.filter(revoked_at=None).order_by("name")


def _time(what: str, value: Any) -> datetime | None:
    """Return a point in time, given as ISO 8601 text or by YAML itself."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(at, datetime) and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise DeclarationError(
        f"{what}: expires_at: This has to be a time with its zone, such as 2027-01-31T12:00:00Z."
    )


def _token_of(what: str, row: InitialAccessToken, entry: dict[str, Any]) -> str | None:
    token = secret_of(what, entry, "token")
    if token is None and not row.hashed:
        raise MissingSecretError(what, "token", row)
    if token is not None and len(token) < MINIMUM_LENGTH:
        raise DeclarationError(f"{what}: token needs {MINIMUM_LENGTH} characters of random text.")
    return token
