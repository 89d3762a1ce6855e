"""Codes and tokens of a server before this one, which go on living here. RFC 6749 §4.1.2, §6.

They are found by their SHA-256, as ours are, so that nothing here asks whose they are. An imported
authorization is a grant without a session, since its user has signed in elsewhere: it lasts as long
as its tokens, and is revoked as any other. What a refresh or a code gives is ours.

What was imported once is never imported again, so that nothing comes back that was used or revoked
here. What has been used or revoked at the other server since the last import ends here, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.levels import SINGLE_FACTOR
from idp import policy
from idp.models import AccessToken, AuthorizationCode, Grant, ImportedToken, RefreshToken

#: How many codes and tokens are looked at together.
_BATCH = 1000


@dataclass(frozen=True)
class LiveToken:
    """An access or refresh token that is valid at the other server."""

    #: SHA-256 in hex.
    hashed: str
    expires: datetime
    scope: str = ""
    resource: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveCode:
    """An authorization code that is not redeemed at the other server."""

    hashed: str
    expires: datetime
    redirect_uri: str
    #: The S256 challenge; empty for none.
    code_challenge: str = ""


@dataclass(frozen=True)
class LiveAuthorization:
    """What a client holds of one authorization, or (without a user) has for itself."""

    client_id: int
    user_id: int | None
    scope: str
    authorized_at: datetime
    resource: tuple[str, ...] = ()
    nonce: str | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    code: LiveCode | None = None
    access_tokens: tuple[LiveToken, ...] = ()
    refresh_token: LiveToken | None = None

    @property
    def all(self) -> tuple[LiveToken | LiveCode, ...]:
        """Its code and tokens."""
        others = (self.code, self.refresh_token, *self.access_tokens)
        return tuple(each for each in others if each is not None)


@dataclass
class _Held:
    """What is new of an authorization, and the grant that it becomes part of."""

    authorization: LiveAuthorization
    #: None for what a client has for itself.
    grant: Grant | None


def store(
    source: str, vouching: str, found: Sequence[LiveAuthorization], now: datetime
) -> list[LiveAuthorization]:
    """Store what was not imported before, and return that.

    `source` is the other server, `vouching` its name for users; `now` is when the import began.
    Nothing is half-written.
    """
    with transaction.atomic():
        known = _known(found)
        held = list(_held(found, known, vouching))
        grants = [it.grant for it in held if it.grant is not None]
        Grant.objects.bulk_create(grant for grant in grants if grant.pk is None)
        _store_codes(held)
        _store_refresh_tokens(held)
        _store_access_tokens(held)
        ImportedToken.objects.bulk_create(_marks(source, found, known, now))
    return [it.authorization for it in held]


def end_missing(source: str, now: datetime) -> int:
    """End what was imported and not noted since `now`, when this import began; return the number.

    It was used, revoked or replaced at the other server. What was used here meanwhile stays as it
    is: its successors are ours.
    """
    ended, last = 0, ""
    missing = ImportedToken.objects.filter(source=source, seen_at__lt=now)
    while batch := list(missing.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        ended += _end([row.hashed for row in batch], now)
    return ended


def _end(hashes: list[str], now: datetime) -> int:
    with transaction.atomic():
        codes = AuthorizationCode.objects.filter(code__in=hashes, redeemed_at=None)
        refresh = RefreshToken.objects.filter(token_checksum__in=hashes, revoked=None)
        access: Any = AccessToken.objects.filter(token_checksum__in=hashes)
        ended = codes.update(redeemed_at=now) + refresh.update(revoked=now)
        return int(ended + access._raw_delete(access.db))


def note_seen(source: str, found: Iterable[LiveAuthorization], now: datetime) -> None:
    """Note that what was imported before is still at the other server: `end_missing` leaves it."""
    ImportedToken.objects.filter(pk__in=_hashes(found), source=source).update(seen_at=now)


def _known(found: Iterable[LiveAuthorization]) -> frozenset[str]:
    """Return the hashes that were imported before."""
    rows = ImportedToken.objects.filter(pk__in=_hashes(found))
    return frozenset(rows.values_list("pk", flat=True))


def _hashes(found: Iterable[LiveAuthorization]) -> list[str]:
    return [token.hashed for authorization in found for token in authorization.all]


def _held(
    found: Sequence[LiveAuthorization], known: frozenset[str], vouching: str
) -> Iterator[_Held]:
    """Yield what is new, each with its grant.

    An access token that the other server has made since, for a refresh token that was imported,
    joins its grant; unless that was used or revoked here.
    """
    before = RefreshToken.objects.filter(
        token_checksum__in=known, revoked=None, grant__revoked_at=None
    ).select_related("grant")
    grants = {row.token_checksum: row.grant for row in before}
    for authorization in found:
        new = _without(authorization, known)
        refresh = authorization.refresh_token
        if not new.all:
            continue
        if refresh is not None and refresh.hashed in known:
            if refresh.hashed in grants:
                yield _Held(new, grants[refresh.hashed])
        else:
            yield _Held(new, _grant(new, new.user_id, vouching) if new.user_id else None)


def _without(authorization: LiveAuthorization, known: frozenset[str]) -> LiveAuthorization:
    """Return an authorization without what was imported before."""
    code, refresh = authorization.code, authorization.refresh_token
    return replace(
        authorization,
        code=None if code and code.hashed in known else code,
        refresh_token=None if refresh and refresh.hashed in known else refresh,
        access_tokens=tuple(it for it in authorization.access_tokens if it.hashed not in known),
    )


def _grant(authorization: LiveAuthorization, user_id: int, vouching: str) -> Grant:
    """Return the grant of a user who has signed in elsewhere: by what is known, with one factor."""
    return Grant(
        client_id=authorization.client_id,
        user_id=user_id,
        session=None,
        offline=True,
        scope=" ".join(sorted(authorization.scope.split())),
        claims=authorization.claims,
        resource=list(authorization.resource),
        nonce=authorization.nonce,
        asserted_by=vouching,
        auth_time=authorization.authorized_at,
        acr=SINGLE_FACTOR,
        amr=[],
    )


def _store_codes(held: Iterable[_Held]) -> None:
    AuthorizationCode.objects.bulk_create(
        AuthorizationCode(
            code=code.hashed,
            expires=code.expires,
            redirect_uri=code.redirect_uri,
            code_challenge=code.code_challenge,
            code_challenge_method="S256" if code.code_challenge else "",
            grant=it.grant,
            user_id=it.grant.user_id,
            application_id=it.grant.client_id,
        )
        for it in held
        if (code := it.authorization.code) is not None and it.grant is not None
    )


def _store_refresh_tokens(held: Iterable[_Held]) -> None:
    RefreshToken.objects.bulk_create(
        RefreshToken(
            token_checksum=token.hashed,
            expires=token.expires,
            resource=list(token.resource),
            grant=it.grant,
            user_id=it.grant.user_id,
            application_id=it.grant.client_id,
        )
        for it in held
        if (token := it.authorization.refresh_token) is not None and it.grant is not None
    )


def _store_access_tokens(held: Iterable[_Held]) -> None:
    AccessToken.objects.bulk_create(
        AccessToken(
            token_checksum=token.hashed,
            expires=token.expires,
            scope=token.scope,
            resource=list(token.resource),
            grant=it.grant,
            user_id=it.authorization.user_id,
            application_id=it.authorization.client_id,
        )
        for it in held
        for token in it.authorization.access_tokens
    )


def _marks(
    source: str, found: Iterable[LiveAuthorization], known: frozenset[str], now: datetime
) -> Iterator[ImportedToken]:
    """Yield what is to be remembered of what is new, as long as it could be imported again.

    A refresh token of the other server may have no end there.
    """
    for authorization in found:
        refresh = authorization.refresh_token
        for token in authorization.all:
            lasts = now + policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME if token is refresh else now
            if token.hashed not in known:
                yield ImportedToken(
                    hashed=token.hashed,
                    source=source,
                    seen_at=now,
                    expires_at=max(token.expires, lasts),
                )
