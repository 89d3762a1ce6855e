"""A step of a sign-in as a client sees it: its content and the client's checks. OIDC Core §3.1.3.7.

Codes and tokens are read but not shown: a signed token convinces a party that checks its signature
alone, revoked or not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from idp import keys, policy
from idp.admin.clients import meanings
from idp.clients import secrets
from idp.clients.encryption import decrypted_for
from idp.jose.decrypt import header_of_jwe
from idp.jose.verify import header_of, is_encrypted, octet_keys, unverified_claims, verified_by
from idp.models import Client

_SECRET = frozenset({"code", "access_token", "refresh_token", "id_token"})
_TIMES = frozenset({"exp", "iat", "auth_time", "updated_at"})


@dataclass(frozen=True)
class Member:
    """A parameter, a header or a claim as it is read."""

    name: str
    value: str
    meaning: str | Promise


@dataclass(frozen=True)
class Finding:
    """A client's check; `right` is None if it can't be decided here."""

    about: str
    words: str
    right: bool | None = None


@dataclass(frozen=True)
class Refusal:
    """An error, and where it is explained."""

    code: str
    description: str
    reference: str
    explained_at: str


@dataclass
class Step:
    """One message between the client and us."""

    title: str
    about: str
    members: list[Member] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    #: The header of a token; `members` are its claims.
    header: list[Member] = field(default_factory=list)
    refusal: Refusal | None = None

    @property
    def failed(self) -> bool:
        """Whether an app would stop here."""
        return self.refusal is not None or any(found.right is False for found in self.findings)

    def read_jwt(self, jws: str) -> dict[str, Any]:
        """Show the content of a signed token and return its claims; checks nothing."""
        self.header += members(header_of(jws) or {}, meanings.HEADER)
        claims = unverified_claims(jws)
        self.members += members(claims, meanings.CLAIMS)
        return claims

    def read(self, client: Client, text: str, kind: str) -> dict[str, Any] | None:
        """Show and return the claims of a response; `kind` is "id_token" or "userinfo".

        It is encrypted, signed or plain JSON, as the client registered. Its signature algorithm is
        checked. Returns None if only the client can decrypt it.
        """
        inside = self._decrypted(client, text, kind) if is_encrypted(text) else text
        if inside is None:
            return None
        if header_of(inside) is None:
            claims: dict[str, Any] = json.loads(inside)
            self.members += members(claims, meanings.CLAIMS)
            return claims
        self.findings.append(_signature(client, inside, kind))
        return self.read_jwt(inside)

    def _decrypted(self, client: Client, jwe: str, kind: str) -> str | None:
        self.header += members(header_of_jwe(jwe) or {}, meanings.HEADER)
        inside = decrypted_for(
            client,
            jwe,
            alg=getattr(client, f"{kind}_encrypted_response_alg"),
            enc=getattr(client, f"{kind}_encrypted_response_enc"),
        )
        words, right = (
            (
                _("It is encrypted to the app’s public key: the app alone can read and check it."),
                None,
            )
            if inside is None
            else (_("It is encrypted with the client secret, which opens it."), True)
        )
        self.findings.append(Finding(_("Encryption"), words, right))
        return inside


def _signature(client: Client, jws: str, kind: str) -> Finding:
    """OIDC Core §3.1.3.7: by the algorithm that was registered, and a key that the app can have."""
    alg = getattr(client, f"{kind}_signed_response_alg")
    if alg in policy.MAC_ALGORITHMS:
        proving = octet_keys(secrets.hmac_keys(client, timezone.now()))
        words = _("Made with the client secret (%(alg)s).")
    else:
        proving = json.loads(keys.key_set().jwks)["keys"]
        words = _("Made with a key that is published at jwks_uri (%(alg)s).")
    right = verified_by(jws, proving, frozenset({alg})) is not None
    if not right:
        words = _("No key that the app can have proves it (%(alg)s).")
    return Finding(_("Signature"), words % {"alg": alg}, right)


def same(about: str, came: Any, wanted: str, what: str) -> Finding:
    """Compare a received value with the expected one; `what` describes the expectation."""
    right = came == wanted
    differs = _("It is %(came)s, and has to be %(wanted)s.")
    words = what if right else differs % {"came": _text(came), "wanted": wanted}
    return Finding(about, words, right)


def members(values: Mapping[str, Any], meaning: Mapping[str, str | Promise]) -> list[Member]:
    """Return names and values for display, with the explanation of each known member."""
    return [
        Member(name, _shown(name, value), meaning.get(name, "")) for name, value in values.items()
    ]


def moment(seconds: int) -> str:
    """Return a time of a token's, in seconds since 1970, as users read it."""
    return date_format(datetime.fromtimestamp(seconds, UTC), "DATETIME_FORMAT") + " UTC"


def _shown(name: str, value: Any) -> str:
    if name in _SECRET:
        return _("%(count)d characters, not shown") % {"count": len(value)}
    if name in _TIMES and isinstance(value, int):
        return f"{value} ({moment(value)})"
    return _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
